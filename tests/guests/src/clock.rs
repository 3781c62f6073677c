//! A transform that answers all that could differ from call to call: the time, randomness, environment
//! and arguments. Two calls for the same run and step must answer the same.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Instant, SystemTime};

use schemars::JsonSchema;
use serde::Serialize;
use stepmill_sdk::{Context, Document, Failure, NoConfig, Transform};
use wasip2::random::random::get_random_u64;

/// What it saw.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// The wall clock, in milliseconds since the Unix epoch.
    now_ms: u128,
    /// What the monotonic clock says of some work, in nanoseconds.
    elapsed_ns: u128,
    /// 16 random bytes, hexadecimal.
    random: String,
    /// What follows from the seed of hash maps.
    hash_seed: u64,
    /// Number of environment variables.
    env: usize,
    /// Number of command line arguments.
    args: usize,
    /// When the event was accepted, for comparison.
    accepted_at_ms: u128,
}

struct Clock;

impl Transform for Clock {
    const NAME: &'static str = "clock";
    const SUMMARY: &'static str = "Answers the time, randomness and environment.";
    type Config = NoConfig;
    type Input = Document;
    type Output = Answer;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, _: Document, ctx: &Context) -> Result<Answer, Failure> {
        let start = Instant::now();
        let random = [get_random_u64(), get_random_u64()];
        Ok(Answer {
            now_ms: since_epoch_ms(SystemTime::now()),
            elapsed_ns: start.elapsed().as_nanos(),
            random: random.map(|number| format!("{number:016x}")).concat(),
            hash_seed: RandomState::new().build_hasher().finish(),
            env: std::env::vars_os().count(),
            args: std::env::args_os().count(),
            accepted_at_ms: since_epoch_ms(ctx.accepted_at()),
        })
    }
}

fn since_epoch_ms(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis())
}

stepmill_sdk::export_transform!(Clock);
