#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail so")]

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;

use super::{next, replay};
use crate::attempt::{Cause, Failure, Record};
use crate::document::Document;
use crate::event::{Event, Trigger};
use crate::id::RunId;
use crate::run::{Entry, Phase, State, Tries, What};

const STEPS: [&str; 3] = ["a", "b", "c"];

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

fn accepted() -> What {
    let event =
        Event { trigger: Trigger::Manual, headers: [].into(), query: [].into(), document: document() };
    What::Accepted { run: RunId::new(0, [0; 10]), workflow: "w".into(), version: "v".into(), event }
}

fn entry(at_ms: u64, what: What) -> Entry {
    Entry { at_ms, what, pure: Vec::new() }
}

/// Any entry at all, legal or not.
fn entries() -> impl Strategy<Value = Entry> {
    let cause = || {
        prop_oneof![
            Just(None),
            Just(Some(Cause::RetryAsked)),
            Just(Some(Cause::Trap)),
            Just(Some(Cause::Rejected)),
            Just(Some(Cause::Host)),
        ]
    };
    let records = move || {
        (0..STEPS.len(), prop_oneof![1..5_u32, any::<u32>()], cause())
            .prop_map(|(step, number, cause)| record(STEPS[step], number, cause))
    };
    let what = prop_oneof![
        Just(accepted()),
        records().prop_map(|record| What::StepSucceeded { output: document(), record }),
        (records(), any::<u64>())
            .prop_map(|(record, retry_at_ms)| What::AttemptFailed { record, retry_at_ms }),
        records().prop_map(|record| What::Died { record }),
        Just(What::Succeeded),
        (any::<bool>(), any::<bool>()).prop_map(|(from_start, edited)| redriven(from_start, edited)),
        Just(What::Cancelled { by: "x".into() }),
    ];
    (any::<u64>(), what).prop_map(|(at_ms, what)| entry(at_ms, what))
}

fn redriven(from_start: bool, edited: bool) -> What {
    What::Redriven { from_start, document: edited.then(document), by: "x".into() }
}

/// What a model of a run may do next, chosen by `choice`; none once it has ended for good.
fn legal(state: &State, choice: (u8, usize, bool)) -> Option<What> {
    let (action, step, flag) = choice;
    match &state.phase {
        Phase::Succeeded | Phase::Cancelled => None,
        Phase::Dead { .. } if action == 0 => Some(What::Cancelled { by: "x".into() }),
        Phase::Dead { .. } => Some(redriven(flag, action % 2 == 0)),
        Phase::Ready { .. } | Phase::Retrying { .. } => {
            let open: Vec<_> = STEPS.iter().filter(|step| !state.results.contains_key(**step)).collect();
            let Some(step) = open.get(step % open.len().max(1)) else { return Some(What::Succeeded) };
            let number = state.next_attempt(step);
            Some(match action {
                0 => What::Cancelled { by: "x".into() },
                1 | 2 => What::Died { record: record(step, number, Some(Cause::Rejected)) },
                3 | 4 => What::StepSucceeded { output: document(), record: record(step, number, None) },
                _ => {
                    let cause = if flag { Cause::Host } else { Cause::Trap };
                    What::AttemptFailed { record: record(step, number, Some(cause)), retry_at_ms: 7 }
                }
            })
        }
    }
}

/// The entries and the states of a walk that follows the model, the accepting entry first.
fn walk(choices: &[(u8, usize, bool)]) -> (Vec<Entry>, Vec<State>) {
    let mut entries = vec![entry(1, accepted())];
    let mut states = vec![next(None, &entries[0]).unwrap()];
    for (at_ms, choice) in (2..).zip(choices) {
        let state = states.last().unwrap();
        let Some(what) = legal(state, *choice) else { break };
        let entry = entry(at_ms, what);
        states.push(next(Some(state.clone()), &entry).unwrap());
        entries.push(entry);
    }
    (entries, states)
}

fn choices() -> impl Strategy<Value = Vec<(u8, usize, bool)>> {
    vec((0..12_u8, any::<usize>(), any::<bool>()), 0..60)
}

proptest! {
    #[test]
    fn every_pair_of_state_and_entry_has_an_answer(journal in vec(entries(), 0..40)) {
        let mut state: Option<State> = None;
        for entry in &journal {
            match next(state.clone(), entry) {
                Ok(after) => {
                    prop_assert_eq!(after.seq, state.as_ref().map_or(0, |state| state.seq) + 1);
                    prop_assert_eq!(after.changed_ms, entry.at_ms);
                    state = Some(after);
                }
                Err(refused) => prop_assert!(!refused.why.is_empty()),
            }
        }
    }

    #[test]
    fn what_has_ended_takes_nothing_and_a_dead_letter_only_a_person(choices in choices(), any in entries()) {
        for state in walk(&choices).1 {
            let is_taken = next(Some(state.clone()), &any).is_ok();
            let is_of_a_person = matches!(any.what, What::Redriven { .. } | What::Cancelled { .. });
            match state.phase {
                Phase::Succeeded | Phase::Cancelled => prop_assert!(!is_taken),
                Phase::Dead { .. } => prop_assert_eq!(is_taken, is_of_a_person),
                Phase::Ready { .. } | Phase::Retrying { .. } => {
                    let can_never_be = matches!(any.what, What::Accepted { .. } | What::Redriven { .. });
                    prop_assert!(!(is_taken && can_never_be));
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

    #[test]
    fn a_redrive_forgets_what_was_counted_and_goes_on_numbering(choices in choices()) {
        let (entries, states) = walk(&choices);
        for ((entry, after), before) in entries.iter().zip(&states).skip(1).zip(&states) {
            let What::Redriven { from_start, document, .. } = &entry.what else { continue };
            for step in STEPS {
                let tries = after.tries.get(step).copied().unwrap_or_default();
                prop_assert_eq!(tries, Tries { last: tries.last, ..Tries::default() });
                prop_assert_eq!(after.next_attempt(step), before.next_attempt(step));
            }
            prop_assert_eq!(after.redrives, before.redrives + 1);
            let kept = if *from_start { Default::default() } else { before.results.clone() };
            prop_assert_eq!(&after.results, &kept);
            prop_assert_eq!(after.payload, if document.is_some() { before.seq } else { before.payload });
        }
    }

    #[test]
    fn numbers_of_attempts_never_repeat_and_results_point_at_their_entries(choices in choices()) {
        let (entries, states) = walk(&choices);
        let mut seen = std::collections::BTreeSet::new();
        for entry in &entries {
            if let What::StepSucceeded { record, .. } | What::AttemptFailed { record, .. } | What::Died { record } = &entry.what {
                prop_assert!(seen.insert((record.step.clone(), record.number)));
            }
        }
        let state = states.last().unwrap();
        for (step, seq) in &state.results {
            let What::StepSucceeded { record, .. } = &entries[usize::try_from(*seq).unwrap()].what else {
                panic!("the result of {step} is no success");
            };
            prop_assert_eq!(&record.step, step);
        }
    }
}
