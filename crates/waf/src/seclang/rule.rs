//! What was read: rules, markers, settings and exclusions, in the order in which they stand.

use portcullis_config::Place;

use super::action::{Action, Ctl, Disruption, Logging, Phase, SetVar, Severity};
use super::exclusion::Exclusion;
use super::operator::Operator;
use super::setting::Setting;
use super::target::Target;
use super::template::Template;
use super::transformation::Transformation;

/// Everything that a set of files says.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// In order.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug)]
pub enum Statement {
    /// A rule, with the others of its chain.
    Rule(Box<Rule>),
    /// Where `skipAfter` leads to.
    Marker(String),
    /// What rules of a phase do unless they say otherwise.
    Default(Defaults),
    /// How the engine is set up.
    Setting(Setting),
    /// What is taken from rules that stand elsewhere.
    Exclusion(Exclusion),
}

/// What rules of a phase do unless they say otherwise.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Which phase.
    pub phase: Phase,
    /// What becomes of a request that `block` meets.
    pub disruption: Disruption,
    /// The status of a refusal.
    pub status: Option<u16>,
    /// What is told of matches.
    pub logging: Vec<Logging>,
    /// What is done to values first.
    pub transformations: Vec<Transformation>,
}

/// A rule: its own conditions and those of its chain, which must all hold.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id, by which it is excluded and told of.
    pub id: u32,
    /// When it is asked.
    pub phase: Phase,
    /// What becomes of a request that matches.
    pub disruption: Disruption,
    /// The status of a refusal.
    pub status: Option<u16>,
    /// What is told of matches, in order.
    pub logging: Vec<Logging>,
    /// What is told.
    pub message: Template,
    /// What else is.
    pub data: Template,
    /// By which words it is grouped.
    pub tags: Vec<Template>,
    /// How bad a match is.
    pub severity: Option<Severity>,
    /// Where a match goes on.
    pub skip: Option<Skip>,
    /// Its conditions, at least one.
    pub links: Vec<Link>,
}

/// Where a match goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Behind this marker.
    After(String),
    /// Behind so many rules.
    Rules(u32),
}

/// One condition of a rule, and what its match changes.
#[derive(Clone, Debug)]
pub struct Link {
    /// What is looked at; nothing for `SecAction`, which always matches.
    pub condition: Option<Condition>,
    /// What is changed when this condition holds, in order.
    pub effects: Vec<Effect>,
    /// Where it stands.
    pub place: Place,
}

/// What is looked at, and for what.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What is looked at.
    pub targets: Vec<Target>,
    /// For what.
    pub operator: Operator,
    /// What is done to values first, in order.
    pub transformations: Vec<Transformation>,
    /// Which of their outcomes are looked at.
    pub matching: Matching,
    /// Whether captures are kept.
    pub captures: Captures,
}

/// Which outcomes of transformations are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The last.
    Last,
    /// Each one (`multiMatch`).
    Each,
}

/// Whether captures are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Captures {
    /// As `TX.0` to `TX.9`.
    Kept,
    /// They are not.
    Dropped,
}

/// What a match changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A variable is set.
    Set(SetVar),
    /// The engine changes.
    Ctl(Ctl),
    /// A collection is opened.
    Open(super::variable::Variable, Template),
}

impl Rule {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.links.first().map(|link| &link.place)
    }

    /// Whether it has a tag that holds no macro.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|known| known.literal() == Some(tag))
    }
}

impl RuleSet {
    /// Its rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Rule(rule) => Some(&**rule),
            _ => None,
        })
    }
}

/// Actions of one `SecRule`, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Sorted {
    pub(super) id: Option<u32>,
    pub(super) phase: Option<Phase>,
    pub(super) disruption: Option<Disruption>,
    pub(super) status: Option<u16>,
    pub(super) logging: Vec<Logging>,
    pub(super) message: Option<Template>,
    pub(super) data: Option<Template>,
    pub(super) tags: Vec<Template>,
    pub(super) severity: Option<Severity>,
    pub(super) skip: Option<Skip>,
    pub(super) steps: Vec<super::transformation::Step>,
    pub(super) matching: Option<Matching>,
    pub(super) captures: Option<Captures>,
    pub(super) effects: Vec<Effect>,
    pub(super) chains: bool,
}

impl Sorted {
    /// Sorts actions.
    ///
    /// # Errors
    /// The one that is said twice.
    pub(super) fn of(actions: Vec<Action>) -> Result<Self, String> {
        let mut sorted = Self::default();
        for action in actions {
            match action {
                Action::Id(id) => once(&mut sorted.id, id, "id")?,
                Action::Phase(phase) => once(&mut sorted.phase, phase, "phase")?,
                Action::Disruptive(disruption) => {
                    once(&mut sorted.disruption, disruption, "what becomes of a match")?
                }
                Action::Status(status) => once(&mut sorted.status, status, "status")?,
                Action::Msg(message) => once(&mut sorted.message, message, "msg")?,
                Action::LogData(data) => once(&mut sorted.data, data, "logdata")?,
                Action::Severity(severity) => once(&mut sorted.severity, severity, "severity")?,
                Action::SkipAfter(marker) => once(&mut sorted.skip, Skip::After(marker), "skip")?,
                Action::Skip(rules) => once(&mut sorted.skip, Skip::Rules(rules), "skip")?,
                Action::Transform(step) => sorted.steps.push(step),
                Action::MultiMatch => sorted.matching = Some(Matching::Each),
                Action::Capture => sorted.captures = Some(Captures::Kept),
                Action::Chain => sorted.chains = true,
                Action::Log(logging) => sorted.logging.push(logging),
                Action::Tag(tag) => sorted.tags.push(tag),
                Action::SetVar(set) => sorted.effects.push(Effect::Set(set)),
                Action::Ctl(ctl) => sorted.effects.push(Effect::Ctl(ctl)),
                Action::InitCol(collection, key) => sorted.effects.push(Effect::Open(collection, key)),
                // Told nowhere, or kept for as long as the process.
                Action::Ver(_)
                | Action::Rev(_)
                | Action::Maturity(_)
                | Action::Accuracy(_)
                | Action::ExpireVar(_) => {}
            }
        }
        Ok(sorted)
    }

    /// The first action that only the head of a chain may have.
    pub(super) fn of_heads_alone(&self) -> Option<&'static str> {
        let said = [
            ("id", self.id.is_some()),
            ("phase", self.phase.is_some()),
            ("what becomes of a match", self.disruption.is_some()),
            ("msg", self.message.is_some()),
            ("severity", self.severity.is_some()),
            ("skip", self.skip.is_some()),
            ("tag", !self.tags.is_empty()),
            ("log", !self.logging.is_empty()),
        ];
        said.into_iter().find_map(|(name, is_said)| is_said.then_some(name))
    }
}

fn once<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("`{name}` is said twice")),
    }
}
