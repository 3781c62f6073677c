//! Compiled components on disk, so that a restart does not compile again.
//!
//! A file is `<folder>/<compatibility of the engine>/<digest>.cwasm`: what wasmtime serialized, its SHA-256 and a magic,
//! at the end so that the file can be mapped into memory: then a component takes as much of it as attempts touch, where
//! a copy of one with its native code can take 16 MiB, and there may be one for each step. The digest is the
//! component's SHA-256, or that of what a snapshot was made of.
//!
//! Invariant: native code is loaded only from a folder that belongs to this process's user and that
//! nobody else may write. The checksum is against accidents (a full disk, a crash), not against an
//! attacker: whoever can write there can write anything.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use stepmill_core::bound::{Bound, Held};
use wasmtime::component::Component;

use crate::error::BuildError;

const MAGIC: &[u8; 16] = b"stepmill aot 2\r\n";
const CHECKSUM: usize = 32;
const TRAILER: usize = CHECKSUM + MAGIC.len();

/// How the names of compiled components end.
const ENDING: &str = "cwasm";
/// How those end that are being written.
const DRAFT: &str = "tmp";
/// A draft that is older was left by a process that is gone.
const STALE: Duration = Duration::from_secs(3600);

/// The folder for one engine.
pub(crate) struct Cache {
    root: PathBuf,
    folder: PathBuf,
    bound: Option<Bound>,
}

impl Cache {
    /// Makes the folder or checks it.
    pub(crate) fn try_open(
        root: &Path,
        bound: Option<Bound>,
        engine: &wasmtime::Engine,
    ) -> Result<Self, BuildError> {
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
        Ok(Self { root: root.into(), folder, bound })
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
        if !is_whole(&file) {
            tracing::warn!(path = %path.display(), "a compiled plugin is damaged; it is compiled again");
            return None;
        }
        drop(file);
        match deserialize(engine, &path) {
            Ok(component) => {
                self.used(&path);
                Some(component)
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %format!("{error:#}"), "a compiled plugin is refused; it is compiled again");
                None
            }
        }
    }

    /// Keeps a compiled component, and gives back the one that is kept. Failing to is worth a line in the log,
    /// nothing more.
    pub(crate) fn keep(&self, engine: &wasmtime::Engine, digest: &str, component: Component) -> Component {
        self.store(digest, &component);
        self.load(engine, digest).unwrap_or(component)
    }

    fn store(&self, digest: &str, component: &Component) {
        let path = self.path(digest);
        let kept = component.serialize().map_err(|error| io::Error::other(format!("{error:#}"))).and_then(
            |mut file| {
                let checksum = Sha256::digest(&file);
                file.extend_from_slice(&checksum);
                file.extend_from_slice(MAGIC);
                self.write(&path, &file)
            },
        );
        if let Err(error) = kept.and_then(|()| self.prune()) {
            tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be kept; the next start compiles it again");
        }
    }

    /// Notes that a component was used, where that decides which ones go.
    fn used(&self, path: &Path) {
        if self.bound.is_none() {
            return;
        }
        if let Err(error) = File::open(path).and_then(|file| file.set_modified(SystemTime::now())) {
            tracing::warn!(path = %path.display(), %error, "it could not be noted that a compiled plugin was used");
        }
    }

    /// Removes what is beyond the bound, of all engines: those of former versions are used no more, and go first. A
    /// file that a process has mapped stays with that process.
    fn prune(&self) -> io::Result<()> {
        let Some(bound) = self.bound else { return Ok(()) };
        let mut kept = Vec::new();
        for engine in fs::read_dir(&self.root)? {
            // Another process may be removing the same.
            for file in fs::read_dir(engine?.path()).into_iter().flatten().flatten() {
                let (path, Ok(metadata)) = (file.path(), file.metadata()) else { continue };
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some(ENDING) => kept.push(Held { used, bytes: metadata.len(), what: path }),
                    Some(DRAFT) if used.elapsed().is_ok_and(|age| age > STALE) => remove(&path)?,
                    Some(_) | None => {}
                }
            }
        }
        bound.beyond(kept).iter().try_for_each(|path| remove(path))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Named by process and time: another process may be compiling the same component.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let temporary = self.folder.join(format!(".{}-{}.{DRAFT}", std::process::id(), now.as_nanos()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written =
            file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.{ENDING}"))
    }
}

/// Removes a file that somebody else may have removed.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
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

fn is_whole(file: &[u8]) -> bool {
    let parts = file.len().checked_sub(TRAILER).and_then(|end| file.split_at_checked(end));
    parts.is_some_and(|(code, trailer)| {
        trailer.strip_suffix(MAGIC).is_some_and(|checksum| checksum == Sha256::digest(code).as_slice())
    })
}

#[allow(unsafe_code, reason = "the one place where native code is loaded")]
fn deserialize(engine: &wasmtime::Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file is what `Component::serialize` gave this program, and an end that is not looked at:
    // only this process's user can write it and its folder, and its checksum holds. It is never changed
    // where it is, but replaced as a whole (`write`), and what is mapped stays. wasmtime checks itself that
    // version and settings are the same.
    unsafe { Component::deserialize_file(engine, path) }
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
