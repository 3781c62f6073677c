//! What the binary carries for authors, as `build/kit.rs` gathered it: template projects, and the WIT and the SDKs that
//! they are built on.

use clap::ValueEnum;
use include_dir::{Dir, include_dir};
use stepmill_core::manifest::Kind;

static KIT: Dir<'_> = include_dir!("$OUT_DIR/kit");

/// A language that steps are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Small and fast: built by cargo
    Rust,
    /// JavaScript or TypeScript: built by npm
    Js,
    /// Python: built by pip and componentize-py
    Python,
}

impl Language {
    /// Its name on the command line, and of its folders.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
        }
    }

    /// Its name as people write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Python => "Python",
        }
    }

    /// The template project for a kind of step; none if this build does not carry one.
    pub(super) fn template(self, kind: Kind) -> Option<&'static Dir<'static>> {
        KIT.get_dir(format!("template/{}/{}", self.name(), kind.name()))
    }

    /// What a project has below `vendor/stepmill`: folders and files by their paths there.
    pub(super) fn vendored(self) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        let carried = KIT.get_dir("vendor").map(all_files).unwrap_or_default().into_iter();
        let sdk = format!("sdk/{}/", self.name());
        carried.filter_map(move |(path, content)| {
            let path = path.strip_prefix("vendor/")?;
            (!path.starts_with("sdk/") || path.starts_with(&sdk)).then_some((path, content))
        })
    }
}

/// The files of a folder and those below it, with their paths in the kit.
pub(super) fn all_files(folder: &'static Dir<'static>) -> Vec<(&'static str, &'static [u8])> {
    let mut files: Vec<_> =
        folder.files().filter_map(|file| Some((file.path().to_str()?, file.contents()))).collect();
    for folder in folder.dirs() {
        files.extend(all_files(folder));
    }
    files
}
