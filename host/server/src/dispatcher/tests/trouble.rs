//! What is not the run's fault: it rests, others go on, and nothing is doubled.

use std::time::Duration;

use serde_json::json;
use stepmill_core::attempt::Cause;
use stepmill_core::run::{Phase, What, replay};
use stepmill_core::storage::{Condition, PluginStorage as _, StorageOp, StorageWrite, StoredValue};
use stepmill_test_support::invoke::Answer;
use stepmill_test_support::journal::Twist;

use super::rig::Rig;

fn put(value: &str, condition: Condition) -> Answer {
    let op = StorageOp::Put { value: value.into(), condition, ttl_ms: None };
    let write = StorageWrite { namespace: "orders".into(), key: "last".into(), op };
    Answer::Writes(json!(value), vec![write])
}

#[tokio::test(start_paused = true)]
async fn a_refused_commit_leaves_the_run_to_rest_and_then_it_goes_on_with_nothing_doubled() {
    for (twist, rest) in [
        (Twist::Fenced, Duration::from_secs(1)),
        (Twist::StorageConflict, Duration::from_secs(1)),
        (Twist::Io, Duration::from_secs(1)),
        (Twist::Illegal, Duration::from_secs(60)),
    ] {
        let rig = Rig::new(1, json!([{ "id": "call", "use": "call" }, { "id": "book", "use": "call" }]));
        rig.journal.twist(1, twist);
        let (first, second) = (rig.accept(json!(1)).await, rig.accept(json!(2)).await);
        let running = rig.start();
        let (state, entries) = rig.ended(first).await;
        assert_eq!(state.phase, Phase::Succeeded, "{twist:?}");
        rig.ended(second).await;

        let life =
            ["attempt call 1", "commit succeeded call 1", "attempt book 1", "commit succeeded book 1, end"];
        // The resting run keeps nobody from its place, and its attempt, of which the journal knows
        // nothing, is made again.
        let wanted: Vec<_> = ["attempt call 1"].into_iter().chain(life).chain(life).collect();
        assert_eq!(rig.trace.lines(), wanted, "{twist:?}");
        let whats: Vec<_> = entries.iter().map(|entry| std::mem::discriminant(&entry.what)).collect();
        assert_eq!(whats.len(), 4, "{entries:?}");
        assert_eq!(replay(&entries).unwrap().unwrap(), state);
        let asked = rig.sandbox.asked_of("call");
        assert_eq!(asked[2].attempt.run, first);
        let waited = asked[2].at_ms - asked[0].at_ms;
        assert!(waited >= u64::try_from(rest.as_millis()).unwrap(), "{twist:?}: {waited} ms");
        running.drained().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_lost_a_race_for_storage_is_made_again_without_counting() {
    let call = json!({ "id": "call", "use": "call", "retry": { "attempts": 1 } });
    let rig = Rig::new(1, json!([{ "id": "shape", "use": "shape" }, call]));
    let running = rig.start();
    let racers =
        [put("one", Condition::IfAbsent), put("two", Condition::IfAbsent), put("three", Condition::Always)];
    rig.sandbox.script("call", racers);
    rig.ended(rig.accept(json!({})).await).await;
    let (state, entries) = rig.ended(rig.accept(json!({})).await).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let What::AttemptFailed { record, .. } = &entries[1].what else { panic!("{entries:?}") };
    assert_eq!(record.failure.as_ref().unwrap().cause, Cause::StorageConflict);
    assert_eq!(entries[1].pure.len(), 1, "what led to the lost attempt is kept with it");
    assert_eq!(replay(&entries[..2]).unwrap().unwrap().tries("call").counted, 0);
    let What::StepSucceeded { output, record } = &entries[2].what else { panic!("{entries:?}") };
    assert_eq!((output.to_json().unwrap(), record.number), (json!("three"), 2));
    let stored = rig.journal.inner().get("orders", "last").await.unwrap().unwrap();
    assert_eq!(stored.value, StoredValue::Bytes("three".into()), "a failed attempt leaves no write");
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_host_costs_its_run_a_rest_and_nothing_else() {
    let rig = Rig::new(1, json!([{ "id": "call", "use": "call", "retry": { "attempts": 1 } }]));
    rig.sandbox.script("call", [Answer::Panic]);
    let (first, second) = (rig.accept(json!(1)).await, rig.accept(json!(2)).await);
    let running = rig.start();
    let (state, entries) = rig.ended(first).await;
    assert_eq!((state.phase, entries.len()), (Phase::Succeeded, 3));
    let asked = rig.sandbox.asked_of("call");
    let order: Vec<_> = asked.iter().map(|asked| (asked.attempt.run, asked.attempt.number)).collect();
    assert_eq!(order, [(first, 1), (second, 1), (first, 1)]);
    assert!(asked[1].at_ms - asked[0].at_ms < 1_000, "the other run did not wait");
    assert!(asked[2].at_ms - asked[0].at_ms >= 60_000, "the run rested");
    running.drained().await;
}
