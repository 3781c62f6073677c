use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;
use Priority::{Bulk, Interactive, Normal};

/// Places that are free again before the next choice.
const MANY: Places = Places { all: 1_000, interactive: 0, normal: 0, bulk: 0 };

type Queue = (String, Priority);

fn candidates(queues: &[Queue]) -> Vec<Candidate<'_>> {
    queues
        .iter()
        .map(|(queue, priority)| Candidate { queue, priority: *priority, in_flight: 0, most: None })
        .collect()
}

fn named(priorities: &[Priority], prefix: &str) -> Vec<Queue> {
    priorities.iter().enumerate().map(|(i, priority)| (format!("{prefix}{i}"), *priority)).collect()
}

fn weights(queues: &[Queue]) -> usize {
    queues.iter().map(|(_, priority)| priority.weight() as usize).sum()
}

fn priorities(most: usize) -> impl Strategy<Value = Vec<Priority>> {
    prop::collection::vec(prop_oneof![Just(Interactive), Just(Normal), Just(Bulk)], 1..most)
}

/// Choices among the queues of each round that are due.
fn play(fair: &mut Fair, queues: &[Queue], rounds: &[Vec<bool>]) {
    for due in rounds {
        let due: Vec<_> =
            queues.iter().zip(due).filter(|(_, due)| **due).map(|(queue, _)| queue.clone()).collect();
        fair.choose(&MANY, &candidates(&due));
    }
}

fn rounds() -> impl Strategy<Value = Vec<Vec<bool>>> {
    prop::collection::vec(prop::collection::vec(any::<bool>(), 12), 0..100)
}

proptest! {
    #[test]
    fn each_queue_that_stays_due_gets_its_share_and_no_more(
        priorities in priorities(12), rounds in rounds(), length in 1..400_usize,
    ) {
        let queues = named(&priorities, "");
        let mut fair = Fair::default();
        play(&mut fair, &queues, &rounds);
        let (all, n) = (weights(&queues), queues.len());
        let mut counts = vec![0_usize; n];
        // Of each queue, how often each other one was chosen since it was.
        let mut since = vec![vec![0_usize; n]; n];
        for _ in 0..length {
            let chosen = fair.choose(&MANY, &candidates(&queues)).unwrap();
            counts[chosen] += 1;
            since[chosen].fill(0);
            for (waiting, others) in since.iter_mut().enumerate().filter(|(waiting, _)| *waiting != chosen) {
                others[chosen] += 1;
                let fit = priorities[waiting].stride() / priorities[chosen].stride();
                prop_assert!(others[chosen] <= fit as usize + 1);
            }
        }
        for (count, priority) in counts.into_iter().zip(priorities) {
            let weight = priority.weight() as usize;
            prop_assert!((count + 1) * all >= length.saturating_sub(n) * weight);
            prop_assert!(count.saturating_sub(1) * all <= (length + n) * weight);
        }
    }

    #[test]
    fn a_newly_due_queue_waits_for_those_of_its_priority_and_above_once_each(
        old in priorities(12), new in priorities(6), rounds in rounds(),
    ) {
        let mut queues = named(&old, "old");
        let mut fair = Fair::default();
        play(&mut fair, &queues, &rounds);
        queues.extend(named(&new, "new"));
        for wanted in [Interactive, Normal, Bulk] {
            let mut fair = fair.clone();
            let before = queues.iter().filter(|(_, priority)| *priority <= wanted).count();
            let mut chosen = BTreeSet::new();
            for _ in 0..before {
                chosen.insert(fair.choose(&MANY, &candidates(&queues)).unwrap());
            }
            for (i, (_, priority)) in queues.iter().enumerate().skip(old.len()) {
                prop_assert!(*priority != wanted || chosen.contains(&i));
            }
        }
    }

    #[test]
    fn idleness_and_coming_and_going_earn_nothing(
        others in priorities(6), idle in 0..60_usize, due in prop::collection::vec(any::<bool>(), 1..400),
    ) {
        for priority in [Interactive, Normal, Bulk] {
            let others = named(&others, "other");
            let mut queues = others.clone();
            queues.push(("flighty".into(), priority));
            let mut fair = Fair::default();
            fair.choose(&MANY, &candidates(&queues));
            for _ in 0..idle {
                fair.choose(&MANY, &candidates(&others));
            }
            let (mut count, length, n) = (0, due.len(), queues.len());
            for is_due in &due {
                let queues = if *is_due { &queues } else { &others };
                count += usize::from(fair.choose(&MANY, &candidates(queues)) == Some(others.len()));
            }
            prop_assert!(
                (count.max(1) - 1) * weights(&queues) <= (length + n) * priority.weight() as usize,
                "{count} of {length}"
            );
        }
    }

    #[test]
    fn the_reserve_stays_free_and_nobody_starves_behind_it(
        priorities in priorities(8), all in 1..20_usize, ends in prop::collection::vec(any::<usize>(), 300),
    ) {
        let queues = named(&priorities, "");
        let mut fair = Fair::default();
        let (mut held, mut waited) = (vec![0_usize; queues.len()], vec![0_usize; queues.len()]);
        for end in ends {
            loop {
                let mut places = Places { all, interactive: 0, normal: 0, bulk: 0 };
                for (held, priority) in held.iter().zip(&priorities) {
                    places.take(*priority, *held);
                }
                prop_assert!(places.interactive + places.normal + places.bulk <= all);
                prop_assert!(places.normal + places.bulk <= places.most(Normal));
                prop_assert!(places.bulk <= places.most(Bulk));
                let mut candidates = candidates(&queues);
                for (candidate, held) in candidates.iter_mut().zip(&held) {
                    candidate.in_flight = *held;
                }
                let Some(chosen) = fair.choose(&places, &candidates) else {
                    let nobody_could = priorities.iter().all(|priority| !places.is_open(*priority));
                    prop_assert!(places.free() == 0 || nobody_could);
                    break;
                };
                held[chosen] += 1;
                for (waited, priority) in waited.iter_mut().zip(&priorities) {
                    *waited += usize::from(places.is_open(*priority));
                }
                waited[chosen] = 0;
                // Each other queue once, and 16 times more for a bulk queue among interactive ones.
                prop_assert!(waited.iter().all(|waited| *waited <= 17 * queues.len()), "{:?}", waited);
            }
            // One run ends.
            let holders: Vec<_> = (0..held.len()).filter(|i| held[*i] > 0).collect();
            held[holders[end % holders.len()]] -= 1;
        }
    }

    #[test]
    fn only_queues_ahead_of_the_clock_are_remembered(priorities in priorities(12), rounds in rounds()) {
        let queues = named(&priorities, "");
        let mut fair = Fair::default();
        play(&mut fair, &queues, &rounds);
        for (queue, ahead) in &fair.ahead {
            prop_assert!(ahead.steps > 0 && ahead.steps <= ahead.priority.stride(), "{} {:?}", queue, ahead);
        }
        // Once they are gone and others have had 16 choices, nothing is left of them.
        let other = named(&[Bulk], "other");
        for _ in 0..2 {
            fair.choose(&MANY, &candidates(&other));
        }
        prop_assert_eq!(fair.ahead.len(), 0);
    }
}

/// The names of the queues that are chosen, in order.
fn order(fair: &mut Fair, queues: &[Queue], choices: usize) -> String {
    let candidates = candidates(queues);
    (0..choices).map(|_| candidates[fair.choose(&MANY, &candidates).unwrap()].queue).collect()
}

#[test]
fn sixteen_go_to_interactive_and_four_to_normal_for_each_to_bulk() {
    let queues = [("b".into(), Bulk), ("n".into(), Normal), ("i".into(), Interactive)];
    let mut fair = Fair::default();
    let first = order(&mut fair, &queues, 21);
    assert_eq!(first, "inbiiiiniiiiniiiiniii");
    assert_eq!(order(&mut fair, &queues, 21), first);
}

#[test]
fn a_queue_at_its_own_limit_and_one_that_may_have_none_are_passed_over() {
    let mut fair = Fair::default();
    let limited = |in_flight, most| Candidate { queue: "a", priority: Interactive, in_flight, most };
    let other = Candidate { queue: "b", priority: Bulk, in_flight: 9, most: None };
    assert_eq!(fair.choose(&MANY, &[limited(2, Some(2)), other]), Some(1));
    assert_eq!(fair.choose(&MANY, &[limited(1, Some(2)), other]), Some(0));
    assert_eq!(fair.choose(&MANY, &[limited(0, Some(0))]), None);
    let full = Places { all: 3, interactive: 1, normal: 1, bulk: 1 };
    assert_eq!(fair.choose(&full, &[other]), None);
    assert_eq!(fair.choose(&Places { all: 2, ..full }, &[other]), None, "more are held than there are");
}

#[test]
fn the_reserve_leaves_a_place_to_each_higher_priority_from_four_places_on() {
    let most = |all| {
        let places = Places { all, ..MANY };
        [Interactive, Normal, Bulk].map(|priority| places.most(priority))
    };
    let table = [0, 1, 3, 4, 5, 8, 9, 16, 64].map(most);
    assert_eq!(
        table,
        [
            [0, 0, 0],
            [1, 1, 1],
            [3, 3, 3],
            [4, 3, 2],
            [5, 4, 3],
            [8, 7, 6],
            [9, 7, 6],
            [16, 14, 12],
            [64, 56, 48]
        ]
    );
}

/// Interactive runs come and go quickly beside it, all the time.
#[test]
fn queues_that_are_held_back_keep_their_order() {
    let queues = [("i".into(), Interactive), ("n".into(), Normal), ("b".into(), Bulk)];
    let candidates = candidates(&queues);
    let (mut fair, mut got) = (Fair::default(), String::new());
    for _ in 0..12 {
        // Seven of eight places are held by work that is not interactive.
        let held_back = Places { all: 8, interactive: 0, normal: 7, bulk: 0 };
        for _ in 0..100 {
            assert_eq!(fair.choose(&held_back, &candidates), Some(0));
        }
        // One of the seven ends.
        let open = Places { normal: 6, ..held_back };
        let first = (0..100).filter_map(|_| fair.choose(&open, &candidates)).find(|chosen| *chosen > 0);
        got.push_str(candidates[first.unwrap()].queue);
    }
    assert_eq!(got, "nbnnnnbnnnnb");
}
