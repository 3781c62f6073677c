//! Running the tools of a language, which must say what is missing when they are.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context as _, anyhow, bail};

/// A tool, and where people get it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool<'a> {
    /// The program: a name on the path, or a path.
    pub(super) program: &'a str,
    /// What to do if it is not there.
    pub(super) remedy: &'a str,
}

impl Tool<'_> {
    /// Runs it to its end, with its output on standard error, and says first what is run.
    ///
    /// # Errors
    /// It is not there, or it fails.
    pub(super) fn run(self, folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.announced(folder, arguments);
        // Standard output is for what was asked for.
        let status = self.started(command.stdout(std::io::stderr()).status())?;
        self.succeeded(status)
    }

    /// The same, with what it has written to standard output.
    pub(super) fn run_for_output(self, folder: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let mut command = self.announced(folder, arguments);
        let Output { status, stdout, .. } =
            self.started(command.stdout(Stdio::piped()).stderr(Stdio::inherit()).output())?;
        self.succeeded(status)?;
        Ok(stdout)
    }

    /// What it answers to a question; none if it fails at it.
    pub(super) fn ask(self, folder: &Path, arguments: &[&str]) -> anyhow::Result<Option<String>> {
        let Output { status, stdout, .. } =
            self.started(self.command(folder, arguments).stderr(Stdio::null()).output())?;
        Ok(status.success().then(|| String::from_utf8_lossy(&stdout).trim().to_owned()))
    }

    fn announced(self, folder: &Path, arguments: &[&str]) -> Command {
        // A terminal that has gone away is no reason not to build.
        let _ = writeln!(std::io::stderr(), "$ {} {}", self.program, arguments.join(" "));
        self.command(folder, arguments)
    }

    fn command(self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        command
    }

    fn started<T>(self, started: std::io::Result<T>) -> anyhow::Result<T> {
        let Self { program, remedy } = self;
        started
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => anyhow!("there is no {program} here: {remedy}"),
                _ => anyhow::Error::from(error),
            })
            .with_context(|| format!("failed to run {program}"))
    }

    fn succeeded(self, status: ExitStatus) -> anyhow::Result<()> {
        if !status.success() {
            bail!("{} failed ({status}); what is wrong it has said above", self.program);
        }
        Ok(())
    }
}
