//! Gathers what `stepmill plugin new` copies, so that the binary carries it: template projects, and the WIT and
//! the SDK that they are built on, in the repository's relative layout.
//!
//! ```text
//! kit/vendor/LICENSE
//! kit/vendor/wit/*.wit
//! kit/vendor/sdk/LANGUAGE/…
//! kit/template/LANGUAGE/KIND/…
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

/// What projects of one language are begun with.
struct Sdk {
    /// Name of its folder in `sdk`, and for `--lang`.
    language: &'static str,
    /// What of that folder a project needs to build: not its tests, lock files and tools of its own.
    carried: &'static [&'static str],
}

/// Every language that has an SDK.
const SDKS: [Sdk; 3] = [
    Sdk { language: "rust", carried: &["Cargo.toml", "README.md", "COOKBOOK.md", "src"] },
    Sdk { language: "js", carried: &["package.json", "README.md", "bin", "build", "src", "types"] },
    Sdk { language: "python", carried: &["pyproject.toml", "README.md", "closed-sockets", "src"] },
];

/// What working in a folder leaves there, which is nobody else's.
const LEFTOVERS: [&str; 10] = [
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "Cargo.lock",
    "dist",
    "node_modules",
    "target",
    "vendor",
];

/// Gathers all of it in the folder `to`.
pub fn gather(workspace: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    let vendor = to.join("vendor");
    copy(&workspace.join("LICENSE"), &vendor.join("LICENSE"))?;
    copy(&workspace.join("wit"), &vendor.join("wit"))?;
    for Sdk { language, carried } in SDKS {
        let sdk = workspace.join("sdk").join(language);
        for name in carried {
            copy(&sdk.join(name), &vendor.join("sdk").join(language).join(name))?;
        }
        copy(&sdk.join("template"), &to.join("template").join(language))?;
    }
    stand_alone(&workspace.join("Cargo.toml"), &vendor.join("sdk/rust/Cargo.toml"))
}

/// Copies a file, or a folder but for leftovers, and has the build run again when it changes.
pub fn copy(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", from.display());
    copy_tree(from, to).map_err(|error| format!("failed to gather {}: {error}", from.display()).into())
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        return fs::copy(from, to).map(drop);
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let is_leftover = |name: &str| LEFTOVERS.contains(&name) || name.ends_with(".egg-info");
        if !name.to_str().is_some_and(is_leftover) {
            copy_tree(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

/// Writes into a manifest what it inherits from the workspace, which a copy elsewhere does not have. In the
/// repository versions and lints keep their one place.
fn stand_alone(workspace: &Path, manifest: &Path) -> Result<(), Box<dyn Error>> {
    let read = |path: &Path| -> Result<DocumentMut, Box<dyn Error>> {
        let text = fs::read_to_string(path)?;
        text.parse().map_err(|error| format!("failed to read {}: {error}", path.display()).into())
    };
    let (workspace, mut rendered) = (read(workspace)?, read(manifest)?);
    let missing = || "Cargo.toml has no [workspace.package] or [workspace.dependencies]";
    let inherited = workspace.get("workspace").and_then(Item::as_table_like).ok_or_else(missing)?;
    for part in ["package", "dependencies"] {
        let theirs = inherited.get(part).and_then(Item::as_table_like).ok_or_else(missing)?;
        if let Some(own) = rendered.get_mut(part).and_then(Item::as_table_like_mut) {
            inherit(own, theirs)?;
        }
    }
    // They are for whoever changes the SDK.
    for part in ["lints", "dev-dependencies"] {
        rendered.remove(part);
    }
    fs::write(manifest, rendered.to_string())?;
    Ok(())
}

/// Replaces each `name.workspace = true` by the workspace's value, keeping what is said beside it.
fn inherit(own: &mut dyn TableLike, theirs: &dyn TableLike) -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = own.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let Some(item) = own.get(&name).and_then(Item::as_table_like) else { continue };
        if item.get("workspace").and_then(Item::as_bool) != Some(true) {
            continue;
        }
        let beside: Vec<(String, Value)> = item
            .iter()
            .filter(|(key, _)| *key != "workspace")
            .filter_map(|(key, value)| Some((key.to_owned(), value.as_value()?.clone())))
            .collect();
        let value = theirs.get(&name).and_then(Item::as_value);
        let value = value.ok_or_else(|| format!("the workspace has no `{name}` to inherit"))?.clone();
        own.insert(&name, Item::Value(merged(value, beside)));
    }
    Ok(())
}

/// A value of the workspace with what a member says besides; a version by itself becomes a table for it.
fn merged(value: Value, beside: Vec<(String, Value)>) -> Value {
    if beside.is_empty() {
        return value;
    }
    let mut table = match value {
        Value::InlineTable(table) => table,
        version => InlineTable::from_iter([("version", version)]),
    };
    table.extend(beside);
    Value::InlineTable(table)
}
