//! Components that were fetched, by their content, in the data folder: a start needs no network.
//!
//! What is read is checked against its name, so a damaged file is one that is not there. The folder may be deleted
//! while the service is stopped.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::fetch::read_file;
use super::signature::Proof;
use super::{bare, digest_of};

/// Makes the names of drafts differ within this process.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// A folder of components and of what proves whose they are.
#[derive(Clone, Debug)]
pub struct Cache(PathBuf);

impl Cache {
    /// The cache in this data folder. It is made when something is kept.
    pub fn in_data_folder(data: &std::path::Path) -> Self {
        Self(data.join("plugins").join("sha256"))
    }

    /// The component with this digest.
    pub fn component(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = read_file(&self.file(digest)).ok()?;
        if digest_of(&bytes) == digest {
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

    fn file(&self, digest: &str) -> PathBuf {
        self.0.join(bare(digest))
    }

    fn proof_file(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{}.proofs.json", bare(digest)))
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
}
