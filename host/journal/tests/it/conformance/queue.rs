//! Claiming, committing, fencing.

use std::collections::BTreeSet;

use stepmill_core::document::Body;
use stepmill_core::journal::{Filter, JournalError, PhaseName, Transition};
use stepmill_core::run::{State, What};

use crate::fixtures::{Fixture, NOW, acceptance, died, failed, succeeded, transition};

pub async fn concurrent_claimers_get_each_run_once(fixture: Fixture) {
    let batch: Vec<_> = (0..400).map(|number| acceptance(NOW + number % 7)).collect();
    let expected: BTreeSet<_> = batch.iter().map(|acceptance| acceptance.run).collect();
    fixture.journal.accept(batch).await.unwrap();
    let mut claimers = Vec::new();
    for _ in 0..8 {
        let journal = fixture.journal.clone();
        claimers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claims = journal.claim(NOW + 10, 3).await.unwrap();
                if claims.runs.is_empty() {
                    return mine;
                }
                for claim in claims.runs {
                    let run = claim.state.run;
                    let change = transition(&claim.state, vec![What::Succeeded]);
                    journal.commit(run, claim.epoch, change).await.unwrap();
                    mine.push(run);
                }
            }
        }));
    }
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(all.len(), expected.len());
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub async fn a_run_is_claimed_when_it_is_due_and_not_before(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let change = transition(&claim.state, vec![failed(NOW + 100)]);
    fixture.journal.commit(run, claim.epoch, change).await.unwrap();
    let claims = fixture.journal.claim(NOW + 99, 9).await.unwrap();
    assert!(claims.runs.is_empty());
    assert_eq!(claims.next_due_ms, Some(NOW + 100));
    let claims = fixture.journal.claim(NOW + 100, 9).await.unwrap();
    assert_eq!((claims.runs.len(), claims.next_due_ms), (1, None));
    assert_eq!(claims.runs[0].entries.len(), 2);
    assert!(fixture.journal.claim(u64::MAX, 9).await.unwrap().runs.is_empty(), "claimed by another");
    fixture.journal.release(run, claims.runs[0].epoch).await.unwrap();
    let again = fixture.journal.claim(NOW + 100, 9).await.unwrap();
    assert_eq!(again.runs.len(), 1);
    assert!(again.runs[0].epoch > claims.runs[0].epoch);
}

pub async fn a_commit_without_the_claim_is_fenced(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let (run, epoch) = (claim.state.run, claim.epoch);
    fixture.journal.release(run, epoch).await.unwrap();
    let change = transition(&claim.state, vec![What::Succeeded]);
    let is_fenced = |result: Result<(), JournalError>| matches!(result, Err(JournalError::Fenced { run: fenced, epoch: of }) if fenced == run && of == epoch);
    assert!(is_fenced(fixture.journal.commit(run, epoch, change.clone()).await));
    assert!(is_fenced(fixture.journal.release(run, epoch).await));
    let again = fixture.journal.claim(NOW, 1).await.unwrap().runs.pop().unwrap();
    assert!(is_fenced(fixture.journal.commit(run, epoch, change.clone()).await));
    assert_eq!(fixture.journal.read(run).await.unwrap().0, claim.state, "nothing was written");
    fixture.journal.commit(run, again.epoch, change.clone()).await.unwrap();
    assert!(fixture.journal.commit(run, again.epoch, change).await.is_err(), "the claim has ended");
}

pub async fn a_ready_run_keeps_its_claim_and_its_place(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let step = transition(&claim.state, vec![succeeded("get", Body::Text("a".into()))]);
    let state = step.state.clone();
    fixture.journal.commit(run, claim.epoch, step).await.unwrap();
    assert!(fixture.journal.claim(u64::MAX, 9).await.unwrap().runs.is_empty());
    fixture.journal.release(run, claim.epoch).await.unwrap();
    let again = fixture.journal.claim(u64::MAX, 9).await.unwrap().runs.pop().unwrap();
    assert_eq!((again.state.clone(), again.entries.len()), (state, 2));
    let end = transition(&again.state, vec![What::Succeeded]);
    fixture.journal.commit(run, again.epoch, end).await.unwrap();
    let claims = fixture.journal.claim(u64::MAX, 9).await.unwrap();
    assert!(claims.runs.is_empty() && claims.next_due_ms.is_none());
}

pub async fn an_illegal_transition_is_refused(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let good = transition(&claim.state, vec![What::Succeeded]);
    let other = Transition { state: State { redrives: 9, ..good.state.clone() }, ..good.clone() };
    let result = fixture.journal.commit(run, claim.epoch, other).await;
    assert!(matches!(result, Err(JournalError::Illegal { .. })));
    let mut impossible = good.clone();
    impossible.entries[0].what = What::Redriven { from_start: true, document: None, by: "me".into() };
    let result = fixture.journal.commit(run, claim.epoch, impossible).await;
    assert!(matches!(result, Err(JournalError::Illegal { .. })));
    let longer = Transition { state: State { seq: 7, ..good.state.clone() }, ..good.clone() };
    let result = fixture.journal.commit(run, claim.epoch, longer).await;
    assert!(matches!(result, Err(JournalError::Fenced { .. })));
    assert_eq!(fixture.journal.read(run).await.unwrap().1.len(), 1);
    fixture.journal.commit(run, claim.epoch, good).await.unwrap();
}

pub async fn a_claimed_run_is_not_amended(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let cancel = transition(&claim.state, vec![What::Cancelled { by: "me".into() }]);
    let result = fixture.journal.amend(run, 1, cancel.clone()).await;
    assert!(matches!(result, Err(JournalError::Fenced { .. })));
    fixture.journal.release(run, claim.epoch).await.unwrap();
    assert!(matches!(fixture.journal.amend(run, 2, cancel.clone()).await, Err(JournalError::Fenced { .. })));
    let again = fixture.journal.claim(NOW, 1).await.unwrap().runs.pop().unwrap();
    fixture.journal.release(run, again.epoch).await.unwrap();
    fixture.journal.amend(run, 1, cancel).await.unwrap();
    assert!(fixture.journal.claim(u64::MAX, 9).await.unwrap().runs.is_empty());
    assert_eq!(fixture.journal.read(run).await.unwrap().0.phase.name(), PhaseName::Cancelled);
}

pub async fn a_dead_letter_is_redriven_once(fixture: Fixture) {
    let run = fixture.ended(died()).await;
    let (state, _) = fixture.journal.read(run).await.unwrap();
    let redrive = What::Redriven { from_start: false, document: None, by: "me".into() };
    let change = transition(&state, vec![redrive]);
    let mut asking = Vec::new();
    for _ in 0..8 {
        let (journal, change) = (fixture.journal.clone(), change.clone());
        asking.push(tokio::spawn(async move { journal.amend(run, 2, change).await.is_ok() }));
    }
    let mut redriven = 0;
    for asked in asking {
        redriven += usize::from(asked.await.unwrap());
    }
    assert_eq!(redriven, 1);
    let claims = fixture.journal.claim(u64::MAX, 9).await.unwrap();
    assert_eq!(claims.runs.len(), 1);
    assert_eq!(claims.runs[0].state.redrives, 1);
}

pub async fn the_backlog_is_counted(fixture: Fixture) {
    for _ in 0..3 {
        fixture.ended(died()).await;
    }
    let cancelled = fixture.ended(died()).await;
    let (state, _) = fixture.journal.read(cancelled).await.unwrap();
    let cancel = transition(&state, vec![What::Cancelled { by: "me".into() }]);
    fixture.journal.amend(cancelled, state.seq, cancel).await.unwrap();
    fixture.ended(What::Succeeded).await;
    fixture.ended(failed(NOW + 1_000_000)).await;
    fixture.accept(acceptance(NOW)).await;
    let backlog = fixture.journal.backlog();
    assert_eq!((backlog.unfinished, backlog.dead), (2, 3));
}

/// Claims, commits and acceptances at once: every run is worked on to its end, none twice at a time.
pub async fn work_goes_on_while_runs_arrive(fixture: Fixture) {
    const RUNS: usize = 300;
    let mut senders = Vec::new();
    for sender in 0..6 {
        let journal = fixture.journal.clone();
        senders.push(tokio::spawn(async move {
            for number in 0..RUNS / 6 {
                // Not in the order of time: the queue's front moves back and forth.
                let at_ms = NOW + (number as u64 * 7_919 + sender) % 100;
                journal.accept(vec![acceptance(at_ms)]).await.unwrap();
            }
        }));
    }
    let mut workers = Vec::new();
    for _ in 0..4 {
        let journal = fixture.journal.clone();
        workers.push(tokio::spawn(async move {
            let everything = Filter { phase: Some(PhaseName::Succeeded), ..Filter::default() };
            while journal.query(&everything, None, RUNS).await.unwrap().runs.len() < RUNS {
                for claim in journal.claim(NOW + 10_000, 5).await.unwrap().runs {
                    let run = claim.state.run;
                    let what = match claim.entries.len() {
                        1 => failed(NOW + 50),
                        2 => {
                            journal.release(run, claim.epoch).await.unwrap();
                            // Whoever gets it next may be this worker or another.
                            let Some(claim) = journal.claim(NOW + 10_000, 1).await.unwrap().runs.pop() else {
                                continue;
                            };
                            let run = claim.state.run;
                            let what =
                                if claim.entries.len() == 1 { failed(NOW + 50) } else { What::Succeeded };
                            journal
                                .commit(run, claim.epoch, transition(&claim.state, vec![what]))
                                .await
                                .unwrap();
                            continue;
                        }
                        _ => What::Succeeded,
                    };
                    journal.commit(run, claim.epoch, transition(&claim.state, vec![what])).await.unwrap();
                }
            }
        }));
    }
    for task in senders.into_iter().chain(workers) {
        tokio::time::timeout(std::time::Duration::from_secs(60), task).await.unwrap().unwrap();
    }
    assert_eq!(fixture.journal.backlog().unfinished, 0);
}
