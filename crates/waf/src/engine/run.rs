//! A phase, rule by rule.

use std::borrow::Cow;

use super::expand::expand;
use super::number::leading;
use super::plan::{Plan, Planned, PlannedLink, PlannedTarget, Question, Step, index, planned_target};
use super::transaction::{Transaction, Whose};
use crate::seclang::action::{
    Allowed, Change, Ctl, Disruption, EngineMode, Logging, Phase, SetVar, Severity,
};
use crate::seclang::operator::Negation;
use crate::seclang::rule::{Captures, Effect, Matching, Skip};
use crate::seclang::target::Mode;
use crate::seclang::variable::{Kind, Variable};
use crate::transform;

/// A rule that told of a match.
#[derive(Clone, Debug)]
pub struct Match {
    /// The rule.
    pub id: u32,
    /// When.
    pub phase: Phase,
    /// What it says.
    pub message: String,
    /// What else it says.
    pub data: String,
    /// The words by which it is grouped.
    pub tags: Vec<String>,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// The full name of the value that matched last.
    pub variable: String,
}

/// A rule that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The rule.
    pub id: u32,
    /// The status of the refusal.
    pub status: u16,
}

/// How a phase goes on behind a rule.
enum Next {
    Rule,
    /// Behind so many rules.
    Skip(u32),
    Marker(String),
    /// No more rules of this phase.
    End,
    Stop(Interruption),
}

impl Plan {
    /// Asks the rules of one phase.
    pub fn run(
        &self,
        phase: Phase,
        transaction: &mut Transaction,
        matches: &mut Vec<Match>,
    ) -> Option<Interruption> {
        let mut skipped = 0;
        let mut sought: Option<String> = None;
        for step in self.phases.get(index(phase)).into_iter().flatten() {
            if self.mode_for(transaction) == EngineMode::Off {
                return None;
            }
            let planned = match step {
                Step::Marker(name) => {
                    if sought.as_ref() == Some(name) {
                        sought = None;
                    }
                    continue;
                }
                Step::Rule(planned) => planned,
            };
            if sought.is_some() {
                continue;
            }
            if skipped > 0 {
                skipped -= 1;
                continue;
            }
            if is_removed(planned, transaction) || allows_no_more(phase, transaction) {
                continue;
            }
            match self.ask(planned, transaction, matches) {
                Next::Rule => {}
                Next::Skip(rules) => skipped = rules,
                Next::Marker(name) => sought = Some(name),
                Next::End => return None,
                Next::Stop(interruption) => return Some(interruption),
            }
        }
        None
    }

    fn mode_for(&self, transaction: &Transaction) -> EngineMode {
        transaction.changes.mode.unwrap_or(self.mode)
    }

    fn ask(&self, planned: &Planned, transaction: &mut Transaction, matches: &mut Vec<Match>) -> Next {
        transaction.matched.clear();
        for (at, link) in planned.links.iter().enumerate() {
            if !holds(link, planned, at, transaction) {
                return Next::Rule;
            }
        }
        self.conclude(planned, transaction, matches)
    }

    /// All conditions hold.
    fn conclude(&self, planned: &Planned, transaction: &mut Transaction, matches: &mut Vec<Match>) -> Next {
        let rule = &planned.rule;
        if tells(&rule.logging) {
            let text = |bytes: Cow<'_, [u8]>| String::from_utf8_lossy(&bytes).into_owned();
            matches.push(Match {
                id: rule.id,
                phase: rule.phase,
                message: text(expand(&rule.message, transaction)),
                data: text(expand(&rule.data, transaction)),
                tags: rule.tags.iter().map(|tag| text(expand(tag, transaction))).collect(),
                severity: rule.severity,
                variable: String::from_utf8_lossy(&transaction.last.0).into_owned(),
            });
        }
        let decides = self.mode_for(transaction) == EngineMode::On;
        match rule.disruption {
            Disruption::Deny | Disruption::Drop if decides => {
                return Next::Stop(Interruption { id: rule.id, status: rule.status.unwrap_or(403) });
            }
            Disruption::Allow(reach) if decides => {
                transaction.changes.allowed = Some(reach);
                return Next::End;
            }
            Disruption::Pass
            | Disruption::Block
            | Disruption::Deny
            | Disruption::Drop
            | Disruption::Allow(_) => {}
        }
        match &rule.skip {
            None => Next::Rule,
            Some(Skip::Rules(rules)) => Next::Skip(*rules),
            Some(Skip::After(marker)) => Next::Marker(marker.clone()),
        }
    }
}

/// Whether `allow` has ended the asking for a phase.
fn allows_no_more(phase: Phase, transaction: &Transaction) -> bool {
    match transaction.changes.allowed {
        Some(Allowed::Everything) => phase != Phase::Logging,
        Some(Allowed::Request) => phase <= Phase::RequestBody,
        Some(Allowed::Phase) | None => false,
    }
}

fn is_removed(planned: &Planned, transaction: &Transaction) -> bool {
    let changes = &transaction.changes;
    let rule = &planned.rule;
    changes.ids.iter().any(|range| range.holds(rule.id))
        || changes.tags.iter().any(|tag| rule.has_tag(tag))
        || changes.messages.iter().any(|text| says(rule, text))
}

fn says(rule: &crate::seclang::Rule, text: &str) -> bool {
    rule.message.literal().is_some_and(|message| message.contains(text))
}

/// The last word on whether matches are told.
fn tells(logging: &[Logging]) -> bool {
    logging.iter().fold(true, |tells, said| match said {
        Logging::Log => true,
        Logging::NoLog => false,
        Logging::AuditLog | Logging::NoAuditLog => tells,
    })
}

/// Whether a condition holds; does what its match changes.
fn holds(link: &PlannedLink, planned: &Planned, at: usize, transaction: &mut Transaction) -> bool {
    let Some(question) = &link.question else {
        apply(&link.effects, transaction);
        return true;
    };
    let mut any = false;
    for (name, value) in looked_at(question, planned, at, transaction) {
        let tried = tried(question, value);
        for value in &tried {
            let answer = question.matcher.ask(value, transaction);
            let captured = match (question.negation, answer) {
                (Negation::Plain, Some(captured)) => captured,
                (Negation::Negated, None) => vec![value.clone()],
                (Negation::Plain, None) | (Negation::Negated, Some(_)) => continue,
            };
            any = true;
            transaction.matched.push(name.clone(), value.clone());
            transaction.last = (name.clone(), value.clone());
            if question.captures == Captures::Kept {
                keep(captured, transaction);
            }
            apply(&link.effects, transaction);
            break;
        }
    }
    any
}

/// The outcomes of transformations that are looked at.
fn tried(question: &Question, value: Vec<u8>) -> Vec<Vec<u8>> {
    let mut outcomes = vec![value];
    for transformation in &question.transformations {
        let Some(last) = outcomes.last() else { break };
        let next = transform::apply(*transformation, last);
        match (question.matching, next) {
            // Nothing has changed.
            (_, Cow::Borrowed(same)) if same.len() == last.len() => {}
            (Matching::Each, next) => {
                let next = next.into_owned();
                outcomes.push(next);
            }
            (Matching::Last, next) => outcomes = vec![next.into_owned()],
        }
    }
    outcomes
}

/// Values with their full names.
fn looked_at(
    question: &Question,
    planned: &Planned,
    at: usize,
    transaction: &Transaction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let taken = taken_targets(planned, at, transaction);
    let excluded = |variable: Variable, name: &[u8]| {
        let own = question.targets.iter().filter(|target| target.mode == Mode::Excluded);
        own.chain(&taken).any(|target| target.variable == variable && target.means(name))
    };
    let mut found = Vec::new();
    for target in question.targets.iter().filter(|target| target.mode != Mode::Excluded) {
        let mut count = 0usize;
        transaction.each(target.variable, &mut |name, value| {
            if !target.means(name) || excluded(target.variable, name) {
                return;
            }
            count += 1;
            if target.mode == Mode::Values {
                found.push((full_name(target.variable, name), value.to_vec()));
            }
        });
        if target.mode == Mode::Count
            && !(target.variable.kind() == Kind::Single && excluded(target.variable, b""))
        {
            found.push((full_name(target.variable, b""), count.to_string().into_bytes()));
        }
    }
    found
}

/// What `ctl` has taken from a rule; chains lose it in their head.
fn taken_targets(planned: &Planned, at: usize, transaction: &Transaction) -> Vec<PlannedTarget> {
    if at > 0 {
        return Vec::new();
    }
    let rule = &planned.rule;
    let meant = transaction.changes.targets.iter().filter(|(whose, _)| match whose {
        Whose::Ids(range) => range.holds(rule.id),
        Whose::Tag(tag) => rule.has_tag(tag),
        Whose::Message(text) => says(rule, text),
    });
    // Patterns of `ctl` were read with the rule; one that is none takes nothing.
    meant.flat_map(|(_, targets)| targets).filter_map(|target| planned_target(target).ok()).collect()
}

fn full_name(variable: Variable, name: &[u8]) -> Vec<u8> {
    let mut full = variable.name().as_bytes().to_vec();
    if !name.is_empty() {
        full.push(b':');
        full.extend_from_slice(name);
    }
    full
}

/// `TX.0` to `TX.9`: those that are not captured are gone.
fn keep(captured: Vec<Vec<u8>>, transaction: &mut Transaction) {
    let mut captured = captured.into_iter();
    for place in 0..10u8 {
        let name = [b'0' + place];
        match captured.next() {
            Some(text) => transaction.tx.set(&name, text),
            None => transaction.tx.unset(&name),
        }
    }
}

fn apply(effects: &[Effect], transaction: &mut Transaction) {
    for effect in effects {
        match effect {
            Effect::Set(set) => set_variable(set, transaction),
            Effect::Ctl(ctl) => control(ctl, transaction),
            // Kept for this request alone: no collection outlives it here.
            Effect::Open(..) => {}
        }
    }
}

fn set_variable(set: &SetVar, transaction: &mut Transaction) {
    let name = expand(&set.name, transaction).into_owned();
    let change = match &set.change {
        Change::Unset => None,
        Change::To(text) => Some(expand(text, transaction).into_owned()),
        Change::By(amount) | Change::Less(amount) => {
            let amount = leading(&expand(amount, transaction));
            let before = transaction
                .settable(set.collection)
                .and_then(|collection| collection.first(&name))
                .map_or(0, leading);
            let after = match set.change {
                Change::Less(_) => before.saturating_sub(amount),
                _ => before.saturating_add(amount),
            };
            Some(after.to_string().into_bytes())
        }
    };
    if let Some(collection) = transaction.settable(set.collection) {
        match change {
            Some(value) => collection.set(&name, value),
            None => collection.unset(&name),
        }
    }
}

fn control(ctl: &Ctl, transaction: &mut Transaction) {
    let changes = &mut transaction.changes;
    match ctl {
        Ctl::RuleEngine(mode) => changes.mode = Some(*mode),
        Ctl::AuditEngine | Ctl::AuditLogParts | Ctl::DebugLogLevel => {}
        Ctl::ForceRequestBodyVariable(switch) => changes.body_variable = Some(*switch),
        Ctl::RequestBodyAccess(switch) => changes.body_access = Some(*switch),
        Ctl::ResponseBodyAccess(switch) => changes.answer_body_access = Some(*switch),
        Ctl::RequestBodyProcessor(processor) => changes.processor = Some(*processor),
        Ctl::RemoveById(range) => changes.ids.push(*range),
        Ctl::RemoveByTag(tag) => changes.tags.push(tag.clone()),
        Ctl::RemoveByMsg(text) => changes.messages.push(text.clone()),
        Ctl::RemoveTargetById(range, targets) => changes.targets.push((Whose::Ids(*range), targets.clone())),
        Ctl::RemoveTargetByTag(tag, targets) => {
            changes.targets.push((Whose::Tag(tag.clone()), targets.clone()));
        }
        Ctl::RemoveTargetByMsg(text, targets) => {
            changes.targets.push((Whose::Message(text.clone()), targets.clone()));
        }
    }
}
