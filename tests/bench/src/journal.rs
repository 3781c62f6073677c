//! How many events a second the journal makes durable, and what durability costs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepmill_core::clock::{Clock as _, SystemClock};
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Acceptance, Dedupe};
use stepmill_core::run::Accepted;
use stepmill_core::{Journal, RunId};
use stepmill_journal::{LocalJournal, Options, Sync};
use tokio::task::JoinSet;

use crate::Pace;
use crate::payload::{KIB, order};
use crate::stats::{Times, median, spread};
use crate::table::{Table, figure};
use crate::usage::Usage;

const TASKS: [usize; 4] = [1, 8, 64, 512];

/// Which journal.
#[derive(Clone, Copy, Debug)]
enum Variant {
    Durable,
    Unsynced,
    Memory,
}

const VARIANTS: [Variant; 3] = [Variant::Durable, Variant::Unsynced, Variant::Memory];

/// One measurement.
struct Outcome {
    rate: f64,
    times: Times,
    cpu_us: f64,
}

/// Prints the table.
pub(crate) fn bench(pace: Pace) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut table =
        Table::new(["journal", "tasks", "events/s", "p50 us", "p99 us", "CPU us/event", "spread %"]);
    for tasks in TASKS {
        let mut outcomes: [Vec<Outcome>; 3] = VARIANTS.map(|_| Vec::new());
        for _ in 0..pace.rounds(3) {
            for (variant, outcomes) in VARIANTS.iter().zip(&mut outcomes) {
                outcomes.push(runtime.block_on(measure(*variant, tasks, pace.window(1_200))));
            }
        }
        for (variant, outcomes) in VARIANTS.iter().zip(&outcomes) {
            let name = match variant {
                Variant::Durable => "sled, durable",
                Variant::Unsynced => "sled, not synced",
                Variant::Memory => "memory",
            };
            let times = Times::median(outcomes.iter().map(|one| one.times));
            table.row([
                name.into(),
                tasks.to_string(),
                figure(median(outcomes.iter().map(|one| one.rate))),
                figure(times.p50),
                figure(times.p99),
                figure(median(outcomes.iter().map(|one| one.cpu_us))),
                figure(spread(outcomes.iter().map(|one| one.rate))),
            ]);
        }
    }
    table.print("Journal: accepting events of 1 KiB with a dedupe key, each task one at a time");
}

async fn measure(variant: Variant, tasks: usize, window: Duration) -> Outcome {
    let folder = tempfile::TempDir::with_prefix("journal-").unwrap();
    let sync = |sync| {
        let mut options = Options::new(folder.path());
        options.sync = sync;
        LocalJournal::open(&options).unwrap()
    };
    let journal = Arc::new(match variant {
        Variant::Durable => sync(Sync::Durable),
        Variant::Unsynced => sync(Sync::Unsynced),
        Variant::Memory => LocalJournal::memory(Arc::new(SystemClock)).unwrap(),
    });
    let begin = Instant::now() + window / 4;
    let end = begin + window;
    let (body, numbers) = (Arc::new(order(1, KIB)), Arc::new(AtomicU64::new(1)));
    let before = Usage::of(std::process::id()).cpu_s;
    let mut appending = JoinSet::new();
    for _ in 0..tasks {
        let (journal, body, numbers) = (Arc::clone(&journal), Arc::clone(&body), Arc::clone(&numbers));
        appending.spawn(async move {
            let mut samples = Vec::new();
            loop {
                let acceptance = acceptance(numbers.fetch_add(1, Ordering::Relaxed), &body);
                let began = Instant::now();
                if began >= end {
                    return samples;
                }
                let accepted = journal.accept(vec![acceptance]).await.unwrap();
                assert!(matches!(accepted.as_slice(), [stepmill_core::journal::Outcome::New(_)]));
                let ended = Instant::now();
                if ended >= begin && ended < end {
                    samples.push(u64::try_from((ended - began).as_nanos()).unwrap());
                }
            }
        });
    }
    let mut samples: Vec<u64> = appending.join_all().await.into_iter().flatten().collect();
    // Warming up is in it, and so are its events: the rate is about the same.
    let cpu_us =
        (Usage::of(std::process::id()).cpu_s - before) * 1e6 / (numbers.load(Ordering::Relaxed) as f64);
    Outcome { rate: samples.len() as f64 / window.as_secs_f64(), times: Times::of(&mut samples), cpu_us }
}

/// What ingress makes of a POST.
fn acceptance(number: u64, body: &str) -> Acceptance {
    let at_ms = SystemClock.now_ms();
    let id = format!("{number:016x}");
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = BTreeMap::from([
        header("accept", "*/*"),
        header("content-length", "1024"),
        header("content-type", "application/json"),
        header("host", "127.0.0.1:8080"),
        header("user-agent", "bench/1"),
        header("x-id", &id),
        header("x-signature", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ]);
    let accepted = Accepted {
        run: RunId::new(at_ms, scattered(number)),
        workflow: "orders".into(),
        version: "0123456789abcdef0123456789abcdef".into(),
        event: Event {
            trigger: Trigger::Webhook { path: "/orders".into() },
            headers,
            query: BTreeMap::new(),
            document: Document::from_bytes("application/json", body.as_bytes().to_vec()),
            raw: None,
        },
        timeout_ms: None,
        parent: None,
        key: None,
        lane: None,
        gather: None,
        is_held: false,
    };
    let dedupe = Some(Dedupe { scope: "orders".into(), key: id, expires_ms: at_ms + 604_800_000 });
    Acceptance { accepted, at_ms, dedupe, fire: None }
}

/// Bytes without an order, as random ones are (splitmix64), and never the same twice.
fn scattered(number: u64) -> [u8; 10] {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
    bytes
}
