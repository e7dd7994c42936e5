//! The record as its readers see it: lines in a sink.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

mod events;
mod fixture;
mod metrics;
mod ocsf;
mod record;
mod redaction;
mod sensitive;
