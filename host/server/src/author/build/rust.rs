//! Rust: cargo builds the crate's `cdylib` for `wasm32-wasip2`, which is a component as it comes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;

use super::tool::Tool;

const TARGET: &str = "wasm32-wasip2";
const REMEDY: &str = "install Rust from https://rustup.rs, then type `rustup target add wasm32-wasip2`";
const CARGO: Tool<'_> = Tool { program: "cargo", remedy: REMEDY };
const RUSTC: Tool<'_> = Tool { program: "rustc", remedy: REMEDY };

/// A message of cargo, as far as it is of interest.
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// Builds the crate and answers its component.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    require_target(folder)?;
    let messages = CARGO.run_for_output(
        folder,
        &["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"],
    )?;
    let manifest = folder.join("Cargo.toml");
    let manifest =
        manifest.canonicalize().with_context(|| format!("failed to read {}", manifest.display()))?;
    component(&manifest, &messages)
}

/// Sees to it that the compiler has the standard library of the target.
fn require_target(folder: &Path) -> anyhow::Result<()> {
    let library = RUSTC.ask(folder, &["--print", "target-libdir", "--target", TARGET])?;
    if !library.is_some_and(|folder| Path::new(&folder).is_dir()) {
        bail!("the Rust target {TARGET} is not installed: type `rustup target add {TARGET}` and build again");
    }
    Ok(())
}

/// The component that cargo says it has made of the crate with this manifest.
fn component(manifest: &Path, messages: &[u8]) -> anyhow::Result<PathBuf> {
    let messages = serde_json::Deserializer::from_slice(messages).into_iter::<Message>();
    let mut found = None;
    for message in messages {
        let message = message.context("failed to read what cargo says of its artifacts")?;
        let is_ours = message.reason == "compiler-artifact"
            && message.manifest_path.is_some_and(|path| path == manifest)
            && message.target.is_some_and(|target| target.kind.iter().any(|kind| kind == "cdylib"));
        if is_ours {
            let is_component = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
            found = message.filenames.into_iter().find(is_component).or(found);
        }
    }
    found.ok_or_else(|| {
        anyhow!(
            "{} makes no component: write `crate-type = [\"cdylib\", \"rlib\"]` below [lib]",
            manifest.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(manifest: &str, kind: &str, file: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"p","manifest_path":"{manifest}","target":{{"kind":["{kind}"],"name":"x"}},"filenames":["{file}"],"fresh":true}}"#
        )
    }

    #[test]
    fn the_component_is_the_crates_own_library() {
        let lines = [
            r#"{"reason":"build-script-executed","package_id":"p"}"#.to_owned(),
            artifact("/vendor/Cargo.toml", "cdylib", "/t/other.wasm"),
            artifact("/my/Cargo.toml", "lib", "/t/libmy.rlib"),
            artifact("/my/Cargo.toml", "cdylib", "/t/my.wasm"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let found = component(Path::new("/my/Cargo.toml"), lines.join("\n").as_bytes()).unwrap();
        assert_eq!(found, Path::new("/t/my.wasm"));
        let without = component(Path::new("/other/Cargo.toml"), lines.join("\n").as_bytes()).unwrap_err();
        assert_eq!(
            without.to_string(),
            "/other/Cargo.toml makes no component: write `crate-type = [\"cdylib\", \"rlib\"]` below [lib]"
        );
    }
}
