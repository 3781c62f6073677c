//! How many events a second are accepted durably: `cargo run --release --example appends [folder]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::Acceptance;
use stepmill_core::run::Accepted;
use stepmill_core::{Clock as _, Journal as _, RunId, clock::SystemClock};
use stepmill_journal::{LocalJournal, Options};

const BODY_BYTES: usize = 1 << 10;
const MEASURED: Duration = Duration::from_secs(3);

fn acceptance(number: u64) -> Acceptance {
    let at_ms = SystemClock.now_ms();
    let mut random = [0; 10];
    random.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(to, byte)| *to = byte);
    let document = Document::from_bytes("application/json", vec![b'x'; BODY_BYTES]);
    let trigger = Trigger::Webhook { path: "/orders".into() };
    let accepted = Accepted {
        run: RunId::new(at_ms, random),
        workflow: "orders".into(),
        version: "v1".into(),
        event: Event { trigger, headers: BTreeMap::new(), query: BTreeMap::new(), document, raw: None },
        timeout_ms: None,
        parent: None,
        key: None,
        lane: None,
        gather: None,
        is_held: false,
    };
    Acceptance { accepted, at_ms, dedupe: None, fire: None }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path =
        std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("stepmill-appends"), PathBuf::from);
    let journal = Arc::new(LocalJournal::open(&Options::new(&path))?);
    for tasks in [1, 8, 64, 512_u64] {
        let until = Instant::now() + MEASURED;
        let mut running = Vec::new();
        for task in 0..tasks {
            let journal = Arc::clone(&journal);
            running.push(tokio::spawn(async move {
                let mut waited = Vec::new();
                while Instant::now() < until {
                    let begun = Instant::now();
                    let number = task << 32 | waited.len() as u64;
                    journal.accept(vec![acceptance(number)]).await?;
                    waited.push(begun.elapsed());
                }
                Ok::<_, stepmill_core::journal::JournalError>(waited)
            }));
        }
        let mut waited = Vec::new();
        for task in running {
            waited.extend(task.await??);
        }
        waited.sort_unstable();
        let at = |share: usize| waited.get(waited.len() * share / 100).map_or(0, Duration::as_micros);
        let rate = waited.len() as u64 / MEASURED.as_secs();
        println!("{tasks:>4} tasks: {rate:>7} a second, p50 {} us, p99 {} us", at(50), at(99));
    }
    Ok(())
}
