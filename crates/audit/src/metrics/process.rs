//! What is counted for the process: listeners, upstreams, tokens, policies, certificates, the record.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use portcullis_domain::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use super::LimiterSizes;
use crate::recorder::{Recorder, Tally};

/// The first digit of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// 1xx: a protocol switch, mostly.
    Informational,
    /// 2xx.
    Success,
    /// 3xx.
    Redirection,
    /// 4xx.
    ClientError,
    /// 5xx, and what is no status at all.
    ServerError,
}

impl StatusClass {
    /// Every class, in order.
    pub const ALL: [Self; 5] =
        [Self::Informational, Self::Success, Self::Redirection, Self::ClientError, Self::ServerError];

    /// The class of a status.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        match status / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::ClientError,
            _ => Self::ServerError,
        }
    }

    /// The label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "1xx",
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
        }
    }
}

/// What a look into the cache of verified tokens found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLookup {
    /// The token was verified before.
    Hit,
    /// It was not.
    Miss,
}

/// How a load of a policy went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadResult<'r> {
    /// It is in force.
    Loaded {
        /// Its revision.
        revision: &'r str,
    },
    /// It was not taken.
    Refused,
}

/// How getting a certificate from its authority went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewalResult {
    /// A new one is in use.
    Renewed,
    /// There is none; it is tried again.
    Failed,
}

impl RenewalResult {
    const ALL: [Self; 2] = [Self::Renewed, Self::Failed];

    const fn name(self) -> &'static str {
        match self {
            Self::Renewed => "renewed",
            Self::Failed => "failed",
        }
    }
}

/// The numbers of one upstream address.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    responses: [Counter; StatusClass::ALL.len()],
    healthy: Gauge,
}

impl UpstreamMetrics {
    /// Counts a response.
    pub fn count_response(&self, status: u16) {
        if let Some(counter) = self.responses.get(StatusClass::of(status) as usize) {
            counter.inc();
        }
    }

    /// Notes whether it is thought to work.
    pub fn set_healthy(&self, is_healthy: bool) {
        self.healthy.set(i64::from(is_healthy));
    }
}

/// The numbers of one listener.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    open: Gauge,
    accepted: Counter,
    handshake_failures: Counter,
}

impl ListenerMetrics {
    /// A connection was accepted; it counts as open until the guard is dropped.
    #[must_use]
    pub fn connect(&self) -> OpenConnection {
        self.accepted.inc();
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// Counts a handshake that failed.
    pub fn count_handshake_failure(&self) {
        self.handshake_failures.inc();
    }
}

/// One open connection, as far as numbers go.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Labels whose names are known and whose values come from configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Labels<const N: usize>([(&'static str, Box<str>); N]);

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let labels: Vec<(&str, &str)> = self.0.iter().map(|(name, value)| (*name, &**value)).collect();
        labels.encode(encoder)
    }
}

fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Labels<N> {
    Labels(pairs.map(|(name, value)| (name, value.into())))
}

#[derive(Debug, Default)]
pub(super) struct Process {
    upstream_responses: Family<Labels<3>, Counter>,
    upstream_healthy: Family<Labels<2>, Gauge>,
    connections: Family<Labels<1>, Gauge>,
    accepted: Family<Labels<1>, Counter>,
    handshake_failures: Family<Labels<1>, Counter>,
    token_hits: Counter,
    token_misses: Counter,
    token_lookups: Family<Labels<1>, Counter>,
    policy: Family<Labels<1>, Gauge>,
    policy_loads: Family<Labels<1>, Counter>,
    journal_lost: Counter,
    certificates: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    renewals: Family<Labels<2>, Counter>,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let token_lookups = Family::<Labels<1>, Counter>::default();
        let process = Self {
            token_hits: token_lookups.get_or_create_owned(&labels([("result", "hit")])),
            token_misses: token_lookups.get_or_create_owned(&labels([("result", "miss")])),
            token_lookups,
            ..Self::default()
        };
        let Self { upstream_responses, upstream_healthy, connections, accepted, handshake_failures, .. } =
            &process;
        let Self { token_lookups, policy, policy_loads, certificates, renewals, .. } = &process;
        registry.register("upstream_responses", "Responses by upstream.", upstream_responses.clone());
        registry.register(
            "upstream_healthy",
            "Whether an upstream is thought to work.",
            upstream_healthy.clone(),
        );
        registry.register("connections", "Open connections.", connections.clone());
        registry.register("connections_accepted", "Accepted connections.", accepted.clone());
        registry.register("handshake_failures", "TLS handshakes that failed.", handshake_failures.clone());
        registry.register("token_cache", "Looks into the cache of verified tokens.", token_lookups.clone());
        registry.register("policy_info", "The policy in force.", policy.clone());
        registry.register("policy_loads", "Loads of a policy.", policy_loads.clone());
        registry.register(
            "journal_lost_decisions",
            "Decisions that found no room in the journal.",
            process.journal_lost.clone(),
        );
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            "When a certificate ends, in seconds since 1970.",
            Unit::Seconds,
            certificates.clone(),
        );
        registry.register(
            "certificate_renewals",
            "Certificates got from their authority (ACME), by listener and result.",
            renewals.clone(),
        );
        process
    }

    pub(super) fn upstream(&self, api: &str, upstream: &str) -> UpstreamMetrics {
        let responses = StatusClass::ALL.map(|class| {
            let labels = labels([("api", api), ("upstream", upstream), ("status", class.name())]);
            self.upstream_responses.get_or_create_owned(&labels)
        });
        let healthy =
            self.upstream_healthy.get_or_create_owned(&labels([("api", api), ("upstream", upstream)]));
        UpstreamMetrics { responses, healthy }
    }

    pub(super) fn listener(&self, listener: &str) -> ListenerMetrics {
        let labels = labels([("listener", listener)]);
        ListenerMetrics {
            open: self.connections.get_or_create_owned(&labels),
            accepted: self.accepted.get_or_create_owned(&labels),
            handshake_failures: self.handshake_failures.get_or_create_owned(&labels),
        }
    }

    pub(super) fn count_token_lookup(&self, lookup: TokenLookup) {
        match lookup {
            TokenLookup::Hit => self.token_hits.inc(),
            TokenLookup::Miss => self.token_misses.inc(),
        };
    }

    pub(super) fn count_policy_load(&self, result: LoadResult<'_>) {
        let word = match result {
            LoadResult::Loaded { revision } => {
                // One revision at a time: a gateway that is reloaded often must not collect them.
                self.policy.clear();
                self.policy.get_or_create_owned(&labels([("revision", revision)])).set(1);
                "loaded"
            }
            LoadResult::Refused => "refused",
        };
        self.policy_loads.get_or_create_owned(&labels([("result", word)])).inc();
    }

    pub(super) fn count_journal_losses(&self, decisions: u64) {
        self.journal_lost.inc_by(decisions);
    }

    pub(super) fn count_certificate_renewal(&self, listener: &str, result: RenewalResult) {
        // Both series exist from the first outcome on, so that a rate of failures is known to be zero.
        for each in RenewalResult::ALL {
            let counter =
                self.renewals.get_or_create_owned(&labels([("listener", listener), ("result", each.name())]));
            counter.inc_by(u64::from(each == result));
        }
    }

    pub(super) fn set_certificate_expiry(&self, certificate: &str, not_after: Timestamp) {
        let gauge = self.certificates.get_or_create_owned(&labels([("certificate", certificate)]));
        gauge.set(not_after.as_seconds() as f64);
    }
}

/// What is asked for when a scraper comes.
pub(super) struct Watched {
    recorder: Arc<Recorder>,
    limiters: LimiterSizes,
}

impl Watched {
    pub(super) fn new(recorder: Arc<Recorder>, limiters: LimiterSizes) -> Self {
        Self { recorder, limiters }
    }
}

impl Watched {
    /// What became of the events that other sinks should have.
    fn encode_sinks(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Audit events for a sink beside the record, by what became of them.";
        let mut metric = encoder.encode_descriptor("audit_sink_events", help, None, MetricType::Counter)?;
        for (sink, tally) in self.recorder.sinks() {
            for (result, count) in [("delivered", tally.delivered), ("lost", tally.lost)] {
                ConstCounter::new(count)
                    .encode(metric.encode_family(&[("sink", sink), ("result", result)])?)?;
            }
        }
        let help = "Bytes that wait for a sink beside the record, in memory and on disk.";
        let mut metric =
            encoder.encode_descriptor("audit_sink_waiting", help, Some(&Unit::Bytes), MetricType::Gauge)?;
        for (sink, tally) in self.recorder.sinks() {
            ConstGauge::new(tally.waiting).encode(metric.encode_family(&[("sink", sink)])?)?;
        }
        let help = "Whether a sink beside the record takes events and nothing for it was lost lately.";
        let mut metric = encoder.encode_descriptor("audit_sink_healthy", help, None, MetricType::Gauge)?;
        for (sink, tally) in self.recorder.sinks() {
            ConstGauge::new(u64::from(tally.is_healthy)).encode(metric.encode_family(&[("sink", sink)])?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Tally { written, lost } = self.recorder.tally();
        let help = "Audit events by what became of them.";
        let mut metric = encoder.encode_descriptor("audit_events", help, None, MetricType::Counter)?;
        for (result, count) in [("written", written), ("lost", lost)] {
            ConstCounter::new(count).encode(metric.encode_family(&[("result", result)])?)?;
        }
        let queued = self.recorder.queued_bytes() as u64;
        let help = "Bytes of the record that wait to be written.";
        let metric = encoder.encode_descriptor("audit_queue", help, Some(&Unit::Bytes), MetricType::Gauge)?;
        ConstGauge::new(queued).encode(metric)?;
        let is_healthy = u64::from(self.recorder.healthy());
        let help = "Whether the record is written and nothing was lost lately.";
        let metric = encoder.encode_descriptor("audit_healthy", help, None, MetricType::Gauge)?;
        ConstGauge::new(is_healthy).encode(metric)?;

        self.encode_sinks(&mut encoder)?;

        let help = "Keys that owe something, by quota.";
        let mut metric = encoder.encode_descriptor("limiter_keys", help, None, MetricType::Gauge)?;
        let mut result = Ok(());
        (self.limiters)(&mut |quota, keys| {
            let encoded = metric
                .encode_family(&[("quota", quota)])
                .and_then(|metric| ConstGauge::new(keys).encode(metric));
            result = result.and(encoded);
        });
        result
    }
}
