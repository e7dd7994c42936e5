//! Rules from the outside: what is compiled from texts, and what it says of requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken expectation ends the test that made it"
)]

mod api;
mod explain;
mod many;
mod monotone;
mod oracle;
