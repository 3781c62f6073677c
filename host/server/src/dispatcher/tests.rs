#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod crash;
mod drain;
mod examples;
mod redrive;
mod rig;
mod shapes;
mod trouble;

use std::iter::repeat_with;
use std::time::Duration;

use serde_json::{Value, json};
use stepmill_core::attempt::Cause;
use stepmill_core::run::{Phase, What, replay};
use stepmill_test_support::invoke::{Answer, Asked, Gate};

use rig::Rig;

/// Two pure steps, a connector, a pure step, a connector.
fn five_steps() -> Value {
    json!([
        { "id": "check", "use": "check" }, { "id": "shape", "use": "shape" }, { "id": "stock", "use": "call" },
        { "id": "order", "use": "shape" }, { "id": "create", "use": "call" },
    ])
}

#[tokio::test(start_paused = true)]
async fn pure_steps_run_back_to_back_and_a_connectors_output_is_committed_before_the_next_step_starts() {
    let rig = Rig::new(1, five_steps());
    let running = rig.start();
    let (state, entries) = rig.ended(rig.accept(json!({})).await).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let life = [
        "attempt check 1",
        "attempt shape 1",
        "attempt stock 1",
        "commit succeeded stock 1",
        "attempt order 1",
        "attempt create 1",
        "commit succeeded create 1, end",
    ];
    assert_eq!(rig.trace.lines(), life);
    let pure: Vec<Vec<_>> =
        entries.iter().map(|entry| entry.pure.iter().map(|record| &*record.step).collect()).collect();
    assert_eq!(pure, [vec![], vec!["check", "shape"], vec!["order"], vec![]]);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_begun_is_carried_to_its_end_before_a_further_one_takes_its_place() {
    let rig = Rig::new(1, five_steps());
    for _ in 0..3 {
        rig.accept(json!({})).await;
    }
    let last = rig.accept(json!({})).await;
    let running = rig.start();
    rig.ended(last).await;
    let lines = rig.trace.lines();
    let lives: Vec<_> = lines.chunks(7).collect();
    assert_eq!(lives.len(), 4);
    for life in &lives {
        assert_eq!(life, &lives[0], "{lines:#?}");
        assert_eq!((&*life[0], &*life[6]), ("attempt check 1", "commit succeeded create 1, end"));
    }
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn never_more_runs_are_in_flight_than_there_are_places() {
    let rig = Rig::new(3, json!([{ "id": "shape", "use": "shape" }, { "id": "call", "use": "call" }]));
    let gate = Gate::default();
    rig.sandbox.script("call", {
        let gate = gate.clone();
        repeat_with(move || gate.holds(Answer::Echo))
    });
    let mut runs = Vec::new();
    for _ in 0..10 {
        runs.push(rig.accept(json!({})).await);
    }
    let running = rig.start();
    rig.begun(6).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let begun: Vec<_> = rig.sandbox.asked().iter().map(|asked| asked.attempt.run).collect();
    assert_eq!(begun.len(), 6, "three runs have begun their two steps");
    assert!(begun.iter().all(|run| runs[..3].contains(run)), "those that waited longest");
    gate.open();
    for run in runs {
        rig.ended(run).await;
    }
    assert_eq!(rig.sandbox.most_at_once(), 3);
    assert_eq!(rig.sandbox.asked().len(), 20);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_retrying_run_is_tried_again_when_due_with_its_number_going_on_and_host_faults_for_free() {
    let retry = json!({ "attempts": 3, "first": "10s", "max": "1m", "jitter": "none" });
    let rig = Rig::new(1, json!([{ "id": "call", "use": "call", "retry": retry }]));
    let running = rig.start();
    let causes = [Cause::Host, Cause::Host, Cause::RetryAsked, Cause::Host, Cause::Trap];
    rig.sandbox.script("call", causes.map(Answer::fail));
    let (state, entries) = rig.ended(rig.accept(json!({})).await).await;
    assert_eq!(state.phase, Phase::Succeeded);

    let asked = rig.sandbox.asked_of("call");
    let numbers: Vec<_> = asked.iter().map(|asked| asked.attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let key = |asked: &Asked| asked.attempt.idempotency_key.clone();
    assert!(asked.iter().all(|asked_again| key(asked_again) == key(&asked[0])));
    let mut delays = Vec::new();
    for (failed, next) in entries[1..6].iter().zip(&asked[1..]) {
        let What::AttemptFailed { retry_at_ms, .. } = failed.what else { panic!("{failed:?}") };
        // Exact to what a timer of a millisecond can be.
        assert!((retry_at_ms..=retry_at_ms + 2).contains(&next.at_ms), "{retry_at_ms} {}", next.at_ms);
        delays.push(retry_at_ms - failed.at_ms);
    }
    assert_eq!((delays[2], delays[4]), (10_000, 20_000));
    assert!([delays[0], delays[1], delays[3]].iter().all(|delay| *delay <= 200), "{delays:?}");
    let counted = replay(&entries[..6]).unwrap().unwrap().tries("call");
    assert_eq!((counted.last, counted.counted, counted.host_faults), (5, 2, 0));

    // Without a success, the third one that counts is the last.
    let causes = [Cause::Host, Cause::RetryAsked, Cause::Host, Cause::WallDeadline, Cause::Host, Cause::Trap];
    rig.sandbox.script("call", causes.map(Answer::fail));
    let (state, entries) = rig.ended(rig.accept(json!({})).await).await;
    assert!(matches!(&state.phase, Phase::Dead { failure, .. } if failure.cause == Cause::Trap), "{state:?}");
    assert_eq!((entries.len(), state.tries("call").last, state.tries("call").counted), (7, 6, 3));
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_without_its_workflow_waits_and_goes_on_at_once_when_it_is_deployed() {
    let rig = Rig::new(1, json!([{ "id": "call", "use": "call" }]));
    let running = rig.start_without_workflow();
    let run = rig.accept(json!({})).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    running.drained().await;
    assert!(rig.sandbox.asked().is_empty());
    let running = rig.start();
    let (ended, entries) = rig.ended(run).await;
    assert_eq!((ended.phase, entries.len()), (Phase::Succeeded, 3));
    assert_eq!(rig.sandbox.asked()[0].attempt.number, 1);
    running.drained().await;
}
