//! Comparing what two schemas let through.
//!
//! What a request may be and what an answer may be are compared in opposite directions: a request that is refused
//! where it was taken breaks a client, and so does an answer that is something that it could not be. What is taken
//! beyond what was, and what is shown beyond what was, weakens protection.

use std::collections::HashSet;
use std::slice::from_ref;

use serde_json::Value;

use super::Code;
use super::facts::{Additional, Edge, Facts};
use super::findings::Changes;
use crate::reading::Node;

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Request,
    Answer,
}

/// Two schemas and the way values go.
type Known = ((usize, String), (usize, String), Direction);

/// Compares schemas; remembers which pairs are the same all the way down, so that what a thousand operations share
/// is looked at once.
#[derive(Default)]
pub(super) struct Comparer {
    same: HashSet<Known>,
}

/// One comparison under way.
pub(super) struct Run<'c, 'f> {
    comparer: &'c Comparer,
    changes: &'f mut Changes,
    pub(super) direction: Direction,
    seen: HashSet<Known>,
}

impl Comparer {
    /// Compares the schemas at one place of an operation; `what` names it: "the body", "parameter `id`".
    pub(super) fn compare(
        &mut self,
        old: &Node<'_>,
        new: &Node<'_>,
        direction: Direction,
        what: &str,
        changes: &mut Changes,
    ) {
        let before = changes.count();
        let mut run = Run { comparer: self, changes, direction, seen: HashSet::new() };
        run.values(from_ref(old), from_ref(new), what);
        let seen = run.seen;
        // A pair is the same only if all that it leads to is, so this holds for whole runs.
        if changes.count() == before {
            self.same.extend(seen);
        }
    }
}

impl Run<'_, '_> {
    pub(super) fn values(&mut self, old: &[Node<'_>], new: &[Node<'_>], what: &str) {
        let (Some(first_old), Some(first_new)) = (old.first(), new.first()) else { return };
        let known = (target(first_old), target(first_new), self.direction);
        // A member of several schemas is not told by its first alone.
        if old.len() == 1
            && new.len() == 1
            && (self.comparer.same.contains(&known) || !self.seen.insert(known))
        {
            return;
        }
        let (Some(old), Some(new)) = (Facts::of(old), Facts::of(new)) else { return };
        match self.direction {
            Direction::Request => self.request(&old, &new, what),
            Direction::Answer => self.answer(&old, &new, what),
        }
        self.members(&old, &new, what);
        for (position, old) in &old.items {
            if let Some(new) = new.items.get(position) {
                self.values(from_ref(old), from_ref(new), &format!("{what}/{position}"));
            }
        }
        if let (Additional::Like(old), Additional::Like(new)) = (&old.additional, &new.additional) {
            self.values(from_ref(old), from_ref(new), &format!("{what}/{{any}}"));
        }
        self.alternatives(&old, &new, what);
    }

    pub(super) fn add(&mut self, code: Code, old: &Node<'_>, new: &Node<'_>, sentence: String) {
        self.changes.add(code, Some(old), Some(new), sentence);
    }

    /// What may be sent.
    fn request(&mut self, old: &Facts<'_>, new: &Facts<'_>, what: &str) {
        let (at_old, at_new) = (&old.node, &new.node);
        if lacks_type(new, old) {
            let sentence = format!("{what} must be {} and could be {}", shown(new), shown(old));
            self.add(Code::TypeNarrowed, at_old, at_new, sentence);
        }
        if lacks_type(old, new) {
            let sentence = format!("{what} may be {} and had to be {}", shown(new), shown(old));
            self.add(Code::TypeWidened, at_old, at_new, sentence);
        }
        match (&old.values, &new.values) {
            (Some(_), None) => {
                self.add(
                    Code::EnumRemoved,
                    at_old,
                    at_new,
                    format!("{what} may have any value, not one of a list"),
                );
            }
            (None, Some(_)) => {
                self.add(Code::EnumNarrowed, at_old, at_new, format!("{what} must be one of a list"));
            }
            (Some(before), Some(now)) => {
                let gone = before.iter().filter(|value| !now.contains(value));
                let gone: Vec<String> = gone.map(|value| format!("`{value}`")).collect();
                if !gone.is_empty() {
                    let sentence = format!("{what} can no longer be {}", gone.join(", "));
                    self.add(Code::EnumNarrowed, at_old, at_new, sentence);
                }
            }
            (None, None) => {}
        }
        self.bounds(old, new, what);
        self.texts(old, new, what);
        match (&old.additional, &new.additional) {
            (Additional::Closed(_), Additional::Closed(_))
            | (Additional::Unsaid, Additional::Unsaid | Additional::Like(_))
            | (Additional::Open(_), Additional::Open(_))
            | (Additional::Like(_), Additional::Like(_) | Additional::Unsaid) => {}
            (_, Additional::Closed(place)) => {
                self.add(
                    Code::ObjectClosed,
                    at_old,
                    place,
                    format!("{what} takes no members that are not named"),
                );
            }
            (Additional::Open(_), Additional::Unsaid | Additional::Like(_)) => {
                self.add(
                    Code::ObjectClosed,
                    at_old,
                    at_new,
                    format!("{what} no longer says that it takes any member"),
                );
            }
            (Additional::Closed(place), _) => {
                self.add(
                    Code::ObjectOpened,
                    place,
                    at_new,
                    format!("{what} takes members that are not named"),
                );
            }
            (Additional::Unsaid | Additional::Like(_), Additional::Open(place)) => {
                self.add(Code::ObjectOpened, at_old, place, format!("{what} takes any member"));
            }
        }
        for (keyword, condition) in &old.conditions {
            if new.conditions.get(keyword).map(Node::value) != Some(condition.value()) {
                let sentence = format!("`{keyword}` of {what} is gone or another");
                self.add(Code::ConditionRemoved, condition, at_new, sentence);
            }
        }
        for (keyword, condition) in &new.conditions {
            if old.conditions.get(keyword).map(Node::value) != Some(condition.value()) {
                let sentence = format!("`{keyword}` of {what} is new or another");
                self.add(Code::ConditionAdded, at_old, condition, sentence);
            }
        }
    }

    fn bounds(&mut self, old: &Facts<'_>, new: &Facts<'_>, what: &str) {
        for (keyword, (edge, before)) in &old.bounds {
            let Some((_, now)) = new.bounds.get(keyword) else {
                let sentence = format!("`{keyword}: {before}` of {what} is gone");
                self.add(Code::BoundRemoved, &old.node, &new.node, sentence);
                continue;
            };
            let code = match edge {
                _ if before == now => continue,
                Edge::Upper if now > before => Code::BoundLoosened,
                Edge::Lower if now < before => Code::BoundLoosened,
                Edge::Step if before % now == 0.0 => Code::BoundLoosened,
                Edge::Upper | Edge::Lower | Edge::Step => Code::BoundTightened,
            };
            self.add(
                code,
                &old.node,
                &new.node,
                format!("`{keyword}` of {what} went from {before} to {now}"),
            );
        }
        for (keyword, (_, now)) in &new.bounds {
            if !old.bounds.contains_key(keyword) {
                let sentence = format!("`{keyword}: {now}` of {what} is new");
                self.add(Code::BoundTightened, &old.node, &new.node, sentence);
            }
        }
    }

    fn texts(&mut self, old: &Facts<'_>, new: &Facts<'_>, what: &str) {
        for (keyword, before, now, removed, added) in [
            ("pattern", &old.patterns, &new.patterns, Code::PatternRemoved, Code::PatternAdded),
            ("format", &old.formats, &new.formats, Code::FormatRemoved, Code::FormatAdded),
        ] {
            for (text, place) in before {
                if !now.contains_key(text) {
                    let sentence = format!("`{keyword}: {text}` of {what} no longer holds");
                    self.add(removed, place, &new.node, sentence);
                }
            }
            for (text, place) in now {
                if !before.contains_key(text) {
                    self.add(added, &old.node, place, format!("`{keyword}: {text}` of {what} is new"));
                }
            }
        }
    }

    /// What may be shown.
    fn answer(&mut self, old: &Facts<'_>, new: &Facts<'_>, what: &str) {
        let (at_old, at_new) = (&old.node, &new.node);
        if lacks_type(old, new) {
            let sentence = format!("{what} may be {} and was {}", shown(new), shown(old));
            self.add(Code::ResponseTypeWidened, at_old, at_new, sentence);
        }
        match (&old.values, &new.values) {
            (Some(_), None) => {
                let sentence = format!("{what} may have any value, and was one of a list");
                self.add(Code::ResponseEnumWidened, at_old, at_new, sentence);
            }
            (Some(before), Some(now)) => {
                let more = now.iter().filter(|value| !before.contains(value));
                let more: Vec<String> = more.map(|value| format!("`{value}`")).collect();
                if !more.is_empty() {
                    let sentence = format!("{what} may be {}, and could not", more.join(", "));
                    self.add(Code::ResponseEnumWidened, at_old, at_new, sentence);
                }
            }
            (None, _) => {}
        }
        if let (Additional::Closed(place), Additional::Unsaid | Additional::Open(_) | Additional::Like(_)) =
            (&old.additional, &new.additional)
        {
            self.add(
                Code::ResponseOpened,
                place,
                at_new,
                format!("{what} may show members that are not named"),
            );
        }
        if let Some(before) = &old.visible_to
            && !is_within(new.visible_to.as_ref(), before)
        {
            let sentence = format!("{what} is shown to callers who did not see it");
            self.add(Code::VisibleToRemoved, before, new.visible_to.as_ref().unwrap_or(at_new), sentence);
        }
    }

    fn alternatives(&mut self, old: &Facts<'_>, new: &Facts<'_>, what: &str) {
        for (name, before) in &old.alternatives {
            match new.alternatives.get(name) {
                Some(now) => self.values(from_ref(before), from_ref(now), what),
                None if self.direction == Direction::Request && !new.alternatives.is_empty() => {
                    let sentence = format!("{what} can no longer be `{name}`");
                    self.add(Code::AlternativeRemoved, before, &new.node, sentence);
                }
                None => {}
            }
        }
        for (name, now) in new.alternatives.iter().filter(|(name, _)| !old.alternatives.contains_key(*name)) {
            if old.alternatives.is_empty() {
                continue;
            }
            let code = match self.direction {
                Direction::Request => Code::AlternativeAdded,
                Direction::Answer => Code::ResponseAlternativeAdded,
            };
            self.add(code, &old.node, now, format!("{what} may be `{name}`"));
        }
        // From anything to one of several, or back.
        if self.direction == Direction::Request && old.alternatives.is_empty() != new.alternatives.is_empty()
        {
            let (code, sentence) = if new.alternatives.is_empty() {
                (Code::ConditionRemoved, "need not be one of several forms any more")
            } else {
                (Code::ConditionAdded, "must be one of several forms")
            };
            self.add(code, &old.node, &new.node, format!("{what} {sentence}"));
        }
    }
}

/// What a schema is known by: where its reference leads.
fn target(node: &Node<'_>) -> (usize, String) {
    let (document, pointer) = node.identity();
    // With words of its own beside the reference it is not what it refers to.
    let is_plain = node.object().is_some_and(|members| members.len() == 1);
    match node.reference().filter(|_| is_plain) {
        Some(Ok(target)) => {
            let (document, pointer) = target.identity();
            (document, pointer.to_owned())
        }
        Some(Err(_)) | None => (document, pointer.to_owned()),
    }
}

/// Whether `narrow` refuses a type that `wide` takes.
fn lacks_type(narrow: &Facts<'_>, wide: &Facts<'_>) -> bool {
    match (&narrow.types, &wide.types) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(narrow), Some(wide)) => wide
            .iter()
            .any(|name| !(narrow.contains(name) || *name == "integer" && narrow.contains("number"))),
    }
}

fn shown(facts: &Facts<'_>) -> String {
    match &facts.types {
        None => "anything".to_owned(),
        Some(types) => types.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "),
    }
}

/// Whether who may see it now could see it before.
fn is_within(now: Option<&Node<'_>>, before: &Node<'_>) -> bool {
    let Some(now) = now else { return false };
    match (now.value(), before.value()) {
        (Value::Array(now), Value::Array(before)) => now.iter().all(|one| before.contains(one)),
        (Value::Object(now), Value::Object(before)) => {
            now.iter().all(|(kind, now)| match (now, before.get(kind)) {
                (Value::Array(now), Some(Value::Array(before))) => now.iter().all(|one| before.contains(one)),
                (now, Some(before)) => now == before,
                (_, None) => false,
            })
        }
        (now, before) => now == before,
    }
}
