//! Benchmarks of Stepmill against native code that does the same, side by side in one run.
//!
//! `cargo run --release -p stepmill-bench -- [wasm|ingest|runs|journal|queue|growth|all] [--quick]` prints Markdown
//! tables. What each figure means and how noise is handled is in tests/bench/README.md.
//!
//! Servers and the load generator are processes of their own: this binary again, under the subcommands
//! `serve` ([`serve`]) and `load` ([`load`]). Start reading at [`ingest`].

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on panics"
)]
#![allow(clippy::cast_precision_loss, reason = "figures for people are rounded anyway")]

mod backlog;
mod child;
mod growth;
mod ingest;
mod journal;
mod load;
mod machine;
mod payload;
mod queue;
mod runs;
mod serve;
mod stats;
mod table;
mod usage;
mod wasm;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mimalloc::MiMalloc;
use stepmill_test_support::guests;

/// The allocator of the `stepmill` binary, here for what it is compared with as well.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long and how often things are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Whether this is a smoke test, whose figures mean little.
    quick: bool,
}

impl Pace {
    /// Rounds of alternation.
    pub(crate) fn rounds(self, rounds: usize) -> usize {
        if self.quick { 1 } else { rounds }
    }

    /// One measurement of `ms`, or a glimpse.
    pub(crate) fn window(self, ms: u64) -> Duration {
        Duration::from_millis(if self.quick { ms / 6 } else { ms })
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", what] => return serve::main(what),
        ["load"] => return load::main(),
        _ => {}
    }
    let pace = Pace { quick: words.contains(&"--quick") };
    let names: Vec<&str> = words.into_iter().filter(|word| *word != "--quick").collect();
    let chosen = match names.as_slice() {
        [] | ["all"] => &["wasm", "journal", "ingest", "runs", "queue", "growth"][..],
        names
            if names
                .iter()
                .all(|name| ["wasm", "ingest", "runs", "journal", "queue", "growth"].contains(name)) =>
        {
            names
        }
        _ => {
            eprintln!("usage: stepmill-bench [wasm|ingest|runs|journal|queue|growth|all] [--quick]");
            std::process::exit(2);
        }
    };
    let scratch = scratch();
    println!("{}", machine::describe(scratch.path(), pace.quick));
    for name in chosen {
        match *name {
            "wasm" => wasm::bench(pace),
            "ingest" => ingest::bench(pace),
            "runs" => runs::bench(pace),
            "growth" => growth::bench(pace, scratch.path()),
            "queue" => queue::bench(pace, scratch.path()),
            _ => journal::bench(pace),
        }
    }
}

/// A folder for all data, beside the built files: a disk, where `/tmp` may be none.
fn scratch() -> tempfile::TempDir {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| guests::root().join("target"), PathBuf::from);
    std::fs::create_dir_all(&target).unwrap();
    let target = target.canonicalize().unwrap();
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(target).unwrap();
    override_temp_dir(scratch.path());
    scratch
}

/// Projects of the test support are made in the folder for temporary files.
fn override_temp_dir(folder: &Path) {
    tempfile::env::override_temp_dir(folder).unwrap();
}
