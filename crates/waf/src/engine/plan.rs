//! Rules in the order in which they are asked, with exclusions applied and questions made ready.
//!
//! In: a [`RuleSet`]. Out: a [`Plan`]: for each phase its rules and markers. Exclusions hold for rules that stand before
//! them and behind them alike, as ModSecurity's do once everything is read.

use portcullis_config::codes::waf as codes;
use portcullis_config::{Diagnostic, Diagnostics};
use regex::bytes::{Regex, RegexBuilder};

use super::matcher::Matcher;
use crate::seclang::action::{Action, EngineMode, Phase};
use crate::seclang::exclusion::{Edit, Exclusion};
use crate::seclang::operator::Negation;
use crate::seclang::rule::{Captures, Effect, Matching, Rule, RuleSet, Statement};
use crate::seclang::setting::Setting;
use crate::seclang::target::{Mode, Selector, Target};
use crate::seclang::transformation::Transformation;
use crate::seclang::variable::Variable;

/// Rules that can be run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) phases: [Vec<Step>; 5],
    pub(super) mode: EngineMode,
}

/// One step of a phase.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Rule(Box<Planned>),
    Marker(String),
}

/// A rule that can be asked.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) rule: Rule,
    /// One for each link of it.
    pub(super) links: Vec<PlannedLink>,
}

/// A condition that can be asked.
#[derive(Clone, Debug)]
pub(super) struct PlannedLink {
    /// Nothing for a rule that always matches.
    pub(super) question: Option<Question>,
    pub(super) effects: Vec<Effect>,
}

#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) targets: Vec<PlannedTarget>,
    pub(super) negation: Negation,
    pub(super) matcher: Matcher,
    pub(super) transformations: Vec<Transformation>,
    pub(super) matching: Matching,
    pub(super) captures: Captures,
}

/// What is looked at.
#[derive(Clone, Debug)]
pub(super) struct PlannedTarget {
    pub(super) mode: Mode,
    pub(super) variable: Variable,
    pub(super) selector: PlannedSelector,
}

#[derive(Clone, Debug)]
pub(super) enum PlannedSelector {
    All,
    Name(Vec<u8>),
    Pattern(Regex),
}

/// Makes a plan.
#[must_use]
pub fn compile(set: &RuleSet, diagnostics: &mut Diagnostics) -> Plan {
    let exclusions: Vec<&Exclusion> = set
        .statements
        .iter()
        .filter_map(|statement| match statement {
            Statement::Exclusion(exclusion) => Some(exclusion),
            _ => None,
        })
        .collect();
    let mut plan = Plan { phases: Default::default(), mode: EngineMode::On };
    for statement in &set.statements {
        match statement {
            Statement::Marker(name) => {
                plan.phases.iter_mut().for_each(|steps| steps.push(Step::Marker(name.clone())));
            }
            Statement::Setting(Setting::RuleEngine(mode)) => plan.mode = *mode,
            Statement::Rule(rule) => {
                let Some(edited) = edited(rule, &exclusions) else { continue };
                match planned(edited) {
                    Ok(planned) => {
                        if let Some(steps) = plan.phases.get_mut(index(planned.rule.phase)) {
                            steps.push(Step::Rule(Box::new(planned)));
                        }
                    }
                    Err(message) => {
                        let found =
                            Diagnostic::error(codes::RULE_SYNTAX, format!("rule {}: {message}", rule.id));
                        diagnostics.push(match rule.place() {
                            Some(place) => found.at(place.clone()),
                            None => found,
                        });
                    }
                }
            }
            Statement::Default(_) | Statement::Setting(_) | Statement::Exclusion(_) => {}
        }
    }
    plan
}

/// The place of a phase's steps.
pub(super) const fn index(phase: Phase) -> usize {
    phase as usize - 1
}

/// The rule as exclusions leave it; nothing if one takes it away.
fn edited(rule: &Rule, exclusions: &[&Exclusion]) -> Option<Rule> {
    let mut edited = rule.clone();
    for exclusion in exclusions.iter().filter(|exclusion| exclusion.rules.hold(rule)) {
        match &exclusion.edit {
            Edit::Remove => return None,
            Edit::Targets(targets) => {
                if let Some(condition) = edited.links.first_mut().and_then(|link| link.condition.as_mut()) {
                    condition.targets.extend(targets.iter().cloned());
                }
            }
            Edit::Actions(actions) => change(&mut edited, actions),
        }
    }
    Some(edited)
}

/// What `SecRuleUpdateActionById` changes of a rule's head.
fn change(rule: &mut Rule, actions: &[Action]) {
    for action in actions {
        match action {
            Action::Disruptive(disruption) => rule.disruption = *disruption,
            Action::Status(status) => rule.status = Some(*status),
            Action::Log(logging) => rule.logging.push(*logging),
            Action::Msg(message) => rule.message = message.clone(),
            Action::LogData(data) => rule.data = data.clone(),
            Action::Severity(severity) => rule.severity = Some(*severity),
            Action::Tag(tag) => rule.tags.push(tag.clone()),
            Action::SetVar(set) => {
                if let Some(head) = rule.links.first_mut() {
                    head.effects.push(Effect::Set(set.clone()));
                }
            }
            _ => {}
        }
    }
}

fn planned(rule: Rule) -> Result<Planned, String> {
    let mut links = Vec::with_capacity(rule.links.len());
    for link in &rule.links {
        let question = match &link.condition {
            None => None,
            Some(condition) => Some(Question {
                targets: condition.targets.iter().map(planned_target).collect::<Result<_, _>>()?,
                negation: condition.operator.negation,
                matcher: Matcher::new(&condition.operator.test)?,
                transformations: condition.transformations.clone(),
                matching: condition.matching,
                captures: condition.captures,
            }),
        };
        links.push(PlannedLink { question, effects: link.effects.clone() });
    }
    Ok(Planned { rule, links })
}

/// Makes a target ready.
///
/// # Errors
/// Why its pattern is none.
pub(super) fn planned_target(target: &Target) -> Result<PlannedTarget, String> {
    Ok(PlannedTarget {
        mode: target.mode,
        variable: target.variable,
        selector: match &target.selector {
            Selector::All => PlannedSelector::All,
            Selector::Name(name) => PlannedSelector::Name(name.clone().into_bytes()),
            Selector::Pattern(pattern) => PlannedSelector::Pattern(
                RegexBuilder::new(pattern)
                    .unicode(false)
                    .case_insensitive(true)
                    .build()
                    .map_err(|error| error.to_string())?,
            ),
        },
    })
}

impl PlannedTarget {
    /// Whether a value of this name is meant.
    pub(super) fn means(&self, name: &[u8]) -> bool {
        match &self.selector {
            PlannedSelector::All => true,
            PlannedSelector::Name(wanted) => wanted.eq_ignore_ascii_case(name),
            PlannedSelector::Pattern(pattern) => pattern.is_match(name),
        }
    }
}
