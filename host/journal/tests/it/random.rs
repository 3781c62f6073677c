//! Any verbs in any order, on few runs: whatever they do to each other, what follows from the runs is there, before
//! and after a restart.

mod acts;
mod checks;
mod world;

use proptest::prelude::*;

use acts::{Act, Kind};
use world::{Verb, World};

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Succeed),
        2 => Just(Act::Die { undo: false }),
        1 => Just(Act::Die { undo: true }),
        1 => Just(Act::Undone),
        2 => Just(Act::Retry),
        2 => (0..2_u8).prop_map(Act::Park),
        2 => (0..3_u8).prop_map(Act::Sleep),
        4 => (0..3_u8, 0..2_u8).prop_map(|(step, key)| Act::Listen { step, key }),
        1 => Just(Act::Ask),
        6 => (0..4_u8, 0..3_u8).prop_map(|(total, failures)| Act::Spawn { total, failures }),
        2 => Just(Act::Step),
        3 => Just(Act::Elapse),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let kind = prop_oneof![
        3 => Just(Kind::Plain),
        3 => (0..2_u8, 1..3_u8, any::<bool>()).prop_map(|(key, width, passes)| Kind::Lane { key, width, passes }),
        2 => (0..2_u8, any::<bool>()).prop_map(|(key, is_quiet)| Kind::Gather { key, is_quiet }),
        1 => (0..2_u8).prop_map(Kind::Keyed),
        2 => (0..3_u8).prop_map(Kind::Large),
    ];
    (kind, prop::bool::weighted(0.2))
        .prop_map(|(kind, is_held)| if is_held { Kind::Held(Box::new(kind)) } else { kind })
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        6 => (proptest::collection::vec((kind(), 0..2_u8), 1..3)).prop_map(Verb::Accept),
        3 => (0..2_u8, any::<bool>(), any::<bool>())
            .prop_map(|(key, keeps, is_keyed)| Verb::Publish { key, keeps, is_keyed }),
        6 => (0..6_u8, 1..3_u8).prop_map(|(queue, most)| Verb::Claim { queue, most }),
        10 => (any::<u8>(), proptest::collection::vec(act(), 1..4), any::<bool>())
            .prop_map(|(held, acts, rests)| Verb::Commit { held, acts, rests }),
        1 => any::<u8>().prop_map(Verb::Release),
        2 => any::<u8>().prop_map(Verb::LetBegin),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(run, undo)| Verb::Cancel { run, undo }),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(run, from_start)| Verb::Redrive { run, from_start }),
        2 => (any::<u8>(), 0..4_u8).prop_map(|(run, for_ms)| Verb::Snooze { run, for_ms }),
        1 => any::<u8>().prop_map(Verb::Decide),
        3 => (1..6_u8).prop_map(Verb::Advance),
        2 => (any::<bool>(), proptest::option::of(0..4_u8))
            .prop_map(|(runs, most)| Verb::Prune { runs, most }),
        1 => Just(Verb::Reopen),
        1 => Just(Verb::Move),
    ]
}

/// A verb, or some between the lines of a backup.
fn verb_or_backup() -> impl Strategy<Value = Verb> {
    let stays = |verb: &Verb| !matches!(verb, Verb::Reopen | Verb::Move);
    let meanwhile = proptest::collection::vec(verb().prop_filter("the journal stays", stays), 1..12);
    prop_oneof![40 => verb(), 1 => meanwhile.prop_map(Verb::BackUp)]
}

fn verbs() -> impl Strategy<Value = Vec<Verb>> {
    proptest::collection::vec(verb_or_backup(), 1..90)
}

fn run(mut world: World, verbs: Vec<Verb>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for verb in verbs {
            world.apply(&verb).await;
            world.check(&verb).await;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_follows_from_the_runs_is_there_inline(verbs in verbs()) {
        run(World::inline(), verbs);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_follows_from_the_runs_is_there_on_disk(verbs in verbs()) {
        run(World::on_disk(), verbs);
    }
}
