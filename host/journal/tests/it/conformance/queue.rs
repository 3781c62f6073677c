//! Claiming, committing, fencing.

use std::collections::BTreeSet;

use stepmill_core::document::Body;
use stepmill_core::journal::{Committed, Filter, JournalError, PhaseName, Transition};
use stepmill_core::run::{Entry, next};

use crate::fixtures::{
    Fixture, NOW, acceptance, cancelled, claim_of, died, done, failed, redriven, succeeded, transition,
};

pub async fn concurrent_claimers_get_each_run_once(fixture: Fixture) {
    let batch: Vec<_> = (0..400).map(|number| acceptance(NOW + number % 7)).collect();
    let expected: BTreeSet<_> = batch.iter().map(|acceptance| acceptance.accepted.run).collect();
    fixture.journal.accept(batch).await.unwrap();
    let mut claimers = Vec::new();
    for _ in 0..8 {
        let journal = fixture.journal.clone();
        claimers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claims = claim_of(&*journal, NOW + 10, 3).await;
                if claims.is_empty() {
                    return mine;
                }
                for claim in claims {
                    let run = claim.state.run;
                    let change = transition(&claim.state, vec![done()]);
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
    let claims = fixture.claim(NOW + 99, 9).await;
    assert!(claims.is_empty());
    assert_eq!(fixture.next_due_ms(), Some(NOW + 100));
    let claims = fixture.claim(NOW + 100, 9).await;
    assert_eq!((claims.len(), fixture.next_due_ms()), (1, None));
    assert_eq!(claims[0].entries.len(), 2);
    assert!(fixture.claim(u64::MAX, 9).await.is_empty(), "claimed by another");
    fixture.journal.release(run, claims[0].epoch).await.unwrap();
    let again = fixture.claim(NOW + 100, 9).await;
    assert_eq!(again.len(), 1);
    assert!(again[0].epoch > claims[0].epoch);
}

pub async fn a_commit_without_the_claim_is_fenced(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let (run, epoch) = (claim.state.run, claim.epoch);
    fixture.journal.release(run, epoch).await.unwrap();
    let change = transition(&claim.state, vec![done()]);
    let is_fenced = |result: Result<(), JournalError>| matches!(result, Err(JournalError::Fenced { run: fenced, epoch: of }) if fenced == run && of == epoch);
    assert!(is_fenced(fixture.journal.commit(run, epoch, change.clone()).await.map(drop)));
    assert!(is_fenced(fixture.journal.release(run, epoch).await));
    let again = fixture.claim(NOW, 1).await.pop().unwrap();
    assert!(is_fenced(fixture.journal.commit(run, epoch, change.clone()).await.map(drop)));
    assert_eq!(fixture.journal.read(run).await.unwrap().0, claim.state, "nothing was written");
    fixture.journal.commit(run, again.epoch, change.clone()).await.unwrap();
    assert!(fixture.journal.commit(run, again.epoch, change).await.is_err(), "the claim has ended");
}

pub async fn a_ready_run_keeps_its_claim_and_its_place(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let step = transition(&claim.state, vec![succeeded("get", Body::Text("a".into()))]);
    let entries = step.entries.clone();
    let Committed { state, before, after } = fixture.journal.commit(run, claim.epoch, step).await.unwrap();
    assert_eq!(state, next(Some(claim.state), &entries[0]).unwrap());
    assert!(before.is_empty() && after.is_empty());
    assert!(fixture.claim(u64::MAX, 9).await.is_empty());
    fixture.journal.release(run, claim.epoch).await.unwrap();
    let again = fixture.claim(u64::MAX, 9).await.pop().unwrap();
    assert_eq!((again.state.clone(), again.entries.len()), (state, 2));
    let end = transition(&again.state, vec![done()]);
    fixture.journal.commit(run, again.epoch, end).await.unwrap();
    let claims = fixture.claim(u64::MAX, 9).await;
    assert!(claims.is_empty() && fixture.next_due_ms().is_none());
}

pub async fn an_illegal_transition_is_refused(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let good = transition(&claim.state, vec![done()]);
    let mut impossible = good.clone();
    impossible.entries[0].what = redriven();
    let result = fixture.journal.commit(run, claim.epoch, impossible).await;
    assert!(matches!(result, Err(JournalError::Illegal { .. })));
    let ahead = Transition { seen: 7, ..good.clone() };
    let result = fixture.journal.commit(run, claim.epoch, ahead).await;
    assert!(matches!(result, Err(JournalError::Illegal { .. })));
    assert_eq!(fixture.journal.read(run).await.unwrap().1.len(), 1);
    fixture.journal.commit(run, claim.epoch, good).await.unwrap();
}

pub async fn a_dead_letter_is_redriven_once(fixture: Fixture) {
    let run = fixture.ended(died()).await;
    let mut asking = Vec::new();
    for _ in 0..8 {
        let journal = fixture.journal.clone();
        let entry = Entry::new(NOW, redriven());
        asking.push(tokio::spawn(async move { journal.append(run, entry).await.is_ok() }));
    }
    let mut redriven = 0;
    for asked in asking {
        redriven += usize::from(asked.await.unwrap());
    }
    assert_eq!(redriven, 1);
    let claims = fixture.claim(u64::MAX, 9).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].state.redrives, 1);
}

pub async fn the_backlog_is_counted(fixture: Fixture) {
    for _ in 0..3 {
        fixture.ended(died()).await;
    }
    let dead = fixture.ended(died()).await;
    fixture.journal.append(dead, Entry::new(NOW, cancelled())).await.unwrap();
    fixture.ended(done()).await;
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
                // An inline journal never waits.
                tokio::task::yield_now().await;
                for claim in claim_of(&*journal, NOW + 10_000, 5).await {
                    let run = claim.state.run;
                    let what = match claim.entries.len() {
                        1 => failed(NOW + 50),
                        2 => {
                            journal.release(run, claim.epoch).await.unwrap();
                            // Whoever gets it next may be this worker or another.
                            let Some(claim) = claim_of(&*journal, NOW + 10_000, 1).await.pop() else {
                                continue;
                            };
                            let run = claim.state.run;
                            let what = if claim.entries.len() == 1 { failed(NOW + 50) } else { done() };
                            journal
                                .commit(run, claim.epoch, transition(&claim.state, vec![what]))
                                .await
                                .unwrap();
                            continue;
                        }
                        _ => done(),
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
