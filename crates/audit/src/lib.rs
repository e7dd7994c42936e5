//! What is remembered: events, redaction, hash chain, sinks, metrics.
//!
//! In: one [`Event`] for each decision and a [`System`] note for what happens to the process. Out: a record
//! of JSON lines that holds no secret ([`redact`]), shows where it was touched ([`chain`]) and says what it
//! lost ([`Recorder`]); and numbers for a dashboard ([`metrics`]). Called by the gateway's `record` stage
//! and by whoever starts, stops and reloads.
//!
//! Names of events follow the OWASP Logging Vocabulary ([`vocabulary`]). Other sinks are told the same
//! ([`ship`]), in words of their own if they like ([`mod@format`]).

pub mod alert;
pub mod chain;
mod circumstances;
mod compile;
mod config;
pub mod detect;
mod event;
mod finding;
pub mod format;
pub mod journal;
mod line;
pub mod metrics;
mod pen;
mod pseudonym;
mod queue;
mod reading;
mod recorder;
pub mod redact;
mod repeats;
mod rotation;
pub mod sensitive;
pub mod ship;
mod sink;
mod system;
pub mod vocabulary;
mod writer;

pub use circumstances::{Destination, Origin, OriginFacts, TraceIds};
pub use compile::{compile, on_failure, retention, rotation};
pub use config::{AuditConfig, KeepConfig, OnFailureConfig, RotateConfig};
pub use event::{Event, Identity, Proof, Verdict};
pub use finding::{Finding, FindingKind};
pub use metrics::Metrics;
pub use pen::Pen;
pub use pseudonym::Pseudonyms;
pub use reading::{lines_about, newest_lines};
pub use recorder::{Importance, OnFailure, OpenError, Recorder, Settings, SinkSettings, Tally};
pub use repeats::Repeats;
pub use rotation::{OlderFile, Retention, Rotation, older_files};
pub use sink::{Memory, SinkChoice};
pub use system::{KeyChange, SignedHead, System};
pub use vocabulary::{EventName, Level};
