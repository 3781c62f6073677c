//! Every shape of workflow, by a dispatcher alone.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use stepmill_core::attempt::Cause;
use stepmill_core::run::{Decision, Phase, PhaseName, Stand, State, What};
use stepmill_test_support::invoke::{Answer, Gate};

use super::rig::{Rig, catalog, plan};

fn call(id: &str) -> Value {
    json!({ "id": id, "use": "call" })
}

/// Whether a step of the run waits.
fn waits(step: &'static str) -> impl Fn(&State) -> bool {
    move |state| state.phase.name() == PhaseName::Waiting && state.stand(step).is_held()
}

#[tokio::test(start_paused = true)]
async fn branches_go_on_side_by_side_and_one_that_waits_for_its_retry_holds_up_no_other() {
    let rig = Rig::new(
        1,
        json!([
            { "id": "a", "use": "call", "needs": [] }, { "id": "b", "use": "call", "needs": [] },
            { "id": "b2", "use": "call", "needs": ["b"] }, { "id": "join", "use": "shape", "needs": ["a", "b2"] },
        ]),
    );
    rig.sandbox.script("a", [Answer::fail(Cause::RetryAsked), Answer::Output(json!("A"))]);
    rig.sandbox.script("b2", [Answer::Output(json!("B"))]);
    let running = rig.start();
    let (state, _) = rig.ended(rig.accept(json!({})).await).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let order: Vec<String> = rig.sandbox.asked().iter().map(|asked| asked.attempt.step.to_string()).collect();
    assert_eq!(order, ["a", "b", "b2", "a", "join"]);
    let join = &rig.sandbox.asked_of("join")[0];
    assert_eq!(join.attempt.input.to_value(), json!({ "a": "A", "b2": "B" }));
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_branch_hears_what_it_waits_for_while_another_is_being_tried() {
    let rig = Rig::new(
        1,
        json!([
            { "id": "long", "use": "call", "needs": [] }, { "id": "ask", "approve": {}, "needs": [] },
            { "id": "then", "use": "call", "needs": ["ask"] },
        ]),
    );
    let gate = Gate::default();
    rig.sandbox.script("long", [gate.holds(Answer::Echo)]);
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    rig.begun(1).await;
    rig.until(run, |state| matches!(state.stand("ask"), Stand::Undecided { .. })).await;
    let decision = Decision { approved: true, by: "jo".into(), comment: None };
    rig.append(run, What::Decided { step: "ask".into(), decision }).await;
    rig.until(run, |state| state.done("then").is_some()).await;
    gate.open();
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_dies_only_once_the_attempts_of_its_other_branches_have_ended() {
    let rig = Rig::new(
        1,
        json!([{ "id": "a", "use": "call", "needs": [] }, { "id": "b", "use": "call", "needs": [] }]),
    );
    let gate = Gate::default();
    rig.sandbox.script("a", [Answer::fail(Cause::Rejected)]);
    rig.sandbox.script("b", [gate.holds(Answer::Echo)]);
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    rig.begun(2).await;
    gate.open();
    let (state, _) = rig.ended(run).await;
    assert!(state.phase.is_dead());
    assert!(state.done("b").is_some(), "what the other branch did is kept: {state:?}");
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_sleeps_over_a_restart_and_wakes_when_it_is_time() {
    let rig = Rig::new(1, json!([call("a"), { "id": "nap", "sleep": "2h" }, call("b")]));
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    rig.until(run, waits("nap")).await;
    running.killed().await;
    rig.journal.restart().await;
    let running = rig.start();
    rig.ended(run).await;
    let slept = rig.times("b")[0] - rig.times("a")[0];
    assert!((7_200_000..7_200_100).contains(&slept), "{slept}");
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_wakes_the_run_that_waits_for_it_also_if_it_came_before() {
    let rig = Rig::new(
        1,
        json!([
            call("a"), { "id": "shipped", "wait": { "event": "shipment", "key": "${{ body.order }}" } }, call("b"),
        ]),
    );
    let running = rig.start();
    let early = rig.publish("early", json!({ "parcel": 1 })).await;
    assert!(early.is_empty());
    let (state, _) = rig.ended(rig.accept(json!({ "order": "early" })).await).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let late = rig.accept(json!({ "order": "late" })).await;
    rig.until(late, waits("shipped")).await;
    assert_eq!(rig.publish("late", json!({ "parcel": 2 })).await, [late]);
    assert_eq!(rig.ended(late).await.0.phase, Phase::Succeeded);
    let parcels: Vec<Value> =
        rig.sandbox.asked_of("b").iter().map(|asked| asked.attempt.input.to_value()).collect();
    assert_eq!(parcels, [json!({ "parcel": 1 }), json!({ "parcel": 2 })]);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_vain_takes_the_other_way_and_without_one_the_run_is_a_dead_letter() {
    let wait = json!({ "id": "shipped", "wait": { "event": "shipment", "key": "${{ body.order }}" }, "timeout": "14d" });
    let rig =
        Rig::new(1, json!([wait, call("crm"), { "id": "chase", "use": "call", "otherwise": "shipped" }]));
    let running = rig.start();
    let begun_ms = rig.clock.now_ms();
    let (state, _) = rig.ended_late(rig.accept(json!({ "order": "x" })).await).await;
    assert_eq!(state.phase, Phase::Succeeded);
    assert_eq!((rig.sandbox.asked_of("crm").len(), rig.sandbox.asked_of("chase").len()), (0, 1));
    let waited = rig.times("chase")[0] - begun_ms;
    assert!((1_209_600_000..1_209_610_000).contains(&waited), "{waited}");
    running.drained().await;

    let rig = Rig::new(1, json!([wait, call("crm")]));
    let running = rig.start();
    let run = rig.accept(json!({ "order": "x" })).await;
    let (state, _) = rig.ended_late(run).await;
    assert!(
        matches!(&state.phase, Phase::Dead { failure, .. } if failure.cause == Cause::TimedOut),
        "{state:?}"
    );
    // A person has it wait anew, and this time the event comes.
    rig.append(run, redriven(false)).await;
    rig.until(run, waits("shipped")).await;
    rig.publish("x", json!({})).await;
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_decides_which_way_a_run_goes() {
    let rig = Rig::new(
        2,
        json!([
            { "id": "boss", "approve": {} }, call("pay"), { "id": "refuse", "use": "call", "otherwise": "boss" },
        ]),
    );
    let running = rig.start();
    for (approved, taken, left) in [(true, "pay", "refuse"), (false, "refuse", "pay")] {
        let run = rig.accept(json!({ "approved": approved })).await;
        rig.until(run, waits("boss")).await;
        let decision = Decision { approved, by: "jo".into(), comment: Some("so it is".into()) };
        rig.append(run, What::Decided { step: "boss".into(), decision: decision.clone() }).await;
        assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
        let of =
            |step: &str| rig.sandbox.asked_of(step).iter().filter(|asked| asked.attempt.run == run).count();
        assert_eq!((of(taken), of(left)), (1, 0));
        // It is decided once.
        let entry = stepmill_core::run::Entry::new(1, What::Decided { step: "boss".into(), decision });
        assert!(stepmill_core::Journal::append(&*rig.journal, run, entry).await.is_err());
    }
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_undone_in_reverse_when_a_later_step_fails_for_good() {
    let step = |id: &str| json!({ "id": id, "use": "call", "undo": { "use": "call" } });
    let rig = Rig::new(1, json!([step("a"), { "id": "shape", "use": "shape" }, step("b"), call("c")]));
    rig.sandbox.script("a", [Answer::Output(json!("A"))]);
    rig.sandbox.script("b", [Answer::Output(json!("B"))]);
    rig.sandbox.script("c", [Answer::fail(Cause::Rejected)]);
    rig.sandbox.script("b/undo", [Answer::fail(Cause::RetryAsked)]);
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    let (state, _) = rig.ended(run).await;
    assert!(matches!(&state.phase, Phase::Dead { step, undone: true, .. } if step == "c"), "{state:?}");
    let asked: Vec<(String, Value)> = rig
        .sandbox
        .asked()
        .iter()
        .filter(|asked| asked.attempt.step.ends_with("/undo"))
        .map(|asked| (asked.attempt.step.to_string(), asked.attempt.input.to_value()))
        .collect();
    let undos = [("b/undo", "B"), ("b/undo", "B"), ("a/undo", "A")];
    assert_eq!(asked, undos.map(|(step, fed)| (step.to_owned(), json!(fed))));
    // It can only begin anew.
    assert!(rig.try_append(run, redriven(false)).await.is_err());
    rig.append(run, redriven(true)).await;
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_was_called_is_made_up_for_by_the_undo_of_its_call() {
    let undo = json!({ "use": "call" });
    let parcel = json!({ "name": "parcel", "steps": [call("send")] });
    let orders = json!({
        "name": "orders",
        "steps": [{ "id": "ship", "call": { "workflow": "parcel" }, "undo": undo }, call("bill")],
    });
    let rig = Rig::with(2, catalog(vec![plan(parcel), plan(orders)]), "orders");
    rig.sandbox.script("send", [Answer::Output(json!({ "parcel": 7 }))]);
    rig.sandbox.script("bill", [Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    let (state, _) = rig.ended(rig.accept(json!({})).await).await;
    assert!(matches!(&state.phase, Phase::Dead { step, undone: true, .. } if step == "bill"), "{state:?}");
    let asked = rig.sandbox.asked_of("ship/undo");
    assert_eq!(
        asked.iter().map(|asked| asked.attempt.input.to_value()).collect::<Vec<_>>(),
        [json!({ "parcel": 7 })]
    );
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_fails_for_good_is_a_dead_letter_that_goes_on_undoing() {
    let rig = Rig::new(1, json!([{ "id": "a", "use": "call", "undo": { "use": "call" } }, call("b")]));
    rig.sandbox.script("b", [Answer::fail(Cause::Rejected)]);
    rig.sandbox.script("a/undo", [Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    let (state, _) = rig.ended(run).await;
    assert!(matches!(&state.phase, Phase::Dead { step, undone: false, .. } if step == "a/undo"), "{state:?}");
    rig.append(run, redriven(false)).await;
    let undone = |state: &State| matches!(state.phase, Phase::Dead { undone: true, .. });
    rig.until(run, undone).await;
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_redriven_begins_only_what_has_not_succeeded() {
    let each = json!({ "id": "each", "for-each": { "in": "${{ body }}", "failures": "stop", "concurrency": 1 }, "use": "call" });
    let rig = Rig::new(1, json!([each, call("then")]));
    let running = rig.start();
    let echo = || Answer::Echo;
    rig.sandbox.script("each", [echo(), Answer::fail(Cause::Rejected)]);
    let run = rig.accept(json!(["a", "b", "c", "d"])).await;
    assert!(rig.ended(run).await.0.phase.is_dead());
    // Again one of the rest fails, and then none.
    rig.sandbox.script("each", [echo(), Answer::fail(Cause::Rejected)]);
    rig.append(run, redriven(false)).await;
    assert!(rig.ended(run).await.0.phase.is_dead());
    rig.append(run, redriven(false)).await;
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    assert_eq!(rig.sandbox.asked_of("then")[0].attempt.input.to_value(), json!(["a", "b", "c", "d"]));
    let asked = |of: &str| {
        let asked = rig.sandbox.asked_of("each");
        asked.iter().filter(|asked| asked.attempt.input.to_value() == json!(of)).count()
    };
    assert_eq!(["a", "b", "c", "d"].map(asked), [1, 2, 2, 1]);
    let keys: BTreeSet<String> =
        rig.sandbox.asked_of("each").iter().map(|asked| asked.attempt.idempotency_key.clone()).collect();
    assert_eq!(keys.len(), 4, "an item that is done again is known by its key");
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_list_carries_over_is_there_also_while_another_branch_is_being_tried() {
    let each = json!({ "in": "${{ body }}", "concurrency": 1 });
    let rig = Rig::new(
        2,
        json!([
            { "id": "each", "for-each": each, "use": "call", "needs": [] },
            { "id": "long", "use": "call", "needs": [] },
            { "id": "then", "use": "call", "needs": ["each"] },
        ]),
    );
    let gates = [Gate::default(), Gate::default()];
    rig.sandbox.script("each", [Answer::fail(Cause::Rejected)]);
    rig.sandbox.script("long", [gates[0].holds(Answer::fail(Cause::Rejected)), gates[1].holds(Answer::Echo)]);
    let running = rig.start();
    let run = rig.accept(json!(["a", "b"])).await;
    rig.begun(3).await;
    let item = loop {
        if let Some(item) = rig.dead().await.pop() {
            break item.run;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    // The list waits for it, and fails once nobody can redrive it.
    rig.append(item, What::Cancelled { by: "jo".into(), undo: false }).await;
    gates[0].open();
    // First of the other branch, then of the list.
    for _ in 0..2 {
        assert!(rig.ended(run).await.0.phase.is_dead());
        rig.append(run, redriven(false)).await;
    }
    rig.until(run, |state| state.done("then").is_some()).await;
    assert_eq!(rig.sandbox.asked_of("then")[0].attempt.input.to_value(), json!(["a", "b"]));
    gates[1].open();
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    assert_eq!(rig.sandbox.asked_of("each").len(), 3);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_is_worked_on_a_few_items_at_a_time_and_gives_their_outputs_in_order() {
    let each =
        json!({ "id": "each", "for-each": { "in": "${{ input.items }}", "concurrency": 2 }, "use": "call" });
    let rig = Rig::new(8, json!([each, { "id": "sum", "use": "shape" }]));
    let gate = Gate::default();
    rig.sandbox.script("each", vec![gate.holds(Answer::Echo); 5]);
    let running = rig.start();
    let run = rig.accept(json!({ "items": [1, 2, 3, 4, 5] })).await;
    rig.begun(2).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.sandbox.asked().len(), 2, "two at a time");
    gate.open();
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    assert_eq!(rig.sandbox.asked_of("sum")[0].attempt.input.to_value(), json!([1, 2, 3, 4, 5]));
    assert_eq!(rig.sandbox.most_at_once(), 2);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn more_items_than_go_into_one_commit_and_none_at_all_are_lists_too() {
    let each = json!({ "id": "each", "for-each": { "in": "${{ input.items }}", "batch": 2, "outputs": false }, "use": "shape" });
    let rig = Rig::new(8, json!([each, call("sum")]));
    let running = rig.start();
    for (items, batches) in [(1_001, 501), (0, 0)] {
        let items: Vec<u32> = (0..items).collect();
        let run = rig.accept(json!({ "items": items })).await;
        assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
        let sum = rig.sandbox.asked_of("sum").pop().unwrap();
        assert_eq!(sum.attempt.input.to_value(), json!({ "count": batches, "failed": 0 }));
    }
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn an_item_that_fails_is_a_dead_letter_of_its_own_and_the_list_waits_for_it() {
    let each =
        json!({ "id": "each", "for-each": { "in": "${{ input.items }}", "concurrency": 1 }, "use": "call" });
    let rig = Rig::new(4, json!([each]));
    rig.sandbox.script("each", [Answer::Echo, Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    let run = rig.accept(json!({ "items": [1, 2, 3] })).await;
    let children = |state: &State| match state.stand("each") {
        Stand::Children(children) => (children.succeeded, children.dead),
        _ => (0, 0),
    };
    rig.until(run, |state| children(state) == (2, 1)).await;
    let dead = rig.dead().await;
    let [item] = dead.as_slice() else { panic!("{dead:?}") };
    assert_eq!((&*item.workflow, item.parent.as_ref().unwrap().index), ("orders/each", 1));
    rig.append(item.run, redriven(false)).await;
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn errors_are_collected_or_stop_the_list_as_it_says() {
    let each = |failures: &str| json!({ "id": "each", "for-each": { "in": "${{ input.items }}", "concurrency": 1, "failures": failures }, "use": "call" });
    let rig = Rig::new(4, json!([each("collect"), { "id": "sum", "use": "shape" }]));
    rig.sandbox.script("each", [Answer::Echo, Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    let run = rig.accept(json!({ "items": [1, 2, 3] })).await;
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    let sum = rig.sandbox.asked_of("sum")[0].attempt.input.to_value();
    assert_eq!(
        (&sum[0], &sum[1]["error"]["message"], &sum[2]),
        (&json!(1), &json!("as scripted"), &json!(3))
    );
    running.drained().await;

    let rig = Rig::new(4, json!([each("stop")]));
    rig.sandbox.script("each", [Answer::Echo, Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    let run = rig.accept(json!({ "items": [1, 2, 3, 4, 5, 6] })).await;
    let (state, _) = rig.ended(run).await;
    assert!(
        matches!(&state.phase, Phase::Dead { failure, .. } if failure.cause == Cause::Child),
        "{state:?}"
    );
    assert!(rig.sandbox.asked().len() < 6, "those after it were stopped");
    assert!(rig.all().await.iter().all(|state| !state.phase.is_open()));
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_redriven_asks_systems_under_the_same_keys_as_before() {
    let each = json!({ "in": "${{ input.items }}", "concurrency": 1, "failures": "stop" });
    let rig = Rig::new(4, json!([{ "id": "each", "for-each": each, "use": "call" }]));
    rig.sandbox.script("each", [Answer::Echo, Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    let run = rig.accept(json!({ "items": ["a", "b", "c"] })).await;
    let (state, _) = rig.ended(run).await;
    assert!(state.phase.is_dead());
    rig.append(run, redriven(false)).await;
    assert_eq!(rig.ended(run).await.0.phase, Phase::Succeeded);
    let keys_of = |item: &str| -> BTreeSet<String> {
        let asked = rig.sandbox.asked_of("each").into_iter();
        let of = asked.filter(|asked| asked.attempt.input.to_value() == json!(item));
        of.map(|asked| asked.attempt.idempotency_key).collect()
    };
    assert_eq!(keys_of("a"), BTreeSet::from([format!("{run}:each.0:each")]), "it was asked for twice");
    assert_eq!(keys_of("b").len(), 1);
    assert_ne!(keys_of("b"), keys_of("c"));
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_takes_too_long_fails_wherever_it_is() {
    let rig = Rig::of(1, json!({ "timeout": "1h", "steps": [{ "id": "nap", "sleep": "2h" }] }));
    let running = rig.start();
    let (state, _) = rig.ended(rig.accept(json!({})).await).await;
    assert!(
        matches!(&state.phase, Phase::Dead { failure, .. } if failure.cause == Cause::TimedOut),
        "{state:?}"
    );
    assert_eq!((state.changed_ms - state.accepted_ms) / 60_000, 60);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn hooks_begin_when_a_run_has_ended() {
    let rig = Rig::of(
        2,
        json!({
            "steps": [call("work")],
            "output": { "done": "${{ steps.work.output.n }}" },
            "on-success": [call("cheer")], "on-failure": [call("mourn")],
        }),
    );
    rig.sandbox.script("work", [Answer::Echo, Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    for n in 0..2 {
        rig.ended(rig.accept(json!({ "n": n })).await).await;
    }
    rig.begun(4).await;
    let told = |step: &str| rig.sandbox.asked_of(step)[0].attempt.input.to_value();
    let cheer = told("cheer");
    assert_eq!(
        (&cheer["phase"], &cheer["output"], &cheer["body"]),
        (&json!("succeeded"), &json!({ "done": 0 }), &json!({ "n": 0 }))
    );
    let mourn = told("mourn");
    assert_eq!(
        (&mourn["phase"], &mourn["step"], &mourn["failure"]["cause"]),
        (&json!("dead"), &json!("work"), &json!("rejected"))
    );
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn runs_of_a_lane_go_one_after_another_and_a_dead_letter_blocks_it_until_a_person_comes() {
    let rig = Rig::of(4, json!({ "lane": "${{ body.lane }}", "steps": [call("work")] }));
    rig.sandbox.script("work", [Answer::fail(Cause::Rejected)]);
    let running = rig.start();
    let first = rig.accept(json!({ "lane": "a", "n": 1 })).await;
    let second = rig.accept(json!({ "lane": "a", "n": 2 })).await;
    let other = rig.accept(json!({ "lane": "b", "n": 3 })).await;
    rig.ended(other).await;
    let (dead, _) = rig.until(first, |state| state.phase.is_dead()).await;
    assert!(dead.phase.is_dead());
    let (waits, _) = rig.until(second, |_| true).await;
    assert_eq!(waits.phase.name(), PhaseName::Queued);
    rig.append(first, redriven(false)).await;
    rig.ended(second).await;
    let order: Vec<Value> =
        rig.sandbox.asked().iter().map(|asked| asked.attempt.input.to_value()["n"].clone()).collect();
    assert_eq!(order, [json!(1), json!(3), json!(1), json!(2)]);
    running.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_at_its_next_commit_and_its_claim_is_over() {
    let rig = Rig::new(1, json!([call("a"), call("b")]));
    let gate = Gate::default();
    rig.sandbox.script("a", [gate.holds(Answer::Echo)]);
    let running = rig.start();
    let run = rig.accept(json!({})).await;
    rig.begun(1).await;
    rig.append(run, What::Cancelled { by: "jo".into(), undo: false }).await;
    gate.open();
    let other = rig.accept(json!({})).await;
    assert_eq!(rig.ended(other).await.0.phase, Phase::Succeeded);
    assert_eq!(rig.ended(run).await.0.phase, Phase::Cancelled);
    assert_eq!(rig.sandbox.asked_of("b").len(), 1);
    running.drained().await;
}

fn redriven(from_start: bool) -> What {
    What::Redriven { from_start, document: None, version: None, by: "jo".into(), by_rule: false }
}
