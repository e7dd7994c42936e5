//! What is counted for each operation, and why requests were refused.
//!
//! Series that are still at zero are not printed: an API with ten thousand operations prints what it uses.
//! Reasons are counted by API and not by operation, which keeps the number of series within reason.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_domain::Reason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::latency::Latency;
use super::process::StatusClass;
use crate::event::{Event, Verdict};
use crate::finding::FindingKind;

/// More operations than this, over the life of the process, share one series.
const MOST: usize = 50_000;
const OTHERS: &str = "_others";

/// The numbers of one operation.
#[derive(Debug)]
pub struct OperationMetrics {
    name: Box<str>,
    api: Arc<ApiMetrics>,
    by_status: [AtomicU64; StatusClass::ALL.len()],
    total: Latency,
    gateway: Latency,
    upstream: Latency,
}

/// The numbers of one API, shared by its operations.
#[derive(Debug)]
struct ApiMetrics {
    name: Box<str>,
    denials: Reasons,
    failures: Reasons,
    would_deny: Reasons,
    findings: Findings,
}

/// Answers with a finding, for each kind of it.
#[derive(Debug)]
struct Findings(Box<[AtomicU64]>);

impl Default for Findings {
    fn default() -> Self {
        Self(FindingKind::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Findings {
    fn add(&self, kind: FindingKind) {
        // `FindingKind::ALL` has the order of the enum.
        if let Some(count) = self.0.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted(&self) -> impl Iterator<Item = (FindingKind, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        FindingKind::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0)
    }
}

/// One number for each reason.
#[derive(Debug)]
struct Reasons(Box<[AtomicU64]>);

impl Default for Reasons {
    fn default() -> Self {
        Self(Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Reasons {
    fn add(&self, reason: Reason) {
        // `Reason::ALL` has the order of the enum, so the discriminant is the place.
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Reason::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0)
    }
}

impl OperationMetrics {
    /// Counts one decision.
    pub fn count(&self, event: &Event<'_>) {
        if let Some(class) = self.by_status.get(StatusClass::of(event.status) as usize) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.total.observe(event.duration);
        self.gateway.observe(event.duration.saturating_sub(event.upstream_duration.unwrap_or_default()));
        if let Some(duration) = event.upstream_duration {
            self.upstream.observe(duration);
        }
        match event.verdict {
            Verdict::Answered => {}
            Verdict::Denied(denial) => self.api.denials.add(denial.reason()),
            Verdict::Failed(fault) => self.api.failures.add(fault.reason()),
        }
        for reason in event.trail.shadowed() {
            self.api.would_deny.add(reason);
        }
        for finding in event.findings {
            self.api.findings.add(finding.kind);
        }
    }
}

/// Every operation that was ever compiled.
#[derive(Debug, Default)]
pub(super) struct Operations(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    apis: HashMap<Box<str>, Arc<ApiMetrics>>,
    operations: HashMap<(Box<str>, Box<str>), Arc<OperationMetrics>>,
}

impl Operations {
    pub(super) fn get(&self, api: &str, operation: &str) -> Arc<OperationMetrics> {
        let mut known = self.known();
        let has_room = known.operations.len() < MOST;
        let is_known = known.operations.contains_key(&(api.into(), operation.into()));
        let (api, operation) = if has_room || is_known { (api, operation) } else { (OTHERS, OTHERS) };

        let shared = known.apis.entry(api.into()).or_insert_with(|| {
            Arc::new(ApiMetrics {
                name: api.into(),
                denials: Reasons::default(),
                failures: Reasons::default(),
                would_deny: Reasons::default(),
                findings: Findings::default(),
            })
        });
        let shared = Arc::clone(shared);
        let series = known.operations.entry((api.into(), operation.into())).or_insert_with(|| {
            Arc::new(OperationMetrics {
                name: operation.into(),
                api: shared,
                by_status: Default::default(),
                total: Latency::default(),
                gateway: Latency::default(),
                upstream: Latency::default(),
            })
        });
        Arc::clone(series)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies, in a stable order, so that nobody who compiles waits for a scraper.
impl Operations {
    fn snapshot(&self) -> (Vec<Arc<ApiMetrics>>, Vec<Arc<OperationMetrics>>) {
        let known = self.known();
        let mut apis: Vec<_> = known.apis.values().cloned().collect();
        let mut operations: Vec<_> = known.operations.values().cloned().collect();
        drop(known);
        apis.sort_by(|left, right| left.name.cmp(&right.name));
        operations.sort_by(|left, right| (&left.api.name, &left.name).cmp(&(&right.api.name, &right.name)));
        (apis, operations)
    }
}

impl Collector for Operations {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (apis, operations) = self.snapshot();
        let help = "Requests by the class of the status that the client saw.";
        let mut metric = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for operation in &operations {
            for class in StatusClass::ALL {
                let count =
                    operation.by_status.get(class as usize).map_or(0, |count| count.load(Ordering::Relaxed));
                if count > 0 {
                    let labels = [
                        ("api", &*operation.api.name),
                        ("operation", &operation.name),
                        ("status", class.name()),
                    ];
                    encode_counter(metric.encode_family(&labels)?, count)?;
                }
            }
        }

        type Pick = fn(&OperationMetrics) -> &Latency;
        let latencies: [(&str, &str, Pick); 3] = [
            ("request_duration", "From arrival to the end of the answer.", |operation| &operation.total),
            ("gateway_duration", "What the gateway itself took of it.", |operation| &operation.gateway),
            ("upstream_duration", "What the upstream took of it.", |operation| &operation.upstream),
        ];
        for (name, help, pick) in latencies {
            let mut metric =
                encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
            for operation in operations.iter().filter(|operation| !pick(operation).is_empty()) {
                let labels = [("api", &*operation.api.name), ("operation", &operation.name)];
                pick(operation).encode(metric.encode_family(&labels)?)?;
            }
        }

        type Count = fn(&ApiMetrics) -> &Reasons;
        let counts: [(&str, &str, Count); 3] = [
            ("denials", "Requests that were refused.", |api| &api.denials),
            ("failures", "Requests that failed.", |api| &api.failures),
            ("would_deny", "Refusals that a stage in shadow let pass.", |api| &api.would_deny),
        ];
        for (name, help, pick) in counts {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for api in &apis {
                for (reason, count) in pick(api).counted() {
                    let labels = [
                        ("api", &*api.name),
                        ("stage", reason.facts().stage.name()),
                        ("reason", reason.code()),
                    ];
                    encode_counter(metric.encode_family(&labels)?, count)?;
                }
            }
        }
        let help = "Answers with something that the contract does not promise, or that was kept back.";
        let mut metric = encoder.encode_descriptor("answer_findings", help, None, MetricType::Counter)?;
        for api in &apis {
            for (kind, count) in api.findings.counted() {
                encode_counter(metric.encode_family(&[("api", &*api.name), ("kind", kind.name())])?, count)?;
            }
        }
        Ok(())
    }
}

fn encode_counter(mut encoder: MetricEncoder<'_>, count: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, u64, u64>(&count, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reasons_discriminant_is_its_place_in_the_table() {
        for (place, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place);
        }
    }

    #[test]
    fn the_same_names_give_the_same_series() {
        let operations = Operations::default();
        assert!(Arc::ptr_eq(&operations.get("shop", "listOrders"), &operations.get("shop", "listOrders")));
        assert!(!Arc::ptr_eq(&operations.get("shop", "listOrders"), &operations.get("shop", "")));
        assert!(Arc::ptr_eq(&operations.get("shop", "a").api, &operations.get("shop", "b").api));
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let operations = Operations::default();
        for number in 0..MOST + 10 {
            let _ = operations.get("shop", &number.to_string());
        }
        assert_eq!(operations.known().operations.len(), MOST + 1);
        assert_eq!(&*operations.get("shop", "one more").name, OTHERS);
        assert_eq!(&*operations.get("shop", "7").name, "7");
    }
}
