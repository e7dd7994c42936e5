//! Cutting policies to operations: those that could apply to one, and what they read.
//!
//! In: an operation and the policies that reach it. Out: its [`OperationRules`], once without what looks into the
//! body and once whole. Called by [`mod@super::compile`] when a configuration is read.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, Entity, EntityId, EntityTypeName, EntityUid, PolicySet};

use super::compile::{Described, Written};
use super::config::ClaimTypeConfig;
use super::decide::{Cut, OperationRules};
use super::facts::{Attribute, Circumstance, FactPlan, Granted, Membership};
use super::nearest::Helpful;
use super::needs::Needs;
use super::source::Known;

/// Where operations are cut out.
pub(super) struct Bench<'a> {
    written: &'a Written<'a>,
    claims: &'a BTreeMap<String, ClaimTypeConfig>,
    /// Places in bodies that are compared with truths.
    truths: &'a BTreeSet<String>,
    containing: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        written: &'a Written<'a>,
        claims: &'a BTreeMap<String, ClaimTypeConfig>,
        truths: &'a BTreeSet<String>,
    ) -> Self {
        Self { written, claims, truths, containing: containing(&written.config.inherits) }
    }

    /// The rules of an operation that these policies reach.
    pub(super) fn rules(&self, operation: &Described<'_>, policies: &[&Known]) -> Option<OperationRules> {
        let mut needs = Needs::default();
        policies.iter().for_each(|known| needs.extend(&known.needs));
        let memberships = self.memberships(&needs);
        let whole = self.cut(policies.iter().copied(), &needs, &memberships, false)?;
        let head = if needs.reads_body() {
            let without_body = || policies.iter().copied().filter(|known| !known.needs.reads_body());
            let mut needs = Needs::default();
            without_body().for_each(|known| needs.extend(&known.needs));
            let others_permit = policies.iter().any(|known| {
                known.needs.reads_body() && known.policy.effect() == cedar_policy::Effect::Permit
            });
            Some(self.cut(without_body(), &needs, &memberships, others_permit)?)
        } else {
            None
        };
        let groups = operation.groups().filter_map(|group| uid("Action", &group)).collect();
        Some(OperationRules {
            authorizer: Authorizer::new(),
            helpful: helpful(&needs, &memberships),
            whole,
            head,
            principal: uid("Principal", "caller")?,
            action: Entity::new_no_attrs(uid("Action", operation.id)?, groups),
            resource: uid("Api", self.written.api)?,
        })
    }

    fn memberships(&self, needs: &Needs) -> Vec<Membership> {
        let named = needs.entities.iter().filter_map(|(kind, id)| {
            let by = match kind.as_str() {
                "Role" => {
                    let containing = self.containing.get(id.as_str()).into_iter().flatten().copied();
                    Granted::Roles(containing.chain([id.as_str()]).collect())
                }
                "Group" => Granted::Group(id.as_str().into()),
                _ => return None,
            };
            Some(Membership { uid: uid(kind, id)?, by })
        });
        named.collect()
    }

    fn cut<'k>(
        &self,
        policies: impl Iterator<Item = &'k Known>,
        needs: &Needs,
        memberships: &[Membership],
        others_permit: bool,
    ) -> Option<Cut> {
        let read = |name: &str| needs.reads("principal", name);
        let circumstance = |name: &str| needs.reads("context", name);
        let claims: BTreeSet<&str> = needs.members("principal", "claims").collect();
        let attributes = Attribute::ALL.into_iter().filter(|(name, _)| read(name));
        let circumstances = Circumstance::ALL.into_iter().filter(|(name, _)| circumstance(name));
        let plan = FactPlan {
            attributes: attributes.map(|(_, attribute)| attribute).collect(),
            claims: claims
                .into_iter()
                .filter_map(|name| Some((name.into(), *self.claims.get(name)?)))
                .collect(),
            groups_claim: self.written.config.groups_claim.as_deref().unwrap_or("groups").into(),
            memberships: memberships.to_vec(),
            wanted: needs.wanted(self.truths).into_iter().collect(),
            circumstances: circumstances.map(|(_, circumstance)| circumstance).collect(),
        };
        let policies = PolicySet::from_policies(policies.map(|known| known.policy.clone())).ok()?;
        Some(Cut { policies, plan, others_permit })
    }
}

/// For each role, itself and all roles that contain it.
fn containing(inherits: &BTreeMap<String, Vec<String>>) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut containing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for role in inherits.keys() {
        let mut open = vec![role.as_str()];
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                containing.entry(next).or_default().insert(role);
                open.extend(inherits.get(next).into_iter().flatten().map(String::as_str));
            }
        }
    }
    containing
}

/// Changes that the policies suggest by what they compare.
fn helpful(needs: &Needs, memberships: &[Membership]) -> Vec<Helpful> {
    let compared = |variable: &str, attribute: &str| -> Vec<&Vec<String>> {
        let about = needs.compared.iter().filter(|one| one.attribute == [variable, attribute]);
        about.map(|one| &one.texts).collect()
    };
    let mut changes = Vec::new();
    let ages = compared("context", "auth_age").into_iter().flatten();
    let max_age = ages.filter_map(|age| age.parse::<u64>().ok()).min().map(|age| age.to_string());
    let amr: Vec<String> = compared("context", "amr").into_iter().flatten().cloned().collect();
    let acrs: Vec<&String> = compared("context", "acr").into_iter().flatten().collect();
    let login = |acr: Option<&String>| Helpful::Login {
        acr: acr.cloned(),
        amr: amr.clone(),
        max_age: max_age.clone(),
    };
    changes.extend(acrs.iter().map(|acr| login(Some(acr))));
    if acrs.is_empty() && (max_age.is_some() || !amr.is_empty()) {
        changes.push(login(None));
    }
    changes.extend(compared("principal", "scopes").into_iter().cloned().map(Helpful::Scopes));
    changes.extend(
        memberships
            .iter()
            .enumerate()
            .map(|(index, membership)| Helpful::Membership { index, name: membership.uid.to_string() }),
    );
    changes
}

fn uid(kind: &str, id: &str) -> Option<EntityUid> {
    Some(EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>().ok()?, EntityId::new(id)))
}
