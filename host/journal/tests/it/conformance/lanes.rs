//! Runs that go one after another, and runs that gather events.

use stepmill_core::RunId;
use stepmill_core::journal::{Acceptance, JournalError, Outcome, PhaseName, Retention};
use stepmill_core::run::{Entry, Gather, Lane, OnDead, Phase, What, payload};

use crate::fixtures::{
    Fixture, NOW, acceptance, cancelled, died, done, keyed, redriven, transition, with_body,
};

fn in_lane(key: &str, width: u32, on_dead: OnDead) -> Acceptance {
    let mut acceptance = acceptance(NOW);
    acceptance.accepted.lane = Some(Lane { key: key.into(), width, on_dead, ticket: 0 });
    acceptance
}

/// Accepts runs of one lane, one by one. Answers them in order.
async fn accept(fixture: &Fixture, runs: usize, width: u32, on_dead: OnDead) -> Vec<RunId> {
    let mut accepted = Vec::new();
    for _ in 0..runs {
        let acceptance = in_lane("7", width, on_dead);
        accepted.push(acceptance.accepted.run);
        fixture.accept(acceptance).await;
    }
    accepted
}

async fn claimed(fixture: &Fixture) -> Vec<(RunId, u64, stepmill_core::run::State)> {
    let claims = fixture.claim(u64::MAX, 99).await;
    claims.into_iter().map(|claim| (claim.state.run, claim.epoch, claim.state)).collect()
}

pub async fn runs_of_a_lane_go_one_after_another(fixture: Fixture) {
    let runs = accept(&fixture, 4, 1, OnDead::Block).await;
    fixture.accept(in_lane("8", 1, OnDead::Block)).await;
    assert_eq!(fixture.journal.backlog().unfinished, 5);
    let other = claimed(&fixture).await.pop().unwrap();
    assert_eq!(other.2.lane.unwrap().key, "8", "another lane does not wait");
    // The third leaves the line before its turn.
    fixture.journal.append(runs[2], Entry::new(NOW, cancelled())).await.unwrap();
    let mut order = vec![runs[0]];
    let mut held = fixture.journal.read(runs[0]).await.unwrap().0;
    assert_eq!(held.phase, Phase::Ready { since_ms: NOW });
    for waiting in [runs[1], runs[3]] {
        assert!(matches!(fixture.journal.read(waiting).await.unwrap().0.phase, Phase::Queued { .. }));
    }
    // Claimed above, with that of the other lane.
    fixture.journal.append(held.run, Entry::new(NOW, cancelled())).await.unwrap();
    while let Some((run, epoch, state)) = claimed(&fixture).await.pop() {
        order.push(run);
        held = state;
        fixture.journal.commit(run, epoch, transition(&held, vec![done()])).await.unwrap();
    }
    assert_eq!(order, [runs[0], runs[1], runs[3]]);
    assert_eq!(fixture.journal.backlog().unfinished, 1);
}

pub async fn a_dead_letter_holds_its_lane_or_lets_it_pass(fixture: Fixture) {
    for on_dead in [OnDead::Block, OnDead::Pass] {
        let runs = accept(&fixture, 2, 1, on_dead).await;
        let (run, epoch, state) = claimed(&fixture).await.pop().unwrap();
        assert_eq!(run, runs[0]);
        fixture.journal.commit(run, epoch, transition(&state, vec![died()])).await.unwrap();
        let next = claimed(&fixture).await;
        match on_dead {
            OnDead::Block => {
                assert!(next.is_empty());
                fixture.journal.append(run, Entry::new(NOW, redriven())).await.unwrap();
                let (again, epoch, state) = claimed(&fixture).await.pop().unwrap();
                assert_eq!(again, run);
                fixture.journal.commit(run, epoch, transition(&state, vec![done()])).await.unwrap();
            }
            OnDead::Pass => {
                assert_eq!(next[0].0, runs[1]);
                fixture.journal.append(run, Entry::new(NOW, redriven())).await.unwrap();
                assert_eq!(claimed(&fixture).await[0].0, run, "it is in no lane any more");
                fixture.journal.append(run, Entry::new(NOW, cancelled())).await.unwrap();
            }
        }
        let last = fixture.journal.read(runs[1]).await.unwrap().0;
        assert!(matches!(last.phase, Phase::Ready { .. }));
        fixture.journal.append(runs[1], Entry::new(NOW, cancelled())).await.unwrap();
    }
}

pub async fn a_held_run_comes_to_its_lane_when_it_is_released(fixture: Fixture) {
    let mut held = in_lane("7", 1, OnDead::Block);
    held.accepted.is_held = true;
    let held_run = held.accepted.run;
    fixture.accept(held).await;
    let runs = accept(&fixture, 2, 1, OnDead::Block).await;
    let released = What::Released { by: "me".into(), ticket: 0 };
    let state = fixture.journal.append(held_run, Entry::new(NOW, released)).await.unwrap();
    assert!(matches!(state.phase, Phase::Queued { .. }), "others have come before it");
    let last = accept(&fixture, 1, 1, OnDead::Block).await;
    let mut order = Vec::new();
    while let Some((run, epoch, state)) = claimed(&fixture).await.pop() {
        order.push(run);
        fixture.journal.commit(run, epoch, transition(&state, vec![done()])).await.unwrap();
    }
    assert_eq!(order, [runs[0], runs[1], held_run, last[0]]);
}

pub async fn the_newest_width_of_a_lane_counts(fixture: Fixture) {
    let mut runs = accept(&fixture, 4, 1, OnDead::Block).await;
    assert_eq!(claimed(&fixture).await.len(), 1);
    runs.extend(accept(&fixture, 1, 3, OnDead::Block).await);
    let ready: Vec<_> = claimed(&fixture).await.into_iter().map(|(run, ..)| run).collect();
    assert_eq!(ready, runs[1..3]);
    // A narrower one gives no turn until there is room.
    runs.extend(accept(&fixture, 1, 1, OnDead::Block).await);
    for run in &runs[..2] {
        fixture.journal.append(*run, Entry::new(NOW, cancelled())).await.unwrap();
    }
    assert!(claimed(&fixture).await.is_empty());
    fixture.journal.append(runs[2], Entry::new(NOW, cancelled())).await.unwrap();
    assert_eq!(claimed(&fixture).await[0].0, runs[3]);
}

fn gathering(at_ms: u64, key: &str, body: &str) -> Acceptance {
    let mut acceptance = with_body(at_ms, body);
    let gather = Gather { key: key.into(), for_ms: 100, max: 3, quiet_ms: Some(40), keep_last: false };
    acceptance.accepted.gather = Some(gather);
    acceptance
}

pub async fn events_that_belong_together_become_one_run(fixture: Fixture) {
    let first = gathering(NOW, "7", "1");
    let run = first.accepted.run;
    let batch = vec![first, gathering(NOW, "8", "other"), gathering(NOW + 30, "7", "2")];
    let outcomes = fixture.journal.accept(batch).await.unwrap();
    assert_eq!((outcomes[0], outcomes[2]), (Outcome::New(run), Outcome::Gathered(run)));
    assert!(fixture.claim(NOW + 39, 9).await.is_empty());
    assert_eq!(fixture.next_due_ms(), Some(NOW + 40));
    fixture.clock.advance(50);
    // Put off by the second; that of the other key is due.
    let other = fixture.claim(NOW + 50, 9).await.pop().unwrap();
    assert!(other.state.run != run);
    assert_eq!(fixture.accept(gathering(NOW + 50, "7", "3")).await, Outcome::Gathered(run), "the last");
    let next = gathering(NOW + 50, "7", "4");
    assert_eq!(fixture.accept(next.clone()).await, Outcome::New(next.accepted.run));
    let claim = fixture.claim(NOW + 50, 9).await.pop().unwrap();
    assert_eq!((claim.state.run, claim.state.phase.name()), (run, PhaseName::Ready));
    assert_eq!(payload(&claim.state, &claim.entries).unwrap().document.to_value().to_string(), "[1,2,3]");
}

/// Neither one that is claimed nor one that is about to be gathers more.
pub async fn a_run_that_begins_gathers_no_more(fixture: Fixture) {
    let first = gathering(NOW, "7", "1");
    fixture.accept(first.clone()).await;
    let claim = fixture.claim(NOW + 40, 9).await.pop().unwrap();
    assert_eq!(claim.state.phase.name(), PhaseName::Gathering);
    let second = gathering(NOW, "7", "2");
    assert_eq!(fixture.accept(second.clone()).await, Outcome::New(second.accepted.run), "claimed");
    fixture.journal.release(claim.state.run, claim.epoch).await.unwrap();
    assert_eq!(
        fixture.accept(gathering(NOW, "7", "3")).await,
        Outcome::Gathered(second.accepted.run),
        "the latest"
    );
    fixture.clock.advance(40);
    let third = gathering(NOW + 40, "7", "3");
    assert_eq!(fixture.accept(third.clone()).await, Outcome::New(third.accepted.run), "due");
    let claims = fixture.claim(NOW + 40, 9).await;
    let counts: Vec<usize> = claims.iter().map(|claim| claim.entries.len()).collect();
    assert_eq!(counts, [1, 2]);
    let end = transition(&claims[0].state, vec![done()]);
    let ended = fixture.journal.commit(claims[0].state.run, claims[0].epoch, end).await.unwrap();
    assert_eq!(ended.state.phase, Phase::Succeeded);
}

pub async fn a_gathered_event_is_claimed_by_its_run_until_it_expires(fixture: Fixture) {
    let event = |key: &str| {
        let gather = gathering(NOW, "7", "1").accepted.gather;
        let mut event = keyed(NOW, key, NOW + 30);
        event.accepted.gather = gather;
        event
    };
    let first = event("a");
    let run = first.accepted.run;
    assert_eq!(fixture.accept(first).await, Outcome::New(run));
    assert_eq!(fixture.accept(event("b")).await, Outcome::Gathered(run));
    for key in ["a", "b"] {
        assert_eq!(fixture.accept(event(key)).await, Outcome::Duplicate(run));
    }
    assert_eq!(fixture.journal.read(run).await.unwrap().1.len(), 2);
    fixture.journal.append(run, Entry::new(NOW, cancelled())).await.unwrap();
    fixture.clock.advance(30);
    assert_eq!(
        fixture.journal.prune(NOW + 30, &Retention::since(NOW + 1), 9).await.unwrap(),
        2,
        "a claim and the run with its own"
    );
    for key in ["a", "b"] {
        assert!(matches!(fixture.accept(event(key)).await, Outcome::New(_) | Outcome::Gathered(_)));
    }
}

pub async fn a_run_cannot_gather_and_go_in_a_lane(fixture: Fixture) {
    let mut both = gathering(NOW, "7", "1");
    both.accepted.lane = Some(Lane { key: "7".into(), width: 1, on_dead: OnDead::Block, ticket: 0 });
    let result = fixture.journal.accept(vec![both]).await;
    assert!(matches!(result, Err(JournalError::Illegal { .. })));
    assert!(fixture.journal.append(crate::fixtures::run_id(NOW), Entry::new(NOW, What::Turn)).await.is_err());
}
