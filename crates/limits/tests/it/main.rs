//! Counts that gateways share, at a real Valkey or Redis server, and at one that lies.
//!
//! Gateways are pairs of [`site::Site`]: each with limiters, connections and leases of its own, as two processes have
//! them. That two processes of the real binary share limits is shown by the gateway's tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a broken expectation ends the test that made it"
)]

mod compile;
mod exact;
mod forgetful;
mod leases;
mod liar;
mod lost;
mod site;
