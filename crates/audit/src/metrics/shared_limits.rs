//! How decisions were made about limits that several gateways share.
//!
//! In: a tally that is asked for when a scraper comes. Out: two families, or nothing if no limits are shared.

use std::fmt;
use std::sync::OnceLock;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// How decisions were made since the process began, and what there is to make them with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedLimits {
    /// By asking the server.
    pub asked: u64,
    /// From units that were taken in advance.
    pub leased: u64,
    /// Without the server, by this gateway's part of each quota.
    pub alone: u64,
    /// What the server was to be told and was not.
    pub dropped: u64,
    /// Workers that are connected to the server.
    pub connections: u64,
}

/// Says how it stands, when a scraper asks.
pub type SharedLimitsTally = Box<dyn Fn() -> SharedLimits + Send + Sync>;

/// Whom to ask, once there is somebody.
#[derive(Default)]
pub(super) struct Watched(OnceLock<SharedLimitsTally>);

impl Watched {
    pub(super) fn set(&self, tally: SharedLimitsTally) {
        // A process has one set of shared limits.
        let _ = self.0.set(tally);
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(tally) = self.0.get() else { return Ok(()) };
        let SharedLimits { asked, leased, alone, dropped, connections } = tally();
        let help =
            "Decisions about shared limits, by how they were made; dropped is what the server was not told.";
        let mut metric =
            encoder.encode_descriptor("shared_limit_decisions", help, None, MetricType::Counter)?;
        for (by, count) in [("asked", asked), ("leased", leased), ("alone", alone), ("dropped", dropped)] {
            ConstCounter::new(count).encode(metric.encode_family(&[("by", by)])?)?;
        }
        let help = "Workers that are connected to the server of shared limits.";
        let metric = encoder.encode_descriptor("shared_limit_connections", help, None, MetricType::Gauge)?;
        ConstGauge::new(connections).encode(metric)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}
