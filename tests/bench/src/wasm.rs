//! What the sandbox costs: the same transform as native code, in an instance that is kept, and in a fresh one.

mod step;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepmill_core::invoke::Attempt;
use stepmill_sandbox::Sandbox;
use stepmill_server::stock;
use stepmill_test_support::guests;
use tokio::runtime::{Builder, Runtime};

use crate::payload::{KIB, order};
use crate::serve::native;
use crate::stats::{Times, median, spread};
use crate::table::{Table, aim, figure};
use crate::{Pace, runs};
use step::Step;

/// Inputs. The last row says what large attempts leave behind for small ones in the same slots.
const SIZES_KIB: [(&str, usize); 4] =
    [("1 KiB", 1), ("16 KiB", 16), ("256 KiB", 256), ("1 KiB, after those", 1)];
/// What a fresh instance may cost more than a warm one, in microseconds.
const AIM_OVERHEAD_US: f64 = 20.0;
/// What two threads are to do, as a multiple of one.
const AIM_THREADS: f64 = 1.7;
/// Blocks of each variant, in turns.
const ROUNDS: usize = 6;

/// Prints the tables.
pub(crate) fn bench(pace: Pace) {
    // Each with a sandbox of its own: what an attempt leaves in a slot of the pool slows later ones down.
    let runtime = runtime(2);
    let parse_shape = || runtime.block_on(Step::load(&step::sandbox(), &guests::bytes("parse-shape"), "{}"));
    latency(pace, &runtime, &parse_shape());
    stock(pace, &runtime, &step::sandbox());
    threads(pace, &parse_shape());
}

fn latency(pace: Pace, runtime: &Runtime, step: &Step) {
    let mut table = Table::new([
        "input",
        "native p50",
        "p99",
        "warm p50",
        "p99",
        "fresh p50",
        "p99",
        "fresh - warm us",
        "fresh / native",
    ]);
    for (label, kib) in SIZES_KIB {
        let [native, warm, fresh] = runtime.block_on(calls(step, kib * KIB, pace));
        let overhead = fresh.p50 - warm.p50;
        table.row([
            label.into(),
            figure(native.p50),
            figure(native.p99),
            figure(warm.p50),
            figure(warm.p99),
            figure(fresh.p50),
            figure(fresh.p99),
            if kib == 1 {
                aim(overhead, overhead <= AIM_OVERHEAD_US, "at most 20")
            } else {
                figure(overhead)
            },
            figure(fresh.p50 / native.p50),
        ]);
    }
    let allocation = if step.sandbox.is_pooled() { "pooled" } else { "on demand" };
    table.print(&format!(
        "Wasm: one transform step (parse, reshape, write JSON), us a call, instances {allocation}, epochs on"
    ));
}

/// Native, warm and fresh, in turns on one thread.
async fn calls(step: &Step, bytes: usize, pace: Pace) -> [Times; 3] {
    let attempt = step.attempt(bytes);
    let text = step::text(&attempt.input).to_owned();
    let mut warm = step.sandbox.warm(&attempt).await.unwrap();
    let expected = step::native(&text);
    for output in [Arc::new(warm.run(&attempt).await.unwrap()), step.fresh(&attempt).await] {
        assert!(step::is_same(&expected, step::text(&output)), "the guest and its native copy differ");
    }
    let mut samples: [Vec<u64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let block = pace.window(300);
        samples[0].extend(clock(block, async || drop(std::hint::black_box(step::native(&text)))).await);
        samples[1].extend(clock(block, async || drop(warm.run(&attempt).await.unwrap())).await);
        samples[2].extend(clock(block, async || drop(step.fresh(&attempt).await)).await);
    }
    samples.map(|mut samples| Times::of(&mut samples))
}

/// Calls for as long as `block`, at least some times, and answers the time of each call but the first few, in
/// nanoseconds.
async fn clock(block: Duration, mut call: impl AsyncFnMut()) -> Vec<u64> {
    let began = Instant::now();
    for _ in 0..3 {
        call().await;
    }
    let mut samples = Vec::new();
    while samples.len() < 10 || began.elapsed() < block {
        let at = Instant::now();
        call().await;
        samples.push(u64::try_from(at.elapsed().as_nanos()).unwrap());
    }
    samples
}

/// The pure steps of the bench `runs`, as they are loaded and prepared for their config. Native code compiles schema
/// and program once.
fn stock(pace: Pace, runtime: &Runtime, sandbox: &Arc<Sandbox>) {
    let text = order(1, KIB);
    let parse = || serde_json::from_str::<Value>(&text).unwrap();
    let schema: Value = serde_json::from_str(runs::SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let component = |name| stock::find(name).unwrap().component;
    let validate = async || assert!(validator.is_valid(&parse()));
    let reshape = async || drop(std::hint::black_box(native::reshape(&parse()).to_string()));
    let both = async || {
        validate().await;
        reshape().await;
    };
    runtime.block_on(async {
        let echo = Step::load(sandbox, &guests::bytes("echo"), "{}").await;
        let check = json!({ "schema": schema }).to_string();
        let check = Step::load(sandbox, component("json-schema"), &check).await;
        let shape = json!({ "jq": runs::PROGRAM }).to_string();
        let shape = Step::load(sandbox, component("map"), &shape).await;
        let native = [
            Times::default(),
            Times::of(&mut clock(pace.window(300), validate).await),
            Times::of(&mut clock(pace.window(300), reshape).await),
            Times::of(&mut clock(pace.window(300), both).await),
        ];
        let rows: [(&str, &[&Step]); 4] = [
            ("echo: no work at all", &[&echo]),
            ("json-schema", &[&check]),
            ("map", &[&shape]),
            ("json-schema, then map", &[&check, &shape]),
        ];
        let plain = fresh(pace, &rows).await;
        for step in [&echo, &check, &shape] {
            step.prepare().await;
        }
        let prepared = fresh(pace, &rows).await;
        let mut table = Table::new(["1 KiB", "plain p50", "p99", "prepared p50", "p99", "native p50", "p99"]);
        for (at, (label, _)) in rows.iter().enumerate() {
            let [plain, prepared, native] = [plain[at], prepared[at], native[at]];
            table.row([
                (*label).into(),
                figure(plain.p50),
                figure(plain.p99),
                figure(prepared.p50),
                figure(prepared.p99),
                figure(native.p50),
                figure(native.p99),
            ]);
        }
        table.print("Wasm: the pure steps of the bench `runs`, us a call");
    });
}

/// Each row's steps one after another in fresh instances.
async fn fresh(pace: Pace, rows: &[(&str, &[&Step])]) -> Vec<Times> {
    let mut times = Vec::new();
    for (_, steps) in rows {
        let attempts: Vec<_> = steps.iter().map(|step| (step, step.attempt(KIB))).collect();
        let one_after_another = async || {
            for (step, attempt) in &attempts {
                step.fresh(attempt).await;
            }
        };
        times.push(Times::of(&mut clock(pace.window(600), one_after_another).await));
    }
    times
}

fn threads(pace: Pace, step: &Step) {
    let window = pace.window(1_200);
    let attempt = step.attempt(KIB);
    let text = step::text(&attempt.input).to_owned();
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..pace.rounds(4) {
        for threads in [1, 2] {
            let fresh = runtime(threads).block_on(async {
                let spawn = |_| tokio::spawn(fresh_calls(step.clone(), attempt.clone(), window));
                let mut calls = 0;
                for one in (0..threads).map(spawn).collect::<Vec<_>>() {
                    calls += one.await.unwrap();
                }
                calls
            });
            let native: u64 = std::thread::scope(|scope| {
                let loops: Vec<_> =
                    (0..threads).map(|_| scope.spawn(|| native_calls(&text, window))).collect();
                loops.into_iter().map(|one| one.join().unwrap()).sum()
            });
            rates[threads - 1].push(fresh as f64 / window.as_secs_f64());
            rates[threads + 1].push(native as f64 / window.as_secs_f64());
        }
    }
    let [one, two, native_one, native_two] = rates.each_ref().map(|rates| median(rates.iter().copied()));
    let mut table = Table::new(["1 KiB", "1 thread, calls/s", "2 threads, calls/s", "ratio", "spread %"]);
    let (ratio, control) = (two / one, native_two / native_one);
    let widest =
        |at: usize| figure(spread(rates[at].iter().copied()).max(spread(rates[at + 1].iter().copied())));
    let met = aim(ratio, ratio >= AIM_THREADS, "at least 1.7");
    table.row(["fresh instances".into(), figure(one), figure(two), met, widest(0)]);
    table.row([
        "native, as a control".into(),
        figure(native_one),
        figure(native_two),
        figure(control),
        widest(2),
    ]);
    table.print("Wasm: throughput");
}

/// Fresh calls within a window, one after another.
async fn fresh_calls(step: Step, attempt: Attempt, window: Duration) -> u64 {
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < window {
        step.fresh(&attempt).await;
        calls += 1;
    }
    calls
}

/// The same in native code.
fn native_calls(text: &str, window: Duration) -> u64 {
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < window {
        std::hint::black_box(step::native(text));
        calls += 1;
    }
    calls
}

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap()
}
