//! How a command ends: exit codes, and the one place where an error is printed.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::client::{BackUpError, ClientError};
use super::output;
use crate::author::found::NoComponent;
use crate::catalog::NoPlugin;
use crate::diagnostic::Diagnostics;
use crate::service::StartError;

/// Exit codes of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Config or workflows have errors.
    Config = 3,
    /// There is no such run, workflow or plugin.
    NotFound = 4,
    /// The service cannot be reached.
    Unreachable = 5,
}

/// The exit codes, for `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  config or workflows have errors
  4  no such run, workflow or plugin
  5  the service cannot be reached";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error of a command: what it exits with, and why.
#[derive(Debug)]
pub struct Error {
    /// The exit code.
    pub exit: Exit,
    source: anyhow::Error,
}

impl Error {
    /// This exit code with a sentence.
    pub(super) fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self { exit, source: anyhow::anyhow!("{message}") }
    }

    /// Prints the error and its causes to standard error, once. Nothing is printed if whoever read the
    /// output has gone away, as `head` does.
    pub fn print(&self) {
        if !self.is_broken_pipe() {
            // Where nothing can be printed, the exit code is all there is.
            let _ = io::stderr().write_all(self.text().as_bytes());
        }
    }

    fn text(&self) -> String {
        if let Some(found) = self.diagnostics() {
            return found.render(output::is_coloured(&io::stderr()));
        }
        let mut text = format!("error: {}\n", self.source);
        for cause in self.source.chain().skip(1) {
            for (number, line) in cause.to_string().lines().enumerate() {
                text += &format!("  {} {line}\n", if number == 0 { "because" } else { "       " });
            }
        }
        text
    }

    /// The exit code of the process: 0 if whoever read the output has seen enough.
    pub fn exit(&self) -> Exit {
        if self.is_broken_pipe() { Exit::Done } else { self.exit }
    }

    fn is_broken_pipe(&self) -> bool {
        self.source
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn diagnostics(&self) -> Option<&Diagnostics> {
        if let Some(StartError::Config(found)) = self.source.downcast_ref() {
            return Some(found);
        }
        self.source.downcast_ref()
    }
}

impl From<anyhow::Error> for Error {
    fn from(source: anyhow::Error) -> Self {
        let client = source.chain().find_map(|cause| cause.downcast_ref::<ClientError>());
        let is_config =
            source.is::<Diagnostics>() || matches!(source.downcast_ref(), Some(StartError::Config(_)));
        let exit = match client {
            _ if is_config => Exit::Config,
            _ if source.is::<NoComponent>() => Exit::NotFound,
            Some(ClientError::NotFound { .. }) => Exit::NotFound,
            Some(ClientError::Unreachable { .. }) => Exit::Unreachable,
            Some(ClientError::Address(_)) => Exit::Usage,
            Some(ClientError::Config { .. }) => Exit::Config,
            Some(
                ClientError::Prepare(_)
                | ClientError::Tls(_)
                | ClientError::Unauthorized { .. }
                | ClientError::Refused { .. }
                | ClientError::Answer { .. },
            )
            | None => Exit::Failed,
        };
        Self { exit, source }
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<NoPlugin> for Error {
    fn from(error: NoPlugin) -> Self {
        Self { exit: Exit::NotFound, source: error.into() }
    }
}

impl From<BackUpError> for Error {
    fn from(error: BackUpError) -> Self {
        match error {
            BackUpError::Client(error) => error.into(),
            error @ BackUpError::Write(_) => anyhow::Error::from(error).into(),
        }
    }
}

impl From<Diagnostics> for Error {
    fn from(found: Diagnostics) -> Self {
        anyhow::Error::from(found).into()
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}
