//! The author's way in each language, done for real with the language's own tools: new, build, test, into a running
//! host, and an event through it. And what the three have in common: one set of cases, and figures side by side.
//!
//! It is no part of `cargo test`, which a machine passes that has only rustup and a C compiler: this wants Node.js with npm
//! and Python with pip, and their registries.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod authored;
mod figures;
mod host;
mod kind;
mod language;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;

use authored::{Authored, Stepmill};
use kind::Kind;
use language::Language;

/// Goes the author's way in each language.
#[derive(Debug, Parser)]
struct Arguments {
    /// The binary `stepmill`
    #[arg(long, default_value = "target/release/stepmill")]
    binary: PathBuf,
    /// Only these languages
    #[arg(long, value_enum)]
    lang: Vec<Language>,
    /// Only these kinds
    #[arg(long, value_enum)]
    kind: Vec<Kind>,
    /// Prints the table of figures too; its ratios are good in a quiet minute only
    #[arg(long)]
    figures: bool,
    /// Where the projects are made; a temporary folder unless given
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let binary = arguments.binary.canonicalize().with_context(|| {
        format!("there is no {}: cargo build --release -p stepmill-server", arguments.binary.display())
    })?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments.folder.as_deref().unwrap_or_else(|| temporary.path());
    let stepmill = Stepmill { binary };
    let languages = if arguments.lang.is_empty() { Language::ALL.to_vec() } else { arguments.lang };
    let kinds = if arguments.kind.is_empty() { Kind::ALL.to_vec() } else { arguments.kind };

    let mut host = host::Running::start(&stepmill).await?;
    let mut made = Vec::new();
    for kind in kinds {
        for language in &languages {
            let begun = Instant::now();
            let step = make(&stepmill, folder, *language, kind)?;
            host.goes_through(&stepmill, &step).await?;
            println!("{:<28} {:>5.1} s", step.name, begun.elapsed().as_secs_f64());
            made.push(step);
        }
    }
    if arguments.figures {
        figures::print(&stepmill, &made)?;
    }
    Ok(())
}

/// From an empty folder to a component that has passed its project's cases and those that all languages have in common.
fn make(stepmill: &Stepmill, folder: &Path, language: Language, kind: Kind) -> anyhow::Result<Authored> {
    let step = stepmill.new_step(folder, language, kind)?;
    stepmill.run(&["plugin", "build"], &step.folder, &[])?;
    stepmill.run(&["plugin", "test", "--no-build"], &step.folder, &[])?;
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(kind.name());
    stepmill.run(&["plugin", "test", "--cases"], &cases, &[&step.component()])?;
    step.own_tests()?;
    Ok(step)
}
