//! Events for runs that wait for them.

use std::collections::BTreeMap;

use stepmill_core::RunId;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Dedupe, Publication, Published, Retention, Transition};
use stepmill_core::run::{Entry, Pending, Phase, State, What};

use crate::fixtures::{Fixture, NOW, acceptance, began, died, done, redriven, run_id, transition};

fn publication(at_ms: u64, key: &str, body: &str, keep_until_ms: u64) -> Publication {
    let document = Document::from_bytes("text/plain", body.as_bytes().to_vec());
    let trigger = Trigger::Event { name: "paid".into() };
    let event = Event { trigger, headers: BTreeMap::new(), query: BTreeMap::new(), document, raw: None };
    let (id, name, key) = (run_id(at_ms), "paid".into(), key.into());
    Publication { id, name, key, at_ms, event, keep_until_ms, dedupe: None }
}

fn listens(step: &str, key: &str) -> What {
    began(step, Pending::Event { event: "paid".into(), key: key.into(), until_ms: None })
}

/// A run that waits for an event since a time.
async fn waiting(fixture: &Fixture, workflow: &str, at_ms: u64, since_ms: u64) -> RunId {
    let mut acceptance = acceptance(at_ms);
    acceptance.accepted.workflow = workflow.into();
    let run = acceptance.accepted.run;
    fixture.accept(acceptance).await;
    let claims = fixture.claim(u64::MAX, 99).await;
    let claim = claims.into_iter().find(|claim| claim.state.run == run).unwrap();
    let mut change = transition(&claim.state, vec![listens("wait", "7")]);
    change.entries[0].at_ms = since_ms;
    fixture.journal.commit(run, claim.epoch, change).await.unwrap();
    run
}

async fn publish(fixture: &Fixture, publication: Publication) -> Vec<RunId> {
    match fixture.journal.publish(publication).await.unwrap() {
        Published::New(runs) => runs,
        Published::Duplicate(id) => panic!("published before as {id}"),
    }
}

/// What the steps of a run have heard.
async fn heard(fixture: &Fixture, run: RunId) -> Vec<String> {
    let (_, entries) = fixture.journal.read(run).await.unwrap();
    heard_in(&entries)
}

fn heard_in(entries: &[Entry]) -> Vec<String> {
    let heard = entries.iter().filter_map(|entry| match &entry.what {
        What::Heard { event, .. } => Some(event.document.to_value().as_str().unwrap().to_owned()),
        _ => None,
    });
    heard.collect()
}

pub async fn an_event_goes_to_the_longest_waiting_run_of_each_workflow(fixture: Fixture) {
    // The one that was accepted first has begun to wait last.
    let late = waiting(&fixture, "orders", NOW, NOW + 50).await;
    let early = waiting(&fixture, "orders", NOW + 20, NOW + 30).await;
    let other = waiting(&fixture, "invoices", NOW + 90, NOW + 90).await;
    assert!(publish(&fixture, publication(NOW, "8", "x", 0)).await.is_empty());
    assert_eq!(publish(&fixture, publication(NOW + 100, "7", "a", 0)).await, [early, other]);
    let state = fixture.journal.read(early).await.unwrap().0;
    assert_eq!(state.phase, Phase::Ready { since_ms: NOW + 100 });
    assert_eq!(publish(&fixture, publication(NOW + 100, "7", "b", 0)).await, [late]);
    assert!(publish(&fixture, publication(NOW + 100, "7", "c", 0)).await.is_empty());
    assert_eq!(heard(&fixture, early).await, ["a"]);
    assert_eq!(heard(&fixture, late).await, ["b"]);
    let due = fixture.claim(NOW + 100, 9).await;
    assert_eq!(due.len(), 3);
}

pub async fn an_event_that_is_kept_is_heard_by_one_run_of_each_workflow(fixture: Fixture) {
    let large = "x".repeat(100_000);
    publish(&fixture, publication(NOW, "7", &large, NOW + 50)).await;
    publish(&fixture, publication(NOW + 1, "7", "b", NOW + 50)).await;
    let first = fixture.claimed().await;
    let listens = |state: &State| transition(state, vec![listens("wait", "7")]);
    let committed =
        fixture.journal.commit(first.state.run, first.epoch, listens(&first.state)).await.unwrap();
    assert_eq!(heard_in(&committed.after), [large.as_str()], "the oldest");
    assert!(committed.before.is_empty());
    assert!(matches!(committed.state.phase, Phase::Ready { .. }));
    let again = transition(&committed.state, vec![done()]);
    fixture.journal.commit(first.state.run, first.epoch, again).await.unwrap();
    for (workflow, expected) in
        [("orders", vec!["b"]), ("orders", vec![]), ("invoices", vec![large.as_str()])]
    {
        let mut acceptance = acceptance(NOW);
        acceptance.accepted.workflow = workflow.into();
        let run = acceptance.accepted.run;
        fixture.accept(acceptance).await;
        let claim = fixture.claim(NOW, 9).await.into_iter().find(|claim| claim.state.run == run).unwrap();
        fixture.journal.commit(run, claim.epoch, listens(&claim.state)).await.unwrap();
        assert_eq!(heard(&fixture, run).await, expected);
    }
    // One that was heard when it came is heard by no other of that workflow.
    assert_eq!(publish(&fixture, publication(NOW + 2, "7", "c", NOW + 50)).await.len(), 1);
    let claim = fixture.claimed().await;
    let committed =
        fixture.journal.commit(claim.state.run, claim.epoch, listens(&claim.state)).await.unwrap();
    assert!(committed.after.is_empty() && matches!(committed.state.phase, Phase::Waiting { .. }));
    fixture.clock.advance(50);
    assert_eq!(
        fixture.journal.prune(NOW + 50, &Retention::since(0), 9).await.unwrap(),
        3,
        "events that have expired"
    );
}

pub async fn an_event_that_has_expired_is_not_heard(fixture: Fixture) {
    publish(&fixture, publication(NOW, "7", "a", NOW + 10)).await;
    fixture.clock.advance(10);
    let claim = fixture.claimed().await;
    let change = transition(&claim.state, vec![listens("wait", "7")]);
    let committed = fixture.journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
    assert!(committed.after.is_empty());
}

/// Of two steps that begin to wait at once each hears an event of its own.
pub async fn each_step_hears_an_event_of_its_own(fixture: Fixture) {
    for body in ["a", "b"] {
        publish(&fixture, publication(NOW, "7", body, NOW + 10)).await;
    }
    let claim = fixture.claimed().await;
    let change = transition(&claim.state, vec![listens("one", "7"), listens("two", "7")]);
    let committed = fixture.journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
    assert_eq!(heard_in(&committed.after), ["a", "b"]);
    assert!(committed.state.subscriptions().is_empty());
}

/// The event comes while whoever works on the run is about to say that it rests.
pub async fn an_event_for_a_claimed_run_is_heard(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let begins =
        Transition { entries: vec![Entry::new(NOW, listens("wait", "7"))], seen: 1, ..Transition::default() };
    let begun = fixture.journal.commit(run, claim.epoch, begins).await.unwrap();
    assert_eq!(publish(&fixture, publication(NOW, "7", "a", 0)).await, [run]);
    let rests = transition(&begun.state, vec![began("sleep", Pending::Time { until_ms: NOW + 9 })]);
    let committed = fixture.journal.commit(run, claim.epoch, rests).await.unwrap();
    assert_eq!(heard_in(&committed.before), ["a"]);
    assert!(matches!(committed.state.phase, Phase::Ready { .. }));
}

pub async fn a_dead_letter_hears_what_it_waits_for(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let change = transition(&claim.state, vec![listens("wait", "7"), died()]);
    fixture.journal.commit(run, claim.epoch, change).await.unwrap();
    assert_eq!(publish(&fixture, publication(NOW, "7", "a", 0)).await, [run]);
    assert!(fixture.claim(u64::MAX, 9).await.is_empty(), "it stays dead");
    let state = fixture.journal.append(run, Entry::new(NOW, redriven())).await.unwrap();
    assert!(state.done("wait").is_some());
}

pub async fn an_event_is_published_once_under_a_key(fixture: Fixture) {
    let dedupe = Some(Dedupe { scope: "paid".into(), key: "1".into(), expires_ms: NOW + 10 });
    let first = Publication { dedupe: dedupe.clone(), ..publication(NOW, "7", "a", 0) };
    let id = first.id;
    publish(&fixture, first).await;
    let run = waiting(&fixture, "orders", NOW, NOW).await;
    let again = Publication { dedupe, ..publication(NOW, "7", "a", 0) };
    assert_eq!(fixture.journal.publish(again.clone()).await.unwrap(), Published::Duplicate(id));
    assert!(heard(&fixture, run).await.is_empty());
    fixture.clock.advance(10);
    assert_eq!(fixture.journal.prune(NOW + 10, &Retention::since(0), 9).await.unwrap(), 1);
    assert_eq!(publish(&fixture, again).await, [run]);
}
