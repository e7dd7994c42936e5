//! Whether something can be removed: nobody called it for long enough, and somebody was there to see that.
//!
//! Absence of counts is evidence only where counting went on all the time. Whatever breaks that (nothing was
//! counted, counting began too late, ended, or lost something) is told like a caller is, and the answer is no.

use std::time::Duration;

use portcullis_domain::{CallEnd, ConsumerKind, Timestamp, Usage, UsedOperation};

use super::{Kept, ROWS, Traffic};

/// Who counts says so every minute; counts that are older than this say nothing of now.
const STALE: Duration = Duration::from_secs(3600);

/// What was asked, and what stands in its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// What would be removed: `API`, `API@VERSION` or `API/OPERATION`.
    pub what: String,
    /// Why it must not be; it can be if there is nothing.
    pub obstacles: Vec<Obstacle>,
}

/// Why something must not be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Somebody calls it.
    Called(Box<Usage>),
    /// Nothing was ever counted.
    NeverObserved,
    /// It was counted for less time than was asked for.
    ObservedSince(Timestamp),
    /// Nobody counts any more.
    ObservedUntil(Timestamp),
    /// Counts were lost in the time that was asked for.
    CountsLost(Timestamp),
    /// There is more than can be looked through.
    TooMuch,
}

/// Why it cannot be told whether something can be removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotToBeRemoved {
    /// Nothing is called so.
    #[error("there is no API, version or operation `{0}` in the configuration")]
    Unknown(String),
    /// Several things are.
    #[error("`{name}` may be {}; say which", candidates.join(" or "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// What it may be.
        candidates: Vec<String>,
    },
}

/// Something that can be removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Candidate {
    Api(Box<str>),
    Version(Box<str>, Box<str>),
    Operation(UsedOperation),
}

impl Traffic {
    /// Whether `name` can be removed: an API, a version, an operation, `API@VERSION` or `API/OPERATION`. This
    /// must have been read since `now` less `idle` or earlier.
    ///
    /// # Errors
    /// [`NotToBeRemoved`] if it is not known what is meant.
    pub fn removal(&self, name: &str, now: Timestamp, idle: Duration) -> Result<Removal, NotToBeRemoved> {
        let candidate = self.candidate(name)?;
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let since = Timestamp::from_millis(now.as_millis().saturating_sub(idle));
        let mut obstacles = self.gaps(&candidate, since, now);
        let calls = self.used.iter().filter(|usage| usage.last_at >= since && is_call(usage));
        let calls = calls.filter(|usage| candidate.holds(&usage.operation));
        obstacles.extend(calls.map(|usage| Obstacle::Called(Box::new(usage.clone()))));
        Ok(Removal { what: candidate.to_string(), obstacles })
    }

    fn candidate(&self, name: &str) -> Result<Candidate, NotToBeRemoved> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for declared in &self.declared {
            let UsedOperation { api, version, operation } = &declared.name;
            let of_api = Candidate::Api(api.clone());
            let of_version = Candidate::Version(api.clone(), version.clone());
            let of_operation = Candidate::Operation(declared.name.clone());
            let is_meant = |candidate: &Candidate| match candidate {
                Candidate::Api(_) => name == &**api,
                Candidate::Version(..) => is_version(name, version) || is_both(name, '@', api, version),
                Candidate::Operation(_) => name == &**operation || is_both(name, '/', api, operation),
            };
            candidates.extend([of_api, of_version, of_operation].into_iter().filter(is_meant));
        }
        candidates.sort();
        candidates.dedup();
        match candidates.as_slice() {
            [] => Err(NotToBeRemoved::Unknown(name.to_owned())),
            [candidate] => Ok(candidate.clone()),
            several => Err(NotToBeRemoved::Ambiguous {
                name: name.to_owned(),
                candidates: several.iter().map(|candidate| format!("`{candidate}`")).collect(),
            }),
        }
    }

    /// Why counts since `since` may not be all there is.
    fn gaps(&self, candidate: &Candidate, since: Timestamp, now: Timestamp) -> Vec<Obstacle> {
        let observed = self.observed.iter().filter(|observation| match candidate {
            Candidate::Api(api) | Candidate::Version(api, _) => observation.api == *api,
            Candidate::Operation(operation) => observation.api == operation.api,
        });
        let observed: Vec<_> = observed.collect();
        let began = observed.iter().map(|observation| observation.began_at).min();
        let last = observed.iter().map(|observation| observation.last_at).max();
        let (Kept::Store, Some(began), Some(last)) = (self.kept, began, last) else {
            return vec![Obstacle::NeverObserved];
        };
        let lost = observed.iter().filter_map(|observation| observation.lost_at).max();
        let mut gaps = Vec::new();
        if began > since {
            gaps.push(Obstacle::ObservedSince(began));
        }
        if now.since(last) > STALE {
            gaps.push(Obstacle::ObservedUntil(last));
        }
        gaps.extend(lost.filter(|lost| *lost >= since).map(Obstacle::CountsLost));
        if self.used.len() >= ROWS {
            gaps.push(Obstacle::TooMuch);
        }
        gaps
    }
}

/// Whether a consumer would miss it. Strangers without a credential that were refused are none: anybody can
/// knock. Whoever called what is gone already is one.
fn is_call(usage: &Usage) -> bool {
    let knocks = match usage.consumer.kind {
        ConsumerKind::Anonymous => usage.ends.ended(CallEnd::Denied),
        ConsumerKind::User | ConsumerKind::Client | ConsumerKind::Others => 0,
    };
    usage.ends.total() > knocks
}

impl Candidate {
    fn holds(&self, operation: &UsedOperation) -> bool {
        match self {
            // Under whichever version it was counted.
            Self::Api(api) => operation.api == *api,
            Self::Version(api, version) => operation.api == *api && operation.version == *version,
            Self::Operation(wanted) => operation.api == wanted.api && operation.operation == wanted.operation,
        }
    }
}

impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Api(api) => f.write_str(api),
            Self::Version(api, version) => write!(f, "{api}@{version}"),
            Self::Operation(operation) => write!(f, "{}/{}", operation.api, operation.operation),
        }
    }
}

/// `v2` and `2` are one version.
fn is_version(name: &str, version: &str) -> bool {
    let bare = |text: &str| text.strip_prefix('v').unwrap_or(text).to_owned();
    !version.is_empty() && bare(name) == bare(version)
}

fn is_both(name: &str, sign: char, first: &str, second: &str) -> bool {
    name.strip_prefix(first)
        .and_then(|rest| rest.strip_prefix(sign))
        .is_some_and(|rest| if sign == '@' { is_version(rest, second) } else { rest == second })
}
