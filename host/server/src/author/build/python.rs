//! Python: `python -m stepmill.build` of the SDK, in the project's own virtual environment.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::project::Dist;
use super::stamp::Stamp;
use super::tool::Tool;

const PYTHON: Tool<'_> = Tool {
    program: "python3",
    remedy: "install Python 3.11 or later with its modules venv and pip (Debian: `apt install python3-venv`)",
};
const REQUIREMENTS: &str = "requirements.txt";
const ENVIRONMENT: &str = ".venv";

/// Builds the package and answers its component.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = &std::path::absolute(folder)?;
    let program = folder.join(ENVIRONMENT).join("bin/python");
    let name = program.to_string_lossy();
    let own = Tool { program: &name, remedy: "remove the folder .venv and build again" };
    let stamp = Stamp::of(folder, &[REQUIREMENTS], ENVIRONMENT);
    if !program.is_file() {
        environment(folder, own)?;
        stamp.set()?;
    } else if !stamp.is_there() {
        install(folder, own)?;
        stamp.set()?;
    }
    let dist = Dist::before(folder)?;
    own.run(folder, &["-m", "stepmill.build"])?;
    dist.made("`python -m stepmill.build`")
}

/// Makes the virtual environment. One that is not whole is worth nothing to the next build.
fn environment(folder: &Path, own: Tool<'_>) -> anyhow::Result<()> {
    if !folder.join(REQUIREMENTS).is_file() {
        bail!(
            "{} has no {REQUIREMENTS}, which says what is to be installed into {ENVIRONMENT}",
            folder.display()
        );
    }
    PYTHON.run(folder, &["-m", "venv", ENVIRONMENT])?;
    let installed = install(folder, own);
    if installed.is_err() {
        // If that fails too, the error that is told is the first.
        drop(std::fs::remove_dir_all(folder.join(ENVIRONMENT)));
    }
    installed
}

fn install(folder: &Path, own: Tool<'_>) -> anyhow::Result<()> {
    own.run(folder, &["-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS])
}
