//! JavaScript: the project's own npm script `build`, which puts the component into `dist`.

use std::path::{Path, PathBuf};

use super::project::Dist;
use super::tool::Tool;

const NPM: Tool<'_> = Tool { program: "npm", remedy: "install Node.js 20 or later, which brings it" };

/// Builds the package and answers its component.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    if !folder.join("node_modules").is_dir() {
        // With a lock file exactly what it says.
        let install = if folder.join("package-lock.json").is_file() { "ci" } else { "install" };
        NPM.run(folder, &[install])?;
    }
    let dist = Dist::before(folder)?;
    NPM.run(folder, &["run", "--silent", "build"])?;
    dist.made("the script `build` of package.json")
}
