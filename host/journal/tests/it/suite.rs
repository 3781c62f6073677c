//! Runs the conformance suite on every implementation.

use crate::conformance::{events, lanes, queue, runs, storage, versions, writers};
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
        on!(inline: $($tests)*);
    };
}

conformance! {
    runs::what_is_accepted_is_read_back as what_is_accepted_is_read_back,
    runs::a_key_is_accepted_once_within_a_batch_and_across as a_key_is_accepted_once_within_a_batch_and_across,
    runs::a_key_is_accepted_once_by_concurrent_senders as a_key_is_accepted_once_by_concurrent_senders,
    runs::an_expired_claim_is_no_claim as an_expired_claim_is_no_claim,
    runs::a_fire_is_accepted_once_and_none_before_it as a_fire_is_accepted_once_and_none_before_it,
    runs::switches_are_set_and_taken_away as switches_are_set_and_taken_away,
    runs::the_same_run_is_accepted_once as the_same_run_is_accepted_once,
    runs::large_values_come_back_whole as large_values_come_back_whole,
    runs::queries_filter_and_page as queries_filter_and_page,
    runs::a_claim_goes_with_its_run_or_when_it_expires as a_claim_goes_with_its_run_or_when_it_expires,
    runs::prune_removes_what_is_over_and_nothing_else as prune_removes_what_is_over_and_nothing_else,
    versions::a_version_is_read_back_as_it_was_deployed as a_version_is_read_back_as_it_was_deployed,
    versions::a_version_is_kept_while_it_is_deployed_or_has_runs as a_version_is_kept_while_it_is_deployed_or_has_runs,
    versions::a_run_that_is_redriven_under_another_version_is_one_of_that as a_run_that_is_redriven_under_another_version_is_one_of_that,
    runs::each_workflow_keeps_what_its_bounds_allow as each_workflow_keeps_what_its_bounds_allow,
    queue::concurrent_claimers_get_each_run_once as concurrent_claimers_get_each_run_once,
    queue::a_run_is_claimed_when_it_is_due_and_not_before as a_run_is_claimed_when_it_is_due_and_not_before,
    queue::a_commit_without_the_claim_is_fenced as a_commit_without_the_claim_is_fenced,
    queue::a_ready_run_keeps_its_claim_and_its_place as a_ready_run_keeps_its_claim_and_its_place,
    queue::an_illegal_transition_is_refused as an_illegal_transition_is_refused,
    queue::a_dead_letter_is_redriven_once as a_dead_letter_is_redriven_once,
    queue::the_backlog_is_counted as the_backlog_is_counted,
    queue::work_goes_on_while_runs_arrive as work_goes_on_while_runs_arrive,
    writers::what_others_wrote_comes_before_a_commit_that_has_not_seen_it as what_others_wrote_comes_before_a_commit_that_has_not_seen_it,
    writers::a_claimed_run_that_somebody_ends_is_left_by_whoever_holds_it as a_claimed_run_that_somebody_ends_is_left_by_whoever_holds_it,
    writers::entries_that_follow_an_end_of_their_own_are_refused as entries_that_follow_an_end_of_their_own_are_refused,
    writers::a_run_hears_what_becomes_of_those_it_has_begun as a_run_hears_what_becomes_of_those_it_has_begun,
    writers::a_dead_child_that_is_cancelled_is_dead_no_more as a_dead_child_that_is_cancelled_is_dead_no_more,
    writers::a_claimed_run_hears_of_those_it_has_begun as a_claimed_run_hears_of_those_it_has_begun,
    writers::a_run_begun_for_another_entry_of_the_step_is_refused as a_run_begun_for_another_entry_of_the_step_is_refused,
    writers::a_run_with_several_places_is_claimed_by_any_of_them as a_run_with_several_places_is_claimed_by_any_of_them,
    writers::each_of_many_long_queues_is_worked_on as each_of_many_long_queues_is_worked_on,
    lanes::runs_of_a_lane_go_one_after_another as runs_of_a_lane_go_one_after_another,
    lanes::a_dead_letter_holds_its_lane_or_lets_it_pass as a_dead_letter_holds_its_lane_or_lets_it_pass,
    lanes::a_held_run_comes_to_its_lane_when_it_is_released as a_held_run_comes_to_its_lane_when_it_is_released,
    lanes::the_newest_width_of_a_lane_counts as the_newest_width_of_a_lane_counts,
    lanes::events_that_belong_together_become_one_run as events_that_belong_together_become_one_run,
    lanes::a_run_that_begins_gathers_no_more as a_run_that_begins_gathers_no_more,
    lanes::a_gathered_event_is_claimed_by_its_run_until_it_expires as a_gathered_event_is_claimed_by_its_run_until_it_expires,
    lanes::a_run_cannot_gather_and_go_in_a_lane as a_run_cannot_gather_and_go_in_a_lane,
    events::an_event_goes_to_the_longest_waiting_run_of_each_workflow as an_event_goes_to_the_longest_waiting_run_of_each_workflow,
    events::an_event_that_is_kept_is_heard_by_one_run_of_each_workflow as an_event_that_is_kept_is_heard_by_one_run_of_each_workflow,
    events::an_event_that_has_expired_is_not_heard as an_event_that_has_expired_is_not_heard,
    events::each_step_hears_an_event_of_its_own as each_step_hears_an_event_of_its_own,
    events::an_event_for_a_claimed_run_is_heard as an_event_for_a_claimed_run_is_heard,
    events::a_dead_letter_hears_what_it_waits_for as a_dead_letter_hears_what_it_waits_for,
    events::an_event_is_published_once_under_a_key as an_event_is_published_once_under_a_key,
    storage::a_lost_condition_leaves_nothing as a_lost_condition_leaves_nothing,
    storage::conditions_hold_or_not as conditions_hold_or_not,
    storage::a_transitions_own_writes_apply_in_order as a_transitions_own_writes_apply_in_order,
    storage::counters_are_exact_under_concurrency as counters_are_exact_under_concurrency,
    storage::one_of_many_wins_an_absent_key as one_of_many_wins_an_absent_key,
    storage::values_expire as values_expire,
    storage::keys_are_listed_by_prefix_in_order as keys_are_listed_by_prefix_in_order,
}
