#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail so")]

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;

use super::{next, replay};
use crate::attempt::{Cause, Failure, Record};
use crate::dead::{Category, Redrive, fingerprint};
use crate::document::Document;
use crate::event::{Event, Trigger};
use crate::id::RunId;
use crate::run::{
    Accepted, Became, Carried, Decision, Entry, Failures, Gather, Lane, OnDead, Pending, Phase, Stand, State,
    Tries, What,
};

/// A workflow's steps: three of attempts, and the undo of the first.
const STEPS: [&str; 4] = ["a", "b", "c", "a/undo"];

fn document() -> Document {
    Document::from_bytes("text/plain", b"x".to_vec())
}

fn record(step: &str, number: u32, cause: Option<Cause>) -> Record {
    Record {
        step: step.into(),
        number,
        plugin: "p".into(),
        digest: "d".into(),
        started_ms: 0,
        took_us: 0,
        memory_bytes: 0,
        failure: cause.map(|cause| Failure::new(cause, "x")),
        exchanges: Vec::new(),
        logs: Vec::new(),
    }
}

fn event() -> Event {
    Event { trigger: Trigger::Manual, headers: [].into(), query: [].into(), document: document(), raw: None }
}

/// A run that begins at once, in a lane, or by gathering, in turn.
fn accepted(kind: u8) -> What {
    let lane = Lane { key: "l".into(), width: 1, on_dead: OnDead::Pass, ticket: 0 };
    let gather = Gather {
        key: "g".into(),
        for_ms: 100,
        max: 3,
        quiet_ms: (kind == 3).then_some(10),
        keep_last: false,
    };
    What::Accepted(Box::new(Accepted {
        run: RunId::new(0, [0; 10]),
        workflow: "w".into(),
        version: "v".into(),
        event: event(),
        timeout_ms: (kind == 1).then_some(1_000),
        parent: None,
        key: None,
        lane: (kind == 1).then_some(lane),
        gather: (kind % 4 >= 2).then_some(gather),
        is_held: kind >= 4,
    }))
}

fn pending(kind: u8, since: u32) -> Pending {
    match kind % 5 {
        0 => Pending::Time { until_ms: 9 },
        1 => Pending::Event { event: "e".into(), key: "k".into(), until_ms: (kind > 5).then_some(9) },
        2 => Pending::Decision {
            until_ms: (kind > 5).then_some(9),
            question: (kind < 3).then(|| "well?".into()),
        },
        3 => Pending::Children {
            total: 3,
            failures: Failures::Collect,
            since,
            at_ms: 1,
            carried: (kind > 5).then(|| Carried::new(1, [0, 2], 7)),
        },
        _ => Pending::Children {
            total: u32::from(kind % 3),
            failures: Failures::All,
            since,
            at_ms: 1,
            carried: None,
        },
    }
}

fn became(kind: u8) -> Became {
    match kind % 4 {
        0 => Became::Succeeded { output: Some(document()), is_cut: false },
        1 => Became::Dead { failure: Failure::new(Cause::Trap, "x") },
        2 => Became::Revived,
        _ => Became::Cancelled { was_dead: kind > 9 },
    }
}

/// An entry that a step, a number and a kind choose: about any step, legal or not.
fn what(action: u8, step: &str, number: u32, kind: u8) -> What {
    let name = step.to_owned();
    let causes = [Cause::RetryAsked, Cause::Trap, Cause::Rejected, Cause::Host];
    let failed = record(step, number, Some(causes[usize::from(kind % 4)]));
    match action % 20 {
        0 => accepted(kind % 4),
        1 => What::Gathered { event: event() },
        2 => What::Turn,
        3..=5 => What::StepSucceeded { output: document(), record: record(step, number, None) },
        6 | 7 => What::AttemptFailed { record: failed, retry_at_ms: 7 },
        8 => What::Parked { step: name, system: "s".into() },
        9 | 10 => What::Began { step: name, pending: pending(kind, number) },
        11 => What::Spawned { step: name, count: u32::from(kind % 3) },
        12 => {
            let run = RunId::new(1, [1; 10]);
            What::Child { step: name, since: number, index: 0, run, became: became(kind) }
        }
        13 => What::Heard { step: name, event: event() },
        14 => What::Decided {
            step: name,
            decision: Decision { approved: kind > 5, by: "x".into(), comment: None },
        },
        15 => What::Elapsed { step: name },
        16 => What::Died {
            category: Category::Data,
            fingerprint: fingerprint("w", step, failed.failure.as_ref().unwrap(), None),
            record: failed,
            undo: kind.is_multiple_of(3),
            redrive: (kind > 5).then_some(Redrive { at_ms: 40, times: 2 }),
        },
        17 => match kind % 3 {
            0 => What::Undone,
            1 => What::Succeeded { output: None },
            _ => What::Rests,
        },
        18 if kind == 9 => What::Snoozed { until_ms: u64::from(number) * 9, by: "x".into() },
        18 if kind == 6 => What::Released { by: "x".into(), ticket: 0 },
        18 if kind == 7 => redriven_by_rule(false),
        18 if kind == 8 => redriven_by_rule(true),
        18 => redriven(kind > 5, kind.is_multiple_of(2)),
        _ => What::Cancelled { by: "x".into(), undo: kind.is_multiple_of(2) },
    }
}

fn redriven(from_start: bool, edited: bool) -> What {
    let document = edited.then(document);
    What::Redriven { from_start, document, version: None, by: "x".into(), by_rule: false }
}

fn redriven_by_rule(from_start: bool) -> What {
    What::Redriven { from_start, document: None, version: None, by: "rule".into(), by_rule: true }
}

/// What chooses an entry: the action, the step, the kind, and whether the writer rests.
type Choice = (u8, usize, u8, bool);

/// The entry that a choice makes of a state: its numbers fit, whether or not the rest is legal.
fn chosen(state: &State, at_ms: u64, (action, step, kind, rests): Choice) -> Entry {
    let step = STEPS[step % STEPS.len()];
    let number = match state.stand(step) {
        Stand::Children(children) => children.since,
        _ => state.next_attempt(step),
    };
    let mut entry = Entry::new(at_ms, what(action, step, number, kind));
    // Now and then somebody has not seen everything.
    entry.rests = rests.then(|| (state.seq + 1).saturating_sub(u32::from(kind % 4 == 0)));
    entry
}

fn choices() -> impl Strategy<Value = (u8, Vec<Choice>)> {
    (0..4_u8, vec((any::<u8>(), any::<usize>(), 0..12_u8, any::<bool>()), 0..120))
}

/// The entries that were legal and the states after them, the accepting entry first.
fn walk((kind, choices): &(u8, Vec<Choice>)) -> (Vec<Entry>, Vec<State>) {
    let mut entries = vec![Entry::new(1, accepted(*kind))];
    let mut states = vec![next(None, &entries[0]).unwrap()];
    for (at_ms, choice) in (2..).zip(choices) {
        let state = states.last().unwrap();
        let entry = chosen(state, at_ms, *choice);
        if let Ok(after) = next(Some(state.clone()), &entry) {
            states.push(after);
            entries.push(entry);
        }
    }
    (entries, states)
}

/// Any entry at all.
fn entries() -> impl Strategy<Value = Entry> {
    let number = prop_oneof![1..5_u32, any::<u32>()];
    let rests = prop_oneof![Just(None), any::<u32>().prop_map(Some)];
    (any::<u64>(), any::<u8>(), 0..STEPS.len(), number, any::<u8>(), rests).prop_map(
        |(at_ms, action, step, number, kind, rests)| Entry {
            rests,
            ..Entry::new(at_ms, what(action, STEPS[step], number, kind))
        },
    )
}

proptest! {
    #[test]
    fn every_pair_of_state_and_entry_has_an_answer(choices in choices(), any in entries()) {
        for state in walk(&choices).1 {
            match next(Some(state.clone()), &any) {
                Ok(after) => {
                    prop_assert_eq!(after.seq, state.seq + 1);
                    prop_assert_eq!(after.changed_ms, any.at_ms);
                }
                Err(refused) => prop_assert!(!refused.why.is_empty()),
            }
        }
    }

    #[test]
    fn what_has_ended_takes_nothing_and_a_dead_letter_stays_dead_until_a_person_comes(
        choices in choices(), any in entries(),
    ) {
        for state in walk(&choices).1 {
            let after = next(Some(state.clone()), &any);
            if state.phase.has_ended() {
                prop_assert!(after.is_err_and(|refused| refused.has_ended));
            } else if let (Phase::Dead { .. }, Ok(after)) = (&state.phase, after) {
                let is_of_a_person = matches!(any.what, What::Redriven { .. } | What::Cancelled { .. });
                let is_told =
                    matches!(any.what, What::Heard { .. } | What::Decided { .. } | What::Child { .. });
                if let What::Snoozed { until_ms, .. } = any.what {
                    let until_ms = Some(until_ms).filter(|until_ms| *until_ms > any.at_ms);
                    prop_assert_eq!(after.snoozed_until_ms(any.at_ms), until_ms);
                    prop_assert!(after.phase.is_dead() && after.places() == state.places());
                } else {
                    prop_assert!(is_of_a_person || is_told);
                    prop_assert_eq!(after.phase == state.phase, is_told);
                }
            }
        }
    }

    #[test]
    fn replaying_a_journal_gives_the_state_that_was_live(choices in choices(), cut in any::<Index>()) {
        let (entries, states) = walk(&choices);
        let length = cut.index(entries.len()) + 1;
        prop_assert_eq!(replay(&entries[..length]), Ok(Some(states[length - 1].clone())));
        prop_assert_eq!(replay([]), Ok(None));
        let stored = serde_json::to_string(&entries).unwrap();
        let read: Vec<Entry> = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(replay(&read), Ok(states.last().cloned()));
    }

    /// Whoever rests has a place in a queue, or waits for something that others will tell it.
    #[test]
    fn every_run_that_has_not_ended_can_be_found_again(choices in choices()) {
        for state in walk(&choices).1 {
            let is_told = state.steps.values().any(|progress| {
                matches!(
                    progress.stand,
                    Stand::Listening { .. } | Stand::Undecided { .. } | Stand::Children(_)
                )
            });
            let is_found = !state.places().is_empty() || is_told;
            match state.phase {
                Phase::Succeeded | Phase::Cancelled => prop_assert!(state.places().is_empty()),
                Phase::Dead { .. } | Phase::Queued { .. } | Phase::Held { .. } => {}
                Phase::Gathering { .. }
                | Phase::Ready { .. }
                | Phase::Retrying { .. }
                | Phase::Parked { .. }
                | Phase::Waiting { .. } => prop_assert!(is_found, "{state:#?}"),
            }
        }
    }

    #[test]
    fn a_run_rests_only_with_all_that_was_told_to_it_seen(choices in choices()) {
        let (entries, states) = walk(&choices);
        for ((entry, after), before) in entries.iter().zip(&states).skip(1).zip(&states) {
            let is_resting = |state: &State| {
                matches!(state.phase, Phase::Retrying { .. } | Phase::Parked { .. } | Phase::Waiting { .. })
            };
            if is_resting(after) && !is_resting(before) {
                prop_assert_eq!(entry.rests, Some(after.seq));
            }
        }
    }

    #[test]
    fn a_redrive_forgets_what_was_counted_and_goes_on_numbering(choices in choices()) {
        let (entries, states) = walk(&choices);
        for ((entry, after), before) in entries.iter().zip(&states).skip(1).zip(&states) {
            let What::Redriven { from_start, document, .. } = &entry.what else { continue };
            for step in STEPS {
                let tries = after.tries(step);
                prop_assert_eq!(tries, Tries { last: tries.last, ..Tries::default() });
                prop_assert_eq!(after.next_attempt(step), before.next_attempt(step));
                prop_assert_eq!(after.done(step), before.done(step).filter(|_| !from_start));
            }
            prop_assert_eq!(after.redrives, before.redrives + 1);
            prop_assert_eq!(after.payload, if document.is_some() { before.seq } else { before.payload });
        }
    }

    #[test]
    fn a_rule_redrives_what_it_had_in_store_when_it_is_time_and_as_often_as_it_may(choices in choices()) {
        let (entries, states) = walk(&choices);
        for ((entry, after), before) in entries.iter().zip(&states).skip(1).zip(&states) {
            let made = after.rule_redrives - before.rule_redrives;
            let is_by_rule = matches!(entry.what, What::Redriven { by_rule: true, .. });
            prop_assert_eq!(made, u32::from(is_by_rule));
            if is_by_rule {
                let redrive = before.redrive().unwrap();
                prop_assert!(before.phase.is_dead() && entry.at_ms >= redrive.at_ms);
                prop_assert!(after.rule_redrives <= redrive.times);
            }
        }
        for state in states.iter().filter(|state| state.phase.is_dead()) {
            let due: Vec<u64> = state.places().iter().map(|place| place.due_ms).collect();
            prop_assert_eq!(due, state.redrive().map(|redrive| redrive.at_ms).into_iter().collect::<Vec<_>>());
            for from_start in [false, true] {
                let entry = |at_ms| Entry::new(at_ms, redriven_by_rule(from_start));
                let is_undone = matches!(state.phase, Phase::Dead { undone: true, .. });
                match state.redrive() {
                    Some(redrive) => {
                        let due = next(Some(state.clone()), &entry(redrive.at_ms));
                        prop_assert_eq!(due.is_ok(), from_start || !is_undone);
                        prop_assert!(next(Some(state.clone()), &entry(redrive.at_ms - 1)).is_err());
                    }
                    None => prop_assert!(next(Some(state.clone()), &entry(u64::MAX)).is_err()),
                }
            }
        }
    }

    #[test]
    fn numbers_of_attempts_never_repeat_and_what_is_done_points_at_its_entry(choices in choices()) {
        let (entries, states) = walk(&choices);
        let mut seen = std::collections::BTreeSet::new();
        for entry in &entries {
            if let What::StepSucceeded { record, .. }
            | What::AttemptFailed { record, .. }
            | What::Died { record, .. } = &entry.what
            {
                prop_assert!(seen.insert((record.step.clone(), record.number)));
            }
        }
        let state = states.last().unwrap();
        for step in STEPS {
            let Some(seq) = state.done(step) else { continue };
            let what = &entries[usize::try_from(seq).unwrap()].what;
            let of = match what {
                What::StepSucceeded { record, .. } => &record.step,
                What::Heard { step, .. }
                | What::Decided { step, .. }
                | What::Elapsed { step }
                | What::Child { step, .. }
                | What::Began { step, .. } => step,
                other => panic!("{step} was done with {other:?}"),
            };
            prop_assert_eq!(of, step);
        }
    }

    #[test]
    fn a_lane_that_a_dead_letter_blocks_is_held_until_its_end(choices in choices()) {
        for state in walk(&choices).1 {
            if state.phase.has_ended() || state.phase.is_dead() {
                // The lanes here let others pass.
                prop_assert_eq!(state.turn(), None);
            }
        }
    }
}

#[test]
fn a_snooze_lasts_until_its_time_or_a_redrive_and_is_for_dead_letters_alone() {
    let after = |state: &State, at_ms, what| next(Some(state.clone()), &Entry::new(at_ms, what));
    let snoozed = |until_ms| What::Snoozed { until_ms, by: "x".into() };
    let fresh = next(None, &Entry::new(1, accepted(0))).unwrap();
    assert!(after(&fresh, 2, snoozed(50)).is_err());
    let dead = after(&fresh, 2, what(16, "a", 1, 1)).unwrap();
    assert!(dead.phase.is_dead());
    let sleeps = after(&dead, 10, snoozed(50)).unwrap();
    let until = |state: &State| [9, 49, 50].map(|now_ms| state.snoozed_until_ms(now_ms));
    assert_eq!(until(&sleeps), [Some(50), Some(50), None]);
    // Another takes its place, and a time that is over ends it.
    let longer = after(&sleeps, 11, snoozed(60)).unwrap();
    assert_eq!(until(&longer), [Some(60), Some(60), Some(60)]);
    assert_eq!(after(&longer, 12, snoozed(12)).unwrap().phase, dead.phase);
    let again = after(&longer, 13, redriven(false, false)).unwrap();
    let died = after(&again, 14, what(16, "a", 2, 1)).unwrap();
    assert_eq!(until(&died), [None, None, None]);
    assert!(matches!(died.phase, Phase::Dead { since_ms: 14, .. }));
}
