//! Runs the conformance suite on every implementation.

use crate::conformance::{queue, runs, storage};
use crate::fixtures::Fixture;

macro_rules! on {
    ($implementation:ident: $($test:path as $name:ident),* $(,)?) => {
        mod $implementation {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $test(Fixture::$implementation()).await;
            })*
        }
    };
}

macro_rules! conformance {
    ($($tests:tt)*) => {
        on!(memory: $($tests)*);
        on!(sled: $($tests)*);
    };
}

conformance! {
    runs::what_is_accepted_is_read_back as what_is_accepted_is_read_back,
    runs::a_key_is_accepted_once_within_a_batch_and_across as a_key_is_accepted_once_within_a_batch_and_across,
    runs::a_key_is_accepted_once_by_concurrent_senders as a_key_is_accepted_once_by_concurrent_senders,
    runs::an_expired_claim_is_no_claim as an_expired_claim_is_no_claim,
    runs::a_fire_is_accepted_once_and_none_before_it as a_fire_is_accepted_once_and_none_before_it,
    runs::the_same_run_is_accepted_once as the_same_run_is_accepted_once,
    runs::large_values_come_back_whole as large_values_come_back_whole,
    runs::queries_filter_and_page as queries_filter_and_page,
    runs::a_claim_goes_with_its_run_or_when_it_expires as a_claim_goes_with_its_run_or_when_it_expires,
    runs::prune_removes_what_is_over_and_nothing_else as prune_removes_what_is_over_and_nothing_else,
    queue::concurrent_claimers_get_each_run_once as concurrent_claimers_get_each_run_once,
    queue::a_run_is_claimed_when_it_is_due_and_not_before as a_run_is_claimed_when_it_is_due_and_not_before,
    queue::a_commit_without_the_claim_is_fenced as a_commit_without_the_claim_is_fenced,
    queue::a_ready_run_keeps_its_claim_and_its_place as a_ready_run_keeps_its_claim_and_its_place,
    queue::an_illegal_transition_is_refused as an_illegal_transition_is_refused,
    queue::a_claimed_run_is_not_amended as a_claimed_run_is_not_amended,
    queue::a_dead_letter_is_redriven_once as a_dead_letter_is_redriven_once,
    queue::the_backlog_is_counted as the_backlog_is_counted,
    queue::work_goes_on_while_runs_arrive as work_goes_on_while_runs_arrive,
    storage::a_lost_condition_leaves_nothing as a_lost_condition_leaves_nothing,
    storage::conditions_hold_or_not as conditions_hold_or_not,
    storage::a_transitions_own_writes_apply_in_order as a_transitions_own_writes_apply_in_order,
    storage::counters_are_exact_under_concurrency as counters_are_exact_under_concurrency,
    storage::one_of_many_wins_an_absent_key as one_of_many_wins_an_absent_key,
    storage::values_expire as values_expire,
    storage::keys_are_listed_by_prefix_in_order as keys_are_listed_by_prefix_in_order,
}
