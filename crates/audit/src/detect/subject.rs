//! What is remembered of one caller. Small when idle: what only the busy have stands behind boxes.

use portcullis_domain::{ReceiptId, Timestamp};

use super::cohort::Cohorts;
use super::distinct::Familiar;
use super::enumeration::{Accusation, MinuteOfMisses, References};
use super::harvest::Reads;
use super::observation::{Observation, SeenObject};
use super::volume::Habit;

/// How many requests are kept as examples.
const EXAMPLES: usize = 5;
/// In how many types of objects a caller is followed at a time.
const KINDS: usize = 2;

/// One caller.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) last_seen: Timestamp,
    pub(super) cohort: u64,
    pub(super) references: [Option<References>; KINDS],
    pub(super) served: Familiar,
    pub(super) misses: Option<Box<MinuteOfMisses>>,
    pub(super) reads: Option<Box<Reads>>,
    pub(super) habit: Habit,
    pub(super) examples: Examples,
    /// Where it was seen last: degrees north and east, and when.
    pub(super) whereabouts: Option<(f32, f32, Timestamp)>,
}

impl Subject {
    pub(super) fn new(seen: &Observation) -> Self {
        Self {
            last_seen: seen.at,
            cohort: seen.cohort,
            references: [None, None],
            served: Familiar::default(),
            misses: None,
            reads: None,
            habit: Habit::new(seen.at),
            examples: Examples::default(),
            whereabouts: None,
        }
    }

    /// Lets go of what is over: an idle caller takes little.
    pub(super) fn forget(&mut self, now: Timestamp) {
        if self.misses.as_ref().is_some_and(|minute| now.since(minute.began) >= MinuteOfMisses::SPAN) {
            self.misses = None;
        }
        if self.reads.as_ref().is_some_and(|reads| reads.is_over(now)) {
            self.reads = None;
        }
    }

    /// Weighs a reference to an object.
    pub(super) fn weigh(
        &mut self,
        seen: SeenObject,
        at: Timestamp,
        cohorts: &mut Cohorts,
    ) -> Option<Accusation> {
        let Self { references, served, cohort, .. } = self;
        references_to(references, seen.kind, at).note(seen, at, *cohort, served, cohorts)
    }
}

/// What is known of references to objects of `kind`. The type that was not seen for longest gives way.
fn references_to(all: &mut [Option<References>; KINDS], kind: u64, at: Timestamp) -> &mut References {
    let [first, second] = all;
    let is_of = |slot: &Option<References>| slot.as_ref().is_some_and(|slot| slot.kind == kind);
    let age = |slot: &Option<References>| slot.as_ref().map(|slot| slot.last_seen);
    let slot = match (is_of(first), is_of(second)) {
        (true, _) => first,
        (_, true) => second,
        (false, false) if age(second) < age(first) => second,
        (false, false) => first,
    };
    if !is_of(slot) {
        *slot = None;
    }
    slot.get_or_insert_with(|| References::new(kind, at))
}

/// The requests that were seen last, for whoever wants to count by hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Examples {
    receipts: [Option<ReceiptId>; EXAMPLES],
    next: u8,
}

impl Examples {
    pub(super) fn note(&mut self, receipt: ReceiptId) {
        let place = usize::from(self.next) % EXAMPLES;
        if let Some(slot) = self.receipts.get_mut(place) {
            *slot = Some(receipt);
        }
        self.next = ((place + 1) % EXAMPLES) as u8;
    }

    /// As an alert shows them: the record has the rest.
    pub(super) fn shown(&self) -> Vec<Box<str>> {
        let (newer, older) = self.receipts.split_at(usize::from(self.next) % EXAMPLES);
        older.iter().chain(newer).flatten().map(|receipt| receipt.to_string().into()).collect()
    }
}

/// Something that fades by half in each [`HALF_LIFE`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Score {
    value: f32,
    at: Timestamp,
}

/// After which time a sign weighs half.
const HALF_LIFE: f32 = 3_600_000.0;
/// However much comes together, it has faded to nothing after eight hours.
const MOST: f32 = 200.0;

impl Score {
    pub(super) fn at(self, now: Timestamp) -> f32 {
        match self.value {
            0.0 => 0.0,
            value => value * (-(now.since(self.at).as_millis() as f32) / HALF_LIFE).exp2(),
        }
    }

    /// What it is once `points` are added.
    pub(super) fn add(&mut self, points: f32, now: Timestamp) -> f32 {
        // A clock that steps back takes nothing away and gives nothing.
        self.value = (self.at(now) + points).min(MOST);
        self.at = self.at.max(now);
        self.value
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

    #[test]
    fn a_sign_weighs_half_after_an_hour() {
        let mut score = Score::default();
        score.add(60.0, AT);
        assert!((score.at(AT.plus(Duration::from_secs(3600))) - 30.0).abs() < 0.01);
        assert!((score.add(60.0, AT.plus(Duration::from_secs(3600))) - 90.0).abs() < 0.01);
        assert!((score.at(Timestamp::default()) - 90.0).abs() < 0.01, "a clock that steps back");
    }

    #[test]
    fn the_last_five_requests_are_shown_the_oldest_first() {
        let mut examples = Examples::default();
        let receipts: Vec<_> = (0..7).map(|index| ReceiptId::new(AT, &[index; 10])).collect();
        receipts.iter().for_each(|receipt| examples.note(*receipt));
        let expected: Vec<Box<str>> =
            receipts[2..].iter().map(|receipt| receipt.to_string().into()).collect();
        assert_eq!(examples.shown(), expected);
    }

    #[test]
    fn an_idle_subject_takes_less_than_700_bytes_with_its_place_in_the_table() {
        // Boxed, and a table of 7/8 load has 9.2 bytes of overhead for each entry of 16.
        let place = (size_of::<u64>() + size_of::<Box<Subject>>() + 1) * 2;
        assert!(size_of::<Subject>() + place <= 700, "{}", size_of::<Subject>());
    }
}
