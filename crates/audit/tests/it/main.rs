//! The record as its readers see it: lines in a sink.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

#[path = "../days/mod.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "the example uses the rest")]
mod days;
mod detection;
mod events;
mod evidence;
mod fixture;
mod flood;
mod metrics;
mod ocsf;
mod record;
mod redaction;
mod sensitive;
mod shipping;
