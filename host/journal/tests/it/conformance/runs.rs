//! Accepting, reading, listing and removing runs.

use std::collections::{BTreeMap, BTreeSet};

use stepmill_core::document::Body;
use stepmill_core::journal::{
    Acceptance, Cursor, Filter, Fire, JournalError, Kept, Outcome, PhaseName, Retention,
};
use stepmill_core::run::{Entry, Phase, What};
use stepmill_core::{Clock as _, RunId};

use crate::fixtures::{
    Fixture, NOW, acceptance, cancelled, died, done, keyed, storage, succeeded, transition, with_body,
};

pub async fn what_is_accepted_is_read_back(fixture: Fixture) {
    let acceptance = acceptance(NOW);
    assert_eq!(fixture.accept(acceptance.clone()).await, Outcome::New(acceptance.accepted.run));
    let (state, entries) = fixture.journal.read(acceptance.accepted.run).await.unwrap();
    assert_eq!((state.seq, state.accepted_ms, state.workflow.as_str()), (1, NOW, "orders"));
    assert_eq!(state.phase, Phase::Ready { since_ms: NOW });
    let What::Accepted(accepted) = &entries[0].what else { panic!("not accepted") };
    assert_eq!(**accepted, acceptance.accepted);
    let missing = crate::fixtures::run_id(NOW);
    assert!(
        matches!(fixture.journal.read(missing).await, Err(JournalError::NoSuchRun(run)) if run == missing)
    );
}

pub async fn a_key_is_accepted_once_within_a_batch_and_across(fixture: Fixture) {
    let (first, second, other) =
        (keyed(NOW, "a", NOW + 10), keyed(NOW, "a", NOW + 10), keyed(NOW, "b", NOW + 10));
    let expected = vec![
        Outcome::New(first.accepted.run),
        Outcome::Duplicate(first.accepted.run),
        Outcome::New(other.accepted.run),
    ];
    let lost = second.accepted.run;
    let answers = fixture.journal.accept(vec![first.clone(), second, other]).await.unwrap();
    assert_eq!(answers, expected);
    assert!(matches!(fixture.journal.read(lost).await, Err(JournalError::NoSuchRun(_))));
    assert_eq!(fixture.accept(keyed(NOW, "a", NOW + 10)).await, Outcome::Duplicate(first.accepted.run));
    let elsewhere = keyed(NOW, "a", NOW + 10);
    let dedupe =
        elsewhere.dedupe.clone().map(|dedupe| stepmill_core::journal::Dedupe { scope: "x".into(), ..dedupe });
    let elsewhere = Acceptance { dedupe, ..elsewhere };
    assert_eq!(fixture.accept(elsewhere.clone()).await, Outcome::New(elsewhere.accepted.run));
}

pub async fn a_key_is_accepted_once_by_concurrent_senders(fixture: Fixture) {
    let mut senders = Vec::new();
    for _ in 0..32 {
        let journal = fixture.journal.clone();
        senders.push(tokio::spawn(async move {
            journal.accept(vec![keyed(NOW, "same", NOW + 10)]).await.unwrap()[0]
        }));
    }
    let mut new = Vec::new();
    let mut named = BTreeSet::new();
    for sender in senders {
        match sender.await.unwrap() {
            Outcome::New(run) => new.push(run),
            Outcome::Duplicate(run) => drop(named.insert(run)),
            Outcome::Gathered(run) => panic!("gathered by {run}"),
        }
    }
    assert_eq!(new.len(), 1);
    assert_eq!(named, BTreeSet::from([new[0]]));
}

pub async fn an_expired_claim_is_no_claim(fixture: Fixture) {
    fixture.accept(keyed(NOW, "a", NOW + 10)).await;
    fixture.clock.advance(10);
    let again = keyed(NOW + 10, "a", NOW + 20);
    assert_eq!(fixture.accept(again.clone()).await, Outcome::New(again.accepted.run));
    assert_eq!(fixture.accept(keyed(NOW + 10, "a", NOW + 20)).await, Outcome::Duplicate(again.accepted.run));
}

pub async fn a_fire_is_accepted_once_and_none_before_it(fixture: Fixture) {
    let fire =
        |fire_ms| Acceptance { fire: Some(Fire { schedule: "nightly".into(), fire_ms }), ..acceptance(NOW) };
    let cursor = async |now_ms| fixture.journal.cursor("nightly", now_ms).await.unwrap();
    assert_eq!(cursor(90).await, Cursor { at_ms: 90, last: None });
    assert_eq!(cursor(95).await.at_ms, 90, "counted from when it was first seen");
    assert!(matches!(fixture.journal.accept(vec![fire(90)]).await, Err(JournalError::Illegal { .. })));
    let first = fire(100);
    let run = first.accepted.run;
    assert_eq!(fixture.accept(first).await, Outcome::New(run));
    assert_eq!(fixture.accept(fire(100)).await, Outcome::Duplicate(run));
    assert_eq!(fixture.accept(fire(99)).await, Outcome::Duplicate(run));
    assert_eq!(cursor(99).await, Cursor { at_ms: 100, last: Some(run) });
    fixture.journal.pass_over("nightly", 110).await.unwrap();
    fixture.journal.pass_over("nightly", 105).await.unwrap();
    assert_eq!(cursor(99).await, Cursor { at_ms: 110, last: Some(run) });
    assert_eq!(fixture.accept(fire(110)).await, Outcome::Duplicate(run), "passed over");
    let next = fire(111);
    assert_eq!(fixture.accept(next.clone()).await, Outcome::New(next.accepted.run));
    assert_eq!(cursor(99).await, Cursor { at_ms: 111, last: Some(next.accepted.run) });
    assert_eq!(fixture.journal.cursor("nightl", 7).await.unwrap().at_ms, 7);
}

pub async fn switches_are_set_and_taken_away(fixture: Fixture) {
    let set = async |name: &str, value: Option<&str>| {
        fixture.journal.set_switch(name, value.map(str::to_owned)).await.unwrap();
    };
    set("pause/orders", Some("by me")).await;
    set("pause/a", Some("x")).await;
    set("pause/orders", Some("by you")).await;
    set("pause/a", None).await;
    set("pause/b", None).await;
    let switches = fixture.journal.switches().await.unwrap();
    assert_eq!(switches, BTreeMap::from([("pause/orders".into(), "by you".into())]));
}

pub async fn the_same_run_is_accepted_once(fixture: Fixture) {
    let acceptance = acceptance(NOW);
    assert_eq!(fixture.accept(acceptance.clone()).await, Outcome::New(acceptance.accepted.run));
    assert_eq!(fixture.accept(acceptance.clone()).await, Outcome::Duplicate(acceptance.accepted.run));
}

pub async fn large_values_come_back_whole(fixture: Fixture) {
    let large = "x".repeat(3 << 20);
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    let accepted = with_body(NOW, &large);
    let run = accepted.accepted.run;
    let batch: Vec<_> =
        std::iter::once(accepted).chain((0..20).map(|_| with_body(NOW, &large[..100_000]))).collect();
    fixture.journal.accept(batch).await.unwrap();
    let claims = fixture.claim(NOW, 100).await;
    assert_eq!(claims.len(), 21);
    let claim = claims.into_iter().find(|claim| claim.state.run == run).unwrap();
    let mut change = transition(&claim.state, vec![succeeded("get", Body::Binary(bytes.clone())), done()]);
    change.writes = vec![crate::fixtures::put("large", &bytes, stepmill_core::storage::Condition::Always)];
    fixture.journal.commit(run, claim.epoch, change).await.unwrap();
    let (_, entries) = fixture.journal.read(run).await.unwrap();
    let What::Accepted(accepted) = &entries[0].what else { panic!("not accepted") };
    assert_eq!(accepted.event.document.body, Body::Text(large));
    let What::StepSucceeded { output, .. } = &entries[1].what else { panic!("not succeeded") };
    assert_eq!(output.body, Body::Binary(bytes.clone()));
    let stored = fixture.journal.get("orders", "large").await.unwrap().unwrap();
    assert_eq!(stored.value, stepmill_core::storage::StoredValue::Bytes(bytes));
    let shorter =
        crate::fixtures::put("large", b"short", stepmill_core::storage::Condition::IfVersion(stored.version));
    fixture.store(vec![shorter]).await.unwrap();
    let stored = fixture.journal.get("orders", "large").await.unwrap().unwrap();
    assert_eq!(stored.value, stepmill_core::storage::StoredValue::Bytes(b"short".to_vec()));
}

pub async fn queries_filter_and_page(fixture: Fixture) {
    let mut all = Vec::new();
    for number in 0..25 {
        let workflow = if number % 5 == 0 { "rare" } else { "orders" };
        let mut acceptance = acceptance(NOW + number);
        acceptance.accepted.workflow = workflow.into();
        all.push((acceptance.accepted.run, workflow, number));
        fixture.accept(acceptance).await;
    }
    let claims = fixture.claim(u64::MAX, 100).await;
    for claim in claims {
        if claim.state.accepted_ms % 2 == 0 {
            let change = transition(&claim.state, vec![died()]);
            fixture.journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
        }
    }
    for workflow in [None, Some("rare"), Some("none")] {
        for phase in [None, Some(PhaseName::Dead), Some(PhaseName::Ready), Some(PhaseName::Cancelled)] {
            let expected: Vec<_> = all
                .iter()
                .rev()
                .filter(|(_, name, _)| workflow.is_none_or(|workflow| workflow == *name))
                .filter(|(_, _, number)| {
                    let is = if number % 2 == 0 { PhaseName::Dead } else { PhaseName::Ready };
                    phase.is_none_or(|phase| phase == is)
                })
                .map(|(run, _, _)| *run)
                .collect();
            let filter = Filter { workflow: workflow.map(str::to_owned), phase };
            let mut found = Vec::new();
            let mut cursor = None;
            loop {
                let page = fixture.journal.query(&filter, cursor, 4).await.unwrap();
                assert!(page.runs.len() <= 4);
                found.extend(page.runs.iter().map(|state| state.run));
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}

pub async fn prune_removes_what_is_over_and_nothing_else(fixture: Fixture) {
    let large = "x".repeat(200_000);
    fixture.accept(with_body(NOW, &large)).await;
    let claim = fixture.claim(NOW, 1).await.pop().unwrap();
    let over = claim.state.run;
    let change = transition(&claim.state, vec![done()]);
    fixture.journal.commit(over, claim.epoch, change).await.unwrap();
    let cancelled = fixture.ended(cancelled()).await;
    let dead = fixture.ended(died()).await;
    let kept = keyed(NOW, "kept", NOW + 100);
    fixture.journal.accept(vec![kept.clone(), keyed(NOW, "expired", NOW + 5)]).await.unwrap();
    let ttl = stepmill_core::storage::StorageOp::Put {
        value: b"v".to_vec(),
        condition: stepmill_core::storage::Condition::Always,
        ttl_ms: Some(5),
    };
    // Ends the first of the two, which is due longest.
    let claim = fixture.claim(NOW, 1).await.pop().unwrap();
    let mut change = transition(&claim.state, vec![done()]);
    change.writes = vec![storage("gone", ttl)];
    fixture.journal.commit(claim.state.run, claim.epoch, change).await.unwrap();

    assert_eq!(fixture.journal.prune(NOW, &Retention::since(NOW), 100).await.unwrap(), 0);
    fixture.clock.advance(5);
    assert_eq!(
        fixture.journal.prune(NOW + 5, &Retention::since(NOW), 100).await.unwrap(),
        1,
        "a value; claims go with their runs"
    );
    assert_eq!(
        fixture.journal.prune(NOW + 5, &Retention::since(NOW + 5), 2).await.unwrap(),
        2,
        "no more than the limit"
    );
    assert_eq!(fixture.journal.prune(NOW + 5, &Retention::since(NOW + 5), 100).await.unwrap(), 1);
    for run in [over, cancelled] {
        assert!(matches!(fixture.journal.read(run).await, Err(JournalError::NoSuchRun(_))));
    }
    assert_eq!(fixture.journal.read(dead).await.unwrap().0.run, dead);
    assert_eq!(
        fixture.accept(keyed(NOW + 5, "kept", NOW + 200)).await,
        Outcome::Duplicate(kept.accepted.run)
    );
    assert_eq!(fixture.journal.query(&Filter::default(), None, 100).await.unwrap().runs.len(), 2);
}

/// Ends a run of a workflow at a time of its own.
async fn end(fixture: &Fixture, workflow: &str, body: &str, what: What) -> RunId {
    let mut acceptance = with_body(NOW, body);
    acceptance.accepted.workflow = workflow.into();
    let run = acceptance.accepted.run;
    fixture.accept(acceptance).await;
    let claim = fixture.claim(u64::MAX, 1).await.pop().unwrap();
    assert_eq!(claim.state.run, run);
    let mut change = transition(&claim.state, vec![what]);
    change.entries[0].at_ms = fixture.clock.now_ms();
    fixture.journal.commit(run, claim.epoch, change).await.unwrap();
    fixture.clock.advance(1);
    run
}

async fn left(fixture: &Fixture, workflow: &str) -> Vec<RunId> {
    let filter = Filter { workflow: Some(workflow.into()), phase: None };
    let page = fixture.journal.query(&filter, None, 100).await.unwrap();
    page.runs.iter().map(|state| state.run).rev().collect()
}

pub async fn each_workflow_keeps_what_its_bounds_allow(fixture: Fixture) {
    let mut runs: BTreeMap<&str, Vec<RunId>> = BTreeMap::new();
    let large = "x".repeat(10_000);
    for _ in 0..4 {
        for workflow in ["few", "few/each", "small", "young", "usual"] {
            let body = if workflow == "small" { large.as_str() } else { "{}" };
            runs.entry(workflow).or_default().push(end(&fixture, workflow, body, done()).await);
        }
    }
    // What stays whatever the bounds, and what ends last of all although it came first.
    let dead = end(&fixture, "few", "{}", died()).await;
    let mut waits = acceptance(NOW - 1_000);
    waits.accepted.workflow = "few".into();
    fixture.accept(waits.clone()).await;
    let now_ms = fixture.clock.now_ms();
    let kept = Kept::default();
    let retention = Retention {
        usual: Kept { since_ms: NOW + 5, ..kept },
        of: BTreeMap::from([
            // The part's runs count, so that it is the latest two of eight.
            ("few".into(), Kept { runs: Some(2), ..kept }),
            ("small".into(), Kept { bytes: Some(25_000), ..kept }),
            // Each of these ends two before the next one of its workflow but three.
            ("young".into(), Kept { since_ms: NOW + 15, runs: Some(100), bytes: Some(1 << 20) }),
        ]),
    };
    assert_eq!(fixture.journal.prune(now_ms, &retention, 3).await.unwrap(), 3, "no more than the limit");
    assert_eq!(fixture.journal.prune(now_ms, &retention, 100).await.unwrap(), 6 + 2 + 3 + 1 - 3);
    assert_eq!(left(&fixture, "few").await, [&[waits.accepted.run], &runs["few"][3..], &[dead]].concat());
    assert_eq!(left(&fixture, "few/each").await, runs["few/each"][3..]);
    assert_eq!(left(&fixture, "small").await, runs["small"][2..]);
    assert_eq!(left(&fixture, "young").await, runs["young"][3..]);
    assert_eq!(left(&fixture, "usual").await, runs["usual"][1..]);
    assert_eq!(fixture.journal.prune(now_ms, &retention, 100).await.unwrap(), 0, "all are within the bounds");
    // It is the end that counts, also of a dead letter that is discarded.
    for run in [waits.accepted.run, dead] {
        fixture.journal.append(run, Entry::new(now_ms, cancelled())).await.unwrap();
    }
    assert_eq!(fixture.journal.prune(now_ms, &retention, 100).await.unwrap(), 2);
    assert_eq!(left(&fixture, "few").await, [waits.accepted.run, dead]);
    assert!(left(&fixture, "few/each").await.is_empty());
}

pub async fn a_claim_goes_with_its_run_or_when_it_expires(fixture: Fixture) {
    let mut runs = Vec::new();
    for (key, expires_ms) in [("short", NOW + 5), ("long", NOW + 100)] {
        let accepted = keyed(NOW, key, expires_ms);
        fixture.accept(accepted.clone()).await;
        let claim = fixture.claim(NOW, 1).await.pop().unwrap();
        let change = transition(&claim.state, vec![done()]);
        fixture.journal.commit(accepted.accepted.run, claim.epoch, change).await.unwrap();
        runs.push(accepted.accepted.run);
    }
    fixture.clock.advance(10);
    assert_eq!(fixture.journal.prune(NOW + 10, &Retention::since(NOW + 10), 100).await.unwrap(), 2);
    assert!(matches!(fixture.journal.read(runs[1]).await, Err(JournalError::NoSuchRun(_))));
    assert_eq!(fixture.accept(keyed(NOW + 10, "long", NOW + 200)).await, Outcome::Duplicate(runs[1]));
    let again = keyed(NOW + 10, "short", NOW + 200);
    assert_eq!(fixture.accept(again.clone()).await, Outcome::New(again.accepted.run));
    fixture.clock.advance(100);
    assert_eq!(
        fixture.journal.prune(NOW + 110, &Retention::since(NOW), 100).await.unwrap(),
        1,
        "the claim that has expired"
    );
    assert_eq!(
        fixture.accept(keyed(NOW + 110, "short", NOW + 300)).await,
        Outcome::Duplicate(again.accepted.run)
    );
}
