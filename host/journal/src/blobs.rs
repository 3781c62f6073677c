//! Large payloads in files of their own, `large/<2 hex>/<SHA-256>` (`blobs` is a folder of sled's). A file is on disk
//! before the first batch that points to it, and goes only after the batch with which the last one no longer does.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::options::Sync;

/// Name of the folder in the journal's.
pub(crate) const FOLDER: &str = "large";
/// Threads that write the files of one batch. Their fsyncs share the file system's commits.
const WRITERS: usize = 8;

/// The folder of blob files.
#[derive(Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
    sync: Sync,
    bytes: AtomicU64,
}

impl Blobs {
    /// The blobs below a journal's folder. Removes files that `is_owned` does not know: what a crash
    /// left between a file and its batch, or between a batch and its files' removal.
    pub(crate) fn open<E: From<io::Error>>(
        journal: &Path,
        sync: Sync,
        is_owned: impl Fn(&str) -> Result<bool, E>,
    ) -> Result<Self, E> {
        let blobs = Self { root: journal.join(FOLDER), sync, bytes: AtomicU64::new(0) };
        fs::create_dir_all(&blobs.root)?;
        blobs.sync_folder(journal)?;
        // Folders that a killed process had made and not synced are used from here on.
        blobs.sync_folder(&blobs.root)?;
        let mut orphans = 0_u64;
        for folder in fs::read_dir(&blobs.root)? {
            for file in fs::read_dir(folder?.path())? {
                let file = file?;
                if file.file_name().to_str().map_or(Ok(false), &is_owned)? {
                    blobs.bytes.fetch_add(file.metadata()?.len(), Ordering::Relaxed);
                } else {
                    fs::remove_file(file.path())?;
                    orphans += 1;
                }
            }
        }
        if orphans > 0 {
            tracing::info!(orphans, "removed blob files that a crash left behind");
        }
        Ok(blobs)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The names of all files.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for folder in fs::read_dir(&self.root)? {
            for file in fs::read_dir(folder?.path())? {
                names.push(file?.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    /// Writes files, durably. One that a refused batch left is written anew.
    pub(crate) fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
        for (name, _) in files {
            let folder = self.folder(name);
            if !folder.is_dir() {
                fs::create_dir_all(&folder)?;
                folders.insert(self.root.clone());
            }
            folders.insert(folder);
        }
        parallel(files, |(name, content)| self.write_one(name, content))?;
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        parallel(&folders, |folder| self.sync_folder(folder))
    }

    /// The content of a file; none if there is no such file.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder(name).join(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a file that nothing points to. What cannot be removed is swept at the next start.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.folder(name).join(name);
        let length = path.metadata().map_or(0, |metadata| metadata.len());
        match fs::remove_file(&path) {
            Ok(()) => {
                self.bytes.fetch_sub(length.min(self.bytes()), Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(path = %path.display(), %error, "failed to remove a blob file"),
        }
    }

    fn write_one(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.folder(name).join(name);
        let draft = path.with_extension("new");
        let mut file = File::create(&draft)?;
        file.write_all(content)?;
        match self.sync {
            Sync::Durable => file.sync_all()?,
            Sync::Unsynced => {}
        }
        let replaced = path.metadata().map_or(0, |metadata| metadata.len());
        fs::rename(&draft, &path)?;
        self.bytes.fetch_sub(replaced.min(self.bytes()), Ordering::Relaxed);
        self.bytes.fetch_add(content.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        match self.sync {
            Sync::Durable => File::open(folder)?.sync_all(),
            Sync::Unsynced => Ok(()),
        }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name.get(..2).unwrap_or("00"))
    }
}

/// Does `work` for all items, on several threads if there are several.
fn parallel<T: std::marker::Sync>(
    items: &[T],
    work: impl Fn(&T) -> io::Result<()> + std::marker::Sync,
) -> io::Result<()> {
    if items.len() < 2 {
        return items.iter().try_for_each(&work);
    }
    let share = items.len().div_ceil(WRITERS);
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            items.chunks(share).map(|share| scope.spawn(move || share.iter().try_for_each(work))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a writer panicked")))
        })
    })
}
