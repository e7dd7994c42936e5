//! The `identify` stage from outside: a policy as text, a request head, and who it proves to be.
//!
//! Tokens are minted at test time by `testkit`, which shares no code with what is tested. One fake
//! stands in for the gateway's guarded client; it hangs, lies, grows and redirects as told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken expectation ends the test that made it"
)]

mod bearer;
mod cache;
mod claims;
mod compile;
mod discovery;
mod envelope;
mod fake_fetch;
mod introspection;
mod isolation;
mod key_sets;
mod mutation;
mod password;
mod renewal;
mod scene;
