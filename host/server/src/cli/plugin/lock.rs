//! `stepmill plugin lock`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::project::ProjectArguments;
use crate::author::Workbench;
use crate::catalog::NoPlugin;
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Error, Exit};
use crate::config::{Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::distribution::{LOCK, Lock, Proposal, Trust, digest_of, is_stale, listed, meaning, propose};

#[derive(Debug, Args)]
#[command(after_help = "\
Without names it locks what stepmill.lock has not, or has from elsewhere, and leaves the rest as
it is. A name has the plugin looked up again: that is an upgrade, if its tag or file is another by
now. A plugin that can reach more than was accepted, or is of another kind, is refused until
somebody says --accept-permissions. Either all of it is written or nothing.

Examples:
  stepmill plugin lock
  stepmill plugin lock pricing --accept-permissions
  stepmill plugin lock --check          # in CI: is stepmill.lock of what stepmill.yaml says?")]
pub(in crate::cli) struct LockArguments {
    /// Plugins of the config to look up again, files among them; none means those that the lock file lacks
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Look up all of the lock file and all that is fetched
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Accept what plugins can reach beyond what was accepted before, and that they are of another kind
    #[arg(long)]
    accept_permissions: bool,
    /// Write nothing and fetch nothing; exit with 3 if the lock file is not of what stepmill.yaml and the files say
    #[arg(long, conflicts_with_all = ["names", "all", "accept_permissions"])]
    check: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    project: ProjectArguments,
}

impl LockArguments {
    pub(super) async fn run(&self) -> Result<Exit, Error> {
        let project = Project::read(&self.project.config)?;
        let mut lock = Lock::read(&project.root)?;
        if self.check {
            return check(&project, &lock);
        }
        let names = self.names(&project, &lock)?;
        let proposals = proposals(&project, &lock, &names).await?;
        let removed: Vec<String> =
            lock.plugins.keys().filter(|name| !project.config.plugins.contains_key(*name)).cloned().collect();
        if self.json {
            output::print_json(&as_json(&proposals, &removed))?;
        } else {
            output::print(&shown(Paint::stdout(), &proposals, &removed))?;
        }
        self.consent(&proposals)?;
        let before = lock.clone();
        lock.plugins.retain(|name, _| !removed.contains(name));
        lock.plugins.extend(proposals.into_iter().map(|proposal| (proposal.name, proposal.locked)));
        let file = Lock::file(&project.root);
        if lock == before {
            if !self.json {
                let said = if file.exists() {
                    format!("{} is as it was\n", file.display())
                } else {
                    "there is nothing to lock: no plugin comes from an address or a registry; name a file's plugin \
                     to lock it\n".into()
                };
                output::print(&said)?;
            }
            return Ok(Exit::Done);
        }
        write(&file, &lock.text().context("failed to write the lock file")?)?;
        if !self.json {
            output::print(&format!("wrote {}\n", file.display()))?;
        }
        Ok(Exit::Done)
    }

    /// The plugins to look up.
    fn names(&self, project: &Project, lock: &Lock) -> Result<BTreeSet<String>, Error> {
        let plugins = &project.config.plugins;
        if let Some(unknown) = self.names.iter().find(|name| !plugins.contains_key(*name)) {
            return Err(NoPlugin::of_config(unknown, plugins.keys()).into());
        }
        if !self.names.is_empty() {
            return Ok(self.names.iter().cloned().collect());
        }
        let is_wanted = |name: &String| {
            let locked = lock.plugins.get(name);
            let plugin = plugins.get(name);
            self.all && (locked.is_some() || plugin.is_some_and(|plugin| plugin.path.is_none()))
                || plugin.is_some_and(|plugin| is_stale(plugin, name, locked).is_some())
        };
        Ok(plugins.keys().filter(|name| is_wanted(name)).cloned().collect())
    }

    /// Asks whoever is there for what has grown.
    fn consent(&self, proposals: &[Proposal]) -> Result<(), Error> {
        let mut grown = Vec::new();
        for proposal in proposals {
            let name = &proposal.name;
            if !proposal.grown().is_empty() {
                grown.push(format!("{name} can now reach {}", listed(proposal.grown())));
            }
            if let Some(former) = proposal.former_kind() {
                grown.push(format!(
                    "{name} was a {} and is a {} now",
                    former.name(),
                    proposal.locked.kind.name()
                ));
            }
        }
        if grown.is_empty() || self.accept_permissions {
            return Ok(());
        }
        let all = grown.join("; ");
        if !self.json && io::stdin().is_terminal() && io::stdout().is_terminal() {
            print!("{all}. Accept? [y/N] ");
            io::stdout().flush()?;
            let mut answer = String::new();
            io::stdin().lock().read_line(&mut answer)?;
            if matches!(answer.trim(), "y" | "Y" | "yes") {
                return Ok(());
            }
        }
        let message = format_args!(
            "{all}, which nobody has accepted: nothing is locked; if that is right, say --accept-permissions"
        );
        Err(Error::new(Exit::Failed, message))
    }
}

/// What each plugin is now. All are looked at, so that whoever mends one hears of the others.
async fn proposals(project: &Project, lock: &Lock, names: &BTreeSet<String>) -> Result<Vec<Proposal>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let trust = Trust::of(project)?;
    let bench = Workbench::try_new()?;
    let mut found = Diagnostics::default();
    let mut proposals = Vec::new();
    for name in names {
        match propose(project, &trust, &bench.sandbox, name, lock.plugins.get(name)).await {
            Ok(proposal) => proposals.push(proposal),
            Err(problems) => found.extend(problems),
        }
    }
    let (proposals, _) = found.or(proposals)?;
    Ok(proposals)
}

fn check(project: &Project, lock: &Lock) -> Result<Exit, Error> {
    let mut found = Diagnostics::default();
    for (name, plugin) in &project.config.plugins {
        if let Some(why) = is_stale(plugin, name, lock.plugins.get(name)) {
            let problem = project.source.error(&pointer(&["plugins", name]), why);
            found.push(problem.help(format!("run `stepmill plugin lock`, and commit {LOCK}")));
        }
    }
    for (name, locked) in &lock.plugins {
        let path = project.config.plugins.get(name).and_then(|plugin| plugin.path.as_ref());
        // A file that is not there is told by `stepmill check`.
        let Some(bytes) = path.and_then(|path| std::fs::read(project.path(path)).ok()) else { continue };
        if digest_of(&bytes) != locked.digest {
            let problem = project.source.error(
                &pointer(&["plugins", name]),
                format!("the file is not the component that {LOCK} has"),
            );
            found.push(problem.help(format!("run `stepmill plugin lock {name}`, and commit {LOCK}")));
        }
    }
    let gone = lock.plugins.keys().filter(|name| !project.config.plugins.contains_key(*name));
    found.extend(gone.map(|name| {
        let message = format!("{LOCK} has a plugin {name}, which {} has not", project.file.display());
        Diagnostic::of_file(Lock::file(&project.root), message)
            .help("run `stepmill plugin lock`, which removes it")
    }));
    found.or(())?;
    Ok(Exit::Done)
}

/// Writes the file as a whole or not at all.
fn write(file: &PathBuf, text: &str) -> anyhow::Result<()> {
    let draft = file.with_extension(format!("lock.{}", std::process::id()));
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written.with_context(|| format!("failed to write {}", file.display()))
}

fn as_json(proposals: &[Proposal], removed: &[String]) -> serde_json::Value {
    let plugins: Vec<_> = proposals
        .iter()
        .map(|proposal| {
            json!({
                "name": proposal.name,
                "locked": proposal.locked,
                "before": proposal.before,
                "grown": proposal.grown(),
                "lost": proposal.lost(),
            })
        })
        .collect();
    json!({ "plugins": plugins, "removed": removed })
}

fn shown(paint: Paint, proposals: &[Proposal], removed: &[String]) -> String {
    let mut out = String::new();
    for Proposal { name, locked, before, .. } in proposals.iter() {
        let _ = writeln!(out, "{}  {}", paint.text(Tone::Strong, name), output::harmless(&locked.source));
        let mut line = |what: &str, is: &str, was: Option<&str>| {
            let was = was.filter(|was| *was != is).map(|was| format!(" (was {})", output::short(was, 80)));
            let what = paint.text(Tone::Faint, format!("{what:<9}"));
            let _ = writeln!(out, "  {what} {}{}", output::short(is, 90), was.unwrap_or_default());
        };
        let was = before.as_ref();
        line("version", &locked.version, was.map(|was| was.version.as_str()));
        line("kind", locked.kind.name(), was.map(|was| was.kind.name()));
        line("digest", &locked.digest, was.map(|was| was.digest.as_str()));
        line("size", &output::bytes(locked.size), was.map(|was| output::bytes(was.size)).as_deref());
        let signer = |signer: &Option<String>| signer.clone().unwrap_or_else(|| "nobody who had to".into());
        line("signed by", &signer(&locked.signer), was.map(|was| signer(&was.signer)).as_deref());
    }
    for proposal in proposals {
        let _ = writeln!(out, "{}", paint.text(Tone::Strong, format!("{} can reach", proposal.name)));
        if proposal.locked.permissions.is_empty() {
            let _ = writeln!(out, "  nothing");
        }
        let grown = proposal.grown();
        for permission in &proposal.locked.permissions {
            let is_new = grown.contains(permission);
            let (mark, tone) = if is_new { ("+", Tone::Bad) } else { (" ", Tone::Plain) };
            let text = format!("{mark} {:<9} {}", output::harmless(permission), meaning(permission));
            let _ = writeln!(out, "{}", paint.text(tone, text));
        }
        for permission in proposal.lost() {
            let _ = writeln!(out, "- {:<9} {}", output::harmless(permission), meaning(permission));
        }
    }
    for name in removed {
        let _ = writeln!(out, "{name} is not in the config any more");
    }
    out
}
