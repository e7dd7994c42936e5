//! The record as its readers see it: lines in a sink.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

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
