//! The matrix: which layer protects which operation, and what says so.
//!
//! In: the compiled policy of a configuration. Out: for every operation a [`Cell`] for every [`Layer`]: whether it is
//! enforced, only recorded, missing, or has nothing to do, why, and the file and line that decide it; and [`Finding`]s
//! on rules that permit too much or never decide (AUTHZ-20). What is told is what a request would meet: it is read from
//! the same [`Policy`] and never from the settings by a logic of its own. Called by `portcullis matrix`. Nothing is
//! served and nobody is asked.

mod cells;
mod findings;
mod require;
mod view;

use portcullis_config::Place;

pub use require::{Requirement, RequirementFault};

use crate::check::compiled;
use crate::gateway::{Options, StartError};
use crate::policy::Policy;

/// A layer of protection, in the order of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Nobody on the way reads or changes it.
    Tls,
    /// Who is calling.
    Identify,
    /// Whether they may call.
    Authorize,
    /// Whether they may touch these objects.
    Objects,
    /// How often.
    Limit,
    /// Whether the request keeps the contract.
    Validate,
    /// Whether it looks like an attack.
    Inspect,
    /// Whether the answer keeps the contract, and shows only what its caller may see.
    Release,
    /// Whether it is remembered.
    Record,
    /// Whether it ends on time.
    Lifecycle,
}

impl Layer {
    /// Every one, in the order of the walk.
    pub const ALL: [Self; 10] = [
        Self::Tls,
        Self::Identify,
        Self::Authorize,
        Self::Objects,
        Self::Limit,
        Self::Validate,
        Self::Inspect,
        Self::Release,
        Self::Record,
        Self::Lifecycle,
    ];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Identify => "identify",
            Self::Authorize => "authorize",
            Self::Objects => "objects",
            Self::Limit => "limit",
            Self::Validate => "validate",
            Self::Inspect => "inspect",
            Self::Release => "release",
            Self::Record => "record",
            Self::Lifecycle => "lifecycle",
        }
    }
}

/// How a layer stands to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// What it refuses is refused.
    Enforced,
    /// What it would refuse is recorded, and passes.
    Shadow,
    /// It does nothing here, and could.
    Missing,
    /// There is nothing for it to do.
    NotApplicable,
}

impl Standing {
    /// Every one, the best first.
    pub const ALL: [Self; 4] = [Self::Enforced, Self::Shadow, Self::Missing, Self::NotApplicable];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Shadow => "shadow",
            Self::Missing => "missing",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// One layer at one operation.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Which layer.
    pub layer: Layer,
    /// How it stands.
    pub standing: Standing,
    /// Why, in a few words.
    pub why: String,
    /// What decides it.
    pub place: Place,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Row {
    /// The API that has it.
    pub api: String,
    /// Its id.
    pub operation: String,
    /// Its method.
    pub method: String,
    /// Its path, as the document writes it.
    pub template: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it is declared.
    pub place: Place,
    /// One for each layer, in the order of [`Layer::ALL`].
    pub cells: Vec<Cell>,
}

impl Row {
    /// How `layer` stands here.
    #[must_use]
    pub fn cell(&self, layer: Layer) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.layer == layer)
    }
}

/// Something that an operator should look at, beside cells.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// What was found, in a sentence.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// Whoever has any credential may call: neither scope nor role nor rule nor object says who.
    Unguarded,
    /// A rule permits everybody whom the document lets call.
    Broad,
    /// A rule never decides, or keeps everybody out.
    Unreachable,
}

impl FindingKind {
    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unguarded => "unguarded_operation",
            Self::Broad => "broad_rule",
            Self::Unreachable => "unreachable_rule",
        }
    }
}

/// The whole.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The revision of the configuration.
    pub revision: String,
    /// All operations, by API and in the order of their documents.
    pub rows: Vec<Row>,
    /// What else was found, in the order of its places.
    pub findings: Vec<Finding>,
}

/// Looks at a configuration.
///
/// # Errors
/// As [`crate::check()`].
pub fn matrix(options: &Options) -> Result<Matrix, StartError> {
    let compiled = compiled(options)?;
    let policy: &Policy = &compiled.policy;
    let mut rows = Vec::new();
    for api in &policy.apis {
        let Some(config) = compiled.config.apis.get(&api.name) else { continue };
        let scene = cells::Scene {
            policy,
            api,
            config,
            gateway: &compiled.config,
            root: &compiled.place,
            place: compiled.place.child("apis").child(&api.name),
        };
        rows.extend(api.routes.iter().map(|route| Row {
            api: api.name.clone(),
            operation: route.operation.id.to_string(),
            method: route.operation.method.to_string(),
            template: route.operation.template.to_string(),
            tags: route.operation.tags.clone(),
            place: route.operation.place.clone(),
            cells: scene.cells(route),
        }));
    }
    let findings = findings::of(policy, &compiled.warnings);
    Ok(Matrix { revision: policy.revision.clone(), rows, findings })
}
