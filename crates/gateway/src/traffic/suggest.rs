//! Which limits would fit what was counted: proposed for each operation, and never set by the gateway itself.
//!
//! In: for each caller of an operation, the most calls that came in one minute. Out: how these are spread over the
//! callers, a rate that leaves room above nearly all of them, and how much it is worth. Callers that nobody told apart
//! (without a credential, or beyond the bound) are no single caller's rate and are left out.

use portcullis_domain::{Consumer, ConsumerKind, Timestamp, Usage};

use super::{DeclaredOperation, Traffic};

/// How much room is left above what nearly everybody needs.
const ROOM: u32 = 2;
/// Nobody is proposed less than this in a minute: a page that loads is a dozen calls at once.
const LEAST: u32 = 10;
const DAY: u64 = 86_400_000;

/// A limit that would fit an operation.
#[derive(Clone, Debug)]
pub struct Suggestion<'t> {
    /// The operation.
    pub operation: &'t DeclaredOperation,
    /// How many callers were told apart.
    pub callers: usize,
    /// For how many days they were counted.
    pub days: u64,
    /// The most calls in a minute that half, 90 and 99 of 100 callers made.
    pub quantiles: [u32; 3],
    /// Calls in a minute that would be allowed.
    pub per_minute: u32,
    /// How much the proposal is worth.
    pub confidence: Confidence,
    /// Callers that it would have refused, the fastest first.
    pub beyond: Vec<(&'t Consumer, u32)>,
}

/// How much a proposal is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Few callers or few days: a first guess.
    Low,
    /// Twenty callers over three days.
    Medium,
    /// A hundred callers over a fortnight.
    High,
}

impl Confidence {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    fn of(callers: usize, days: u64) -> Self {
        match (callers, days) {
            (100.., 14..) => Self::High,
            (20.., 3..) => Self::Medium,
            (_, _) => Self::Low,
        }
    }
}

impl Traffic {
    /// A proposal for each operation that callers were counted at, in the order of the documents.
    pub fn suggestions(&self, now: Timestamp) -> impl Iterator<Item = Suggestion<'_>> {
        self.declared.iter().filter_map(move |declared| self.suggestion(declared, now))
    }

    fn suggestion<'t>(&'t self, operation: &'t DeclaredOperation, now: Timestamp) -> Option<Suggestion<'t>> {
        let mut callers: Vec<&Usage> =
            self.consumers(&operation.name).filter(|usage| is_one(usage)).collect();
        callers.sort_by_key(|usage| usage.peak);
        let quantiles = [50, 90, 99].map(|percent| quantile(&callers, percent));
        let [_, _, most] = quantiles;
        if most == 0 {
            return None;
        }
        let per_minute = round(most.saturating_mul(ROOM).max(LEAST));
        let began = self
            .observed
            .iter()
            .filter(|observed| observed.api == operation.name.api)
            .map(|observed| observed.began_at)
            .min()
            .unwrap_or(now)
            .max(self.since);
        let days = now.as_millis().saturating_sub(began.as_millis()).div_ceil(DAY);
        let beyond = callers.iter().rev().take_while(|usage| usage.peak > per_minute);
        Some(Suggestion {
            operation,
            callers: callers.len(),
            days,
            quantiles,
            per_minute,
            confidence: Confidence::of(callers.len(), days),
            beyond: beyond.map(|usage| (&usage.consumer, usage.peak)).collect(),
        })
    }
}

fn is_one(usage: &Usage) -> bool {
    matches!(usage.consumer.kind, ConsumerKind::User | ConsumerKind::Client) && usage.peak > 0
}

/// The peak that so many of 100 callers do not exceed (nearest rank).
fn quantile(sorted: &[&Usage], percent: usize) -> u32 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0, |usage| usage.peak)
}

/// Two digits are as exact as a guess should look.
fn round(count: u32) -> u32 {
    let step = 10u32.saturating_pow(count.checked_ilog10().unwrap_or(0).saturating_sub(1));
    count.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests {
    use portcullis_contract::Lifecycle;
    use portcullis_domain::{CallEnds, Observation, UsedOperation};

    use super::super::{Extent, Kept};
    use super::*;

    fn name() -> UsedOperation {
        UsedOperation { api: "shop".into(), version: "1".into(), operation: "listOrders".into() }
    }

    fn at(day: u64) -> Timestamp {
        Timestamp::from_millis((20_000 + day) * DAY)
    }

    fn usage(kind: ConsumerKind, subject: &str, peak: u32) -> Usage {
        Usage {
            operation: name(),
            consumer: Consumer { subject: subject.into(), ..Consumer::nameless(kind) },
            ends: CallEnds::of([u64::from(peak), 0, 0, 0, 0]),
            first_at: at(0),
            last_at: at(1),
            peak,
        }
    }

    fn traffic(used: Vec<Usage>) -> Traffic {
        Traffic {
            since: at(0),
            declared: vec![DeclaredOperation {
                name: name(),
                method: "GET".to_owned(),
                template: "/orders".to_owned(),
                lifecycle: Lifecycle::default(),
            }],
            used,
            strays: Vec::new(),
            members: Vec::new(),
            observed: vec![Observation {
                api: "shop".into(),
                version: "1".into(),
                began_at: at(0),
                last_at: at(20),
                lost_at: None,
            }],
            kept: Kept::Store,
            extent: Extent::Whole,
        }
    }

    #[test]
    fn a_limit_leaves_room_above_nearly_all_callers_and_names_those_beyond() {
        let mut used: Vec<Usage> = (1..=200)
            .map(|number| usage(ConsumerKind::User, &format!("u{number}"), number.min(40)))
            .collect();
        used.push(usage(ConsumerKind::Client, "scraper", 9_000));
        // Nobody in particular.
        used.push(usage(ConsumerKind::Anonymous, "", 50_000));
        used.push(usage(ConsumerKind::Others, "", 50_000));
        let traffic = traffic(used);
        let suggestions: Vec<_> = traffic.suggestions(at(20)).collect();
        let [one] = &suggestions[..] else { panic!("{suggestions:?}") };
        assert_eq!((one.callers, one.days, one.quantiles), (201, 20, [40, 40, 40]));
        assert_eq!((one.per_minute, one.confidence), (80, Confidence::High));
        assert_eq!(
            one.beyond.iter().map(|(who, peak)| (&*who.subject, *peak)).collect::<Vec<_>>(),
            [("scraper", 9_000)]
        );
    }

    #[test]
    fn few_callers_or_few_days_are_a_first_guess() {
        let few = traffic(vec![usage(ConsumerKind::User, "alice", 3)]);
        let one = few.suggestions(at(20)).next().unwrap();
        assert_eq!((one.per_minute, one.confidence), (LEAST, Confidence::Low));
        let many = traffic((0..100).map(|n| usage(ConsumerKind::User, &n.to_string(), 3)).collect());
        assert_eq!(many.suggestions(at(2)).next().unwrap().confidence, Confidence::Low);
        assert_eq!(many.suggestions(at(3)).next().unwrap().confidence, Confidence::Medium);
        let nobody = traffic(vec![usage(ConsumerKind::Anonymous, "", 7)]);
        assert!(nobody.suggestions(at(20)).next().is_none());
    }

    #[test]
    fn proposals_are_round() {
        assert_eq!([7, 62, 123, 4_321, u32::MAX].map(round), [7, 62, 130, 4_400, u32::MAX]);
    }
}
