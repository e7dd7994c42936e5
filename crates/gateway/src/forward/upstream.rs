//! Where an API's requests go: addresses, their health, and how one is chosen.
//!
//! One [`Upstream`] is shared by all workers and survives a reload that leaves its configuration as it
//! was, so that health, circuits and pooled connections are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use portcullis_audit::metrics::UpstreamMetrics;
use portcullis_audit::{Recorder, System};
use portcullis_domain::{Fault, Reason};
use portcullis_tls::ClientTls;

use super::circuit::{Circuit, CircuitRules, Gate};

/// How an address is chosen among several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balance {
    RoundRobin,
    LeastOutstanding,
}

/// Which HTTP is spoken to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// How long each phase may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// TCP and TLS.
    pub(crate) connect: Duration,
    /// From the request sent to the response head.
    pub(crate) first_byte: Duration,
    /// Between two pieces of the response body.
    pub(crate) between_bytes: Duration,
    /// An unused connection is closed after this.
    pub(crate) idle: Duration,
}

/// How often a failed request may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryRules {
    /// Further attempts for one request.
    pub(crate) attempts: u32,
    /// Retries per hundred requests, over all requests.
    pub(crate) budget_percent: u32,
    /// The longest wait before one.
    pub(crate) jitter: Duration,
}

/// What the name of an upstream stands for.
pub(crate) struct Upstream {
    pub(crate) plan: UpstreamPlan,
    in_flight: AtomicUsize,
    cursor: AtomicUsize,
    /// Hundredths of a retry that may still be spent.
    retry_budget: AtomicI64,
}

/// Everything about an upstream that is read from the configuration.
pub(crate) struct UpstreamPlan {
    pub(crate) name: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) balance: Balance,
    pub(crate) protocol: Protocol,
    pub(crate) patience: Patience,
    pub(crate) retry: RetryRules,
    pub(crate) circuit: CircuitRules,
    /// Requests under way at once, over all workers.
    pub(crate) concurrency: usize,
    /// Unused connections kept per worker and address.
    pub(crate) idle_connections: usize,
    pub(crate) tls: Option<Arc<ClientTls>>,
    /// Is told when an address is found to be down or up again.
    pub(crate) recorder: Arc<Recorder>,
}

/// Identity of an address for as long as the process lives; keys the workers' pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TargetId(u32);

impl TargetId {
    /// An id that no other target has.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One address of an upstream.
pub(crate) struct Target {
    pub(crate) id: TargetId,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host:port`, for the record.
    pub(crate) address: Arc<str>,
    pub(crate) host_header: HeaderValue,
    pub(crate) circuit: Circuit,
    /// What the active health check last found; true until it finds otherwise.
    pub(crate) healthy: AtomicBool,
    pub(crate) metrics: UpstreamMetrics,
    outstanding: AtomicU32,
}

impl Target {
    pub(crate) fn new(host: String, port: u16, host_header: HeaderValue, metrics: UpstreamMetrics) -> Self {
        Self {
            id: TargetId::next(),
            address: address(&host, port).into(),
            metrics,
            host,
            port,
            host_header,
            circuit: Circuit::default(),
            healthy: AtomicBool::new(true),
            outstanding: AtomicU32::new(0),
        }
    }

    fn is_available(&self, now: Duration) -> bool {
        self.healthy.load(Ordering::Relaxed) && !matches!(self.circuit.peek(now), Gate::Open(_))
    }
}

/// `host:port`, as the record and the metrics have it.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A place among the requests under way at an upstream; given back when dropped.
pub(crate) struct Slot {
    upstream: Arc<Upstream>,
    target: usize,
}

impl Slot {
    /// The address this request goes to.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.upstream.plan.targets.get(self.target)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.upstream.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(target) = self.upstream.plan.targets.get(self.target) {
            target.outstanding.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Addresses already tried for this request, as a bit each; the configuration allows 64 at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried(u64);

impl Tried {
    fn has(self, index: usize) -> bool {
        self.0 & (1 << (index % 64)) != 0
    }

    fn add(&mut self, index: usize) {
        self.0 |= 1 << (index % 64);
    }
}

impl Upstream {
    pub(crate) fn new(plan: UpstreamPlan) -> Self {
        Self {
            plan,
            in_flight: AtomicUsize::new(0),
            cursor: AtomicUsize::new(0),
            retry_budget: AtomicI64::new(RETRY_BURST),
        }
    }

    /// Takes a place at one of the addresses: one that was not tried yet, or any if none of those is left.
    ///
    /// # Errors
    /// [`Reason::UpstreamSaturated`] when too many requests are under way, [`Reason::UpstreamCircuitOpen`]
    /// when every address is held to be down.
    pub(crate) fn take_slot(self: &Arc<Self>, tried: &mut Tried, now: Duration) -> Result<Slot, Fault> {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.plan.concurrency {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(Fault::new(Reason::UpstreamSaturated).with_retry_after(Duration::from_secs(1)));
        }
        match self.choose(*tried, now).or_else(|_| self.choose(Tried::default(), now)) {
            Ok(index) => {
                tried.add(index);
                if let Some(target) = self.plan.targets.get(index) {
                    target.outstanding.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Slot { upstream: Arc::clone(self), target: index })
            }
            Err(wait) => {
                self.in_flight.fetch_sub(1, Ordering::Relaxed);
                Err(Fault::new(Reason::UpstreamCircuitOpen).with_retry_after(wait))
            }
        }
    }

    /// Tells the operator that `target` is now thought to be up or down.
    pub(crate) fn report(&self, target: &Target, is_healthy: bool, cause: &str) {
        tracing::warn!(upstream = %self.plan.name, address = %target.address, is_healthy, cause, "upstream changed");
        target.metrics.set_healthy(is_healthy);
        let (api, upstream) = (self.plan.name.as_str(), &*target.address);
        self.plan.recorder.note(&System::UpstreamChanged { api, upstream, is_healthy, cause });
    }

    /// Whether another attempt is within the budget; takes it if so.
    pub(crate) fn take_retry(&self) -> bool {
        let left = self.retry_budget.fetch_sub(RETRY_COST, Ordering::Relaxed);
        if left >= RETRY_COST {
            return true;
        }
        self.retry_budget.fetch_add(RETRY_COST, Ordering::Relaxed);
        false
    }

    /// Each request earns a fraction of a retry.
    pub(crate) fn earn_retry(&self) {
        if self.plan.retry.attempts > 0 && self.retry_budget.load(Ordering::Relaxed) < RETRY_BURST {
            self.retry_budget.fetch_add(i64::from(self.plan.retry.budget_percent), Ordering::Relaxed);
        }
    }

    fn choose(&self, tried: Tried, now: Duration) -> Result<usize, Duration> {
        let count = self.plan.targets.len();
        let start = if count > 1 { self.cursor.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let order = (0..count).map(|step| (start + step) % count);
        let available = |index: &usize| {
            !tried.has(*index) && self.plan.targets.get(*index).is_some_and(|target| target.is_available(now))
        };
        let chosen = match self.plan.balance {
            Balance::RoundRobin => order.clone().find(available),
            Balance::LeastOutstanding => order.clone().filter(available).min_by_key(|index| {
                self.plan.targets.get(*index).map(|target| target.outstanding.load(Ordering::Relaxed))
            }),
        };
        let mut wait = Duration::from_secs(1);
        // A probe must be claimed; another worker may have been faster.
        for index in chosen.into_iter().chain(order.filter(available)) {
            match self.plan.targets.get(index).map(|target| target.circuit.gate(now)) {
                Some(Gate::Closed | Gate::Probe) => return Ok(index),
                Some(Gate::Open(left)) => wait = left,
                None => {}
            }
        }
        Err(self.shortest_wait(now).unwrap_or(wait))
    }

    fn shortest_wait(&self, now: Duration) -> Option<Duration> {
        self.plan
            .targets
            .iter()
            .filter_map(|target| match target.circuit.peek(now) {
                Gate::Open(left) => Some(left),
                Gate::Closed | Gate::Probe => None,
            })
            .min()
    }
}

/// A retry costs one whole; the budget holds ten at most.
const RETRY_COST: i64 = 100;
const RETRY_BURST: i64 = 10 * RETRY_COST;

#[cfg(test)]
mod tests {
    use portcullis_audit::{Memory, Metrics, OnFailure, Settings, SinkChoice};
    use portcullis_domain::Clock;

    use super::*;

    fn upstream(balance: Balance, count: usize) -> Arc<Upstream> {
        let settings = Settings {
            sink: SinkChoice::Memory(Memory::default()),
            queue_bytes: 1 << 16,
            on_failure: OnFailure::Continue,
            ..Settings::default()
        };
        let recorder = Arc::new(Recorder::open(&settings, Clock::machine()).unwrap());
        let metrics = Metrics::new(Arc::clone(&recorder), Box::new(|_| {}));
        Arc::new(Upstream::new(UpstreamPlan {
            recorder,
            name: "shop".into(),
            targets: (0..count)
                .map(|index| {
                    let port = 3000 + u16::try_from(index).unwrap();
                    let metrics = metrics.upstream("shop", "one");
                    Target::new("127.0.0.1".into(), port, HeaderValue::from_static("x"), metrics)
                })
                .collect(),
            balance,
            protocol: Protocol::Http1,
            patience: Patience {
                connect: Duration::from_secs(1),
                first_byte: Duration::from_secs(1),
                between_bytes: Duration::from_secs(1),
                idle: Duration::from_secs(1),
            },
            retry: RetryRules { attempts: 1, budget_percent: 10, jitter: Duration::ZERO },
            circuit: CircuitRules { failures: 1, open_for: Duration::from_secs(5) },
            concurrency: 3,
            idle_connections: 4,
            tls: None,
        }))
    }

    fn place(slot: &Slot) -> String {
        slot.target().unwrap().address.to_string()
    }

    #[test]
    fn round_robin_visits_every_address() {
        let upstream = upstream(Balance::RoundRobin, 3);
        let now = Duration::from_secs(1);
        let mut seen: Vec<_> =
            (0..3).map(|_| place(&upstream.take_slot(&mut Tried::default(), now).unwrap())).collect();
        seen.sort();
        assert_eq!(seen, ["127.0.0.1:3000", "127.0.0.1:3001", "127.0.0.1:3002"]);
    }

    #[test]
    fn least_outstanding_avoids_the_busy_address() {
        let upstream = upstream(Balance::LeastOutstanding, 2);
        let now = Duration::from_secs(1);
        let first = upstream.take_slot(&mut Tried::default(), now).unwrap();
        let second = upstream.take_slot(&mut Tried::default(), now).unwrap();
        assert_ne!(place(&first), place(&second));
    }

    #[test]
    fn more_requests_than_places_are_refused_and_places_come_back() {
        let upstream = upstream(Balance::RoundRobin, 1);
        let now = Duration::from_secs(1);
        let held: Vec<_> = (0..3).map(|_| upstream.take_slot(&mut Tried::default(), now).unwrap()).collect();
        let refused = upstream.take_slot(&mut Tried::default(), now).err().unwrap();
        assert_eq!(refused.reason(), Reason::UpstreamSaturated);
        drop(held);
        assert!(upstream.take_slot(&mut Tried::default(), now).is_ok());
    }

    #[test]
    fn an_open_circuit_is_not_dialled_and_says_when_to_come_back() {
        let upstream = upstream(Balance::RoundRobin, 1);
        upstream.plan.targets[0].circuit.failed(Duration::from_secs(1), upstream.plan.circuit);
        let refused = upstream.take_slot(&mut Tried::default(), Duration::from_secs(2)).err().unwrap();
        assert_eq!(refused.reason(), Reason::UpstreamCircuitOpen);
        assert_eq!(refused.retry_after().unwrap().seconds(), 4);
    }

    #[test]
    fn an_address_that_was_tried_is_tried_again_only_when_no_other_is_left() {
        let upstream = upstream(Balance::RoundRobin, 2);
        let (mut tried, now) = (Tried::default(), Duration::from_secs(1));
        let visited: Vec<_> = (0..3).map(|_| place(&upstream.take_slot(&mut tried, now).unwrap())).collect();
        assert_ne!(visited[0], visited[1]);
        assert!(visited[..2].contains(&visited[2]));
    }

    #[test]
    fn retries_stay_within_their_budget() {
        let upstream = upstream(Balance::RoundRobin, 1);
        let spent = (0..100).filter(|_| upstream.take_retry()).count();
        assert_eq!(spent, 10);
        for _ in 0..10 {
            upstream.earn_retry();
        }
        assert!(upstream.take_retry());
        assert!(!upstream.take_retry());
    }
}
