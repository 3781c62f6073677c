//! Steps as an author makes them: with `stepmill plugin` and the language's tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::kind::Kind;
use crate::language::Language;

/// The binary.
pub struct Stepmill {
    pub binary: PathBuf,
}

/// A step in a project of its own.
pub struct Authored {
    pub language: Language,
    pub kind: Kind,
    pub name: String,
    pub folder: PathBuf,
}

impl Stepmill {
    /// `stepmill plugin new`.
    pub fn new_step(&self, folder: &Path, language: Language, kind: Kind) -> anyhow::Result<Authored> {
        let name = format!("{}-{}", language.name(), kind.name());
        let place = folder.join(&name);
        let options = ["--kind", kind.name(), "--lang", language.name(), "--folder"];
        let mut command = Command::new(&self.binary);
        command.args(["plugin", "new", &name]).args(options).arg(&place);
        output(command)?;
        Ok(Authored { language, kind, name, folder: place })
    }

    /// A command about a path, and what it prints.
    pub fn run(&self, words: &[&str], path: &Path, more: &[&Path]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.binary);
        command.args(words).arg(path).args(more);
        output(command)
    }
}

impl Authored {
    /// What `stepmill plugin build` leaves.
    pub fn component(&self) -> PathBuf {
        self.folder.join("dist").join(&self.name).with_extension("wasm")
    }

    /// Whether the project is formatted, and passes its tests in the language's own way.
    pub fn own_tests(&self) -> anyhow::Result<()> {
        for words in self.language.own_tests() {
            let (program, arguments) = words.split_first().context("a command")?;
            let mut command = Command::new(program);
            command.args(arguments).current_dir(&self.folder);
            output(command)?;
        }
        Ok(())
    }
}

/// What a command prints, if it succeeds. Its projects share one target folder, as their dependencies are the same.
fn output(mut command: Command) -> anyhow::Result<String> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/authored");
    let ran = command.env("CARGO_TARGET_DIR", shared).output();
    let ran = ran.with_context(|| format!("failed to run {command:?}"))?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    ensure!(
        ran.status.success(),
        "{command:?} ended with {}:\n{text}\n{}",
        ran.status,
        String::from_utf8_lossy(&ran.stderr)
    );
    Ok(text)
}
