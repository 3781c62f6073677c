//! Cases: a step's attempts without a server. Each is a file that says what the attempt is given, which HTTP exchanges
//! it makes, what may go wrong, and what is expected of it.
//!
//! `definition.rs` is the file as it is written, `check.rs` makes a [`case`] of it, `play.rs` runs that through the
//! sandbox with a `tape.rs` in place of the network, `judge.rs` says what is not as expected. `record.rs` makes
//! cassettes, and `compare.rs` says which cases two plugins answer otherwise. Cases of plugins that verify are others:
//! `verification.rs`.

mod case;
mod check;
mod compare;
mod content;
mod definition;
mod finding;
mod headers;
mod judge;
mod play;
mod record;
mod render;
mod tape;
#[cfg(test)]
mod tests;
mod verification;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde::Serialize;
use stepmill_core::manifest::Kind;
use stepmill_sandbox::egress::{Egress, System, Transport};
use stepmill_sandbox::{Loaded, Sandbox};

use super::found::{self, Found};
use super::shelf::Shelf;
use super::step::SYSTEM;
use super::workbench::Workbench;
use crate::diagnostic::Diagnostics;
use case::Case;
use check::Cassettes;
use finding::Finding;
use record::Recorder;

pub(crate) use case::Scene;
pub(crate) use compare::{Answer, Comparison, compare};
pub(crate) use content::told;
pub(crate) use definition::Definition;
pub(crate) use judge::log_line;
use judge::outcome_told;
pub(crate) use play::Rehearsals;
pub(crate) use verification::Definition as VerifyDefinition;

/// How the name of a case file ends.
const ENDING: &str = ".case.yaml";
/// How people name one that would be passed over.
const MISTAKEN: &str = ".case.yml";
/// Folders within the folder of cases that are looked at for what cases name.
const DEPTH: usize = 8;

/// Which cases are run, and of which component.
#[derive(Clone, Debug)]
pub(crate) struct Suite {
    /// The plugin, as it is given.
    pub(crate) plugin: String,
    /// The config of the project that has it, if that is a name.
    pub(crate) config: PathBuf,
    /// The folder with the cases.
    pub(crate) folder: PathBuf,
    /// Parts of the names of those that are run; all if there is none.
    pub(crate) filters: Vec<String>,
}

/// What came of the cases.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Where the component comes from: its file, a registry or an address, or `stock`.
    pub(crate) component: String,
    /// The cases, by name.
    pub(crate) cases: Vec<Verdict>,
    /// The cassettes that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) recorded: Vec<Recorded>,
    /// What the author should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    /// How long all took, in microseconds.
    pub(crate) took_us: u64,
}

/// What came of one case.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// What it is about, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
    /// Whether everything is as expected.
    pub(crate) passed: bool,
    /// How long it took, in microseconds.
    pub(crate) took_us: u64,
    /// What is not as expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<Finding>,
}

/// A cassette that was written.
#[derive(Debug, Serialize)]
pub(crate) struct Recorded {
    /// The file.
    pub(crate) cassette: PathBuf,
    /// How many exchanges are in it.
    pub(crate) exchanges: usize,
}

impl Verdict {
    /// Of a case that began then.
    fn of(name: String, summary: Option<String>, began: Instant, findings: Vec<Finding>) -> Self {
        Self { name, summary, passed: findings.is_empty(), took_us: play::since_us(began), findings }
    }
}

impl Summary {
    /// Whether every case is as expected.
    pub(crate) fn is_passed(&self) -> bool {
        self.cases.iter().all(|case| case.passed)
    }
}

impl Suite {
    /// Runs the cases. With `record` the exchanges of those that name a cassette are made with that system first, and
    /// written down.
    ///
    /// # Errors
    /// The component does not load, there are no cases, or they have errors: then none is run.
    pub(crate) async fn run(&self, bench: &Workbench, record: Option<&System>) -> anyhow::Result<Summary> {
        let began = Instant::now();
        let found = Found::at(&self.plugin, &self.config).await?;
        let loaded = found.load(bench).await?;
        let files = chosen(&self.folder, &self.filters)?;
        if loaded.manifest.kind == Kind::Verify {
            if record.is_some() {
                bail!("nothing is recorded: a plugin that verifies sends no requests");
            }
            return verdicts(bench, found.source.to_string(), &loaded, &files, began).await;
        }
        let mut recorded = Vec::new();
        if let Some(system) = record {
            for case in self.read(&bench.sandbox, &loaded, &files, Cassettes::Recorded).await? {
                recorded.extend(make_cassette(&bench.sandbox, &case, system).await?);
            }
            if recorded.is_empty() {
                bail!("nothing is recorded: no case names a cassette, as in `http: cassettes/NAME.yaml`");
            }
        }
        let mut verdicts = Vec::new();
        let mut warnings = loaded.warnings.clone();
        for case in self.read(&bench.sandbox, &loaded, &files, Cassettes::Played).await? {
            let began = Instant::now();
            let findings = play::play(&bench.sandbox, &case).await?;
            warnings.extend(case.warnings);
            verdicts.push(Verdict::of(case.name, case.summary, began, findings));
        }
        let component = found.source.to_string();
        Ok(Summary { component, cases: verdicts, recorded, warnings, took_us: play::since_us(began) })
    }

    /// Reads the cases; all that is wrong with any of them is the error.
    async fn read(
        &self,
        sandbox: &Sandbox,
        loaded: &Loaded,
        files: &[(String, PathBuf)],
        cassettes: Cassettes,
    ) -> Result<Vec<Case>, Diagnostics> {
        let mut found = Diagnostics::default();
        let mut cases = Vec::new();
        for (name, file) in files {
            match check::read(sandbox, loaded, name, file, cassettes).await {
                Ok(case) => cases.push(case),
                Err(problems) => found.extend(problems),
            }
        }
        found.or(cases).map(|(cases, _)| cases)
    }

    /// Everything that a run reads: the component, and all files of the folder of cases.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = found::file(&self.plugin, &self.config).into_iter().collect();
        below(&self.folder, DEPTH, &mut files);
        files
    }
}

/// What comes of the cases of a plugin that verifies.
async fn verdicts(
    bench: &Workbench,
    component: String,
    loaded: &Loaded,
    files: &[(String, PathBuf)],
    began: Instant,
) -> anyhow::Result<Summary> {
    let files = files.iter().map(|(name, file)| (name.as_str(), file.as_path()));
    let mut cases = Vec::new();
    for case in verification::read(loaded, files)? {
        let began = Instant::now();
        let findings = case.play(&bench.sandbox).await;
        cases.push(Verdict::of(case.name, case.summary, began, findings));
    }
    let (recorded, warnings) = (Vec::new(), loaded.warnings.clone());
    Ok(Summary { component, cases, recorded, warnings, took_us: play::since_us(began) })
}

/// The case files of a folder and of those in it with one of these in their names, with their names; all if there is
/// none.
fn chosen(folder: &Path, filters: &[String]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    fs::read_dir(folder).with_context(|| {
        format!("there is no folder of cases {}: --cases names another", folder.display())
    })?;
    let mut found = Vec::new();
    below(folder, DEPTH, &mut found);
    let mut files = Vec::new();
    for path in found {
        let beside = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        if let Some(name) = beside.strip_suffix(ENDING) {
            files.push((name.to_owned(), path));
        } else if beside.ends_with(MISTAKEN) {
            bail!("{} would not be run: name it *{ENDING}", path.display());
        }
    }
    if files.is_empty() {
        bail!("there are no cases in {}: write one, as NAME{ENDING}", folder.display());
    }
    files.sort();
    if !filters.is_empty() {
        let all: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
        if let Some(filter) = filters.iter().find(|filter| !all.iter().any(|name| name.contains(*filter))) {
            bail!("no case has {filter} in its name: there are {}", all.join(", "));
        }
        files.retain(|(name, _)| filters.iter().any(|filter| name.contains(filter)));
    }
    Ok(files)
}

/// The name of a case, by its file; none if the file is none of a case.
fn case_name(file: &Path) -> Option<&str> {
    file.file_name()?.to_str()?.strip_suffix(ENDING)
}

/// A case as a plugin is measured at it. It passes, so that what is measured is what the case is about.
///
/// # Errors
/// It is no case, or the plugin does not pass it.
pub(crate) async fn passed(sandbox: &Sandbox, loaded: &Loaded, file: &Path) -> anyhow::Result<Scene> {
    let Some(name) = case_name(file) else {
        bail!("{} is no case: give the file of one, NAME{ENDING}", file.display());
    };
    let case = check::read(sandbox, loaded, name, file, Cassettes::Played).await?;
    let findings = play::alone(sandbox, &case).await?;
    if let Some(finding) = findings.first() {
        bail!(
            "{} does not pass the case {name} ({}: {}): a bench is of cases that pass `stepmill plugin test`",
            loaded.manifest.name,
            finding.about,
            finding.lines.join("; "),
        );
    }
    if case.refusal.is_some() {
        bail!(
            "{} refuses the config of the case {name}, so there is no attempt to measure",
            loaded.manifest.name
        );
    }
    Ok(case.scene)
}

fn below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            below(&path, depth, files);
        } else {
            files.push(path);
        }
    }
}

/// Makes the case's attempt with the real system, and writes its exchanges down.
async fn make_cassette(sandbox: &Sandbox, case: &Case, system: &System) -> anyhow::Result<Option<Recorded>> {
    let Some(cassette) = case.cassette.clone().filter(|_| case.refusal.is_none()) else { return Ok(None) };
    let real = Egress::try_new(vec![System { name: SYSTEM.into(), ..system.clone() }])?;
    let scene = &case.scene;
    let recorder =
        Arc::new(Recorder::new(real, system.base_url.clone(), scene.base.clone(), scene.attempt()));
    let shelf = Arc::new(Shelf::holding(scene.before.clone()));
    let egress = play::egress(scene, Arc::clone(&recorder) as Arc<dyn Transport>)?;
    let report = sandbox.rehearse(scene.attempt(), &play::rehearsal(scene, egress, &shelf, 0)).await.report;
    if recorder.count() == 0 {
        let ended = outcome_told(report.outcome.as_deref());
        bail!(
            "nothing is recorded of the case {}: the attempt sent nothing and ended with {ended}",
            case.name
        );
    }
    // What is there may be good, and a system that is down makes it no worse.
    if let Some((request, error)) = recorder.unanswered() {
        bail!(
            "nothing is recorded of the case {}: {request} was not answered ({error}); write an error that is to be \
             played as `response: {{ error: {error} }}`",
            case.name
        );
    }
    let yaml = recorder.to_yaml().context("failed to write the exchanges as YAML")?;
    let failed = || format!("failed to write the cassette {}", cassette.display());
    if let Some(folder) = cassette.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let draft = cassette.with_extension("yaml.new");
    fs::write(&draft, yaml).and_then(|()| fs::rename(&draft, &cassette)).with_context(failed)?;
    Ok(Some(Recorded { cassette, exchanges: recorder.count() }))
}
