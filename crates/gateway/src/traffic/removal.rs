//! Whether something can be removed: nobody called it for long enough, and somebody was there to see that.
//!
//! Absence of counts is evidence only where counting went on all the time. Whatever breaks that (nothing was
//! counted, counting began too late, ended, or lost something) is told like a caller is, and the answer is no.

use std::time::Duration;

use portcullis_domain::{CallEnd, ConsumerKind, Timestamp, Usage, UsedOperation};

use super::{Extent, Kept, Traffic};

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
        if self.extent == Extent::Cut {
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

#[cfg(test)]
mod tests {
    use portcullis_domain::{CallEnds, Consumer, Observation};

    use super::super::DeclaredOperation;
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn ago(days: u32) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() - u64::try_from((DAY * days).as_millis()).unwrap())
    }

    fn operation(api: &str, version: &str, operation: &str) -> UsedOperation {
        UsedOperation { api: api.into(), version: version.into(), operation: operation.into() }
    }

    fn called(operation: UsedOperation, kind: ConsumerKind, ends: [u64; 5]) -> Usage {
        let consumer = Consumer::nameless(kind);
        Usage { operation, consumer, ends: CallEnds::of(ends), first_at: ago(2), last_at: ago(1), peak: 0 }
    }

    /// Two versions, counted for sixty days without a gap.
    fn traffic(used: Vec<Usage>) -> Traffic {
        let declared = |name: UsedOperation| DeclaredOperation {
            name,
            method: "GET".to_owned(),
            template: "/x".to_owned(),
            lifecycle: portcullis_contract::Lifecycle::default(),
        };
        let names = [operation("shop", "v1", "getOrder"), operation("shop-v2", "v2", "getOrder")];
        let observed = names.iter().map(|name| Observation {
            api: name.api.clone(),
            version: name.version.clone(),
            began_at: ago(60),
            last_at: NOW,
            lost_at: None,
        });
        Traffic {
            since: ago(30),
            observed: observed.collect(),
            declared: names.map(declared).into(),
            used,
            strays: Vec::new(),
            members: Vec::new(),
            kept: Kept::Store,
            extent: Extent::Whole,
        }
    }

    fn obstacles(traffic: &Traffic, name: &str) -> Vec<Obstacle> {
        traffic.removal(name, NOW, DAY * 30).unwrap().obstacles
    }

    #[test]
    fn callers_of_one_version_do_not_keep_another() {
        let traffic = traffic(vec![called(
            operation("shop-v2", "v2", "getOrder"),
            ConsumerKind::User,
            [1, 0, 0, 0, 0],
        )]);
        assert_eq!(obstacles(&traffic, "v1"), []);
        assert!(matches!(*obstacles(&traffic, "2"), [Obstacle::Called(_)]));
        let several = traffic.removal("getOrder", NOW, DAY).unwrap_err();
        assert_eq!(several.to_string(), "`getOrder` may be `shop/getOrder` or `shop-v2/getOrder`; say which");
    }

    #[test]
    fn who_knocks_is_no_caller_and_who_calls_what_is_gone_is_one() {
        let v1 = || operation("shop", "v1", "getOrder");
        for (kind, ends, is_caller) in [
            (ConsumerKind::Anonymous, [0, 0, 0, 9, 0], false),
            (ConsumerKind::Anonymous, [0, 0, 0, 9, 1], true),
            (ConsumerKind::Anonymous, [1, 0, 0, 0, 0], true),
            (ConsumerKind::Client, [0, 0, 0, 9, 0], true),
            (ConsumerKind::Others, [0, 0, 0, 1, 0], true),
        ] {
            let found = obstacles(&traffic(vec![called(v1(), kind, ends)]), "v1");
            assert_eq!(!found.is_empty(), is_caller, "{kind:?} {ends:?}");
        }
    }

    #[test]
    fn every_gap_in_the_counts_is_an_obstacle() {
        let whole = traffic(Vec::new());
        let with = |change: &dyn Fn(&mut Traffic)| {
            let mut traffic = whole.clone();
            change(&mut traffic);
            obstacles(&traffic, "v1")
        };
        assert_eq!(with(&|_| ()), []);
        assert_eq!(with(&|traffic| traffic.kept = Kept::Nowhere), [Obstacle::NeverObserved]);
        assert_eq!(with(&|traffic| traffic.observed.clear()), [Obstacle::NeverObserved]);
        assert_eq!(
            with(&|traffic| traffic.observed[0].began_at = ago(29)),
            [Obstacle::ObservedSince(ago(29))]
        );
        assert_eq!(with(&|traffic| traffic.observed[0].last_at = ago(1)), [Obstacle::ObservedUntil(ago(1))]);
        assert_eq!(
            with(&|traffic| traffic.observed[0].lost_at = Some(ago(3))),
            [Obstacle::CountsLost(ago(3))]
        );
        assert_eq!(with(&|traffic| traffic.observed[0].lost_at = Some(ago(40))), []);
        assert_eq!(with(&|traffic| traffic.extent = Extent::Cut), [Obstacle::TooMuch]);
    }
}
