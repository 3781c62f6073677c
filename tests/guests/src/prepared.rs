//! A transform that makes a table of its config's words, and in `prepare` does besides what it is told to:
//! most of which it must not. It answers all that could tell one attempt from the other.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::{Context, Failure, Transform, log};
use wasip2::cli::stderr::get_stderr;
use wasip2::random::insecure::get_insecure_random_u64;
use wasip2::random::random::get_random_u64;

static PREPARED: AtomicU32 = AtomicU32::new(0);
static RUN: AtomicU32 = AtomicU32::new(0);

/// The step's `with:`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What the table is made of.
    words: Vec<String>,
    /// Filled memory that is kept, in MiB.
    #[serde(default)]
    mebibytes: usize,
    /// Turns of a loop: 100 million take a while.
    #[serde(default)]
    turns: u64,
    /// What else `prepare` does.
    #[serde(default)]
    and: And,
}

/// What else `prepare` does.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum And {
    #[default]
    Nothing,
    Reject,
    Retry,
    Panic,
    Exit,
    Random,
    InsecureRandom,
    Clock,
    Log,
    Print,
    Handle,
}

/// All that could tell one attempt from another.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// The table's words in the order that it happens to have.
    order: Vec<String>,
    /// The same of a table made in `run`.
    other_order: Vec<String>,
    /// How often `prepare` was called in this memory.
    prepared: u32,
    /// How often `run` was called in this memory before.
    run: u32,
    /// The sum of the filled memory.
    sum: u64,
    /// A random number, drawn in `run`.
    random: u64,
    /// The time in `run`, in milliseconds since the Unix epoch.
    now_ms: u128,
    /// The input.
    input: String,
}

struct Prepared {
    table: HashMap<String, usize>,
    filled: Vec<u8>,
}

impl Transform for Prepared {
    const NAME: &'static str = "prepared";
    const SUMMARY: &'static str = "Makes its config ready, as told.";
    type Config = Config;
    type Input = String;
    type Output = Answer;

    fn prepare(config: Config) -> Result<Self, Failure> {
        PREPARED.fetch_add(1, Ordering::Relaxed);
        for turn in 0..config.turns {
            black_box(turn);
        }
        misbehave(config.and)?;
        Ok(Self { table: table(&config.words), filled: vec![1; config.mebibytes << 20] })
    }

    fn run(&self, input: String, _: &Context) -> Result<Answer, Failure> {
        println!("run with {input}");
        let order: Vec<_> = self.table.keys().cloned().collect();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Ok(Answer {
            other_order: table(&order).into_keys().collect(),
            order,
            prepared: PREPARED.load(Ordering::Relaxed),
            run: RUN.fetch_add(1, Ordering::Relaxed),
            sum: self.filled.iter().map(|byte| u64::from(*byte)).sum(),
            random: get_random_u64(),
            now_ms: now.map_or(0, |now| now.as_millis()),
            input,
        })
    }
}

fn table(words: &[String]) -> HashMap<String, usize> {
    words.iter().map(|word| (word.clone(), word.len())).collect()
}

#[allow(clippy::panic, reason = "on purpose")]
fn misbehave(and: And) -> Result<(), Failure> {
    match and {
        And::Nothing => {}
        And::Reject => return Err(Failure::reject("No Words!", "there are no good words")),
        And::Retry => return Err(Failure::retry("the words are late")),
        And::Panic => panic!("prepare panicked on purpose"),
        And::Exit => std::process::exit(3),
        And::Random => drop(black_box(get_random_u64())),
        And::InsecureRandom => drop(black_box(get_insecure_random_u64())),
        And::Clock => drop(black_box(SystemTime::now())),
        And::Log => log::info!("preparing"),
        And::Print => println!("preparing"),
        And::Handle => std::mem::forget(get_stderr()),
    }
    Ok(())
}

stepmill_sdk::export_transform!(Prepared);
