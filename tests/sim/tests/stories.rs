//! Some stories in the usual tests; the gate tells ten thousand (see `.ci/run`). A broken engine must be noticed.

#![allow(clippy::panic, reason = "tests")]

use clap::ValueEnum as _;
use stepmill_sim::journal::Mutation;
use stepmill_sim::story::tell;

/// Stories in which a broken engine must have been noticed.
const STORIES: u64 = 100;

#[test]
fn nothing_is_lost_or_doubled_or_forgotten_in_any_story() {
    let mut runs = 0;
    for seed in 0..STORIES {
        let told = tell(seed, None);
        assert!(told.problems.is_empty(), "--seed {seed}: {:#?}", told.problems);
        runs += told.runs;
    }
    assert!(runs > 1_000, "only {runs} runs in all stories");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let told = tell(seed, None);
        (told.runs, told.phases, told.crashes, told.effects)
    };
    for seed in 0..5 {
        assert_eq!(story(seed), story(seed));
    }
}

#[test]
fn each_broken_engine_is_noticed() {
    for mutation in Mutation::value_variants() {
        let noticed = (0..STORIES).find(|seed| !tell(*seed, Some(*mutation)).problems.is_empty());
        assert!(noticed.is_some(), "{mutation:?} was not noticed in {STORIES} stories");
    }
}
