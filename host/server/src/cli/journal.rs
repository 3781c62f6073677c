//! `stepmill journal`: carrying a journal over.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use stepmill_core::clock::SystemClock;
use stepmill_journal::{LocalJournal, Transferred};

use super::draft::Draft;
use super::{Error, Exit, stopped};
use crate::config::Project;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Writes the whole journal as NDJSON: runs, claims, schedules' cursors and plugin storage.
    Export(Arguments),
    /// Reads an export into a journal that is empty.
    Import(Arguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Payloads are in an export as they were accepted: keep it as you keep the journal.

Examples:
  stepmill journal export backup.ndjson --config my-orders
  stepmill journal export - | zstd > backup.zst
  stepmill journal import backup.ndjson --config new-place")]
pub(super) struct Arguments {
    /// The file; - for standard output or input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The project whose journal it is: stepmill.yaml or its folder
    #[arg(long, short, value_name = "PATH", default_value = ".", env = "STEPMILL_CONFIG")]
    config: PathBuf,
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let (done, transferred) = match self {
            Self::Export(arguments) => ("exported", export(&arguments).await?),
            Self::Import(arguments) => ("imported", import(&arguments).await?),
        };
        eprintln!("{done} {transferred}");
        Ok(Exit::Done)
    }
}

async fn open(config: &Path) -> Result<LocalJournal, Error> {
    let project = Project::read(config)?;
    let options = project.journal_options(Arc::new(SystemClock));
    Ok(stopped::open(options).await?.map_err(anyhow::Error::from)?)
}

async fn export(arguments: &Arguments) -> Result<Transferred, Error> {
    let journal = open(&arguments.config).await?;
    if arguments.file == Path::new("-") {
        let (_, transferred) = journal.export(io::stdout()).await.map_err(anyhow::Error::from)?;
        return Ok(transferred);
    }
    let (draft, file) = Draft::create(&arguments.file)?;
    let (file, transferred) = journal.export(BufWriter::new(file)).await.map_err(anyhow::Error::from)?;
    draft.finish(file.get_ref())?;
    Ok(transferred)
}

async fn import(arguments: &Arguments) -> Result<Transferred, Error> {
    let from: Box<dyn Read + Send> = if arguments.file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = File::open(&arguments.file);
        Box::new(file.with_context(|| format!("failed to open {}", arguments.file.display()))?)
    };
    let journal = open(&arguments.config).await?;
    Ok(journal.import(BufReader::new(from)).await.map_err(anyhow::Error::from)?)
}
