//! Numbers for a dashboard: counted while requests are walked, read when a scraper comes by (AUD-19).
//!
//! In: one [`Event`](crate::Event) for each decision, at the series of its operation. Out: OpenMetrics text. Every label
//! comes from configuration, from a table in the code or from a fixed set; none from a request, and none
//! names a person. Handles are resolved when the policy is compiled, so that a request only adds to a few
//! numbers.
//!
//! | series | labels |
//! | --- | --- |
//! | `portcullis_requests_total` | `api`, `operation`, `status` (class) |
//! | `portcullis_request_duration_seconds`, `portcullis_gateway_duration_seconds`, `portcullis_upstream_duration_seconds` | `api`, `operation` |
//! | `portcullis_denials_total`, `portcullis_failures_total`, `portcullis_would_deny_total` | `api`, `stage`, `reason` |
//! | `portcullis_answer_findings_total` | `api`, `kind` |
//! | `portcullis_upstream_responses_total` | `api`, `upstream`, `status` (class) |
//! | `portcullis_upstream_healthy` | `api`, `upstream` |
//! | `portcullis_connections`, `portcullis_connections_accepted_total`, `portcullis_handshake_failures_total` | `listener` |
//! | `portcullis_token_cache_total` | `result` |
//! | `portcullis_policy_info` | `revision` |
//! | `portcullis_policy_loads_total` | `result` |
//! | `portcullis_journal_lost_decisions_total` | |
//! | `portcullis_certificate_expiry_timestamp_seconds` | `certificate` |
//! | `portcullis_audit_events_total` | `result` |
//! | `portcullis_audit_queue_bytes`, `portcullis_audit_healthy` | |
//! | `portcullis_audit_sink_events_total` | `sink`, `result` |
//! | `portcullis_audit_sink_waiting_bytes`, `portcullis_audit_sink_healthy` | `sink` |
//! | `portcullis_limiter_keys` | `quota` |
//! | `portcullis_shared_limit_decisions_total` | `by` |
//! | `portcullis_shared_limit_connections` | |

mod latency;
mod operations;
mod otlp;
mod process;
mod shared_limits;

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

pub use operations::OperationMetrics;
use operations::Operations;
pub use otlp::otlp_metrics;
use process::Process;
pub use process::{ListenerMetrics, LoadResult, RenewalResult, StatusClass, TokenLookup, UpstreamMetrics};
pub use shared_limits::{SharedLimits, SharedLimitsTally};

use crate::recorder::Recorder;

/// All numbers of the process. Lives longer than any policy: a reload resets nothing.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    operations: Arc<Operations>,
    process: Process,
    shared_limits: Arc<shared_limits::Watched>,
}

/// Says how many keys each quota holds, when a scraper asks.
pub type LimiterSizes = Box<dyn Fn(&mut dyn FnMut(&str, u64)) + Send + Sync>;

impl Metrics {
    /// Numbers at zero. `recorder` and `limiters` are asked when a scraper comes.
    #[must_use]
    pub fn new(recorder: Arc<Recorder>, limiters: LimiterSizes) -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        let operations = Arc::new(Operations::default());
        registry.register_collector(Box::new(Shared(Arc::clone(&operations))));
        let process = Process::register(&mut registry);
        registry.register_collector(Box::new(process::Watched::new(recorder, limiters)));
        let shared_limits = Arc::<shared_limits::Watched>::default();
        registry.register_collector(Box::new(Shared(Arc::clone(&shared_limits))));
        Self { registry, operations, process, shared_limits }
    }

    /// The series of an operation. Asked for when a policy is compiled; the same names give the same series.
    /// Requests that match no operation have an empty one.
    #[must_use]
    pub fn operation(&self, api: &str, operation: &str) -> Arc<OperationMetrics> {
        self.operations.get(api, operation)
    }

    /// The series of an upstream address.
    #[must_use]
    pub fn upstream(&self, api: &str, upstream: &str) -> UpstreamMetrics {
        self.process.upstream(api, upstream)
    }

    /// The series of a listener.
    #[must_use]
    pub fn listener(&self, listener: &str) -> ListenerMetrics {
        self.process.listener(listener)
    }

    /// Counts a look into the cache of verified tokens.
    pub fn count_token_lookup(&self, lookup: TokenLookup) {
        self.process.count_token_lookup(lookup);
    }

    /// Counts a load of a policy, and names the one in force if it was taken.
    pub fn count_policy_load(&self, result: LoadResult<'_>) {
        self.process.count_policy_load(result);
    }

    /// Counts decisions that found no room in the journal.
    pub fn count_journal_losses(&self, decisions: u64) {
        self.process.count_journal_losses(decisions);
    }

    /// Counts what became of getting a listener's certificate from its authority.
    pub fn count_certificate_renewal(&self, listener: &str, result: RenewalResult) {
        self.process.count_certificate_renewal(listener, result);
    }

    /// Notes when a certificate ends.
    pub fn set_certificate_expiry(&self, certificate: &str, not_after: portcullis_domain::Timestamp) {
        self.process.set_certificate_expiry(certificate, not_after);
    }

    /// Has `tally` asked about limits that several gateways share, when a scraper comes.
    pub fn watch_shared_limits(&self, tally: SharedLimitsTally) {
        self.shared_limits.set(tally);
    }

    /// Everything, as OpenMetrics text: `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        // Writing to a `String` cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// A collector that is also held elsewhere.
#[derive(Debug)]
struct Shared<T>(Arc<T>);

impl<T: Collector> Collector for Shared<T> {
    fn encode(&self, encoder: prometheus_client::encoding::DescriptorEncoder<'_>) -> std::fmt::Result {
        self.0.encode(encoder)
    }
}
