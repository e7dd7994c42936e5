//! How large and how slow a client's request may be.

use std::time::Duration;

use portcullis_config::{ByteSize, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds on a request, before any of it is believed.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BoundsConfig {
    /// Longest request target.
    pub(crate) target: ByteSize,
    /// Largest header section.
    pub(crate) head: ByteSize,
    /// Longest header line.
    pub(crate) line: ByteSize,
    /// Most header fields.
    #[schemars(range(min = 8, max = 1000))]
    pub(crate) fields: usize,
    /// Largest body, unless the operation says otherwise.
    pub(crate) body: ByteSize,
    /// Streams that one HTTP/2 connection may have open.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) streams: u32,
}

impl Default for BoundsConfig {
    fn default() -> Self {
        Self {
            target: ByteSize(8 << 10),
            head: ByteSize(32 << 10),
            line: ByteSize(16 << 10),
            fields: 100,
            body: ByteSize(1 << 20),
            streams: 128,
        }
    }
}

/// How long a client may take.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeoutsConfig {
    /// The TLS handshake.
    pub(crate) handshake: Period,
    /// From the first byte of a request's head to its last.
    pub(crate) head: Period,
    /// Between two pieces of a request's body.
    pub(crate) body: Period,
    /// A whole body that a stage must read.
    pub(crate) whole_body: Period,
    /// Between two requests on one connection.
    pub(crate) idle: Period,
    /// How long requests under way may take to finish when the gateway stops.
    pub(crate) drain: Period,
    /// Answers that must not tell forbidden from absent (`confidential: true`) leave at whole multiples of
    /// this after the request came. Longer than the upstream usually takes; `0s` keeps nothing back.
    pub(crate) conceal: Period,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            handshake: Period(Duration::from_secs(10)),
            head: Period(Duration::from_secs(10)),
            body: Period(Duration::from_secs(20)),
            whole_body: Period(Duration::from_secs(60)),
            idle: Period(Duration::from_secs(75)),
            drain: Period(Duration::from_secs(30)),
            conceal: Period(Duration::from_millis(100)),
        }
    }
}
