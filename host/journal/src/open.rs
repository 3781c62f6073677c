//! Opening the journal of a folder, and what is done when that fails.

mod rescue;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::blobs::{self, Blobs};
use crate::committer::panic_message;
use crate::error::OpenError;
use crate::keys;
use crate::log::{self, Log};
use crate::options::{Options, SEGMENT_BYTES};
use crate::tree::{Base, Change, Changes, LoggedTree, Order, Tree};
use crate::values::Values;

/// Format of keys, values and log that this version writes and reads.
const FORMAT: u8 = 3;
/// Name of our lock. Held for as long as the journal is open.
const LOCK: &str = "stepmill.lock";
/// How long a journal that this process has just dropped may take to let go of its file.
const LET_GO: Duration = Duration::from_secs(10);
/// Milliseconds between sled's own flushes; they also collect its garbage.
const FLUSH_EVERY_MS: u64 = 500;

/// Why the engine could not open a folder.
enum EngineError {
    /// The file system refused.
    Io(io::Error),
    /// What is in it cannot be read.
    Unreadable(String),
}

/// Opens or makes the journal of a folder.
pub(crate) fn open(options: &Options) -> Result<Values, OpenError> {
    let path = options.path.as_path();
    let folder = |source| OpenError::Folder { path: path.to_owned(), source };
    let start = |source| OpenError::Start { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(folder)?;
    let lock = lock(path)?;
    let is_new = !path.join("db").exists();
    if is_new && [blobs::FOLDER, log::FOLDER].iter().any(|folder| path.join(folder).exists()) {
        return Err(OpenError::Incomplete { path: path.to_owned() });
    }
    let db = match open_engine(path, options.cache_bytes) {
        Ok(db) => db,
        Err(EngineError::Io(source)) => return Err(folder(source)),
        Err(EngineError::Unreadable(problem)) => {
            tracing::error!(path = %path.display(), problem, "cannot open the journal, trying on a copy");
            let rescue = rescue::try_on_a_copy(path, options.cache_bytes);
            return Err(OpenError::Unopenable { path: path.to_owned(), problem, rescue });
        }
    };
    sync_folders(path).map_err(folder)?;
    let base = Base::new(db, lock, path, options.sync).map_err(folder)?;
    check_format(&base, is_new, path)?;
    let next = replay(&base, path)?;
    let log = Log::create(path, options.clamped_log_bytes(), options.sync, next).map_err(folder)?;
    let tree = LoggedTree::start(base, log).map_err(folder)?;
    let is_owned = |name: &str| {
        let Some(digest) = hex::decode(name).ok().and_then(|digest| digest.try_into().ok()) else {
            return Ok(false);
        };
        let owners = tree.scan(&keys::owners(&digest), Order::Ascending, 1);
        owners.map(|owners| !owners.is_empty()).map_err(io::Error::other)
    };
    let blobs = Blobs::open(path, options.sync, is_owned).map_err(folder)?;
    let values = Values::spilling(Box::new(tree), blobs, options.clamped_threshold());
    if values.contains(keys::IMPORTING).map_err(start)? {
        return Err(OpenError::UnfinishedImport { path: path.to_owned() });
    }
    Ok(values)
}

/// Takes the folder's lock, and waits until sled has let go of it.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let folder = |source| OpenError::Folder { path: path.to_owned(), source };
    let in_use = || OpenError::InUse { path: path.to_owned() };
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let lock = options.open(path.join(LOCK)).map_err(folder)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use()),
        Err(TryLockError::Error(source)) => return Err(folder(source)),
    }
    let until = Instant::now() + LET_GO;
    loop {
        let db = match File::open(path.join("db")) {
            Ok(db) => db,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(lock),
            Err(error) => return Err(folder(error)),
        };
        match db.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(in_use()),
            Err(TryLockError::Error(source)) => return Err(folder(source)),
        }
    }
}

/// Opens sled on a thread of its own: its recovery may panic.
fn open_engine(path: &Path, cache_bytes: u64) -> Result<::sled::Db, EngineError> {
    let config = ::sled::Config::new()
        .path(path)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    let thread = std::thread::Builder::new().name("journal-open".into()).spawn(move || config.open());
    match thread.map_err(EngineError::Io)?.join() {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(match error {
            ::sled::Error::Io(error) if is_of_the_folder(&error) => EngineError::Io(error),
            ::sled::Error::Io(_)
            | ::sled::Error::CollectionNotFound(_)
            | ::sled::Error::Unsupported(_)
            | ::sled::Error::ReportableBug(_)
            | ::sled::Error::Corruption { .. } => EngineError::Unreadable(error.to_string()),
        }),
        Err(panic) => {
            Err(EngineError::Unreadable(format!("the engine panicked: {}", panic_message(&*panic))))
        }
    }
}

/// Whether an error is about the folder and not about what is in it.
fn is_of_the_folder(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

/// Makes the names of what was made durable.
fn sync_folders(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    let parent = path.canonicalize()?;
    match parent.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Brings the tree up to date with the log that a killed process left. Answers the number of the log's
/// next record.
fn replay(base: &Base, path: &Path) -> Result<u64, OpenError> {
    let start = |source| OpenError::Start { path: path.to_owned(), source };
    let replayed = log::replay(path)
        .map_err(|error| OpenError::Log { path: path.to_owned(), source: Box::new(error) })?;
    // What a killed process had written to the tree and not synced is read from here on, too.
    base.write(&replayed.changes).map_err(start)?;
    let (next, records) = (replayed.next, replayed.records);
    replayed.retire().map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
    if records > 0 {
        tracing::info!(path = %path.display(), records, "replayed the journal's log");
    }
    Ok(next)
}

fn check_format(base: &Base, is_new: bool, path: &Path) -> Result<(), OpenError> {
    let start = |source| OpenError::Start { path: path.to_owned(), source };
    let all = keys::Span::prefix(Vec::new());
    let found = base.get(keys::FORMAT).map_err(start)?;
    match found.as_deref() {
        Some([FORMAT]) => Ok(()),
        // A start that was cut off before its first write leaves an empty tree.
        None if is_new || base.pairs(&all, Order::Ascending).map_err(start)?.next().is_none() => {
            let mark = Change::Put(vec![FORMAT]);
            base.write(&Changes::from([(keys::FORMAT.to_vec(), mark)])).map_err(start)
        }
        Some(other) => {
            Err(OpenError::Format { path: path.to_owned(), found: hex::encode(other), known: FORMAT })
        }
        None => Err(OpenError::Format { path: path.to_owned(), found: "none".into(), known: FORMAT }),
    }
}
