//! Compiled components on disk, so that a restart does not compile again.
//!
//! A file is `<folder>/<compatibility of the engine>/<digest>.cwasm`: a magic, the SHA-256 of what follows,
//! and what wasmtime serialized. The digest is the component's SHA-256, or that of what a snapshot was made of.
//!
//! Invariant: native code is loaded only from a folder that belongs to this process's user and that
//! nobody else may write. The checksum is against accidents (a full disk, a crash), not against an
//! attacker: whoever can write there can write anything.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::error::BuildError;

const MAGIC: &[u8; 16] = b"stepmill aot 1\r\n";
const CHECKSUM: usize = 32;
const HEADER: usize = MAGIC.len() + CHECKSUM;

/// The folder for one engine.
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Makes the folder or checks it.
    pub(crate) fn try_open(root: &Path, engine: &wasmtime::Engine) -> Result<Self, BuildError> {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let folder = root.join(format!("{:016x}", hasher.finish()));
        for path in [root, &folder] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|source| BuildError::Cache { path: path.into(), source })?;
            check_folder(path)?;
        }
        Ok(Self { folder })
    }

    /// The compiled component, if it is there and whole.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let file = match read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be read; it is compiled again");
                return None;
            }
        };
        let Some(code) = verified(&file) else {
            tracing::warn!(path = %path.display(), "a compiled plugin is damaged; it is compiled again");
            return None;
        };
        match deserialize(engine, code) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %format!("{error:#}"), "a compiled plugin is refused; it is compiled again");
                None
            }
        }
    }

    /// Keeps a compiled component. Failing to is worth a line in the log, nothing more.
    pub(crate) fn store(&self, digest: &str, component: &Component) {
        let path = self.path(digest);
        let kept =
            component.serialize().map_err(|error| io::Error::other(format!("{error:#}"))).and_then(|code| {
                let mut file = Vec::with_capacity(HEADER + code.len());
                file.extend_from_slice(MAGIC);
                file.extend_from_slice(&Sha256::digest(&code));
                file.extend_from_slice(&code);
                self.write(&path, &file)
            });
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be kept; the next start compiles it again");
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Named by process and time: another process may be compiling the same component.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let temporary = self.folder.join(format!(".{}-{}.tmp", std::process::id(), now.as_nanos()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written =
            file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.cwasm"))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || !is_ours(&metadata) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "not a file of the service's user alone",
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn verified(file: &[u8]) -> Option<&[u8]> {
    let (header, code) = file.split_at_checked(HEADER)?;
    let checksum = header.strip_prefix(MAGIC)?;
    (checksum == Sha256::digest(code).as_slice()).then_some(code)
}

#[allow(unsafe_code, reason = "the one place where native code is loaded")]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `Component::serialize` gave this program: they come from a folder
    // and a file that only this process's user can write, and their checksum holds. wasmtime checks
    // itself that version and settings are the same.
    unsafe { Component::deserialize(engine, code) }
}

fn check_folder(path: &Path) -> Result<(), BuildError> {
    let metadata =
        fs::symlink_metadata(path).map_err(|source| BuildError::Cache { path: path.into(), source })?;
    let unsafe_because = |reason| Err(BuildError::CacheUnsafe { path: path.into(), reason });
    if !metadata.is_dir() {
        return unsafe_because("it is not a folder");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return unsafe_because("it belongs to another user");
    }
    if !is_ours(&metadata) {
        return unsafe_because("its group or others may write it");
    }
    Ok(())
}

fn is_ours(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}
