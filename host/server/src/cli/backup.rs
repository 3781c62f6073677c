//! `stepmill backup` and `stepmill restore`.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use stepmill_core::Journal as _;
use stepmill_core::clock::SystemClock;
use stepmill_core::journal::Backlog;
use stepmill_journal::Transferred;
use tokio::task::spawn_blocking;

use super::draft::Draft;
use super::{Connection, Error, Exit, stopped};
use crate::config::Project;

/// What may be in a data folder that a backup is restored into: it is made anew, or the file system's.
const IGNORED: [&str; 2] = ["compiled", "lost+found"];

#[derive(Debug, Args)]
#[command(after_help = "\
The backup is what the journal was at one moment, though the service goes on; without a running service it is taken \
from the data folder. It is checked before it takes the place of FILE. Payloads are in it as they were accepted: keep \
it as you keep the journal.

Examples:
  stepmill backup nightly.ndjson --config my-orders
  stepmill restore nightly.ndjson --config new-place")]
pub(super) struct Backup {
    /// The file; written as FILE.new and renamed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    service: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is written unless the whole backup is sound. Start the service afterwards: what it had accepted goes on.

Example:
  stepmill restore nightly.ndjson --config new-place")]
pub(super) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The project whose data folder it becomes: stepmill.yaml or its folder
    #[arg(long, short, value_name = "PATH", default_value = ".", env = "STEPMILL_CONFIG")]
    config: PathBuf,
}

impl Backup {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let stopped = stopped::journal(&self.service).await?;
        let (draft, file) = Draft::create(&self.file)?;
        let to = BufWriter::new(file);
        let written = match stopped {
            Some((_, journal)) => journal.back_up(to).await.map(|(to, _)| to).map_err(anyhow::Error::from)?,
            None => self.service.client()?.back_up(to).await?,
        };
        let path = draft.path().to_owned();
        let checked = spawn_blocking(move || verify(&path)).await.context("the check broke down")?;
        let lines = checked.context("the backup that was written is of no use")?.lines();
        draft.finish(written.get_ref())?;
        let bytes = fs::metadata(&self.file)?.len();
        eprintln!("wrote {}: {lines} values, {bytes} bytes", self.file.display());
        Ok(Exit::Done)
    }
}

impl Restore {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let project = Project::read(&self.config)?;
        let data = project.data_folder();
        if let Some(found) = in_the_way(&data)? {
            let message = format!(
                "the data folder {} is not empty ({} is in it): a backup is restored into a new one. Move it away, \
                 or give another server.data",
                data.display(),
                found.display()
            );
            return Err(Error::new(Exit::Failed, message));
        }
        let path = self.file.clone();
        let checked = spawn_blocking(move || verify(&path)).await.context("the check broke down")?;
        checked.with_context(|| format!("{} is no sound backup", self.file.display()))?;
        let options = project.journal_options(Arc::new(SystemClock));
        let folder = options.path.clone();
        let journal = stopped::open(options).await?.map_err(anyhow::Error::from)?;
        let file = BufReader::new(read(&self.file)?);
        if let Err(error) = journal.import(file).await {
            drop(journal);
            // It was made for this, and would only refuse to be opened.
            fs::remove_dir_all(&folder)?;
            return Err(anyhow::Error::from(error).into());
        }
        let Backlog { unfinished, dead, .. } = journal.backlog();
        eprintln!("restored {}: {unfinished} unfinished runs, {dead} dead letters", data.display());
        Ok(Exit::Done)
    }
}

fn read(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("failed to open {}", path.display()))
}

fn verify(path: &Path) -> anyhow::Result<Transferred> {
    Ok(stepmill_journal::verify(BufReader::new(read(path)?))?)
}

/// What keeps a folder from being a new one.
fn in_the_way(data: &Path) -> io::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        if !IGNORED.iter().any(|ignored| name == *ignored) {
            return Ok(Some(name.into()));
        }
    }
    Ok(None)
}
