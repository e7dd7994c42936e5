//! How often, how many at once, how many failures.
//!
//! In: a [`Key`] that says whose budget is spent, and the monotonic time of the request's arrival. Out:
//! a [`Standing`] to advertise, or an [`Exceeded`] that says how long to wait. Called by the gateway's
//! `limit` stage, before and after the caller is known, by `identify` for failed credentials, and by
//! `listen` for connections.
//!
//! The rate limit is GCRA ([`gcra`]): one number a key, exact under concurrency, no timer. Header fields
//! follow draft-ietf-httpapi-ratelimit-headers-10 ([`fields`]). What one request spends of several quotas is one
//! [`decision`], asked of [`Counters`] at once: here, or
//! at a server that several gateways share ([`shared`]). Not done here: what to answer with.

pub mod calendar;
mod compile;
mod concurrency;
mod config;
mod counters;
pub mod decision;
mod failures;
pub mod fields;
pub mod gcra;
mod key;
mod limiter;
mod limits;
mod quota;
pub mod shared;
mod stock;
mod table;
mod term;

pub use compile::{CompiledLimits, ReadZone, compile, compile_plain, is_possible};
pub use concurrency::{Concurrency, Permit, Saturated};
pub use config::{CountsConfig, FailuresConfig, LimitsConfig, QuotaConfig};
pub use counters::Counters;
pub use decision::{Charge, Grounds, Standings, Taken, Violated, Visibility};
pub use failures::{Failures, TooManyFailures};
pub use fields::{PartitionKeys, ratelimit, ratelimit_policy};
pub use key::{Ipv6Prefix, Key, Seeded, secret, seed};
pub use limiter::{Count, Exceeded, Limiter, Purpose, Span, Standing};
pub use limits::Limits;
pub use quota::{Pace, Quota, QuotaError, Unit, name_after};
pub use stock::Stock;
pub use term::{Standing as TermsAt, Term, compile_terms};
