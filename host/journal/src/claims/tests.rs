#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::keys;
use crate::tree::{Change, Changes, MemoryTree, Tree as _};

fn orders() -> Queue {
    Queue::Workflow("orders".into())
}

fn erp() -> Queue {
    Queue::System { system: "erp".into(), workflow: "orders".into() }
}

/// A run that stands in both queues since `due_ms`.
fn in_both(due_ms: u64) -> Vec<Place> {
    [orders(), erp()].map(|queue| Place { queue, due_ms }).to_vec()
}

/// The queues of a journal in which runs stand in both.
fn claims(runs: &[(RunId, u64)]) -> (Claims, Values) {
    let tree = MemoryTree::default();
    let places = runs.iter().flat_map(|(run, due_ms)| {
        in_both(*due_ms).into_iter().map(|place| (keys::place(&place, *run), Change::Put(vec![1])))
    });
    tree.commit(places.collect::<Changes>()).unwrap();
    let values = Values::inline(Box::new(tree));
    let claims = Claims::open(&values).unwrap();
    claims.refill(&values, &orders()).unwrap();
    (claims, values)
}

fn taken(claims: &Claims, queue: &Queue) -> Vec<(RunId, u64)> {
    claims.take(9, queue, 9).0.into_iter().map(|taken| (taken.run, taken.epoch)).collect()
}

#[test]
fn a_run_that_is_claimed_and_not_read_yet_is_claimed_by_no_other_queue() {
    let run = RunId::new(1, [1; 10]);
    let (claims, values) = claims(&[(run, 1)]);
    let (_, epoch) = taken(&claims, &orders()).pop().unwrap();
    claims.refill(&values, &erp()).unwrap();
    assert!(taken(&claims, &erp()).is_empty());
    assert!(claims.fronts(9).is_empty());
    claims.know(run, epoch, in_both(1));
    assert!(claims.release(run, epoch));
    assert_eq!(claims.fronts(9).len(), 2);
}

#[test]
fn a_run_that_was_not_read_comes_back_to_all_its_queues() {
    let run = RunId::new(1, [1; 10]);
    let (claims, values) = claims(&[(run, 1)]);
    let (_, epoch) = taken(&claims, &orders()).pop().unwrap();
    claims.refill(&values, &erp()).unwrap();
    assert!(claims.release(run, epoch));
    assert_eq!(claims.fronts(9).len(), 2);
    assert_eq!(taken(&claims, &erp()).len(), 1);
}

/// Somebody changes the run between its claim and its reading, and what was read is old.
#[test]
fn what_has_become_of_a_claimed_run_counts_more_than_what_was_read() {
    let run = RunId::new(1, [1; 10]);
    let (claims, _) = claims(&[(run, 1)]);
    let (_, epoch) = taken(&claims, &orders()).pop().unwrap();
    assert!(claims.begin(run));
    let at = vec![Place { queue: orders(), due_ms: 5 }];
    let placed = Placed { run, gone: in_both(1), at: at.clone(), content: None };
    claims.settle(&[], vec![placed]);
    claims.know(run, epoch, in_both(1));
    assert!(claims.release(run, epoch));
    let mut wrong = Vec::new();
    claims.check(&at.into_iter().map(|place| (place, run)).collect(), &mut wrong);
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_run_that_is_settling_is_not_claimed_and_due_a_moment_later() {
    let (run, other) = (RunId::new(1, [1; 10]), RunId::new(1, [2; 10]));
    let (claims, values) = claims(&[(run, 1), (other, 30)]);
    claims.refill(&values, &erp()).unwrap();
    assert!(!claims.begin(run));
    assert!(taken(&claims, &erp()).is_empty());
    let due: Vec<u64> = claims.fronts(9).into_iter().map(|front| front.due_ms).collect();
    assert_eq!(due, [10, 10]);
    claims.settle(&[], Vec::new());
    assert_eq!(taken(&claims, &erp()).len(), 1);
}
