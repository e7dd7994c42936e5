//! Who called what since the last hand-over: the table of one worker.
//!
//! In: an operation, a principal, an end. Out: counts, handed over every few seconds. Called once per request
//! when its entry is written. A pair that is known costs one look and no memory; of pairs there are at most
//! [`PAIRS`], and what calls beyond them is counted under `others`, so that sums stay exact whatever strangers do.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::RandomState;
use portcullis_domain::{CallEnd, CallEnds, Consumer, ConsumerKind, Principal, PrincipalKind, Timestamp};

/// Most pairs of consumer and operation that one worker tells apart.
pub const PAIRS: usize = 10_000;
/// After so many hand-overs without a call a pair makes room.
const QUIET: u8 = 12;
/// How much of an issuer, a subject or a client tells it apart, in bytes; the store keeps no more.
const NAME: usize = 255;

/// An operation of any policy of this process, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub(crate) u32);

impl OperationId {
    /// The operation with this number, for benchmarks.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }
}

/// Some calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How they ended.
    pub ends: CallEnds,
    /// The first of them.
    pub first_at: Timestamp,
    /// The last.
    pub last_at: Timestamp,
    /// The most in one minute, once that is known.
    pub peak: u32,
}

/// Calls of one operation by one consumer since the last hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What was called.
    pub operation: OperationId,
    /// By whom.
    pub consumer: Arc<Consumer>,
    /// How often.
    pub tally: Tally,
}

/// The table.
#[derive(Debug)]
pub struct Counts {
    hasher: RandomState,
    /// By the hash of the pair; two that collide stand one behind the other.
    pairs: HashMap<u64, Pair, RandomState>,
    others: HashMap<OperationId, Tally, RandomState>,
    bound: usize,
}

#[derive(Debug)]
struct Pair {
    operation: OperationId,
    consumer: Arc<Consumer>,
    /// None since the last hand-over.
    tally: Option<Tally>,
    quiet: u8,
}

impl Tally {
    fn one(end: CallEnd, at: Timestamp) -> Self {
        let mut ends = CallEnds::default();
        ends.count(end);
        Self { ends, first_at: at, last_at: at, peak: 0 }
    }

    fn count(&mut self, end: CallEnd, at: Timestamp) {
        self.ends.count(end);
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
    }

    /// Takes in other calls.
    pub(crate) fn add(&mut self, other: &Self) {
        self.ends.add(&other.ends);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.peak = self.peak.max(other.peak);
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self::bounded(PAIRS)
    }
}

impl Counts {
    /// A table of at most `bound` pairs.
    #[must_use]
    pub fn bounded(bound: usize) -> Self {
        Self { hasher: RandomState::default(), pairs: HashMap::default(), others: HashMap::default(), bound }
    }

    /// Counts one call.
    pub fn note(
        &mut self,
        operation: OperationId,
        principal: Option<&Principal>,
        end: CallEnd,
        at: Timestamp,
    ) {
        let named = Named::of(principal);
        let mut hash = self.hasher.hash_one((operation, &named));
        loop {
            match self.pairs.get_mut(&hash) {
                Some(pair) if pair.operation == operation && named == pair.consumer.as_ref() => {
                    match &mut pair.tally {
                        Some(tally) => tally.count(end, at),
                        none => *none = Some(Tally::one(end, at)),
                    }
                    return;
                }
                Some(_) => hash = hash.wrapping_add(1),
                None => break,
            }
        }
        let tally = Tally::one(end, at);
        if self.pairs.len() < self.bound {
            let consumer = Arc::new(named.to_consumer());
            self.pairs.insert(hash, Pair { operation, consumer, tally: Some(tally), quiet: 0 });
        } else {
            self.others.entry(operation).and_modify(|others| others.add(&tally)).or_insert(tally);
        }
    }

    /// What was counted since the last time. Pairs are remembered for a while, so that counting on costs nothing.
    pub fn take(&mut self) -> Vec<Counted> {
        let mut counted = Vec::new();
        self.pairs.retain(|_, pair| match pair.tally.take() {
            Some(tally) => {
                pair.quiet = 0;
                let consumer = Arc::clone(&pair.consumer);
                counted.push(Counted { operation: pair.operation, consumer, tally });
                true
            }
            None => {
                pair.quiet += 1;
                pair.quiet < QUIET
            }
        });
        if !self.others.is_empty() {
            let others = Arc::new(Consumer::nameless(ConsumerKind::Others));
            let of_others = |(operation, tally)| Counted { operation, consumer: Arc::clone(&others), tally };
            counted.extend(self.others.drain().map(of_others));
        }
        counted
    }
}

/// A consumer by borrowed names.
#[derive(Hash)]
struct Named<'p> {
    kind: ConsumerKind,
    issuer: &'p str,
    subject: &'p str,
    client: &'p str,
}

impl<'p> Named<'p> {
    fn of(principal: Option<&'p Principal>) -> Self {
        let Some(principal) = principal else {
            return Self { kind: ConsumerKind::Anonymous, issuer: "", subject: "", client: "" };
        };
        Self {
            kind: match principal.kind {
                PrincipalKind::User => ConsumerKind::User,
                PrincipalKind::Client => ConsumerKind::Client,
            },
            issuer: cut(principal.issuer.as_str()),
            subject: cut(principal.subject.as_str()),
            client: cut(principal.client.as_deref().unwrap_or_default()),
        }
    }

    fn to_consumer(&self) -> Consumer {
        let Self { kind, issuer, subject, client } = *self;
        Consumer { kind, issuer: issuer.into(), subject: subject.into(), client: client.into() }
    }
}

impl PartialEq<&Consumer> for Named<'_> {
    fn eq(&self, other: &&Consumer) -> bool {
        self.kind == other.kind
            && *self.subject == *other.subject
            && *self.client == *other.client
            && *self.issuer == *other.issuer
    }
}

/// What tells a name apart: a stranger must not grow the table with long ones.
fn cut(name: &str) -> &str {
    if name.len() <= NAME {
        return name;
    }
    let end = (0..=NAME).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{Assurance, Issuer, Scopes, Subject};

    use super::*;

    fn principal(subject: &str) -> Principal {
        Principal {
            issuer: Issuer::from("https://id.example"),
            subject: Subject::from(subject),
            kind: PrincipalKind::User,
            client: Some("app".into()),
            scopes: Scopes::default(),
            roles: Scopes::default(),
            expires_at: None,
            claims: Arc::default(),
            scheme: "customers".into(),
            assurance: Assurance::default(),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn calls_are_counted_by_pair_and_handed_over_once() {
        let mut counts = Counts::default();
        let (alice, bob) = (principal("alice"), principal("bob"));
        for second in 1..=3 {
            counts.note(OperationId(1), Some(&alice), CallEnd::Served, at(second));
        }
        counts.note(OperationId(1), Some(&alice), CallEnd::Denied, at(9));
        counts.note(OperationId(2), Some(&alice), CallEnd::Served, at(1));
        counts.note(OperationId(1), Some(&bob), CallEnd::Served, at(1));
        counts.note(OperationId(1), None, CallEnd::Served, at(1));
        let counted = counts.take();
        assert_eq!(counted.len(), 4);
        let of_alice = |one: &&Counted| one.operation == OperationId(1) && &*one.consumer.subject == "alice";
        let tally = counted.iter().find(of_alice).unwrap().tally;
        assert_eq!(
            tally,
            Tally { ends: CallEnds::of([3, 0, 0, 1, 0]), first_at: at(1), last_at: at(9), peak: 0 }
        );
        assert!(counts.take().is_empty());
        counts.note(OperationId(1), Some(&alice), CallEnd::Served, at(10));
        assert_eq!(counts.take().first().map(|one| one.tally.ends.total()), Some(1));
    }

    #[test]
    fn beyond_the_bound_calls_are_counted_under_others() {
        let mut counts = Counts::bounded(10);
        for number in 0..1000 {
            counts.note(
                OperationId(number % 2),
                Some(&principal(&format!("u{number}"))),
                CallEnd::Served,
                at(1),
            );
        }
        counts.note(OperationId(0), Some(&principal("u0")), CallEnd::Served, at(2));
        assert_eq!(counts.pairs.len(), 10);
        let counted = counts.take();
        let sum = |kind: ConsumerKind| {
            let of_kind = counted.iter().filter(|one| one.consumer.kind == kind);
            of_kind.map(|one| one.tally.ends.total()).sum::<u64>()
        };
        assert_eq!((sum(ConsumerKind::User), sum(ConsumerKind::Others)), (11, 990));
        // Who stays away makes room.
        (0..QUIET).for_each(|_| drop(counts.take()));
        assert!(counts.pairs.is_empty());
    }

    #[test]
    fn a_long_name_takes_no_more_room_than_a_cut_one() {
        let mut counts = Counts::default();
        for end in ["a", "b"] {
            let name = format!("{}{end}", "é".repeat(5000));
            counts.note(OperationId(1), Some(&principal(&name)), CallEnd::Served, at(1));
        }
        let counted = counts.take();
        assert_eq!((counted.len(), counted[0].consumer.subject.len()), (1, 254));
    }
}
