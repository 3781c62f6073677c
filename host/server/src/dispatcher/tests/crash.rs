//! A crash at every commit in turn.

use std::iter::once;

use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::attempt::Cause;
use stepmill_core::run::{Phase, replay};
use stepmill_test_support::invoke::Answer;
use stepmill_test_support::journal::Twist;

use super::rig::{Rig, committed};

/// Commits of the run: stock, a failed create, create, and book with the end.
const COMMITS: usize = 4;

/// Each success of a connector answers with a number of its own, so that it shows which one was used.
fn rig() -> Rig {
    let rig = Rig::new(
        1,
        json!([
            { "id": "check", "use": "check" },
            { "id": "stock", "use": "call" },
            { "id": "shape", "use": "shape" },
            { "id": "create", "use": "call", "with": { "stock": "${{ steps.stock.output }}" } },
            { "id": "book", "use": "call",
              "input": { "shape": "${{ steps.shape.output }}", "create": "${{ steps.create.output }}" } },
        ]),
    );
    let numbered = |step: &'static str| (1..).map(move |n| Answer::Output(json!({ step: n })));
    rig.sandbox.script("stock", numbered("stock"));
    rig.sandbox.script("create", once(Answer::fail(Cause::RetryAsked)).chain(numbered("create")));
    rig.sandbox.script("book", numbered("book"));
    rig
}

/// Starts a run, crashes at a commit, and goes on. Whether the crash came.
async fn crash(rig: &Rig, run: RunId, commit: usize, twist: Twist) -> bool {
    rig.journal.twist(commit, twist);
    let running = rig.start();
    let has_crashed = rig.journal.crashes_during(async { drop(rig.ended(run).await) }).await;
    running.killed().await;
    rig.journal.restart().await;
    has_crashed
}

async fn ends_well(rig: &Rig, run: RunId) {
    let running = rig.start();
    let (state, entries) = rig.ended(run).await;
    running.drained().await;
    assert_eq!(state.phase, Phase::Succeeded);
    assert_eq!(replay(&entries).unwrap().unwrap(), state);

    // Whatever was committed was used by every attempt after it, of the other process too.
    let (stock, create) = (committed(&entries, "stock"), committed(&entries, "create"));
    for asked in rig.sandbox.asked_of("create") {
        let config: Value = serde_json::from_str(&asked.attempt.config).unwrap();
        assert_eq!(config, json!({ "stock": stock }));
    }
    for asked in rig.sandbox.asked_of("book") {
        let fed = asked.attempt.input.to_json().unwrap();
        assert_eq!(fed, json!({ "shape": stock, "create": create }));
    }
    // The last effect of each is the one that counts: no step is begun again once it is committed.
    for (step, failures) in [("stock", 0), ("create", 1), ("book", 0)] {
        let effects = rig.sandbox.asked_of(step).len() - failures;
        assert!(effects >= 1);
        assert_eq!(committed(&entries, step), json!({ step: effects }), "{:#?}", rig.trace.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_right_after_any_commit_repeats_no_effect() {
    for commit in 1..=COMMITS {
        let rig = rig();
        let run = rig.accept(json!({})).await;
        assert!(crash(&rig, run, commit, Twist::CrashAfter).await, "there is a commit {commit}");
        ends_well(&rig, run).await;
        let effects: usize = ["stock", "create", "book"].map(|step| rig.times(step).len()).iter().sum();
        assert_eq!(effects, COMMITS, "{:#?}", rig.trace.lines());
    }
    let rig = rig();
    let run = rig.accept(json!({})).await;
    assert!(!crash(&rig, run, COMMITS + 1, Twist::CrashAfter).await, "there are no further commits");
}

#[tokio::test(start_paused = true)]
async fn a_crash_right_before_any_commit_repeats_one_effect_and_uses_the_repeated_one() {
    for commit in 1..=COMMITS {
        let rig = rig();
        let run = rig.accept(json!({})).await;
        assert!(crash(&rig, run, commit, Twist::CrashBefore).await, "there is a commit {commit}");
        ends_well(&rig, run).await;
        let attempts: usize = ["stock", "create", "book"].map(|step| rig.times(step).len()).iter().sum();
        // A failure that was forgotten is not repeated: the system has recovered meanwhile.
        let repeated = usize::from(commit != 2);
        assert_eq!(attempts, COMMITS + repeated, "{:#?}", rig.trace.lines());
    }
}
