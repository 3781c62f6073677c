//! What can go wrong outside an attempt: building the sandbox and loading a component.

use std::io;
use std::path::PathBuf;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the sandbox cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// wasmtime refuses the settings or this machine.
    #[error("failed to start the WebAssembly engine")]
    Engine(#[source] Source),
    /// No thread for the ticker.
    #[error("failed to start the thread that interrupts guests")]
    Ticker(#[source] io::Error),
    /// The cache's folder could not be made or read.
    #[error("failed to open the cache of compiled plugins at {}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Somebody else could put native code into the cache's folder.
    #[error("{} must be a folder that belongs to the service's user and that no one else may write: {reason}; \
             correct it (chown, chmod 700) or set another cache folder", path.display())]
    CacheUnsafe {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why a component cannot be loaded. Each text tells the plugin's author what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is too large.
    #[error(
        "the component has {size} bytes or more, and the limit is {limit}: strip it (`wasm-tools strip`), build it \
         for size, or split it"
    )]
    TooLarge {
        /// Size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes do not begin as WebAssembly does.
    #[error(
        "the file is not WebAssembly, as it does not begin with \\0asm: give the .wasm file that the build made, \
         such as target/wasm32-wasip2/release/NAME.wasm"
    )]
    NotWasm,
    /// A core module.
    #[error(
        "the file is a core WebAssembly module, not a component: build it for the target wasm32-wasip2, \
         or turn it into one with `wasm-tools component new`"
    )]
    CoreModule,
    /// It does not parse, does not validate or uses what is switched off.
    #[error(
        "the component is damaged, or uses WebAssembly features that this host does not support: build it again \
         for wasm32-wasip2 without further target features"
    )]
    Invalid(#[source] Source),
    /// It exports none of the interfaces that make a plugin one of its kind.
    #[error(
        "the component exports no step: it must export one of stepmill:plugin/transform, \
         stepmill:plugin/validate or stepmill:plugin/connector, or else stepmill:plugin/verify, at version 0.1 (it \
         exports: {exports})"
    )]
    NoStep {
        /// What it does export.
        exports: String,
    },
    /// It exports several.
    #[error("the component exports {first} and {second}: a plugin is of exactly one kind; split it")]
    SeveralSteps {
        /// One of them.
        first: String,
        /// Another.
        second: String,
    },
    /// An interface of ours, in a version that this host does not speak.
    #[error(
        "the component uses {name}, and this host speaks stepmill:plugin 0.1: \
         rebuild the plugin with an SDK for 0.1, or use a host for its version"
    )]
    Version {
        /// The interface with its version.
        name: String,
    },
    /// An import outside its world.
    #[error("the component imports {name}: {reason}")]
    Import {
        /// The import.
        name: String,
        /// Why it is refused, and what to do.
        reason: String,
    },
    /// It exports no `describe`.
    #[error(
        "the component exports no function `describe`: build it with a Stepmill SDK or export it by hand (see wit/worlds.wit)"
    )]
    NoDescribe,
    /// Its imports or exports have other types than the WIT package says.
    #[error("the component does not match stepmill:plugin@0.1: rebuild it against this host's wit/")]
    Mismatch(#[source] Source),
    /// `describe` failed.
    #[error(
        "`describe`, which is called once when the plugin is loaded and must do no more than answer the manifest, \
         failed ({cause}): {message}",
        cause = cause.name()
    )]
    Describe {
        /// The named cause.
        cause: stepmill_core::attempt::Cause,
        /// What happened.
        message: String,
    },
    /// The manifest is not valid.
    #[error("the manifest's {field} {reason}")]
    Manifest {
        /// The field.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// Our fault.
    #[error("failed to compile the component: the compiler broke down")]
    Compiler(#[source] tokio::task::JoinError),
}

/// Why there is no snapshot of a plugin with a config. Attempts go on without.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// No plugin has the digest.
    #[error("the plugin is not loaded")]
    NotLoaded,
    /// It has no `prepare`.
    #[error("the plugin exports no `prepare`")]
    Absent,
    /// It refuses the config.
    #[error("the plugin refuses the config ({code}): {message}")]
    Rejected {
        /// A short stable name for the kind of rejection.
        code: String,
        /// What is wrong, for a person.
        message: String,
    },
    /// Its `prepare` did what it must not, or came to no end.
    #[error("`prepare` cannot be used: {0}")]
    Unusable(String),
    /// There are too many.
    #[error("the plugin is prepared for {limit} configs already")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// wizer does not know how to, or the memory could not be read.
    #[error("no snapshot can be made of a component that is built like this one")]
    Unsupported(#[source] Source),
    /// What wizer made does not compile.
    #[error("failed to compile the snapshot")]
    Compile(#[source] Source),
    /// What wizer made is no plugin.
    #[error("the snapshot is no plugin")]
    Altered(#[source] LoadError),
    /// What wizer made has other imports or exports.
    #[error("the snapshot has other imports or exports than the component that it was made of")]
    Different,
    /// Nobody waited for it any more.
    #[error("the snapshot was not finished")]
    Abandoned,
    /// Our fault, or wizer's.
    #[error("failed to make the snapshot: it broke down")]
    Broken(#[source] tokio::task::JoinError),
}
