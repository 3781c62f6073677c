//! A drain: nothing more is claimed, what is in flight comes to rest, and all of it is given back.

use std::time::Duration;

use serde_json::json;
use stepmill_core::run::Phase;
use stepmill_test_support::invoke::{Answer, Gate};
use tokio::time::{Instant, sleep};

use super::rig::{DRAIN, Rig};

fn rig(concurrency: usize) -> Rig {
    Rig::new(concurrency, json!([{ "id": "stock", "use": "call" }, { "id": "create", "use": "call" }]))
}

#[tokio::test(start_paused = true)]
async fn a_drain_claims_nothing_more_and_lets_what_is_in_flight_reach_its_next_commit() {
    let (rig, gate) = (rig(1), Gate::default());
    rig.sandbox.script("stock", [gate.holds(Answer::Echo)]);
    let (first, second) = (rig.accept(json!(1)).await, rig.accept(json!(2)).await);
    let running = rig.start();
    rig.begun(1).await;
    running.stop();
    sleep(DRAIN / 2).await;
    gate.open();
    running.ended().await;
    assert_eq!(rig.trace.lines(), ["attempt stock 1", "commit succeeded stock 1"]);

    // Everything was given back, so that another goes on without a restart, and repeats nothing.
    let running = rig.start();
    for run in [first, second] {
        assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    }
    assert_eq!((rig.times("stock").len(), rig.times("create").len()), (2, 2));
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_longer_than_the_drain_is_given_up_and_whole_for_the_next_dispatcher() {
    let rig = rig(2);
    rig.sandbox.script("create", [Gate::default().holds(Answer::Echo)]);
    let run = rig.accept(json!(1)).await;
    let running = rig.start();
    rig.begun(2).await;
    let begun = Instant::now();
    running.drained().await;
    assert!((DRAIN..DRAIN + Duration::from_secs(1)).contains(&begun.elapsed()), "{:?}", begun.elapsed());

    let running = rig.start();
    let (state, entries) = rig.ended(run).await;
    assert_eq!((state.phase, entries.len()), (Phase::Succeeded, 4));
    let life = ["attempt stock 1", "commit succeeded stock 1", "attempt create 1"];
    let wanted: Vec<_> =
        life.into_iter().chain(["attempt create 1", "commit succeeded create 1, end"]).collect();
    assert_eq!(rig.trace.lines(), wanted);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_no_rest_and_gives_the_resting_run_back() {
    let rig = rig(1);
    rig.sandbox.script("stock", [Answer::Panic]);
    let run = rig.accept(json!(1)).await;
    let running = rig.start();
    rig.begun(1).await;
    sleep(Duration::from_secs(5)).await;
    let begun = Instant::now();
    running.drained().await;
    let running = rig.start();
    rig.ended(run).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_nothing_once_the_journal_has_failed() {
    let rig = rig(1);
    rig.sandbox.script("stock", [Gate::default().holds(Answer::Echo)]);
    rig.accept(json!(1)).await;
    let running = rig.start();
    rig.begun(1).await;
    rig.journal.fail("the disk is gone");
    let begun = Instant::now();
    running.drained().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
