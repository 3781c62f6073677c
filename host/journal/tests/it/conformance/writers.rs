//! A run whose journal has several writers.

use stepmill_core::journal::{Committed, JournalError, Transition};
use stepmill_core::run::{Children, Decision, Entry, Failures, Pending, Phase, Stand, What};

use crate::fixtures::{
    Fixture, NOW, acceptance, began, cancelled, child, died, done, failed, redriven, transition,
};

fn approval() -> What {
    let decision = Decision { approved: true, by: "me".into(), comment: None };
    What::Decided { step: "ask".into(), decision }
}

/// The decision comes before whoever asked for it says that the run rests: it must not sleep on it.
pub async fn what_others_wrote_comes_before_a_commit_that_has_not_seen_it(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let ask =
        What::Began { step: "ask".into(), pending: Pending::Decision { until_ms: None, question: None } };
    let asks = Transition { entries: vec![Entry::new(NOW, ask)], seen: 1, ..Transition::default() };
    let asked = fixture.journal.commit(run, claim.epoch, asks).await.unwrap();
    let state = fixture.journal.append(run, Entry::new(NOW, approval())).await.unwrap();
    assert_eq!(state.done("ask"), Some(2));
    assert!(fixture.claim(u64::MAX, 9).await.is_empty(), "whoever has claimed it has it still");
    let sleeps = transition(&asked.state, vec![began("sleep", Pending::Time { until_ms: NOW + 50 })]);
    let Committed { state, before, after } =
        fixture.journal.commit(run, claim.epoch, sleeps.clone()).await.unwrap();
    assert_eq!(before, [Entry::new(NOW, approval())]);
    assert!(after.is_empty());
    assert!(matches!(state.phase, Phase::Ready { .. }), "it has not been seen that the step can go on");
    let (read, entries) = fixture.journal.read(run).await.unwrap();
    assert_eq!((&read, entries.len()), (&state, 4));
    assert_eq!(entries[3], sleeps.entries[0]);
    // Now it rests, and the claim is over.
    let rests = transition(&state, vec![failed(NOW + 20)]);
    let rested = fixture.journal.commit(run, claim.epoch, rests).await.unwrap();
    assert!(matches!(rested.state.phase, Phase::Retrying { .. }));
    assert_eq!(fixture.next_due_ms(), Some(NOW + 20));
}

pub async fn a_claimed_run_that_somebody_ends_is_left_by_whoever_holds_it(fixture: Fixture) {
    for commits in [true, false] {
        let claim = fixture.claimed().await;
        let run = claim.state.run;
        let state = fixture.journal.append(run, Entry::new(NOW, cancelled())).await.unwrap();
        assert_eq!(state.phase, Phase::Cancelled);
        assert_eq!(fixture.next_due_ms(), None);
        if commits {
            let change = transition(&claim.state, vec![done()]);
            let result = fixture.journal.commit(run, claim.epoch, change.clone()).await;
            assert!(matches!(result, Err(JournalError::Ended { run: ended }) if ended == run));
            let result = fixture.journal.commit(run, claim.epoch, change).await;
            assert!(matches!(result, Err(JournalError::Fenced { .. })), "the claim is over");
        } else {
            fixture.journal.release(run, claim.epoch).await.unwrap();
        }
        assert!(fixture.claim(u64::MAX, 9).await.is_empty());
        let late = fixture.journal.append(run, Entry::new(NOW, cancelled())).await;
        assert!(matches!(late, Err(JournalError::Ended { .. })));
        assert_eq!(fixture.journal.read(run).await.unwrap().1.len(), 2);
    }
    assert_eq!(fixture.journal.backlog().unfinished, 0);
}

/// Neither the entries after the end nor the claim get lost.
pub async fn entries_that_follow_an_end_of_their_own_are_refused(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let twice = transition(&claim.state, vec![done(), done()]);
    let result = fixture.journal.commit(run, claim.epoch, twice).await;
    assert!(matches!(result, Err(JournalError::Illegal { .. })));
    fixture.journal.release(run, claim.epoch).await.unwrap();
    assert_eq!(fixture.claim(NOW, 9).await.len(), 1);
}

/// Begins runs for a step: answers the parent's state once it rests, with its runs.
async fn with_children(
    fixture: &Fixture,
    failures: Failures,
    total: u32,
) -> (stepmill_core::run::State, Vec<stepmill_core::RunId>) {
    let claim = fixture.claimed().await;
    let parent = claim.state.run;
    let what = began("each", Pending::Children { total, failures, since: 1, at_ms: 1, carried: None });
    let begins = Transition { entries: vec![Entry::new(NOW, what)], seen: 1, ..Transition::default() };
    let begun = fixture.journal.commit(parent, claim.epoch, begins).await.unwrap();
    let mut spawns = transition(&begun.state, vec![What::Spawned { step: "each".into(), count: total }]);
    spawns.entries[0].rests = Some(3);
    spawns.spawns = (0..total).map(|index| child(&begun.state, "each", index)).collect();
    let children = spawns.spawns.iter().map(|spawn| spawn.accepted.run).collect();
    let rested = fixture.journal.commit(parent, claim.epoch, spawns).await.unwrap();
    assert!(matches!(rested.state.phase, Phase::Waiting { .. }));
    (rested.state, children)
}

pub async fn a_run_hears_what_becomes_of_those_it_has_begun(fixture: Fixture) {
    let (parent, children) = with_children(&fixture, Failures::All, 2).await;
    assert_eq!(fixture.journal.backlog().unfinished, 3);
    let counts = async || match fixture.journal.read(parent.run).await.unwrap().0.stand("each") {
        Stand::Children(Children { succeeded, dead, cancelled, .. }) => Some((*succeeded, *dead, *cancelled)),
        _ => None,
    };
    let claims = fixture.claim(NOW + 9, 9).await;
    assert_eq!(claims.iter().map(|claim| claim.state.run).collect::<Vec<_>>(), children);
    let fails = transition(&claims[0].state, vec![died()]);
    fixture.journal.commit(children[0], claims[0].epoch, fails).await.unwrap();
    assert_eq!(counts().await, Some((0, 1, 0)));
    let output = stepmill_core::document::Document::from_bytes("text/plain", b"out".to_vec());
    let ends = transition(&claims[1].state, vec![What::Succeeded { output: Some(output.clone()) }]);
    fixture.journal.commit(children[1], claims[1].epoch, ends).await.unwrap();
    assert_eq!(counts().await, Some((1, 1, 0)));
    fixture.journal.append(children[0], Entry::new(NOW, redriven())).await.unwrap();
    assert_eq!(counts().await, Some((1, 0, 0)));
    assert!(fixture.claim(NOW + 9, 9).await.iter().all(|claim| claim.state.run != parent.run));
    fixture.journal.append(children[0], Entry::new(NOW, cancelled())).await.unwrap();
    assert_eq!(counts().await, None, "the step is done");
    let claims = fixture.claim(NOW + 9, 9).await;
    assert_eq!(claims.iter().map(|claim| claim.state.run).collect::<Vec<_>>(), [parent.run]);
    let heard = claims[0].entries.iter().any(|entry| {
        matches!(&entry.what, What::Child { index: 1, became, .. }
            if *became == stepmill_core::run::Became::Succeeded { output: Some(output.clone()), is_cut: false })
    });
    assert!(heard);
}

pub async fn a_dead_child_that_is_cancelled_is_dead_no_more(fixture: Fixture) {
    let (parent, children) = with_children(&fixture, Failures::All, 2).await;
    let claim = fixture.claim(NOW + 9, 1).await.pop().unwrap();
    fixture.journal.commit(children[0], claim.epoch, transition(&claim.state, vec![died()])).await.unwrap();
    fixture.journal.append(children[0], Entry::new(NOW, cancelled())).await.unwrap();
    let state = fixture.journal.read(parent.run).await.unwrap().0;
    let Stand::Children(counts) = state.stand("each") else { panic!("it waits for the other") };
    assert_eq!((counts.dead, counts.cancelled), (0, 1));
}

/// The parent is claimed while its last child ends: its holder gets to know with its next commit.
pub async fn a_claimed_run_hears_of_those_it_has_begun(fixture: Fixture) {
    let (parent, children) = with_children(&fixture, Failures::Stop, 1).await;
    let orphans = fixture.claim(NOW + 9, 9).await;
    fixture
        .journal
        .append(parent.run, Entry::new(NOW, What::Cancelled { by: "me".into(), undo: true }))
        .await
        .unwrap();
    let claim = fixture.claim(NOW + 9, 9).await.pop().unwrap();
    assert_eq!(claim.state.run, parent.run);
    let end = transition(&orphans[0].state, vec![done()]);
    fixture.journal.commit(children[0], orphans[0].epoch, end).await.unwrap();
    let undone = transition(&claim.state, vec![What::Undone]);
    let committed = fixture.journal.commit(parent.run, claim.epoch, undone).await.unwrap();
    assert!(matches!(&committed.before[..], [Entry { what: What::Child { .. }, .. }]));
    assert_eq!(committed.state.phase, Phase::Cancelled);
}

pub async fn a_run_begun_for_another_entry_of_the_step_is_refused(fixture: Fixture) {
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let what = began(
        "each",
        Pending::Children { total: 1, failures: Failures::All, since: 1, at_ms: 1, carried: None },
    );
    let begins = Transition { entries: vec![Entry::new(NOW, what)], seen: 1, ..Transition::default() };
    let begun = fixture.journal.commit(run, claim.epoch, begins).await.unwrap();
    let mut spawns = transition(&begun.state, vec![What::Spawned { step: "each".into(), count: 1 }]);
    let mut spawn = child(&begun.state, "each", 0);
    spawn.accepted.parent.as_mut().unwrap().since = 7;
    let spawned = spawn.accepted.run;
    spawns.spawns = vec![spawn];
    let result = fixture.journal.commit(run, claim.epoch, spawns).await;
    assert!(matches!(result, Err(JournalError::Illegal { .. })));
    assert!(matches!(fixture.journal.read(spawned).await, Err(JournalError::NoSuchRun(_))));
}

/// A run that waits for a system and for a time is in two queues, and in none while it is claimed.
pub async fn a_run_with_several_places_is_claimed_by_any_of_them(fixture: Fixture) {
    use stepmill_core::journal::{Front, Want};
    use stepmill_core::run::Queue;
    let (orders, erp) =
        (Queue::Workflow("orders".into()), Queue::System { system: "erp".into(), workflow: "orders".into() });
    let want = |queue: &Queue| [Want { queue: queue.clone(), most: 9 }];
    let mut claim = fixture.claimed().await;
    let run = claim.state.run;
    for by in [&erp, &orders, &erp] {
        let mut state = claim.state.clone();
        if state.steps.is_empty() {
            let sleeps = began("sleep", Pending::Time { until_ms: NOW + 50 });
            let sleeps =
                Transition { entries: vec![Entry::new(NOW, sleeps)], seen: 1, ..Transition::default() };
            state = fixture.journal.commit(run, claim.epoch, sleeps).await.unwrap().state;
        }
        let parks = What::Parked { step: "call".into(), system: "erp".into() };
        let state =
            fixture.journal.commit(run, claim.epoch, transition(&state, vec![parks])).await.unwrap().state;
        assert!(matches!(state.phase, Phase::Parked { .. }));
        let parked_ms = state.changed_ms;
        let fronts = [(&orders, NOW + 50), (&erp, parked_ms)]
            .map(|(queue, due_ms)| Front { queue: queue.clone(), due_ms });
        assert_eq!(fixture.journal.fronts(), fronts);
        assert!(fixture.journal.claim(NOW + 49, &want(&orders)).await.unwrap().is_empty());
        let both: Vec<Want> = [want(by), want(&orders), want(&erp)].concat();
        let mut claims = fixture.journal.claim(NOW + 50, &both).await.unwrap();
        assert_eq!(claims.len(), 1);
        claim = claims.pop().unwrap();
        assert_eq!(claim.state, state);
        assert!(fixture.journal.fronts().is_empty());
        fixture.journal.release(run, claim.epoch).await.unwrap();
        assert_eq!(fixture.journal.fronts(), fronts);
        claim = fixture.journal.claim(NOW + 50, &want(by)).await.unwrap().pop().unwrap();
    }
}

/// More queues and runs than the fronts that are kept in memory.
pub async fn each_of_many_long_queues_is_worked_on(fixture: Fixture) {
    use stepmill_core::journal::Want;
    use stepmill_core::run::Queue;
    const QUEUES: usize = 60;
    const EACH: usize = 400;
    let workflow = |queue: usize| format!("workflow-{queue}");
    for queue in 0..QUEUES {
        let runs = (0..EACH as u64).map(|number| {
            let mut acceptance = acceptance(NOW + (number * 7_919) % 1_000);
            acceptance.accepted.workflow = workflow(queue);
            acceptance
        });
        fixture.journal.accept(runs.collect()).await.unwrap();
    }
    assert_eq!(fixture.journal.fronts().len(), QUEUES);
    let wants: Vec<Want> =
        (0..QUEUES).map(|queue| Want { queue: Queue::Workflow(workflow(queue)), most: 150 }).collect();
    let mut seen = std::collections::BTreeSet::new();
    for most in [150, 150, 100, 0] {
        let claims = fixture.journal.claim(NOW + 1_000, &wants).await.unwrap();
        assert_eq!(claims.len(), most * QUEUES);
        assert!(claims.iter().all(|claim| seen.insert(claim.state.run)), "claimed twice");
    }
    assert!(fixture.journal.fronts().is_empty());
}
