//! Cutting policies to operations: those that could apply to one, and what they read.
//!
//! In: an operation and the policies that reach it. Out: its [`OperationRules`], once without what looks into the
//! body and once whole. Called by [`mod@super::compile`] when a configuration is read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use cedar_policy_core::ast::{Eid, Entity, EntityType, EntityUID, Name};

use super::Effect;
use super::compile::Described;
use super::config::ClaimTypeConfig;
use super::decide::{Cut, OperationRules, Others};
use super::kin::Kin;
use super::plan::FactPlan;
use super::prepare::Prepared;
use super::source::Known;
use super::suggest;

/// A policy as it was read, and ready to be asked unless it can never match.
pub(super) struct Ready {
    pub(super) known: Known,
    pub(super) prepared: Option<Arc<Prepared>>,
}

/// Where operations are cut out.
pub(super) struct Bench<'a> {
    pub(super) claims: &'a BTreeMap<String, ClaimTypeConfig>,
    /// Places in bodies that are compared with truths.
    pub(super) truths: &'a BTreeSet<String>,
    pub(super) kin: Kin,
    pub(super) principal: Arc<EntityUID>,
    pub(super) resource: Arc<EntityUID>,
}

impl Bench<'_> {
    /// The rules of an operation that these policies reach.
    pub(super) fn rules(&mut self, operation: &Described<'_>, policies: &[&Ready]) -> Option<OperationRules> {
        let reads_body = |ready: &&Ready| ready.known.needs.reads_body();
        let whole = self.cut(policies, Others::NeverPermit);
        let head = policies.iter().any(reads_body).then(|| {
            let (with_body, without): (Vec<&Ready>, Vec<&Ready>) =
                policies.iter().copied().partition(reads_body);
            let mut permits = with_body.iter().filter_map(|ready| ready.prepared.as_ref());
            let others = match permits.any(|policy| policy.effect == Effect::Permit) {
                true => Others::MayPermit,
                false => Others::NeverPermit,
            };
            self.cut(&without, others)
        });
        let groups: Option<HashSet<EntityUID>> =
            operation.groups().map(|group| uid("Action", &group)).collect();
        let action = uid("Action", operation.id)?;
        Some(OperationRules {
            helpful: suggest::to_callers(&whole.policies, &mut self.kin).into(),
            whole,
            head,
            principal: Arc::clone(&self.principal),
            action: Entity::new_with_attr_partial_value(action, [], HashSet::new(), groups?, []),
            resource: Arc::clone(&self.resource),
        })
    }

    fn cut(&mut self, ready: &[&Ready], others: Others) -> Cut {
        let claims: BTreeSet<&str> =
            ready.iter().flat_map(|one| one.known.needs.members("principal", "claims")).collect();
        let claims = claims.into_iter().filter_map(|name| Some((name.into(), *self.claims.get(name)?)));
        let wanted = ready.iter().flat_map(|one| one.known.needs.wanted(self.truths)).collect();
        let mut policies: Vec<Arc<Prepared>> = ready.iter().filter_map(|one| one.prepared.clone()).collect();
        // What is settled by guards alone may spare asking the others.
        policies.sort_by_key(|policy| policy.rest.is_some());
        let rests = policies.iter().filter_map(|policy| policy.rest.as_ref());
        let plan = FactPlan::new(rests, wanted, claims, &mut self.kin);
        Cut { policies: policies.into(), plan, others }
    }
}

/// The name of an entity.
pub(super) fn uid(kind: &str, id: &str) -> Option<EntityUID> {
    let kind = EntityType::from(Name::parse_unqualified_name(kind).ok()?);
    Some(EntityUID::from_components(kind, Eid::new(id), None))
}
