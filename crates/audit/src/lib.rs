//! What is remembered: events, redaction, hash chain, sinks, metrics.
//!
//! In: one [`Event`] for each decision and a [`System`] note for what happens to the process. Out: a record
//! of JSON lines that holds no secret ([`redact`]), shows where it was touched ([`chain`]) and says what it
//! lost ([`Recorder`]); and numbers for a dashboard ([`metrics`]). Called by the gateway's `record` stage
//! and by whoever starts, stops and reloads.
//!
//! Names of events follow the OWASP Logging Vocabulary ([`vocabulary`]). Not done here yet: signed
//! checkpoints, shipping to other systems, detection.

pub mod alert;
pub mod chain;
mod circumstances;
mod compile;
mod config;
mod event;
mod finding;
pub mod format;
mod line;
pub mod metrics;
mod pen;
mod queue;
mod recorder;
pub mod redact;
pub mod sensitive;
mod sink;
mod system;
pub mod vocabulary;
mod writer;

pub use circumstances::{Destination, Origin, OriginFacts, TraceIds};
pub use compile::compile;
pub use config::{AuditConfig, OnFailureConfig};
pub use event::{Event, Identity, Proof, Verdict};
pub use finding::{Finding, FindingKind};
pub use metrics::Metrics;
pub use pen::Pen;
pub use recorder::{OnFailure, OpenError, Recorder, Settings, Tally};
pub use sink::{Memory, SinkChoice};
pub use system::System;
pub use vocabulary::{EventName, Level};
