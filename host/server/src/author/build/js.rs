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
    let stamp = || Stamp::of(folder, &[PACKAGE, LOCK], MODULES);
    let is_new = !folder.join(MODULES).is_dir();
    if is_new || !stamp().is_there() {
        // The first time with a lock file exactly what it says; then it gets what package.json has got since.
        let install = if is_new && folder.join(LOCK).is_file() { "ci" } else { "install" };
        NPM.run(folder, &[install])?;
        // Of the lock file as it is now.
        stamp().set()?;
    }
    let dist = Dist::before(folder)?;
    NPM.run(folder, &["run", "--silent", "build"])?;
    dist.made("the script `build` of package.json")
}
