//! A file that is written beside its place and renamed, so that a broken one never takes the place of a good one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A file `FILE.new` that is to become `FILE`.
pub(super) struct Draft {
    place: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// Begins one. Nobody else can read it.
    pub(super) fn create(place: &Path) -> anyhow::Result<(Self, File)> {
        let path = place.with_added_extension("new");
        // What an earlier one has left behind may be open to others, or lead elsewhere.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("failed to write {}", path.display()));
            }
            Ok(()) | Err(_) => {}
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).with_context(|| format!("failed to write {}", path.display()))?;
        Ok((Self { place: place.to_owned(), path }, file))
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it durable and puts it in its place.
    pub(super) fn finish(self, file: &File) -> anyhow::Result<()> {
        let Self { place, path } = self;
        file.sync_all().with_context(|| format!("failed to write {}", path.display()))?;
        fs::rename(&path, &place)
            .and_then(|()| sync_folder(&place))
            .with_context(|| format!("failed to rename {} to {}", path.display(), place.display()))
    }
}

/// Makes the name of a file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
