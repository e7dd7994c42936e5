//! Which alerts are news: one for each kind and subject, and so many of a detector in a while.
//!
//! In: alerts, with their own time. Out: whether each passes, and now and then the summary of those that did
//! not. Pure, and bounded in what it remembers: a stranger who makes up subjects fills a detector's share and
//! gets a summary, and pushes out no other detector's alerts.

use std::collections::HashMap;
use std::time::Duration;

use portcullis_domain::Timestamp;

use super::{Alert, Detector, Sample, Severity};
use crate::vocabulary::EventName;

/// How much may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Alerts of one detector within [`Bounds::window`].
    pub per_detector: u32,
    /// The while after which a detector may speak again.
    pub window: Duration,
    /// Most kinds and subjects that are remembered, for each detector.
    pub remembered: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { per_detector: 10, window: Duration::from_secs(60), remembered: 1024 }
    }
}

/// What becomes of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It is told. So many like it were not, since the last that was.
    Told {
        /// How many.
        repeats: u64,
    },
    /// One like it was told a short while ago.
    Repeated,
    /// Its detector has told as much as it may; a summary will follow.
    Capped,
}

/// Remembers what was told.
#[derive(Debug, Default)]
pub struct Gate {
    bounds: Bounds,
    detectors: HashMap<&'static str, Share>,
}

/// What one detector was told, and what not.
#[derive(Debug)]
struct Share {
    detector: Detector,
    told: HashMap<String, Told>,
    window_began: Timestamp,
    in_window: u32,
    capped: u64,
    /// The worst of what was not told.
    worst: Severity,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    until: Timestamp,
    repeats: u64,
}

impl Gate {
    /// Lets pass what keeps `bounds`.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, detectors: HashMap::new() }
    }

    /// Whether `alert` is told.
    pub fn judge(&mut self, alert: &Alert) -> Passage {
        let Bounds { per_detector, window, remembered } = self.bounds;
        let share = self.detectors.entry(alert.detector.name).or_insert_with(|| Share {
            detector: alert.detector,
            told: HashMap::new(),
            window_began: alert.at,
            in_window: 0,
            capped: 0,
            worst: Severity::Low,
        });
        if alert.at.since(share.window_began) >= window && share.capped == 0 {
            (share.window_began, share.in_window) = (alert.at, 0);
        }
        let key = alert.key();
        let before = share.told.get_mut(&key);
        let repeats = match before {
            Some(told) if alert.at < told.until => {
                told.repeats += 1;
                return Passage::Repeated;
            }
            Some(told) => told.repeats,
            None => 0,
        };
        if share.in_window >= per_detector {
            share.capped += 1;
            share.worst = share.worst.max(alert.severity);
            return Passage::Capped;
        }
        share.in_window += 1;
        if share.told.len() >= remembered && !share.told.contains_key(&key) {
            share.told.retain(|_, told| alert.at < told.until);
            if share.told.len() >= remembered {
                // The one that would be forgotten next goes first.
                let oldest = share.told.iter().min_by_key(|(_, told)| told.until).map(|(key, _)| key.clone());
                oldest.and_then(|oldest| share.told.remove(&oldest));
            }
        }
        share.told.insert(key, Told { until: alert.at.plus(alert.suppress), repeats: 0 });
        Passage::Told { repeats }
    }

    /// The summaries that are due at `now`: one for each detector that had more to say than it may.
    pub fn summaries(&mut self, now: Timestamp) -> Vec<Alert> {
        let window = self.bounds.window;
        let mut due = Vec::new();
        for share in self.detectors.values_mut() {
            if share.capped == 0 || now.since(share.window_began) < window {
                continue;
            }
            let mut summary = Alert::new(
                share.detector,
                EventName::SysAlertStorm,
                share.worst,
                now,
                format!("{} more alerts of `{}` were not sent one by one", share.capped, share.detector.name),
            );
            summary.first_seen = share.window_began;
            summary.samples.push(Sample { name: "alerts", count: share.capped });
            summary.suppress = Duration::ZERO;
            due.push(summary);
            (share.window_began, share.in_window, share.capped) = (now, 0, 0);
            share.worst = Severity::Low;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETECTOR: Detector = Detector { name: "enumeration", version: 1 };

    fn alert(subject: &str, second: u64) -> Alert {
        let at = Timestamp::from_seconds(1_000 + second);
        let mut alert = Alert::new(DETECTOR, EventName::AuthzFail, Severity::High, at, "ids were tried");
        alert.subject = Some(subject.into());
        alert
    }

    #[test]
    fn the_same_about_the_same_subject_is_told_once_in_its_time() {
        let mut gate = Gate::default();
        assert_eq!(gate.judge(&alert("a", 0)), Passage::Told { repeats: 0 });
        for second in 1..900 {
            assert_eq!(gate.judge(&alert("a", second)), Passage::Repeated);
        }
        assert_eq!(gate.judge(&alert("b", 899)), Passage::Told { repeats: 0 });
        assert_eq!(gate.judge(&alert("a", 900)), Passage::Told { repeats: 899 });
    }

    #[test]
    fn a_storm_is_told_in_part_and_then_summed_up_once() {
        let mut gate = Gate::default();
        let passed = (0..5_000)
            .filter(|subject| gate.judge(&alert(&subject.to_string(), 1)) != Passage::Capped)
            .count();
        assert_eq!(passed, 10);
        assert_eq!(gate.summaries(Timestamp::from_seconds(1_060)), [], "the window is not over");
        let summaries = gate.summaries(Timestamp::from_seconds(1_061));
        let [summary] = summaries.as_slice() else { panic!("{summaries:?}") };
        assert_eq!(summary.samples, [Sample { name: "alerts", count: 4_990 }]);
        assert_eq!((summary.severity, summary.event), (Severity::High, EventName::SysAlertStorm));
        assert_eq!(gate.summaries(Timestamp::from_seconds(1_200)), []);
        assert_eq!(gate.judge(&alert("new", 70)), Passage::Told { repeats: 0 }, "it may speak again");
    }

    #[test]
    fn a_storm_of_one_detector_keeps_no_other_from_speaking() {
        let mut gate = Gate::default();
        for subject in 0..100 {
            gate.judge(&alert(&subject.to_string(), 0));
        }
        let mut other = alert("a", 0);
        other.detector = Detector { name: "stuffing", version: 1 };
        assert_eq!(gate.judge(&other), Passage::Told { repeats: 0 });
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut gate = Gate::new(Bounds { per_detector: u32::MAX, remembered: 8, ..Bounds::default() });
        for subject in 0..10_000u64 {
            gate.judge(&alert(&subject.to_string(), subject / 100));
        }
        assert_eq!(gate.detectors["enumeration"].told.len(), 8);
    }

    #[test]
    fn a_clock_that_steps_back_silences_nobody_for_longer_than_it_says() {
        let mut gate = Gate::default();
        assert_eq!(gate.judge(&alert("a", 900)), Passage::Told { repeats: 0 });
        assert_eq!(gate.judge(&alert("a", 0)), Passage::Repeated);
        assert_eq!(gate.judge(&alert("b", 0)), Passage::Told { repeats: 0 });
    }
}
