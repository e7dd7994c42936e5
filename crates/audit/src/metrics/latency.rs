//! How long something takes, in fixed buckets.
//!
//! Prometheus's own histogram takes a lock for each observation; this one adds to three numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Upper bounds in microseconds: from what the gateway itself takes to what an upstream may.
const BOUNDS: [u64; 17] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

#[derive(Debug, Default)]
pub(super) struct Latency {
    buckets: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    nanos: AtomicU64,
}

impl Latency {
    pub(super) fn observe(&self, span: Duration) {
        let nanos =
            span.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(span.subsec_nanos()));
        let place = BOUNDS.partition_point(|bound| bound * 1_000 < nanos);
        self.buckets.get(place).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().chain([&self.beyond]).all(|bucket| bucket.load(Ordering::Relaxed) == 0)
    }

    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::MAX]);
        let counts = self.buckets.iter().chain([&self.beyond]).map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.nanos.load(Ordering::Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_fall_into_the_first_bucket_that_holds_them() {
        let latency = Latency::default();
        assert!(latency.is_empty());
        for micros in [0, 25, 26, 1_000, 10_000_000, 10_000_001] {
            latency.observe(Duration::from_micros(micros));
        }
        let count = |index: usize| latency.buckets[index].load(Ordering::Relaxed);
        assert_eq!((count(0), count(1), count(5), count(16)), (2, 1, 1, 1));
        assert_eq!(latency.beyond.load(Ordering::Relaxed), 1);
        assert!(!latency.is_empty());
    }
}
