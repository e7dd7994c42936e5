//! The engine against what others wrote: the OWASP Core Rule Set and its tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: a broken expectation ends the test that made it"
)]

mod census;
mod core_rule_set;
mod mistakes;
mod regression;
