//! What somebody should know now: one record for each alarm, however it was found (design C5).
//!
//! In: an [`Alert`], from a detector or from whatever watches the process. Out: one event in the record, and
//! the same alert for the receivers; a second of the same kind about the same subject waits until the first
//! is old, and a storm becomes one summary ([`Gate`]). Raising never waits for a receiver. Evidence is what an
//! operator can count by hand: numbers and a few masked examples, never a credential or a body. Receivers get it in
//! their own words ([`Told`], and CEF in [`crate::format`]).

mod gate;
mod raise;
mod receivers;
mod shape;
mod write;

use std::time::Duration;

use portcullis_domain::{ReceiptId, Timestamp};

use crate::vocabulary::EventName;

pub use gate::{Bounds, Gate, Passage};
pub use raise::Alerts;
pub use receivers::Receiver;
pub use shape::Told;
#[cfg(test)]
pub(crate) use shape::tests::line as line_for_tests;

/// Most examples that one alert shows.
pub const EXEMPLARS: usize = 5;

/// Who noticed, and by which rules: a change of its constants is a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Detector {
    /// Its stable name, as configuration and metrics have it.
    pub name: &'static str,
    /// The version of its rules.
    pub version: u16,
}

/// How bad it is, if it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Low,
    /// Look at it in working hours.
    Medium,
    /// Look at it today.
    High,
    /// Somebody should be woken.
    Critical,
}

impl Severity {
    /// Every one, from the mildest on.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure the detector is, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confidence(u8);

impl Confidence {
    /// What happened was seen, not inferred.
    pub const CERTAIN: Self = Self(100);

    /// `percent`, a hundred at most.
    #[must_use]
    pub const fn percent(percent: u8) -> Self {
        Self(if percent > 100 { 100 } else { percent })
    }

    /// From 0 to 100.
    #[must_use]
    pub const fn as_percent(self) -> u8 {
        self.0
    }
}

/// What was measured, and from where on it is an alarm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistic {
    /// What: `log_likelihood_ratio`, `cusum`.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The bound that it reached.
    pub threshold: f64,
}

/// A number behind the alarm that an operator can count: `foreign ids: 12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What was counted.
    pub name: &'static str,
    /// How many.
    pub count: u64,
}

/// What was done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing but to tell.
    #[default]
    Logged,
    /// The upstream is told with each request.
    Tagged,
    /// The subject must authenticate more strongly.
    SteppedUp,
    /// The subject is slowed down.
    Throttled,
    /// The subject is kept out for a while.
    Blocked,
}

impl Action {
    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logged => "log",
            Self::Tagged => "tag",
            Self::SteppedUp => "step_up",
            Self::Throttled => "throttle",
            Self::Blocked => "block",
        }
    }
}

/// One alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Who noticed.
    pub detector: Detector,
    /// What it is called in the record; with detector and subject it says which alerts are the same.
    pub event: EventName,
    /// How bad it is.
    pub severity: Severity,
    /// How sure that is.
    pub confidence: Confidence,
    /// When it was raised.
    pub at: Timestamp,
    /// When what it tells of began.
    pub first_seen: Timestamp,
    /// When it was seen last.
    pub last_seen: Timestamp,
    /// About whom: a pseudonym, unless the operator wants names.
    pub subject: Option<Box<str>>,
    /// The API, if it is about one.
    pub api: Option<Box<str>>,
    /// The operation, if it is about one.
    pub operation: Option<Box<str>>,
    /// One sentence for whoever reads it on a small screen: lower case, no final stop, no value of a client.
    pub summary: Box<str>,
    /// What was measured.
    pub statistic: Option<Statistic>,
    /// What can be counted by hand.
    pub samples: Vec<Sample>,
    /// Up to [`EXEMPLARS`] masked examples; those beyond are not shown.
    pub exemplars: Vec<Box<str>>,
    /// What was done.
    pub action: Action,
    /// A request by which `portcullis explain` shows more.
    pub receipt: Option<ReceiptId>,
    /// For how long another alert of the same kind about the same subject tells nothing new.
    pub suppress: Duration,
}

impl Alert {
    /// How long an alert speaks for those like it, unless its detector knows better.
    pub const SUPPRESS: Duration = Duration::from_secs(15 * 60);

    /// An alarm of which nothing more is known than who raises it, when, and what it is about.
    #[must_use]
    pub fn new(
        detector: Detector,
        event: EventName,
        severity: Severity,
        at: Timestamp,
        summary: impl Into<Box<str>>,
    ) -> Self {
        Self {
            detector,
            event,
            severity,
            confidence: Confidence::CERTAIN,
            at,
            first_seen: at,
            last_seen: at,
            subject: None,
            api: None,
            operation: None,
            summary: summary.into(),
            statistic: None,
            samples: Vec::new(),
            exemplars: Vec::new(),
            action: Action::Logged,
            receipt: None,
            suppress: Self::SUPPRESS,
        }
    }

    /// By what two alerts are the same: detector, event and subject. No secret, and the same in every gateway.
    #[must_use]
    pub fn key(&self) -> String {
        let subject = self.subject.as_deref().unwrap_or("-");
        format!("{}/{}/{subject}", self.detector.name, self.event.text())
    }
}
