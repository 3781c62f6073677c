//! `stepmill new`.

use std::path::Path;

use anyhow::Context as _;

use super::{Error, Exit, output};
use crate::demo;

pub(super) fn run(folder: &Path) -> Result<Exit, Error> {
    make_folder(folder)?;
    demo::copy_example(folder)?;
    let shown = folder.display();
    output::print(&format!(
        "{shown} has a project to begin with: see {shown}/README.md, edit it, and look it over with\n\n  \
         stepmill check {shown}\n"
    ))?;
    Ok(Exit::Done)
}

/// Makes the folder of a new project, which must have nothing in it.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let is_used = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        return Err(Error::new(
            Exit::Failed,
            format_args!("{} is not empty: give another folder", folder.display()),
        ));
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("failed to make the folder {}", folder.display()))?;
    Ok(())
}
