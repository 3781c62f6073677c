//! Loading: what is refused and with which sentence, and the cache of compiled components. Real guests
//! are run in tests/it; here are hand-written components.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use stepmill_core::PluginStorage;
use stepmill_core::attempt::Cause;
use stepmill_core::bound::Bound;
use stepmill_core::clock::SystemClock;
use stepmill_core::journal::JournalError;
use stepmill_core::storage::Stored;
use stepmill_sandbox::egress::Egress;
use stepmill_sandbox::{BuildError, LoadError, Options, Sandbox};

struct Empty;

#[async_trait]
impl PluginStorage for Empty {
    async fn get(&self, _: &str, _: &str) -> Result<Option<Stored>, JournalError> {
        Ok(None)
    }

    async fn keys(&self, _: &str, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, JournalError> {
        Ok(Vec::new())
    }
}

fn build(options: Options) -> Result<Arc<Sandbox>, BuildError> {
    let egress = Egress::try_new(Vec::new()).unwrap();
    Sandbox::try_new(options, egress, Arc::new(Empty), Arc::new(SystemClock))
}

/// On-demand allocation: the pool is what tests/it runs on.
fn sandbox() -> Arc<Sandbox> {
    build(Options { pool: false, ..Options::default() }).unwrap()
}

/// The whole chain of causes, as a person sees it.
async fn refusal(sandbox: &Sandbox, bytes: &[u8]) -> String {
    let error = sandbox.load(bytes).await.expect_err("it is not loadable");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A component of the interfaces' outlines only: it exports what makes it a plugin of `world` and imports
/// `imports`, but none of it has the right type.
fn outline(world: &str, imports: &[&str]) -> Vec<u8> {
    with_module(world, imports, "")
}

/// The same with more in its core module.
fn with_module(world: &str, imports: &[&str], module: &str) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))\n")).collect();
    let text = format!(
        r#"(component
            {imports}
            (core module $m (func (export "f")) {module})
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $step (export "run" (func $f)))
            (export "{world}" (instance $step))
            (export "describe" (func $f)))"#
    );
    wat::parse_str(text).unwrap()
}

const TRANSFORM: &str = "stepmill:plugin/transform@0.1.0";
const CONNECTOR: &str = "stepmill:plugin/connector@0.1.0";
const VERIFY: &str = "stepmill:plugin/verify@0.1.0";

#[tokio::test]
async fn what_is_no_component_is_refused_with_a_sentence() {
    let sandbox = sandbox();
    assert!(refusal(&sandbox, b"").await.contains("not WebAssembly"));
    assert!(refusal(&sandbox, b"#!/bin/sh\n").await.contains("not WebAssembly"));
    let module = wat::parse_str("(module (memory 1))").unwrap();
    assert!(refusal(&sandbox, &module).await.contains("wasm32-wasip2"));
    let nothing = wat::parse_str("(component)").unwrap();
    assert!(refusal(&sandbox, &nothing).await.contains("exports no step"));
    let future = outline("stepmill:plugin/transform@0.2.0", &[]);
    assert!(refusal(&sandbox, &future).await.contains("stepmill:plugin/transform@0.2.0"));
    let mistyped = outline(TRANSFORM, &[]);
    assert!(refusal(&sandbox, &mistyped).await.contains("does not match stepmill:plugin@0.1"));
}

#[tokio::test]
async fn damaged_components_are_refused_and_never_panic() {
    let sandbox = sandbox();
    let whole = outline(TRANSFORM, &[]);
    for end in 0..whole.len() {
        assert!(sandbox.load(&whole[..end]).await.is_err());
    }
    // A simple generator: the test is to be the same at every run.
    let mut random: u64 = 1;
    for _ in 0..300 {
        let mut damaged = whole.clone();
        for _ in 0..3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(random >> 33).unwrap() % damaged.len();
            damaged[at] ^= (random >> 20) as u8;
        }
        assert!(sandbox.load(&damaged).await.is_err());
    }
}

#[tokio::test]
async fn imports_outside_the_world_are_refused_by_name() {
    let sandbox = sandbox();
    let cases: BTreeMap<(&str, &str), &str> = BTreeMap::from([
        ((TRANSFORM, "stepmill:plugin/http@0.1.0"), "a transform is pure"),
        ((TRANSFORM, "stepmill:plugin/storage@0.1.0"), "a transform is pure"),
        ((TRANSFORM, "wasi:http/outgoing-handler@0.2.4"), "a transform is pure"),
        ((TRANSFORM, "wasi:sockets/tcp@0.2.4"), "must not open sockets"),
        ((CONNECTOR, "wasi:sockets/tcp@0.2.4"), "plugins open no sockets"),
        ((VERIFY, "stepmill:plugin/http@0.1.0"), "a verify plugin is pure"),
        ((VERIFY, "stepmill:plugin/storage@0.1.0"), "a verify plugin is pure"),
        ((VERIFY, "wasi:http/types@0.2.4"), "a verify plugin is pure"),
        ((VERIFY, "wasi:sockets/tcp@0.2.4"), "must not open sockets"),
        ((TRANSFORM, "stepmill:plugin/keys@0.1.0"), "no webhook whose keys"),
        ((CONNECTOR, "stepmill:plugin/keys@0.1.0"), "no webhook whose keys"),
        ((CONNECTOR, "wasi:cli/environment@0.3.0"), "this host answers WASI 0.2"),
        ((CONNECTOR, "stepmill:plugin/http@0.2.0"), "this host speaks stepmill:plugin 0.1"),
        ((CONNECTOR, "stepmill:plugin/queue@0.1.0"), "can import nothing of that name"),
        ((CONNECTOR, "acme:secrets/vault@1.0.0"), "can import nothing of that name"),
        ((CONNECTOR, "wasi:http/incoming-handler@0.2.0"), "can import nothing of that name"),
    ]);
    for ((world, import), reason) in cases {
        let text = refusal(&sandbox, &outline(world, &[import])).await;
        assert!(text.contains(import) && text.contains(reason), "{world} with {import}: {text}");
    }
}

#[tokio::test]
async fn a_component_with_two_steps_or_no_describe_is_refused() {
    let sandbox = sandbox();
    let two = wat::parse_str(format!(
        r#"(component (instance $i) (export "{TRANSFORM}" (instance $i)) (export "{CONNECTOR}" (instance $i)))"#
    ));
    assert!(refusal(&sandbox, &two.unwrap()).await.contains("of exactly one kind"));
    let silent = wat::parse_str(format!(r#"(component (instance $i) (export "{TRANSFORM}" (instance $i)))"#));
    assert!(refusal(&sandbox, &silent.unwrap()).await.contains("no function `describe`"));
}

/// What the module does when it is instantiated is what any guest code can do.
async fn cause(sandbox: &Sandbox, module: &str) -> (Cause, String) {
    match sandbox.load(&with_module(TRANSFORM, &[], module)).await {
        Err(LoadError::Describe { cause, message }) => (cause, message),
        other => panic!("expected a failed describe, got {other:?}"),
    }
}

#[tokio::test]
async fn hostile_code_is_one_failure_with_a_named_cause() {
    for pool in [false, true] {
        let sandbox = build(Options { pool, max_concurrent: 2, ..Options::default() }).unwrap();
        let (named, text) = cause(&sandbox, "(func $f (loop (br 0))) (start $f)").await;
        assert!(named == Cause::CpuDeadline && text.contains("cpu_ms"), "{named:?}: {text}");
        let (named, text) = cause(&sandbox, "(func $deep (call $deep)) (start $deep)").await;
        assert!(named == Cause::StackOverflow && text.contains("0: deep"), "{named:?}: {text}");
        let (named, text) = cause(&sandbox, "(func $f unreachable) (start $f)").await;
        assert!(named == Cause::Trap && text.contains("unreachable"), "{named:?}: {text}");
        let (named, text) = cause(&sandbox, "(memory 2000)").await;
        assert!(named == Cause::MemoryLimit && text.contains("memory_bytes"), "{named:?}: {text}");
        let (named, _) = cause(&sandbox, "(memory 600) (memory 600)").await;
        assert_eq!(named, Cause::MemoryLimit, "all memories together");
        let grow = "(memory 1) (func $f (drop (memory.grow (i32.const 5000))) unreachable) (start $f)";
        assert_eq!(cause(&sandbox, grow).await.0, Cause::MemoryLimit);
        let many = with_module(TRANSFORM, &[], &"(memory 1)".repeat(5));
        let text = refusal(&sandbox, &many).await;
        assert!(text.contains("memor"), "{text}");
    }
}

fn cached(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for engine in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(engine.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files
}

#[tokio::test]
async fn compiled_components_are_kept_and_a_damaged_one_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        || Options { pool: false, cache_dir: Some(folder.path().join("aot")), ..Options::default() };
    let component = outline(TRANSFORM, &[]);
    // It compiles, and is kept, before its types are looked at.
    assert!(build(options()).unwrap().load(&component).await.is_err());
    let files = cached(&folder.path().join("aot"));
    assert_eq!(files.len(), 1);
    let whole = fs::read(&files[0]).unwrap();
    let changed = || fs::metadata(&files[0]).unwrap().modified().unwrap();
    let first = changed();

    build(options()).unwrap().load(&component).await.unwrap_err();
    assert_eq!(changed(), first, "the second load takes it from the cache");

    for damage in [0, 20, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[damage] ^= 1;
        fs::write(&files[0], &damaged).unwrap();
        let text = refusal(&build(options()).unwrap(), &component).await;
        assert!(text.contains("does not match"), "{text}");
        assert_eq!(fs::read(&files[0]).unwrap().len(), whole.len());
        assert_ne!(fs::read(&files[0]).unwrap(), damaged, "it was compiled again");
    }
    fs::write(&files[0], b"").unwrap();
    assert!(refusal(&build(options()).unwrap(), &component).await.contains("does not match"));
}

#[test]
fn a_cache_that_others_may_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("aot");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o770)).unwrap();
    let result = build(Options { pool: false, cache_dir: Some(open.clone()), ..Options::default() });
    assert!(matches!(result, Err(BuildError::CacheUnsafe { .. })));
    fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
    build(Options { pool: false, cache_dir: Some(open.clone()), ..Options::default() }).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&open, &link).unwrap();
    let result = build(Options { pool: false, cache_dir: Some(link), ..Options::default() });
    assert!(matches!(result, Err(BuildError::CacheUnsafe { .. })));
}

#[tokio::test]
async fn a_component_whose_names_are_wrong_is_refused_before_it_is_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("aot");
    let options = Options { pool: false, cache_dir: Some(cache.clone()), ..Options::default() };
    let sandbox = build(options).unwrap();
    for (component, why) in [
        (outline("wasi:cli/run@0.2.0", &[]), "exports no step"),
        (outline(TRANSFORM, &["stepmill:plugin/http@0.1.0"]), "is pure"),
        (outline(CONNECTOR, &["stepmill:plugin/http@1.0.0"]), "rebuild the plugin with an SDK"),
        (
            wat::parse_str(format!(r#"(component (instance $i) (export "{TRANSFORM}" (instance $i)))"#))
                .unwrap(),
            "no function `describe`",
        ),
        // What stands in a component that is nested in it is not its own.
        (
            wat::parse_str(format!(
                r#"(component (component $c (instance $i) (export "{TRANSFORM}" (instance $i))))"#
            ))
            .unwrap(),
            "it exports: nothing",
        ),
    ] {
        let text = refusal(&sandbox, &component).await;
        assert!(text.contains(why), "{text}");
    }
    assert!(cached(&cache).is_empty(), "none was compiled");
}

/// Puts the files of a cache into the order in which they were used, an hour apart.
fn used_in_order(files: &[std::path::PathBuf]) {
    let now = std::time::SystemTime::now();
    for (hours, file) in files.iter().rev().enumerate() {
        let then = now - std::time::Duration::from_secs(3600 * (hours as u64 + 1));
        fs::File::open(file).unwrap().set_modified(then).unwrap();
    }
}

#[tokio::test]
async fn a_bounded_cache_loses_what_was_not_used_for_longest() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("aot");
    let sandbox = |bytes, entries| {
        let cache_bound = Some(Bound { bytes, entries });
        build(Options { pool: false, cache_dir: Some(cache.clone()), cache_bound, ..Options::default() })
            .unwrap()
    };
    let component = |at: u32| with_module(TRANSFORM, &[], &format!("(global i32 (i32.const {at}))"));
    // They compile, and are kept, before their types are looked at.
    let load = async |sandbox: Arc<Sandbox>, at: u32| drop(sandbox.load(&component(at)).await.unwrap_err());
    let all = || cached(&cache).into_iter().collect::<BTreeSet<_>>();
    drop(sandbox(u64::MAX, 3));
    let mut files = Vec::new();
    for at in 0..3 {
        let before = all();
        load(sandbox(u64::MAX, 3), at).await;
        files.extend(all().difference(&before).cloned());
    }
    assert_eq!(files.len(), 3);
    let size = fs::metadata(&files[0]).unwrap().len();
    used_in_order(&files);
    // What another version of the host has compiled, and what a process that is gone was writing.
    let former = cache.join("0123456789abcdef");
    fs::create_dir(&former).unwrap();
    let (old, draft) = (former.join("00.cwasm"), former.join(".1-1.tmp"));
    fs::write(&old, "old").unwrap();
    fs::write(&draft, "half").unwrap();
    used_in_order(&[old.clone(), draft.clone(), files[0].clone(), files[1].clone(), files[2].clone()]);

    // The first is used again, so that the second goes; and so do the leavings of others.
    load(sandbox(u64::MAX, 3), 0).await;
    load(sandbox(u64::MAX, 3), 3).await;
    let left = all();
    assert!(left.contains(&files[0]) && !left.contains(&files[1]) && left.contains(&files[2]), "{left:?}");
    assert!(left.len() == 3 && !old.exists() && !draft.exists(), "{left:?}");
    // By their sizes together.
    load(sandbox(size * 2 + size / 2, 100), 4).await;
    assert_eq!(all().len(), 2, "{:?}", all());
    // One that is beyond the bound by itself serves, and is not kept.
    load(sandbox(1, 100), 5).await;
    assert!(all().is_empty(), "{:?}", all());
}
