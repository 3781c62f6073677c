//! JavaScript: the project's own npm script `build`, which puts the component into `dist`.

use std::path::{Path, PathBuf};

use super::project::Dist;
use super::stamp::Stamp;
use super::tool::Tool;

const NPM: Tool<'_> = Tool { program: "npm", remedy: "install Node.js 20 or later, which brings it" };

const PACKAGE: &str = "package.json";
const LOCK: &str = "package-lock.json";
const MODULES: &str = "node_modules";

/// Builds the package and answers its component.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let is_locked = folder.join(LOCK).is_file();
    if !folder.join(MODULES).is_dir() {
        // With a lock file exactly what it says.
        NPM.run(folder, &[if is_locked { "ci" } else { "install" }])?;
        Stamp::of(folder, &[PACKAGE, LOCK], MODULES).set()?;
    } else if !Stamp::of(folder, &[PACKAGE, LOCK], MODULES).is_there() {
        // Writes down in the lock file what package.json has got since.
        NPM.run(folder, &["install"])?;
        Stamp::of(folder, &[PACKAGE, LOCK], MODULES).set()?;
    }
    let dist = Dist::before(folder)?;
    NPM.run(folder, &["run", "--silent", "build"])?;
    dist.made("the script `build` of package.json")
}
