//! Telling people of alerts: from how receivers are written to what carries alerts there (AUD-22).
//!
//! In: the `alerts` section. Out: receivers, to which `portcullis_audit::alert` hands each alert on a thread of their
//! own. In what words they are told is said there; here are only HTTP and sockets, shared with the sinks of the
//! record. Nothing here runs while a request is walked.

mod compile;
mod post;

pub(crate) use compile::{bounds, compile};
