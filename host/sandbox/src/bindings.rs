//! What `bindgen!` makes of the package in `wit/`. Nothing is written by hand here.
//!
//! The connector world imports all that the worlds of steps import, so its types and `Host` traits serve all
//! three; the verifying world adds its own. Exports are called by [`crate::export`], which borrows the arguments instead of copying them.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "connector-plugin",
    imports: {
        "stepmill:plugin/http.send": async,
        "stepmill:plugin/storage.get": async,
        "stepmill:plugin/storage.put": async,
        "stepmill:plugin/storage.delete": async,
        "stepmill:plugin/storage.list-keys": async,
        "stepmill:plugin/storage.add": async,
        "stepmill:plugin/storage.counter": async,
    },
    exports: { default: async },
});

pub(crate) use stepmill::plugin::{http, log, storage, types};

mod verifying {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "verify-plugin",
        with: {
            "stepmill:plugin/types": super::stepmill::plugin::types,
            "stepmill:plugin/log": super::stepmill::plugin::log,
        },
        exports: { default: async },
    });
}

pub(crate) use verifying::exports::stepmill::plugin::verify;
pub(crate) use verifying::stepmill::plugin::keys;
