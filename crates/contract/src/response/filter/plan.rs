//! From the schemas of answers to plans.
//!
//! In: schema nodes of the document, read in the direction of answers. Out: one [`FilterPlan`] for each.
//! Called by the compilation of `responses`, as [`crate::schema::Translator`] is: all schemas are asked
//! for first, then everything is finished at once, so that what two operations share exists once.

use std::sync::Arc;

use portcullis_config::{Diagnostics, Document};

use super::FilterPlan;
use crate::options::Objects;
use crate::reading::{Findings, Library, Node, References, Verdict};
use crate::schema::Dialect;
use crate::structure;

/// A schema that answers will be filtered by, by its number in [`Plans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanRoot(usize);

/// Collects schemas. One for each contract.
pub(crate) struct Planner<'d> {
    roots: Vec<Node<'d>>,
}

/// The plans of a contract.
#[derive(Default)]
pub(crate) struct Plans {
    plans: Vec<Arc<FilterPlan>>,
}

impl FilterPlan {
    /// The plan for the schema at `pointer` (RFC 6901) of an OpenAPI document, without the contract around
    /// it. What cannot be followed goes to `diagnostics`; `None` if there is no schema, or it is broken.
    pub fn compile(
        document: &Arc<Document>,
        references: &dyn References,
        pointer: &str,
        objects: Objects,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Self>> {
        let library = Library::load(document, references, diagnostics);
        let root = library.root()?;
        let mut findings = Findings::new(diagnostics);
        let dialect = structure::dialect(&root, &mut findings)?;
        let schema = root.follow(&format!("#{pointer}"))?;
        let mut planner = Planner::new(&root, dialect, objects);
        let own = planner.root(&schema);
        let plans = planner.finish(&mut findings);
        (findings.finish() == Verdict::Usable).then(|| plans.plan(own))
    }
}

impl<'d> Planner<'d> {
    pub(crate) fn new(_root: &Node<'d>, _dialect: Dialect, _objects: Objects) -> Self {
        Self { roots: Vec::new() }
    }

    /// Adds a schema that answers will be filtered by.
    pub(crate) fn root(&mut self, schema: &Node<'d>) -> PlanRoot {
        self.roots.push(schema.clone());
        PlanRoot(self.roots.len() - 1)
    }

    /// Makes the plans of everything that was asked for.
    pub(crate) fn finish(self, _findings: &mut Findings<'_>) -> Plans {
        Plans { plans: self.roots.iter().map(|_| FilterPlan::open()).collect() }
    }
}

impl Plans {
    /// The plan of a schema.
    pub(crate) fn plan(&self, root: PlanRoot) -> Arc<FilterPlan> {
        self.plans.get(root.0).map_or_else(FilterPlan::open, Arc::clone)
    }
}
