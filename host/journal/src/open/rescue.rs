//! A journal that cannot be opened is left as it is. What may help is tried on a copy.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{LOCK, open_engine};
use crate::blobs;
use crate::error::Rescue;

/// Copies the folder to `<path>.rescue-<n>`, moves unfinished snapshots of the copy aside (sled #1527) and
/// tries to open that. An earlier copy is not repeated, so that a service that is restarted over and
/// over does not fill the disk.
pub(super) fn try_on_a_copy(path: &Path, cache_bytes: u64) -> Rescue {
    let copy = rescue_path(path);
    if copy.exists() {
        return Rescue::Earlier(copy);
    }
    if let Err(error) = copy_folder(path, &copy).and_then(|()| move_snapshots_aside(&copy)) {
        return Rescue::NotCopied(error.to_string());
    }
    match open_engine(&copy, cache_bytes) {
        Ok(_) => Rescue::Opens(copy),
        Err(_) => Rescue::Fails(copy),
    }
}

fn rescue_path(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().map_or_else(|| OsString::from("journal"), OsString::from);
    name.push(".rescue-1");
    path.with_file_name(name)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&source, &target)?;
        } else if source.ancestors().any(|folder| folder.ends_with(blobs::FOLDER)) {
            // Blob files are never written to again: a second name is as good as a copy.
            fs::hard_link(&source, &target).or_else(|_| fs::copy(&source, &target).map(drop))?;
        } else if entry.file_name() != LOCK {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

fn move_snapshots_aside(copy: &Path) -> io::Result<()> {
    let aside = copy.join("aside");
    for entry in fs::read_dir(copy)? {
        let name = entry?.file_name();
        let is_unfinished =
            name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"));
        if is_unfinished {
            fs::create_dir_all(&aside)?;
            fs::rename(copy.join(&name), aside.join(&name))?;
        }
    }
    Ok(())
}
