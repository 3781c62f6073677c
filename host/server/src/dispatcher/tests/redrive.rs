//! Dead letters that rules redrive.

use std::time::Duration;

use serde_json::{Value, json};
use stepmill_core::attempt::Cause;
use stepmill_core::run::{Entry, Phase, What};
use stepmill_test_support::invoke::Answer;

use super::rig::Rig;

/// A workflow of these steps whose rejected runs are redriven after an hour.
fn workflow(times: u32, steps: Value) -> Value {
    let rule = json!({ "on": { "cause": ["rejected"] }, "after": "1h", "times": times });
    json!({ "redrive": [rule], "steps": steps, "on-failure": [{ "id": "mourn", "use": "call" }] })
}

fn call(id: &str) -> Value {
    json!({ "id": id, "use": "call" })
}

fn rejected(times: usize) -> impl Iterator<Item = Answer> + Send + 'static {
    (0..times).map(|_| Answer::fail(Cause::Rejected))
}

/// Whether each redrive was by a rule.
fn redrives(entries: &[Entry]) -> Vec<bool> {
    let by_rule = |entry: &Entry| match &entry.what {
        What::Redriven { by_rule, .. } => Some(*by_rule),
        _ => None,
    };
    entries.iter().filter_map(by_rule).collect()
}

fn redriven(from_start: bool) -> What {
    What::Redriven { from_start, document: None, version: None, by: "jo".into(), by_rule: false }
}

#[tokio::test(start_paused = true)]
async fn a_rule_redrives_a_dead_letter_from_the_failed_step_over_a_restart() {
    let rig = Rig::of(1, workflow(3, json!([call("a"), call("b")])));
    rig.sandbox.script("b", rejected(1).chain([Answer::Echo]));
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    let (dead, _) = rig.until(run, |state| state.phase.is_dead()).await;
    let redrive = dead.redrive().unwrap();
    assert_eq!((redrive.at_ms - dead.changed_ms, redrive.times), (3_600_000, 3));
    running.killed().await;
    rig.journal.restart().await;
    let running = rig.start();
    let (state, entries) = rig.until(run, |state| state.phase == Phase::Succeeded).await;
    assert_eq!((state.redrives, state.rule_redrives, redrives(&entries)), (1, 1, vec![true]));
    assert_eq!((rig.times("a").len(), rig.times("b").len()), (1, 2));
    let waited = rig.times("b")[1] - rig.times("b")[0];
    assert!((3_600_000..3_600_100).contains(&waited), "{waited}");
    assert!(rig.times("mourn").is_empty(), "nobody need hear of it");
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn rules_end_after_their_times_and_only_the_last_death_is_told() {
    let rig = Rig::of(1, workflow(2, json!([call("a")])));
    rig.sandbox.script("a", rejected(9));
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    let (state, entries) = rig.until(run, |state| state.phase.is_dead() && state.redrive().is_none()).await;
    assert_eq!((state.rule_redrives, redrives(&entries)), (2, vec![true, true]));
    rig.begun(4).await;
    assert_eq!((rig.times("a").len(), rig.times("mourn").len()), (3, 1));
    assert!(rig.times("mourn")[0] >= rig.times("a")[2]);
    // What a person has redriven is told of again at once: the rule is used up for the run's life.
    rig.append(run, redriven(false)).await;
    rig.begun(6).await;
    assert_eq!((rig.times("a").len(), rig.times("mourn").len()), (4, 2));
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_is_faster_than_a_rule() {
    let rig = Rig::of(2, workflow(2, json!([call("a")])));
    rig.sandbox.script("a", rejected(2).chain([Answer::Echo]));
    let running = rig.start();
    let (redriven_at_once, cancelled) = (rig.accept(json!({})).await, rig.accept(json!({})).await);
    for run in [redriven_at_once, cancelled] {
        rig.until(run, |state| state.redrive().is_some()).await;
    }
    rig.append(redriven_at_once, redriven(false)).await;
    rig.append(cancelled, What::Cancelled { by: "jo".into(), undo: false }).await;
    let (state, entries) = rig.ended(redriven_at_once).await;
    assert_eq!((state.phase, state.rule_redrives, redrives(&entries)), (Phase::Succeeded, 0, vec![false]));
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    assert_eq!(rig.ended(cancelled).await.0.phase, Phase::Cancelled);
    assert_eq!(rig.times("a").len(), 3);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_undone_is_redriven_from_the_start_with_new_keys() {
    let hotel = json!({ "id": "hotel", "use": "call", "undo": { "use": "call" } });
    let rig = Rig::of(1, workflow(1, json!([hotel, call("pay")])));
    rig.sandbox.script("pay", rejected(1).chain([Answer::Echo]));
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    let (dead, _) = rig.until(run, |state| state.phase.is_dead()).await;
    assert!(matches!(dead.phase, Phase::Dead { undone: true, .. }) && dead.redrive().is_some(), "{dead:?}");
    let (state, _) = rig.until(run, |state| state.phase == Phase::Succeeded).await;
    assert_eq!((state.rounds, state.rule_redrives), (1, 1));
    let keys: Vec<String> =
        rig.sandbox.asked_of("hotel").iter().map(|asked| asked.attempt.idempotency_key.clone()).collect();
    assert_eq!(keys, [format!("{run}:hotel"), format!("{run}:hotel:1")]);
    assert!(rig.times("mourn").is_empty());
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn an_item_is_redriven_by_rule_where_its_list_waits_for_it() {
    for (failures, redriven) in [("all", 1), ("collect", 0), ("stop", 0)] {
        let each = json!({ "id": "each", "for-each": { "in": "${{ [1, 2] }}", "failures": failures },
            "steps": [call("send")] });
        let rig = Rig::of(4, workflow(1, json!([each])));
        rig.sandbox.script("send", rejected(1).chain(std::iter::repeat_with(|| Answer::Echo)));
        let running = rig.start();
        let run = rig.accept(json!({})).await;
        let (state, _) = rig.until(run, |state| state.phase.has_ended() || state.phase.is_dead()).await;
        assert_eq!(state.phase.is_dead(), failures == "stop", "{failures}: {state:?}");
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        let items = rig.all().await.into_iter().filter(|state| state.workflow == "orders/each");
        let made: u32 = items.map(|item| item.rule_redrives).sum();
        assert_eq!(made, redriven, "{failures}");
        running.drained().await;
    }
}
