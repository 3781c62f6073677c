//! What a component is, told from the names of its imports and exports before any of it runs: which world it targets,
//! and whether it imports only what that world may.
//!
//! They are looked at twice: as they stand in the bytes, so that a wrong component is refused before seconds go into its
//! compilation, and as they are in what was compiled, which is what is linked.

use stepmill_core::manifest::Kind;
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Parser, Payload, TypeBounds};
use wasmtime::component::types::{self, ComponentItem};

use crate::error::LoadError;

/// Largest component, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// The WIT package and the track of versions that this host speaks.
const PACKAGE: &str = "stepmill:plugin";
const TRACK: (u64, u64) = (0, 1);
/// What any component may export besides its step.
const PREPARE: &str = "stepmill:plugin/prepare";
/// The function by which every component says what it is.
const DESCRIBE: &str = "describe";
const WASI_TRACK: (u64, u64) = (0, 2);

/// What any component may import: logging, and what a standard library drags in, answered without I/O.
const SHARED: [&str; 22] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "stepmill:plugin/types",
    "stepmill:plugin/log",
];

/// What connectors may import besides.
const CONNECTOR: [&str; 4] =
    ["stepmill:plugin/http", "stepmill:plugin/storage", "wasi:http/types", "wasi:http/outgoing-handler"];

/// What verifying components may import besides.
const VERIFY: [&str; 1] = ["stepmill:plugin/keys"];

/// What the type of a component says.
#[derive(Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    /// Name of the exported interface that makes it its kind, with its version.
    pub(crate) step: String,
    /// Name of the exported interface `prepare`, with its version, if there is one.
    pub(crate) prepare: Option<String>,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// Refuses what is no component by its first bytes.
pub(crate) fn check_bytes(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > MAX_BYTES {
        return Err(LoadError::TooLarge { size: bytes.len(), limit: MAX_BYTES });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm);
    }
    // After the magic: two bytes of version, two of layer. Modules are layer 0, components layer 1.
    if bytes.get(4..8) == Some(&[1, 0, 0, 0]) {
        return Err(LoadError::CoreModule);
    }
    Ok(())
}

/// Looks at the imports and exports of a component that is not compiled yet. What else is wrong with it is found by
/// compiling it.
pub(crate) fn inspect_bytes(bytes: &[u8]) -> Result<Shape, LoadError> {
    Outline::parse(bytes).map_err(|error| LoadError::Invalid(error.into()))?.check()
}

/// Looks at the imports and exports of one that was compiled.
pub(crate) fn inspect(engine: &wasmtime::Engine, component: &types::Component) -> Result<Shape, LoadError> {
    let outline = Outline {
        imports: component.imports(engine).map(|(name, _)| name.to_owned()).collect(),
        exports: component.exports(engine).map(|(name, _)| name.to_owned()).collect(),
        describes: component
            .exports(engine)
            .any(|(name, export)| name == DESCRIBE && matches!(export.ty, ComponentItem::ComponentFunc(_))),
    };
    outline.check()
}

/// The names of what a component imports and exports.
#[derive(Default)]
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
    /// Whether it exports a function `describe`.
    describes: bool,
}

impl Outline {
    /// Reads the outermost component's own sections, past what is nested in it.
    fn parse(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut outline = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                    depth = depth.saturating_add(1);
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        let import = import?;
                        // Another name for a type that is known already asks for nothing.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            outline.imports.push(import.name.name.to_owned());
                        }
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        let export = export?;
                        let is_function = export.kind == ComponentExternalKind::Func;
                        outline.describes |= is_function && export.name.name == DESCRIBE;
                        outline.exports.push(export.name.name.to_owned());
                    }
                }
                // Names alone are looked at here; every other section is the compiler's.
                _ => {}
            }
        }
        Ok(outline)
    }

    fn check(self) -> Result<Shape, LoadError> {
        let Self { imports, exports, describes } = self;
        let (kind, step) = step(&exports)?;
        let prepare = prepare(&exports)?;
        if !describes {
            return Err(LoadError::NoDescribe);
        }
        for import in &imports {
            check_import(kind, import)?;
        }
        Ok(Shape { kind, step, prepare, imports, exports })
    }
}

fn step(exports: &[String]) -> Result<(Kind, String), LoadError> {
    let mut found: Option<(Kind, &String)> = None;
    for export in exports {
        let Some(kind) = kind_of(Name::parse(export)) else { continue };
        if !Name::parse(export).is_of(TRACK) {
            return Err(LoadError::Version { name: export.clone() });
        }
        if let Some((_, first)) = found {
            return Err(LoadError::SeveralSteps { first: first.clone(), second: export.clone() });
        }
        found = Some((kind, export));
    }
    match found {
        Some((kind, name)) => Ok((kind, name.clone())),
        None => Err(LoadError::NoStep { exports: list(exports) }),
    }
}

fn prepare(exports: &[String]) -> Result<Option<String>, LoadError> {
    match exports.iter().find(|export| Name::parse(export).interface == PREPARE) {
        Some(name) if !Name::parse(name).is_of(TRACK) => Err(LoadError::Version { name: name.clone() }),
        found => Ok(found.cloned()),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

fn kind_of(name: Name<'_>) -> Option<Kind> {
    match name.interface {
        "stepmill:plugin/transform" => Some(Kind::Transform),
        "stepmill:plugin/validate" => Some(Kind::Validate),
        "stepmill:plugin/connector" => Some(Kind::Connector),
        "stepmill:plugin/verify" => Some(Kind::Verify),
        _ => None,
    }
}

fn check_import(kind: Kind, import: &str) -> Result<(), LoadError> {
    let name = Name::parse(import);
    let refused = |reason: String| Err(LoadError::Import { name: import.to_owned(), reason });
    let is_shared = SHARED.contains(&name.interface);
    let is_connectors = CONNECTOR.contains(&name.interface);
    let is_verifiers = VERIFY.contains(&name.interface);
    if name.package() == PACKAGE && !name.is_of(TRACK) {
        return Err(LoadError::Version { name: import.to_owned() });
    }
    if (is_shared || is_connectors) && name.package() != PACKAGE && !name.is_of(WASI_TRACK) {
        return refused("this host answers WASI 0.2; build the plugin for wasm32-wasip2".into());
    }
    match kind {
        Kind::Connector if is_shared || is_connectors => Ok(()),
        Kind::Verify if is_shared || is_verifiers => Ok(()),
        Kind::Transform | Kind::Validate if is_shared => Ok(()),
        Kind::Transform | Kind::Validate | Kind::Connector if is_verifiers => refused(format!(
            "a {} has no webhook whose keys it could ask; leave it to a plugin that exports \
             stepmill:plugin/verify, or do without",
            kind.name()
        )),
        Kind::Verify if is_connectors => refused(
            "a verify plugin is pure and must not reach the outside; a key is given in the webhook's config, and \
             asked through stepmill:plugin/keys"
                .into(),
        ),
        Kind::Transform | Kind::Validate if is_connectors => refused(format!(
            "a {} is pure and must not reach the outside; make it a connector, or do without",
            kind.name()
        )),
        Kind::Connector if name.package() == "wasi:sockets" => refused(
            "plugins open no sockets; send requests through stepmill:plugin/http or wasi:http/outgoing-handler".into(),
        ),
        Kind::Verify if name.package() == "wasi:sockets" => {
            refused("a verify plugin is pure and must not open sockets; do without".into())
        }
        Kind::Transform | Kind::Validate if name.package() == "wasi:sockets" => {
            refused(format!(
                "a {} is pure and must not open sockets; make it a connector that sends requests through \
                 stepmill:plugin/http, or do without",
                kind.name()
            ))
        }
        Kind::Connector | Kind::Transform | Kind::Validate | Kind::Verify => {
            refused(format!(
                "a {} can import nothing of that name here; build it against this host's wit/ and WASI 0.2 alone",
                kind.name()
            ))
        }
    }
}

/// `namespace:package/interface@version`.
#[derive(Clone, Copy)]
struct Name<'a> {
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Self {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        Self { interface, version }
    }

    fn package(self) -> &'a str {
        self.interface.split('/').next().unwrap_or_default()
    }

    fn is_of(self, (major, minor): (u64, u64)) -> bool {
        semver::Version::parse(self.version)
            .is_ok_and(|version| version.major == major && version.minor == minor && version.pre.is_empty())
    }
}
