//! What alerts of detectors say: one sentence, what was measured, and numbers that can be counted by hand.
//!
//! In: what a detector found. Out: an [`Alert`]. Examples are receipts, under which the record has the requests, and
//! pseudonyms: no id, no account and no password of anybody.

use portcullis_domain::{ReceiptId, Timestamp};

use super::campaign::{Rise, Source};
use super::cohort::Reading;
use super::detectors::Noticed;
use super::enumeration::{Accusation, MinuteOfMisses};
use super::harvest::Excess;
use super::names::{Names, Place};
use super::observation::{Observation, Reuse};
use super::operations::Drift;
use super::sprt;
use super::tokens::{How, Replay};
use super::travel::Journey;
use super::volume::{Beyond, Measured};
use crate::alert::{Action, Alert, Confidence, EXEMPLARS, Sample, Statistic};
use crate::vocabulary::EventName;

/// What will be told, before it is known by whom.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) subject: Option<Box<str>>,
    pub(super) receipt: Option<ReceiptId>,
    event: Option<EventName>,
    summary: Box<str>,
    confidence: Confidence,
    first_seen: Option<Timestamp>,
    statistic: Option<Statistic>,
    samples: Vec<Sample>,
    exemplars: Vec<Box<str>>,
}

impl Told {
    fn new(summary: impl Into<Box<str>>, percent: u8) -> Self {
        Self {
            subject: None,
            receipt: None,
            event: None,
            summary: summary.into(),
            confidence: Confidence::percent(percent),
            first_seen: None,
            statistic: None,
            samples: Vec::new(),
            exemplars: Vec::new(),
        }
    }

    fn since(mut self, began: Timestamp) -> Self {
        self.first_seen = Some(began);
        self
    }

    fn measured(mut self, name: &'static str, value: f64, threshold: f64) -> Self {
        self.statistic = Some(Statistic { name, value, threshold });
        self
    }

    fn counting(mut self, name: &'static str, count: impl Into<u64>) -> Self {
        self.samples.push(Sample { name, count: count.into() });
        self
    }

    /// With these examples.
    pub(super) fn showing(mut self, exemplars: Vec<Box<str>>) -> Self {
        self.exemplars = exemplars;
        self
    }

    /// The alert, once it is known by whom and where.
    pub(super) fn into_alert(
        self,
        noticed: Noticed,
        action: Action,
        place: Option<&Place>,
        at: Timestamp,
    ) -> Alert {
        let event = self.event.unwrap_or(noticed.event());
        let mut alert = Alert::new(noticed.detector(), event, noticed.severity(), at, self.summary);
        alert.confidence = self.confidence;
        alert.first_seen = self.first_seen.unwrap_or(at);
        alert.subject = self.subject;
        alert.api = place.map(|place| place.api.clone());
        alert.operation = place.and_then(|place| place.operation.clone());
        alert.statistic = self.statistic;
        alert.samples = self.samples;
        alert.exemplars = self.exemplars;
        alert.action = action;
        alert.receipt = self.receipt;
        alert
    }
}

pub(super) fn enumerated(accusation: &Accusation, kind: u64, names: &Names) -> Told {
    let Accusation { ratio, misses, foreign, hits, began, usual } = *accusation;
    let place = names.find(kind);
    let objects = place.as_deref().map_or("objects", |place| &*place.objects);
    let whose = if foreign > 0 { "of others" } else { "that are not there or not for the caller" };
    Told::new(format!("ids of {objects} {whose} are tried one after the other"), 95)
        .since(began)
        .measured("log_likelihood_ratio", ratio, sprt::upper())
        .counting("different_misses", misses)
        .counting("of_others", foreign)
        .counting("different_hits", hits)
        .counting("usual_misses_percent", (usual * 100.0).round() as u64)
}

pub(super) fn missed(minute: &MinuteOfMisses) -> Told {
    let most = minute.paths.len() as u64;
    let mut told = Told::new(
        format!("{most} different things that are not there or not for the caller within a minute"),
        90,
    )
    .since(minute.began)
    .counting("different_misses", most)
    .counting("of_known_operations", minute.objects);
    if u64::from(minute.objects) * 2 > most {
        told.event = Some(EventName::MaliciousDirectReference);
    }
    told
}

pub(super) fn harvested(excess: &Excess) -> Told {
    let Excess { reading, count, cut, began } = *excess;
    let (what, percent) = match reading {
        Reading::Minutes => ("objects in ten minutes, far more than usual", 70),
        Reading::Day => ("objects in a day, far more than usual", 75),
        Reading::Foreign => ("objects of others in a day", 90),
    };
    Told::new(format!("{count} different {what}"), percent)
        .since(began)
        .measured("different_objects", count as f64, cut)
        .counting("different_objects", count)
}

pub(super) fn beyond_habit(beyond: &Beyond) -> Told {
    let (name, what) = match beyond.what {
        Measured::Requests => ("requests", "requests"),
        Measured::Bytes => ("bytes", "bytes of answers"),
    };
    Told::new(format!("more than eight times as many {what} as usual, for half an hour"), 50)
        .since(beyond.began)
        .measured(name, f64::from(beyond.amount), f64::from(beyond.usual) * 8.0)
        .counting(name, beyond.amount as u64)
}

pub(super) fn replayed(seen: &Observation, replay: &Replay) -> Told {
    let (summary, percent) = match replay.how {
        How::TwoClients => ("one token is used by two clients in two networks within a minute", 90),
        How::TakingTurns => ("one token is used from two networks in turns", 80),
    };
    let receipts = [replay.other, seen.receipt];
    Told::new(summary, percent)
        .since(replay.first_seen)
        .counting("clients", 2u64)
        .showing(receipts.iter().map(|receipt| receipt.to_string().into()).collect())
}

pub(super) fn reused(reuse: Reuse, seen: &Observation) -> Told {
    let summary = match reuse {
        Reuse::ProofReplayed => "a proof of possession was shown that had been used before",
        Reuse::Unbound => "a token was shown without the key that it is bound to",
    };
    Told::new(summary, 100).counting("uses", 1u64).showing(vec![seen.receipt.to_string().into()])
}

pub(super) fn travelled(journey: &Journey) -> Told {
    let Journey { kilometers, minutes, since } = *journey;
    Told::new(
        format!("one caller in two places that lie {kilometers} km apart, within {minutes} minutes"),
        40,
    )
    .since(since)
    .measured("kilometers_per_hour", journey.speed(), Journey::FASTEST)
    .counting("kilometers", kilometers)
    .counting("minutes", minutes)
}

pub(super) fn guessed(
    account: u64,
    passwords: u64,
    tries: u64,
    began: Timestamp,
    seen: &Observation,
) -> Told {
    let mut told = Told::new(format!("{passwords} different passwords were tried at one account"), 90)
        .since(began)
        .counting("passwords", passwords)
        .counting("tries", tries)
        .showing(vec![seen.receipt.to_string().into()]);
    told.subject = Some(format!("account-{account:016x}").into());
    told
}

pub(super) fn sprayed(accounts: u64, tries: u64, began: Timestamp, seen: &Observation) -> Told {
    let mut told = Told::new(format!("one password was tried at {accounts} accounts"), 90)
        .since(began)
        .counting("accounts", accounts)
        .counting("tries", tries)
        .showing(vec![seen.receipt.to_string().into()]);
    told.subject = Some("password".into());
    told
}

pub(super) fn risen(noticed: Noticed, rise: &Rise) -> Told {
    let bracket = &rise.bracket;
    let what = match noticed {
        Noticed::Stuffing => "logins fail",
        Noticed::Failures => "requests fail",
        _ => "requests are refused",
    };
    Told::new(format!("more {what} than at this time of the week"), 80)
        .since(bracket.began)
        .measured("cusum", rise.sum, rise.bound)
        .counting("tries", bracket.tries)
        .counting("failures", bracket.failures)
        .counting("usual_percent", (rise.usual * 100.0).round() as u64)
        .counting("accounts", bracket.accounts.count())
        .counting("networks", bracket.sources.len() as u64)
}

/// The networks that fail at most accounts.
pub(super) fn networks(suspects: &[(u64, Source)]) -> Vec<Box<str>> {
    let shown = suspects.iter().take(EXEMPLARS);
    shown
        .map(|(network, source)| {
            format!("a-{network:016x}: {} failures, {} accounts", source.failures, source.accounts()).into()
        })
        .collect()
}

pub(super) fn added_up(sum: f32) -> Told {
    Told::new("several signs about one caller add up", 70)
        .measured("risk", f64::from(sum), 100.0)
        .counting("risk", sum as u64)
}

pub(super) fn undeclared(path: &str, calls: u32, seen: &Observation) -> Told {
    let mut told =
        Told::new(format!("`{path}` is answered and no contract declares it"), 100).counting("calls", calls);
    (told.subject, told.receipt) = (Some(path.into()), Some(seen.receipt));
    told
}

pub(super) fn gone(seen: &Observation, names: &Names, place: u64) -> Told {
    let mut told = Told::new("something that was retired is still called", 100).counting("calls", 1u64);
    told.subject =
        names.find(place).map(|place| place.operation.clone().unwrap_or_else(|| place.api.clone()));
    told.receipt = Some(seen.receipt);
    told
}

pub(super) fn drifted(drift: &Drift, seen: &Observation, names: &Names) -> Told {
    let mut told = Told::new("an operation was served without a credential, which it hardly ever is", 90)
        .measured(
            "anonymous_share",
            drift.anonymous as f64 / (drift.authenticated + drift.anonymous) as f64,
            0.001,
        )
        .counting("with_credential", drift.authenticated)
        .counting("without", drift.anonymous);
    told.subject = names.find(seen.operation).and_then(|place| place.operation.clone());
    told.receipt = Some(seen.receipt);
    told.showing(vec![seen.receipt.to_string().into()])
}

pub(super) fn sensitive(place: &str, sightings: u32, seen: &Observation) -> Told {
    let mut told = Told::new(format!("answers carry sensitive values at `{place}`, which is new"), 95)
        .counting("answers", sightings);
    (told.subject, told.receipt) = (Some(place.into()), Some(seen.receipt));
    told
}

pub(super) fn polluted(names: &[Box<str>], seen: &Observation) -> Told {
    Told::new("parameters stood twice or where they do not belong, and the request was served", 60)
        .counting("parameters", names.len() as u64)
        .showing(names.iter().take(EXEMPLARS - 1).cloned().chain([seen.receipt.to_string().into()]).collect())
}
