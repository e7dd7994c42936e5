//! Rules that belong together: a head, and the links that must hold, too.
//!
//! In: `SecRule` and `SecAction`, one by one. Out: whole rules. A chain that no rule ends, or that another statement
//! breaks, is a mistake of the head.

use portcullis_config::Place;

use super::action::{Disruption, Phase};
use super::operator::Operator;
use super::rule::{Captures, Condition, Defaults, Link, Matching, Rule, Sorted};
use super::target::Target;
use super::transformation::{Step, resolved};

/// A rule whose chain is not at its end.
#[derive(Debug)]
pub(super) struct Open {
    rule: Box<Rule>,
}

/// What one `SecRule` or `SecAction` says.
pub(super) struct Said {
    pub(super) looked: Option<(Vec<Target>, Operator)>,
    pub(super) sorted: Sorted,
    pub(super) place: Place,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Reached {
    /// A rule is whole.
    Rule(Box<Rule>),
    /// More of its chain is to come.
    Open(Open),
}

impl Open {
    /// Adds the next link.
    ///
    /// # Errors
    /// What a link may not say.
    pub(super) fn link(mut self, said: Said) -> Result<Reached, String> {
        if let Some(name) = said.sorted.of_heads_alone() {
            return Err(format!("`{name}` belongs to the first rule of the chain, {}", self.rule.id));
        }
        let chains = said.sorted.chains;
        self.rule.links.push(link(said, &[]));
        Ok(match chains {
            true => Reached::Open(self),
            false => Reached::Rule(self.rule),
        })
    }

    /// Where its head stands, and which rule it is.
    pub(super) fn head(&self) -> (Option<&Place>, u32) {
        (self.rule.place(), self.rule.id)
    }
}

/// Begins a rule.
///
/// # Errors
/// What it lacks.
pub(super) fn begin(said: Said, defaults: &[Defaults]) -> Result<Reached, String> {
    let sorted = said.sorted.clone();
    let id = sorted.id.ok_or("the rule has no id")?;
    let phase = sorted.phase.unwrap_or(Phase::RequestBody);
    let default = defaults.iter().rfind(|default| default.phase == phase);
    let inherited = default.map_or(&[][..], |default| &default.transformations);
    let mut logging = default.map(|default| default.logging.clone()).unwrap_or_default();
    logging.extend(sorted.logging);
    let rule = Box::new(Rule {
        id,
        phase,
        disruption: resolved_disruption(sorted.disruption, default),
        status: sorted.status.or(default.and_then(|default| default.status)),
        logging,
        message: sorted.message.unwrap_or_default(),
        data: sorted.data.unwrap_or_default(),
        tags: sorted.tags,
        severity: sorted.severity,
        skip: sorted.skip,
        links: vec![link(said, inherited)],
    });
    Ok(match sorted.chains {
        true => Reached::Open(Open { rule }),
        false => Reached::Rule(rule),
    })
}

/// `block` is what the phase's default says; a rule that says nothing, too.
fn resolved_disruption(said: Option<Disruption>, default: Option<&Defaults>) -> Disruption {
    let default = default.map_or(Disruption::Pass, |default| default.disruption);
    match said {
        None | Some(Disruption::Block) => default,
        Some(own) => own,
    }
}

fn link(said: Said, inherited: &[super::transformation::Transformation]) -> Link {
    let Said { looked, sorted, place } = said;
    let steps = inherited.iter().map(|one| Step::Then(*one)).chain(sorted.steps);
    let condition = looked.map(|(targets, operator)| Condition {
        targets,
        operator,
        transformations: resolved(steps),
        matching: sorted.matching.unwrap_or(Matching::Last),
        captures: sorted.captures.unwrap_or(Captures::Dropped),
    });
    Link { condition, effects: sorted.effects, place }
}
