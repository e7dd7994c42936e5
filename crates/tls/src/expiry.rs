//! What ends when, and when to warn (TLS-18).
//!
//! In: everything of a listener that has an end: certificates, authorities of clients, lists of
//! revocations. Out: a list to show, and for an [`ExpiryWatch`] that is asked now and then, each warning
//! once per step. Nothing here waits: the gateway asks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use portcullis_domain::Timestamp;

/// Something with an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What it is.
    pub what: Expiring,
    /// Its names, for people.
    pub name: String,
    /// What kind of key it certifies; empty for what certifies none.
    pub key: String,
    /// The file that it was read from.
    pub file: PathBuf,
    /// Its last moment.
    pub ends: Timestamp,
}

/// What kind of thing ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expiring {
    /// A certificate that the listener presents.
    Certificate,
    /// A list of revoked client certificates.
    Revocations,
}

impl Expiring {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Revocations => "revocations",
        }
    }
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// More than thirty days.
    None,
    /// Thirty days or less.
    Month,
    /// Fourteen days or less.
    Fortnight,
    /// Seven days or less.
    Week,
    /// The end has passed.
    Past,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Expiry {
    /// How near the end is at `now`.
    ///
    /// A list of revocations is renewed every few days by design, so only its end is worth a warning.
    #[must_use]
    pub fn urgency(&self, now: Timestamp) -> Urgency {
        let left = self.ends.since(now);
        match self.what {
            _ if now > self.ends => Urgency::Past,
            Expiring::Revocations => Urgency::None,
            Expiring::Certificate if left <= 7 * DAY => Urgency::Week,
            Expiring::Certificate if left <= 14 * DAY => Urgency::Fortnight,
            Expiring::Certificate if left <= 30 * DAY => Urgency::Month,
            Expiring::Certificate => Urgency::None,
        }
    }
}

/// Remembers which warnings were given.
#[derive(Debug, Default)]
pub struct ExpiryWatch {
    given: HashMap<(Expiring, PathBuf, Timestamp), Urgency>,
}

impl ExpiryWatch {
    /// Nothing warned of yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of `expiries` that have come nearer to their end since the last call. What is no longer in
    /// the list is forgotten, which bounds the memory.
    pub fn due(&mut self, expiries: &[Expiry], now: Timestamp) -> Vec<(Expiry, Urgency)> {
        let mut seen = HashMap::with_capacity(expiries.len());
        let mut due = Vec::new();
        for expiry in expiries {
            let key = (expiry.what, expiry.file.clone(), expiry.ends);
            let urgency = expiry.urgency(now);
            let before = self.given.get(&key).copied().unwrap_or(Urgency::None);
            if urgency > before && !seen.contains_key(&key) {
                due.push((expiry.clone(), urgency));
            }
            seen.insert(key, urgency.max(before));
        }
        self.given = seen;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(ends: Timestamp) -> Expiry {
        let (name, key) = ("shop.example".to_owned(), "Ed25519".to_owned());
        Expiry { what: Expiring::Certificate, name, key, file: "shop.pem".into(), ends }
    }

    // proves-part: TLS-18 (reloading on change and sending the alerts are the gateway's)
    #[test]
    fn a_warning_comes_once_at_each_step() {
        let start = Timestamp::from_seconds(1_764_000_000);
        let expiries = [certificate(start.plus(31 * DAY))];
        let mut watch = ExpiryWatch::new();
        let steps: Vec<(u32, Urgency)> = (0..=33)
            .filter_map(|day| {
                let due = watch.due(&expiries, start.plus(day * DAY));
                due.first().map(|(_, urgency)| (day, *urgency))
            })
            .collect();
        assert_eq!(
            steps,
            [(1, Urgency::Month), (17, Urgency::Fortnight), (24, Urgency::Week), (32, Urgency::Past)]
        );
    }

    #[test]
    fn a_renewed_certificate_is_not_warned_of() {
        let now = Timestamp::from_seconds(1_764_000_000);
        let mut watch = ExpiryWatch::new();
        assert_eq!(watch.due(&[certificate(now.plus(5 * DAY))], now).len(), 1);
        assert!(watch.due(&[certificate(now.plus(90 * DAY))], now).is_empty());
    }

    #[test]
    fn revocations_are_warned_of_when_they_are_stale() {
        let now = Timestamp::from_seconds(1_764_000_000);
        let list = Expiry { what: Expiring::Revocations, ..certificate(now.plus(DAY)) };
        assert_eq!(list.urgency(now), Urgency::None);
        assert_eq!(list.urgency(now.plus(2 * DAY)), Urgency::Past);
    }
}
