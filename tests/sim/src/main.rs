//! Tells stories on the command line.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use stepmill_sim::journal::Mutation;
use stepmill_sim::story::{self, Told};

/// Simulates the engine: each seed is a story of events, failures, crashes and jumps of the clock.
#[derive(Debug, Parser)]
struct Arguments {
    /// The one story to tell, with what came of it
    #[arg(long)]
    seed: Option<u64>,
    /// How many stories to tell
    #[arg(long, default_value_t = 10_000, conflicts_with = "seed")]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// Breaks the engine on purpose
    #[arg(long, value_enum)]
    mutation: Option<Mutation>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        // RUST_LOG shows what the engine says.
        tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
        let told = story::tell(seed, arguments.mutation);
        println!("{told:#?}");
        anyhow::ensure!(told.problems.is_empty(), "seed {seed} has {} problems", told.problems.len());
        return Ok(());
    }
    let begun = Instant::now();
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from.saturating_add(arguments.seeds);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let told: Vec<(u64, Told)> = std::thread::scope(|scope| {
        let tell = || {
            let mut told = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return told;
                }
                told.push((seed, story::tell(seed, arguments.mutation)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(tell)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a story does not panic")).collect()
    });
    let mut phases: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut runs, mut crashes, mut effects) = (0, 0, 0);
    for (_, told) in &told {
        runs += told.runs;
        crashes += told.crashes;
        effects += told.effects;
        for (phase, count) in &told.phases {
            *phases.entry(phase).or_default() += count;
        }
    }
    println!(
        "{} stories in {:.0} s: {runs} runs, {crashes} crashes, {effects} effects; in the end {phases:?}",
        told.len(),
        begun.elapsed().as_secs_f64()
    );
    let mut bad: Vec<&(u64, Told)> = told.iter().filter(|(_, told)| !told.problems.is_empty()).collect();
    bad.sort_by_key(|(seed, _)| *seed);
    for (seed, told) in bad.iter().take(10) {
        println!("--seed {seed}: {}", told.problems.first().map_or("", String::as_str));
    }
    anyhow::ensure!(bad.is_empty(), "{} of {} stories have problems", bad.len(), told.len());
    Ok(())
}
