//! Guests, compiled once a test run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Path of a guest's component: `endless-loop` of tests/guests, or `stepmill_plugin_map` of plugins.
pub fn path(name: &str) -> PathBuf {
    let folder = build();
    let example = folder.join("examples").join(format!("{}.wasm", name.replace('-', "_")));
    let dashed = folder.join("examples").join(format!("{name}.wasm"));
    let plugin = folder.join(format!("{name}.wasm"));
    [example, dashed, plugin]
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no guest {name} in {}", folder.display()))
}

/// A guest's component.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// The guest `stamped` with this in its manifest.
pub fn stamped(name: &str, version: &str, config_schema: &str) -> Vec<u8> {
    const MARK: &[u8] = b"stepmill-test-manifest:";
    let mut component = bytes("stamped");
    let at = component.windows(MARK.len()).position(|window| window == MARK).unwrap() + MARK.len();
    let stamp = format!("{name}\x1e{version}\x1e{config_schema}\x1e");
    component[at..at + stamp.len()].copy_from_slice(stamp.as_bytes());
    component
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The folder of compiled components that all services of the tests share.
pub fn compiled() -> PathBuf {
    target().join("compiled")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds all guests and answers the folder they are in.
fn build() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let guests = target().join("guests");
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(root())
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .args(["build", "--quiet", "--locked", "--profile", "guest", "--target", "wasm32-wasip2"])
            .args(["-p", "stepmill-guests", "--examples", "--target-dir"])
            .arg(&guests)
            .status()
            .unwrap();
        assert!(status.success(), "failed to build the guests of tests/guests");
        guests.join("wasm32-wasip2").join("guest")
    })
}
