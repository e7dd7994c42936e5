//! One suite over both databases: what holds for SQLite holds for PostgreSQL.
//!
//! Each case is a function over a [`Bench`]; `suite!` makes two tests of it. A case that proves a row of the
//! requirements runs over both in one test, so that the claim can stand at it. What concerns only one of the two
//! (modes of files, a server that goes away) stands in a file of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: a broken expectation ends the test that made it"
)]

mod bench;
mod compile;
mod counted;
mod file;
mod granted;
mod keys;
mod owned;
mod revoked;
mod server;
mod signed_in;
mod traffic;
mod versions;

use bench::Bench;

macro_rules! suite {
    ($( $module:ident: $($case:ident),+; )+) => {
        mod sqlite { $( mod $module { $(
            #[tokio::test]
            async fn $case() { crate::$module::$case(&crate::Bench::sqlite()).await; }
        )+ } )+ }
        mod postgres { $( mod $module { $(
            #[tokio::test]
            async fn $case() { crate::$module::$case(&crate::Bench::postgres()).await; }
        )+ } )+ }
    };
}

suite! {
    keys:
        a_key_is_found_as_it_was_kept,
        an_id_is_taken_once,
        a_rotated_key_ends_with_the_overlap,
        a_key_is_rotated_once,
        a_revoked_key_stays_revoked,
        keys_are_listed_in_pages_and_by_owner,
        use_is_noted_and_never_moves_back,
        changes_are_told_once_and_in_order,
        hostile_text_is_kept_as_text;
    counted:
        what_was_spent_is_known_to_the_next_process,
        a_count_is_replaced_and_ends;
    granted:
        a_grant_is_kept_as_it_was_opened,
        four_eyes_are_two_people,
        a_grant_is_closed_once_and_for_all,
        what_changes_is_seen_by_other_gateways_and_first_use_stays,
        what_ended_long_ago_is_forgotten;
    owned:
        an_owner_survives_a_restart,
        the_first_writer_wins_whoever_writes_first,
        two_gateways_that_write_at_once_leave_one_owner,
        what_is_shared_ends_with_the_version,
        changes_are_told_to_other_gateways_and_first_owners_are_not,
        what_is_old_is_forgotten_and_owners_are_not,
        counts_of_several_gateways_add_up,
        digests_are_the_same_after_a_restart,
        ten_million_objects_fit_into_a_gibibyte;
    revoked:
        a_revocation_survives_a_restart,
        the_wider_bound_and_the_later_end_hold,
        what_has_ended_is_forgotten,
        a_long_list_is_read_in_parts,
        what_one_process_revokes_another_one_sees;
    signed_in:
        a_session_is_found_by_its_id_until_it_ends,
        sessions_end_by_subject_and_by_sid,
        renewing_replaces_the_content,
        nothing_of_a_session_is_readable_at_rest;
    traffic:
        what_several_gateways_count_adds_up,
        a_batch_that_comes_twice_is_counted_once,
        gateways_that_write_the_same_rows_do_not_wait_for_each_other,
        observation_begins_once_and_says_when_counts_were_lost,
        what_is_old_is_forgotten_and_observation_begins_later,
        what_is_not_declared_is_kept_within_bounds,
        hostile_names_poison_no_batch,
        what_was_learnt_is_changed_by_those_who_know_the_latest;
    versions:
        a_newer_database_is_refused,
        opening_twice_changes_nothing;
}
