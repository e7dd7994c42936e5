//! The circuit breaker of one upstream address: after enough failures in a row it stops being tried for a
//! while, then one request at a time may find out whether it is back.
//!
//! Shared by all workers; a few relaxed atomics, no lock.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// When a circuit opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CircuitRules {
    /// Failures in a row that open it.
    pub(crate) failures: u32,
    /// How long it stays open before a probe.
    pub(crate) open_for: Duration,
}

/// Whether a request may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// The upstream is believed to work.
    Closed,
    /// This request finds out whether it works again; the circuit waits for its outcome.
    Probe,
    /// Come back in this long.
    Open(Duration),
}

/// While a probe is out, others are told to come back after this.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// The state of one circuit.
#[derive(Debug, Default)]
pub(crate) struct Circuit {
    failures: AtomicU32,
    /// Monotonic milliseconds until which it is open; zero when closed.
    open_until: AtomicU64,
    probing: AtomicBool,
}

impl Circuit {
    /// May a request go out at `now`?
    pub(crate) fn gate(&self, now: Duration) -> Gate {
        match self.peek(now) {
            Gate::Probe if self.probing.swap(true, Ordering::Relaxed) => Gate::Open(PROBE_WAIT),
            gate => gate,
        }
    }

    /// What [`Circuit::gate`] would say at `now`, without claiming the probe.
    pub(crate) fn peek(&self, now: Duration) -> Gate {
        let open_until = self.open_until.load(Ordering::Relaxed);
        let now = millis(now);
        if open_until == 0 {
            Gate::Closed
        } else if now < open_until {
            Gate::Open(Duration::from_millis(open_until - now))
        } else if self.probing.load(Ordering::Relaxed) {
            Gate::Open(PROBE_WAIT)
        } else {
            Gate::Probe
        }
    }

    /// A request was answered. Returns whether this closed the circuit.
    pub(crate) fn succeeded(&self) -> bool {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.open_until.load(Ordering::Relaxed) == 0 {
            return false;
        }
        self.probing.store(false, Ordering::Relaxed);
        self.open_until.swap(0, Ordering::Relaxed) != 0
    }

    /// A request failed at `now`. Returns whether this opened the circuit.
    pub(crate) fn failed(&self, now: Duration, rules: CircuitRules) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let was_probe = self.probing.swap(false, Ordering::Relaxed);
        if failures < rules.failures && !was_probe {
            return false;
        }
        let until = millis(now).saturating_add(millis(rules.open_for)).max(1);
        self.open_until.swap(until, Ordering::Relaxed) == 0
    }

    /// A request ended without telling anything about the upstream: a claimed probe is given back.
    pub(crate) fn undecided(&self) {
        self.probing.store(false, Ordering::Relaxed);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: CircuitRules = CircuitRules { failures: 3, open_for: Duration::from_secs(10) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_in_a_row_open_and_one_good_probe_closes() {
        let circuit = Circuit::default();
        assert!(!circuit.failed(at(1), RULES));
        assert!(!circuit.failed(at(1), RULES));
        assert_eq!(circuit.gate(at(1)), Gate::Closed);
        assert!(circuit.failed(at(1), RULES));
        assert_eq!(circuit.gate(at(2)), Gate::Open(Duration::from_secs(9)));
        assert_eq!(circuit.gate(at(11)), Gate::Probe);
        assert!(matches!(circuit.gate(at(11)), Gate::Open(_)), "one probe at a time");
        assert!(circuit.succeeded());
        assert_eq!(circuit.gate(at(11)), Gate::Closed);
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let circuit = Circuit::default();
        circuit.failed(at(1), RULES);
        circuit.failed(at(1), RULES);
        circuit.succeeded();
        assert!(!circuit.failed(at(1), RULES));
        assert_eq!(circuit.gate(at(1)), Gate::Closed);
    }

    #[test]
    fn a_failed_probe_opens_again_at_once() {
        let circuit = Circuit::default();
        for _ in 0..3 {
            circuit.failed(at(1), RULES);
        }
        assert_eq!(circuit.gate(at(11)), Gate::Probe);
        circuit.failed(at(11), RULES);
        assert_eq!(circuit.gate(at(12)), Gate::Open(Duration::from_secs(9)));
    }
}
