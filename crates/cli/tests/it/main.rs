//! The binary, as an operator runs it: arguments in, standard output, standard error and exit code out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a broken expectation ends the test that made it"
)]

mod audit;
mod detect;
mod diff;
mod explain;
mod grants;
mod inventory;
mod keys;
mod learn;
mod limits;
mod matrix;
mod memory;
mod objects;
mod operator;
mod policy;
mod retiring;
mod revoke;
mod shared_limits;
mod traffic;
mod waf;
