//! `stepmill plugin test`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::project::ProjectArguments;
use super::system::SystemArguments;
use crate::author::Workbench;
use crate::author::build;
use crate::author::cases::{Suite, Summary};
use crate::author::component::{CASES, cases_folder};
use crate::author::found::Given;
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Error, Exit};
use crate::reload::watch;

/// Pause between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, Args)]
#[command(after_help = super::help("\
Cases are the files *.case.yaml of the folder cases: config, input, the HTTP exchanges that are expected, faults, \
and what is expected. No request is sent, unless --record makes the cassettes that the cases name.

Examples:
  stepmill plugin test
  stepmill plugin test ./my-plugin stock order --watch --no-build
  stepmill plugin test dist/my-plugin.wasm --cases cases --json
  stepmill plugin test map --cases cases/orders
  stepmill plugin test --record --system erp --config ../my-orders"))]
pub(in crate::cli) struct TestArguments {
    /// The plugin; if it is given by its project's folder, it is built first
    #[arg(value_name = "PATH|NAME", default_value = ".")]
    plugin: String,
    /// Run only the cases with one of these in their names
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// The folder of the cases; `cases` of the plugin's project unless given, and for a name `cases` here
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Test the newest component in the project's dist as it is
    #[arg(long)]
    no_build: bool,
    /// First make the exchanges with a system for real, and write them to the cassettes that cases name
    #[arg(long)]
    record: bool,
    /// Run again whenever the component or a file of the cases changes; a project is built once, before
    #[arg(long, conflicts_with_all = ["record", "json"])]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    system: SystemArguments,
    #[command(flatten)]
    project: ProjectArguments,
}

impl TestArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let system = self.system.system(&self.project.config)?;
        let system = match (self.record, system) {
            (true, None) => {
                return Err(Error::new(
                    Exit::Usage,
                    "--record needs --system-url URL, or --system NAME with --config PATH",
                ));
            }
            (false, Some(_)) => {
                return Err(Error::new(
                    Exit::Usage,
                    "cases reach no system: add --record to make cassettes of one",
                ));
            }
            (_, system) => system,
        };
        let (folder, project) = match Given::of(&self.plugin) {
            Given::Path(path) => (cases_folder(path), Some(path).filter(|path| path.is_dir())),
            Given::Name(_) => (PathBuf::from(CASES), None),
        };
        let plugin = match project.filter(|_| !self.no_build) {
            Some(project) => built(project).await?,
            None => self.plugin.clone(),
        };
        let folder = self.cases.unwrap_or(folder);
        let suite = Suite { plugin, config: self.project.config, folder, filters: self.filters };
        let bench = Workbench::try_new()?;
        if self.watch {
            return keep_running(&suite, &bench).await;
        }
        let summary = suite.run(&bench, system.as_ref()).await?;
        show(&summary, self.json)?;
        Ok(if summary.is_passed() { Exit::Done } else { Exit::Failed })
    }
}

/// The component of a project once it is built.
async fn built(project: &Path) -> Result<String, Error> {
    let build::Built { path, loaded, warnings: _ } = build::build(project).await.with_context(|| {
        format!("failed to build {} (--no-build tests what is in dist)", project.display())
    })?;
    // What was built stands beside what the tools say; what was asked for is on standard output.
    eprintln!("built {} ({})", path.display(), output::bytes(loaded.size));
    Ok(path.display().to_string())
}

fn show(summary: &Summary, json: bool) -> Result<(), Error> {
    if json {
        output::print_json(summary)?;
        return Ok(());
    }
    for warning in &summary.warnings {
        eprintln!("warning: {}", output::harmless(warning));
    }
    output::print(&summary.render(Paint::stdout()))?;
    Ok(())
}

/// Runs the cases now and whenever a file has changed and is the same for two looks, until the process is ended.
async fn keep_running(suite: &Suite, bench: &Workbench) -> Result<Exit, Error> {
    loop {
        let shown = watch::look(suite.files());
        match suite.run(bench, None).await.map_err(Error::from).and_then(|summary| show(&summary, false)) {
            Ok(()) => {}
            Err(error) => error.print(),
        }
        output::print(&format!(
            "{}\n",
            Paint::stdout().text(Tone::Faint, "waiting for a change; Ctrl-C ends")
        ))?;
        let mut before = shown.clone();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = watch::look(suite.files());
            if now == before && now != shown {
                break;
            }
            before = now;
        }
    }
}
