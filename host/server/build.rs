//! Compiles the stock plugins to WebAssembly, and gathers the example and what plugins are begun with, so that the
//! binary carries them.
//!
//! The plugins are built by a second cargo in a target folder of its own (`target/guests`), because the
//! first one holds the lock of its own. The environment that the first one sets up for native code is
//! taken away from it, so that the same components come of `cargo build`, `check` and `clippy`.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[path = "build/kit.rs"]
mod kit;

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "guest";
/// What the components are made of, besides the crates of Cargo.lock.
const INPUTS: [&str; 8] = [
    "plugins",
    "sdk/rust/Cargo.toml",
    "sdk/rust/src",
    "wit",
    ".cargo/config.toml",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace =
        manifest.ancestors().nth(2).ok_or("host/server is not two folders below the workspace")?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    for input in INPUTS.map(|input| workspace.join(input)) {
        // A path that does not exist would make every build run this again.
        if input.exists() {
            println!("cargo::rerun-if-changed={}", input.display());
        }
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    gather_example(&workspace.join("examples/order-to-cash"), &out.join("order-to-cash"))?;
    kit::gather(workspace, &out.join("kit"))?;
    require_target()?;
    let folder = target_folder(&out).join("guests");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.current_dir(workspace).args(["build", "--quiet", "--profile", PROFILE, "--target", TARGET]);
    cargo.arg("--target-dir").arg(&folder);
    if workspace.join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    let plugins = stock_plugins(&workspace.join("plugins"))?;
    for plugin in &plugins {
        cargo.args(["--package", &format!("stepmill-plugin-{plugin}")]);
    }
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_for_native_code) {
            cargo.env_remove(name);
        }
    }
    if !cargo.status()?.success() {
        return Err("the stock plugins do not compile; the compiler's messages stand below".into());
    }
    let mut table = String::from("&[\n");
    for plugin in &plugins {
        let file = format!("stepmill_plugin_{}.wasm", plugin.replace('-', "_"));
        let built = folder.join(TARGET).join(PROFILE).join(&file);
        fs::copy(&built, out.join(&file))
            .map_err(|error| format!("failed to copy {}: {error}", built.display()))?;
        let component = format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))");
        table.push_str(&format!("    Stock {{ name: {plugin:?}, component: {component} }},\n"));
    }
    table.push_str("]\n");
    fs::write(out.join("stock.rs"), table)?;
    Ok(())
}

/// The names of the stock plugins: every crate in `plugins/` is one.
fn stock_plugins(folder: &Path) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() {
            let name = entry.file_name().into_string();
            names.insert(name.map_err(|name| format!("plugins/{} is not UTF-8", name.display()))?);
        }
    }
    Ok(names)
}

/// Copies what belongs to the example, and nothing that serving it has left beside.
fn gather_example(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    for part in ["README.md", "stepmill.yaml", "workflows", "schemas"] {
        kit::copy(&from.join(part), &to.join(part))?;
    }
    Ok(())
}

/// Whether a variable of the outer build would change the inner one. The toolchain, the registry and the
/// network stay as they are.
fn is_for_native_code(name: &str) -> bool {
    const NAMES: [&str; 4] =
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
    const PREFIXES: [&str; 8] = [
        "CARGO_BUILD_",
        "CARGO_TARGET_",
        "CARGO_PROFILE_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_PKG_",
        "CLIPPY_",
        "__CARGO_",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Sees to it that the compiler has the standard library of the target.
fn require_target() -> Result<(), Box<dyn Error>> {
    let has_target = || -> Result<bool, Box<dyn Error>> {
        let output = Command::new(variable("RUSTC")?)
            .args(["--print", "target-libdir", "--target", TARGET])
            .output()?;
        Ok(output.status.success() && Path::new(String::from_utf8(output.stdout)?.trim()).is_dir())
    };
    if has_target()? {
        return Ok(());
    }
    let added =
        Command::new("rustup").args(["target", "add", TARGET]).status().is_ok_and(|status| status.success());
    if added && has_target()? {
        return Ok(());
    }
    Err(format!(
        "the Rust target {TARGET} is not installed: type `rustup target add {TARGET}` and build again"
    )
    .into())
}

/// The outer build's target folder: the one that cargo has marked as such.
fn target_folder(out: &Path) -> &Path {
    out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()).unwrap_or(out)
}

fn variable(name: &str) -> Result<OsString, Box<dyn Error>> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}").into())
}
