//! Carrying the record elsewhere: each sink has a spool and a thread of its own.
//!
//! In: sealed lines from the writer of the record ([`Spool::offer`]), which never waits for a sink. Out: the same
//! lines, oldest first, handed to a [`Carrier`], which knows a collector and how to reach it. What a collector
//! cannot take yet waits in memory and then on disk, both bounded; when there is no room, events of level INFO go
//! first, oldest first, and what went is counted and recorded (AUD-11). Delivery is at least once: a line may come
//! twice after a failure, and its `seq` tells.
//!
//! Not done here: sockets and HTTP, which are the gateway's; words of other schemas ([`crate::format`]).

mod backoff;
mod local;
mod otlp;
mod pieces;
mod shipper;
mod spans;
mod spool;
mod syslog;
mod webhook;

pub use local::{ToFile, ToStdout};
pub use otlp::otlp_logs;
pub(crate) use otlp::{attribute, resource};
pub use shipper::{Carrier, CarryError, Shipper};
pub use spans::otlp_spans;
pub use spool::{Spool, SpoolBounds, SpoolTally};
pub use syslog::{Facility, Framing, SyslogNames, syslog_message};
pub use webhook::{WebhookKey, WebhookSignature};
