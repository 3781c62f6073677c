//! Secrets, looked up where config says that they are.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use stepmill_core::secret::{Secret, SecretRef};

use crate::diagnostic::{Diagnostic, Source};

/// Largest secret in bytes: certificates and keys fit, a wrong file does not.
const MAX_BYTES: u64 = 64 << 10;

/// A secret that was found.
#[derive(Debug)]
pub struct Resolved {
    /// The secret.
    pub secret: Secret,
    /// What somebody should look at.
    pub warning: Option<Warning>,
}

/// What is suspicious about a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Everybody on the host can read the file.
    #[error("everybody on this host can read the secret {0}: chmod it to 600")]
    WorldReadable(SecretRef),
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    Unset(String),
    /// There is nothing in it.
    #[error("the secret {0} is empty")]
    Empty(SecretRef),
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is too large to be one.
    #[error("the secret {0} is larger than {MAX_BYTES} bytes: is it the right file?")]
    TooLarge(SecretRef),
    /// It goes into a header and is not text.
    #[error("the secret {0} is not text without control characters, so it cannot go into a header")]
    NotText(SecretRef),
}

/// Looks a secret up. Files are relative to `root`; one line break at the end of a file is not part of
/// the secret.
///
/// # Errors
/// It is not there, cannot be read, is empty or too large.
pub fn resolve(reference: &SecretRef, root: &Path) -> Result<Resolved, SecretError> {
    let (bytes, warning) = match reference {
        SecretRef::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| SecretError::Unset(name.clone()))?;
            (value.into_encoded_bytes(), None)
        }
        SecretRef::File(path) => {
            let path = root.join(path);
            let (mut bytes, open) = read(&path).map_err(|source| SecretError::Unreadable { path, source })?;
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
                return Err(SecretError::TooLarge(reference.clone()));
            }
            if bytes.pop_if(|last| *last == b'\n').is_some() {
                bytes.pop_if(|last| *last == b'\r');
            }
            (bytes, open.then(|| Warning::WorldReadable(reference.clone())))
        }
    };
    if bytes.is_empty() {
        return Err(SecretError::Empty(reference.clone()));
    }
    Ok(Resolved { secret: Secret::new(bytes), warning })
}

/// The file's bytes, and whether everybody can read it.
fn read(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let file = File::open(path)?;
    let open = is_world_readable(&file.metadata()?);
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 2).read_to_end(&mut bytes)?;
    Ok((bytes, open))
}

#[cfg(unix)]
fn is_world_readable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_world_readable(_: &std::fs::Metadata) -> bool {
    false
}

impl SecretError {
    /// The error at the config key that names the secret.
    pub fn diagnostic(&self, source: &Source, pointer: &str) -> Diagnostic {
        let help = match self {
            Self::Unset(name) => {
                format!("set {name} in the environment of the service, or name a file as file:PATH")
            }
            Self::Empty(SecretRef::Env(name)) => {
                format!("give {name} a value in the environment of the service")
            }
            Self::Empty(SecretRef::File(path)) => format!("write the secret into {}", path.display()),
            Self::Unreadable { .. } => {
                format!("paths of secrets are relative to the folder of {}", crate::config::FILE)
            }
            Self::TooLarge(_) | Self::NotText(_) => String::new(),
        };
        source.error(pointer, self.to_string()).help(help)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::fs;

    use super::*;

    fn file(folder: &tempfile::TempDir, content: &[u8]) -> SecretRef {
        fs::write(folder.path().join("secret"), content).unwrap();
        SecretRef::File("secret".into())
    }

    #[test]
    fn a_file_is_relative_to_the_project_and_its_line_break_is_no_part_of_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            let resolved = resolve(&file(&folder, content.as_bytes()), folder.path()).unwrap();
            assert_eq!(resolved.secret.expose(), b"hunter2");
        }
        let resolved = resolve(&file(&folder, b"two lines\n\n"), folder.path()).unwrap();
        assert_eq!(resolved.secret.expose(), b"two lines\n");
    }

    #[test]
    fn what_is_no_secret_is_refused_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |reference: &SecretRef| resolve(reference, folder.path()).unwrap_err().to_string();
        assert_eq!(
            refusal(&SecretRef::Env("STEPMILL_NO_SUCH".into())),
            "the environment variable STEPMILL_NO_SUCH is not set"
        );
        assert_eq!(refusal(&file(&folder, b"\n")), "the secret file:secret is empty");
        let large = refusal(&file(&folder, &[b'x'; 70_000]));
        assert_eq!(large, "the secret file:secret is larger than 65536 bytes: is it the right file?");
        assert!(refusal(&SecretRef::File("absent".into())).contains("absent cannot be read"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_everybody_can_read_is_a_warning() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let reference = file(&folder, b"hunter2");
        let mut warnings = Vec::new();
        for mode in [0o644, 0o600] {
            fs::set_permissions(folder.path().join("secret"), fs::Permissions::from_mode(mode)).unwrap();
            warnings
                .push(resolve(&reference, folder.path()).unwrap().warning.map(|warning| warning.to_string()));
        }
        assert_eq!(
            warnings,
            [Some("everybody on this host can read the secret file:secret: chmod it to 600".into()), None]
        );
    }
}
