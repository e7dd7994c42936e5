//! What was called or sent and is not declared, since the last hand-over: the table of one worker.
//!
//! In: refusals of undeclared paths and members. Out: templates and names, never a raw path or value. Such
//! requests cost a little more than others, and only them. Bounded; what finds no room is counted as `*`.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use portcullis_contract::learn::{is_name, template};
use portcullis_domain::{MemberPlace, Timestamp, Violation};

use super::counts::OperationId;

/// Most paths, and most members, that one worker tells apart between two hand-overs.
const ROOM: usize = 500;
/// Stands for all that found no room, and for names that are no words.
pub(super) const OTHERS: &str = "*";
/// Methods that are written as they came; others may be anything.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"];

/// How calls of an undeclared path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StrayEnd {
    Refused,
    /// The upstream knows it.
    Answered,
}

/// Calls of an undeclared path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StrayTally {
    pub(crate) refused: u64,
    pub(crate) answered: u64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
}

/// How often a member was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sightings {
    pub(crate) times: u64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
}

/// A path at an API, by the number of what it does not declare.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StrayCall {
    pub(crate) api: OperationId,
    pub(crate) method: &'static str,
    pub(crate) template: Box<str>,
}

/// A member of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) operation: OperationId,
    pub(crate) place: MemberPlace,
    pub(crate) name: Box<str>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    pub(crate) calls: HashMap<StrayCall, StrayTally, RandomState>,
    pub(crate) members: HashMap<Member, Sightings, RandomState>,
}

impl StrayTally {
    /// Takes in other calls.
    pub(crate) fn add(&mut self, other: &Self) {
        self.refused += other.refused;
        self.answered += other.answered;
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}

impl Sightings {
    /// Takes in other sightings.
    pub(crate) fn add(&mut self, other: &Self) {
        self.times += other.times;
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}

impl Strays {
    /// Notes a call of `path` at an API.
    pub(crate) fn call(&mut self, api: OperationId, method: &str, path: &str, end: StrayEnd, at: Timestamp) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHERS);
        let tally = StrayTally {
            refused: u64::from(end == StrayEnd::Refused),
            answered: u64::from(end == StrayEnd::Answered),
            first_at: at,
            last_at: at,
        };
        let mut call = StrayCall { api, method, template: template(path).into() };
        if self.calls.len() >= ROOM && !self.calls.contains_key(&call) {
            call = StrayCall { method: OTHERS, template: OTHERS.into(), ..call };
        }
        self.calls.entry(call).and_modify(|known| known.add(&tally)).or_insert(tally);
    }

    /// Notes the members that `violations` call undeclared.
    pub(crate) fn members(&mut self, operation: OperationId, violations: &[Violation], at: Timestamp) {
        for violation in violations {
            if matches!(&*violation.keyword, "undeclared" | "additionalProperties" | "unevaluatedProperties")
                && !violation.at.is_empty()
                && let Some(place) = MemberPlace::from_name(violation.location)
            {
                self.member(operation, place, &violation.at, at);
            }
        }
    }

    /// Notes members of an answer that are not declared, by their places.
    pub(crate) fn found<P: AsRef<str>>(&mut self, operation: OperationId, places: &[P], at: Timestamp) {
        for place in places {
            let pointer = place.as_ref().split(' ').next().unwrap_or_default();
            self.member(operation, MemberPlace::Answer, pointer, at);
        }
    }

    fn member(&mut self, operation: OperationId, place: MemberPlace, name: &str, at: Timestamp) {
        let mut member = Member { operation, place, name: kept(name).into() };
        if self.members.len() >= ROOM && !self.members.contains_key(&member) {
            member.name = OTHERS.into();
        }
        let seen = Sightings { times: 1, first_at: at, last_at: at };
        self.members.entry(member).and_modify(|known| known.add(&seen)).or_insert(seen);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.members.is_empty()
    }
}

/// A name, or a pointer into a body, as far as it is words.
fn kept(name: &str) -> String {
    let part = |part: &str| match part {
        "" => String::new(),
        part if is_name(part) => part.to_owned(),
        _ => OTHERS.to_owned(),
    };
    name.split('/').take(16).map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: OperationId = OperationId(0);
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn only_words_of_names_are_kept() {
        for (name, expected) in [
            ("isAdmin", "isAdmin"),
            ("/items/3/discount", "/items/*/discount"),
            ("/map/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/map/*"),
            ("eyJhbGciOiJIUzI1NiJ9", "*"),
            ("alice@example.com", "*"),
        ] {
            assert_eq!(kept(name), expected);
        }
    }

    #[test]
    fn there_is_room_for_so_many_and_sums_stay_exact() {
        let mut strays = Strays::default();
        for number in 0..2000 {
            let path = format!("/{}", ["a", "b", "c", "d"].map(|word| word.repeat(1 + number % 7)).join("/"));
            strays.call(API, &format!("M{number}"), &path, StrayEnd::Refused, NOW);
            strays.call(API, "GET", &format!("/x{}/secret-{number:05}", number % 9), StrayEnd::Answered, NOW);
        }
        assert!(strays.calls.len() <= ROOM + 1);
        assert!(strays.calls.keys().all(|call| !call.template.contains("00") && call.method.len() <= 4));
        let (refused, answered) = strays
            .calls
            .values()
            .fold((0, 0), |(refused, answered), tally| (refused + tally.refused, answered + tally.answered));
        assert_eq!((refused, answered), (2000, 2000));
    }
}
