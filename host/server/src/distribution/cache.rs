//! Components that were fetched, by their content, in the data folder: a start needs no network.
//!
//! What is read is checked against its name, so a damaged file is one that is not there. The folder may be deleted
//! while the service is stopped. It is bounded: what the lock file does not name goes when it was not used for longest.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use stepmill_core::bound::{Bound, Held};

use super::fetch::read_file;
use super::signature::Proof;
use super::{bare, digest_of};

/// What is kept of plugins, those of former locks among them: a lock that is taken back finds them here.
const BOUND: Bound = Bound { bytes: 1 << 30, entries: 64 };
/// What has this in its name belongs to the component that is named before it.
const PROOFS: &str = ".proofs.json";
/// A draft that is older was left by a process that is gone.
const STALE: Duration = Duration::from_secs(3600);

/// Makes the names of drafts differ within this process.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// A folder of components and of what proves whose they are.
#[derive(Clone, Debug)]
pub struct Cache(PathBuf);

impl Cache {
    /// The cache in this data folder. It is made when something is kept.
    pub fn in_data_folder(data: &Path) -> Self {
        Self(data.join("plugins").join("sha256"))
    }

    /// The component with this digest.
    pub fn component(&self, digest: &str) -> Option<Vec<u8>> {
        let file = self.file(digest);
        let bytes = read_file(&file).ok()?;
        if digest_of(&bytes) == digest {
            // Who may only read the folder removes nothing from it either, so that it need not know.
            let _ = File::open(&file).and_then(|file| file.set_modified(SystemTime::now()));
            return Some(bytes);
        }
        tracing::warn!(digest, "a plugin in the cache is damaged: it is fetched again");
        None
    }

    /// What proves whose it is, as far as it is known.
    pub fn proofs(&self, digest: &str) -> Vec<Proof> {
        // Proofs are checked wherever they are used: one that cannot be read proves nothing.
        fs::read(self.proof_file(digest))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Keeps a component.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(self.file(digest), bytes)
    }

    /// Keeps what proves whose it is.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep_proofs(&self, digest: &str, proofs: &[Proof]) -> io::Result<()> {
        self.write(self.proof_file(digest), &serde_json::to_vec(proofs)?)
    }

    /// Removes what is beyond the bound; never what the lock file names, by its digests.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn prune(&self, locked: &BTreeSet<&str>) -> io::Result<()> {
        self.prune_to(BOUND, locked)
    }

    fn prune_to(&self, bound: Bound, locked: &BTreeSet<&str>) -> io::Result<()> {
        let mut held = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            // Another process may be removing the same.
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else {
                continue;
            };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if name.starts_with('.') {
                if used.elapsed().is_ok_and(|age| age > STALE) {
                    remove(&entry.path())?;
                }
            } else if !name.ends_with(PROOFS) {
                held.push(Held { used, bytes: metadata.len(), what: name });
            }
        }
        for name in bound.beyond(held) {
            if !locked.iter().any(|digest| bare(digest) == name) {
                remove(&self.0.join(&name))?;
                remove(&self.0.join(format!("{name}{PROOFS}")))?;
            }
        }
        Ok(())
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.0.join(bare(digest))
    }

    fn proof_file(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{}{PROOFS}", bare(digest)))
    }

    /// Writes a file as a whole or not at all, also if somebody else does the same.
    fn write(&self, file: PathBuf, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let draft = format!(".{}-{}", std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed));
        let draft = self.0.join(draft);
        let written = File::create(&draft).and_then(|mut open| {
            open.write_all(bytes)?;
            open.sync_all()?;
            fs::rename(&draft, file)
        });
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

/// Removes a file that may not be there.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn what_is_kept_is_found_by_its_digest_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_data_folder(folder.path());
        let digest = digest_of(b"a component");
        assert!(cache.component(&digest).is_none() && cache.proofs(&digest).is_empty());
        cache.keep(&digest, b"a component").unwrap();
        let proofs = [Proof::Blob { signature: "AAAA".into() }];
        cache.keep_proofs(&digest, &proofs).unwrap();
        assert_eq!(
            (cache.component(&digest).unwrap(), cache.proofs(&digest)),
            (b"a component".into(), proofs.into())
        );
        let names: Vec<_> = fs::read_dir(&cache.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "no draft stays: {names:?}");
        fs::write(cache.file(&digest), b"b component").unwrap();
        fs::write(cache.proof_file(&digest), b"no JSON").unwrap();
        assert!(cache.component(&digest).is_none() && cache.proofs(&digest).is_empty());
    }

    /// A cache of these, used an hour after each other.
    fn holding(folder: &Path, components: &[&str]) -> Cache {
        let cache = Cache::in_data_folder(folder);
        for (hours, component) in components.iter().rev().enumerate() {
            let digest = digest_of(component.as_bytes());
            cache.keep(&digest, component.as_bytes()).unwrap();
            cache.keep_proofs(&digest, &[Proof::Blob { signature: "AAAA".into() }]).unwrap();
            let then = SystemTime::now() - Duration::from_secs(3600 * (hours as u64 + 2));
            File::open(cache.file(&digest)).unwrap().set_modified(then).unwrap();
        }
        cache
    }

    #[test]
    fn what_is_beyond_the_bound_goes_and_what_is_locked_never_does() {
        let folder = tempfile::tempdir().unwrap();
        let all = ["first", "second", "third", "fourth"];
        let cache = holding(folder.path(), &all);
        let (draft, fresh) = (cache.0.join(".1-0"), cache.0.join(".1-1"));
        for file in [&draft, &fresh] {
            fs::write(file, "half").unwrap();
        }
        File::open(&draft).unwrap().set_modified(SystemTime::now() - STALE * 2).unwrap();
        let locked = digest_of(b"first");
        // The second is used again, so that it outlives the third.
        assert!(cache.component(&digest_of(b"second")).is_some());
        cache.prune_to(Bound { bytes: u64::MAX, entries: 2 }, &BTreeSet::from([&*locked])).unwrap();
        let left = all.map(|component| {
            let digest = digest_of(component.as_bytes());
            assert_eq!(cache.file(&digest).exists(), cache.proof_file(&digest).exists(), "{component}");
            cache.file(&digest).exists()
        });
        assert_eq!(left, [true, true, false, true]);
        assert!(!draft.exists() && fresh.exists());
        cache.prune(&BTreeSet::new()).unwrap();
        assert!(cache.file(&locked).exists(), "what is within the bound stays without a lock");
        cache.prune_to(Bound { bytes: 0, entries: 64 }, &BTreeSet::from([&*locked])).unwrap();
        assert_eq!(fs::read_dir(&cache.0).unwrap().count(), 3, "the first, its proofs, and the draft");
    }
}
