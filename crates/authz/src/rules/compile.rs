//! From what is written about an API's rules to the rules of each of its operations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Authorizer, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicySet, Schema,
    ValidationMode, Validator,
};
use portcullis_config::codes::identity::{POLICY_IDLE, POLICY_SYNTAX, POLICY_TYPE};
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::Effect;
use super::config::{ClaimTypeConfig, RuleConfig, RulesConfig};
use super::decide::{Cut, OperationRules};
use super::facts::{Attribute, Circumstance, FactPlan, Granted, Membership};
use super::nearest::Helpful;
use super::needs::{Needs, Part};
use super::schema;
use super::source::{self, Known, one_line, policy_at, spot};

/// An operation, as far as rules may speak of it.
#[derive(Clone, Copy)]
pub struct Described<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its tags.
    pub tags: &'a [String],
    /// Its path, with parameters in braces.
    pub template: &'a str,
    /// Whether it takes a parameter of this name in its query.
    pub has_query: &'a dyn Fn(&str) -> bool,
    /// Whether it asks for a credential; where it does not, no rule is asked.
    pub guarded: Guarded,
}

/// Whether an operation asks for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarded {
    /// It does.
    Guarded,
    /// `access: public`.
    Public,
}

impl Described<'_> {
    /// The groups that its action is in.
    pub(super) fn groups(&self) -> impl Iterator<Item = String> {
        let tags = self.tags.iter().map(|tag| schema::tag_group(tag));
        tags.chain([schema::method_group(self.method)])
    }
}

/// A file of policies.
pub struct PolicyFile {
    /// Its text.
    pub text: String,
    /// All of it.
    pub place: Place,
}

/// A rule in short, and for which operations it is written.
pub struct ShortForm<'a> {
    /// What it does.
    pub effect: Effect,
    /// What it says.
    pub rule: &'a RuleConfig,
    /// Where it is written.
    pub place: Place,
    /// Numbers of operations.
    pub operations: Vec<usize>,
}

/// Everything that is written about an API's rules.
pub struct Written<'a> {
    /// The API's name.
    pub api: &'a str,
    /// What holds for all of them.
    pub config: &'a RulesConfig,
    /// The files that it names.
    pub files: Vec<PolicyFile>,
    /// Rules in short.
    pub short: Vec<ShortForm<'a>>,
    /// Operations, by number.
    pub operations: Vec<Described<'a>>,
    /// Where the API is configured.
    pub place: Place,
}

/// Compiles the rules of an API: for each operation its own, or `None` where it has none.
pub fn compile(written: &Written<'_>, diagnostics: &mut Diagnostics) -> Vec<Option<Arc<OperationRules>>> {
    let none = || written.operations.iter().map(|_| None).collect();
    if written.files.is_empty() && written.short.is_empty() {
        return none();
    }
    let mut claims = written.config.claims.clone();
    for name in written.short.iter().flat_map(|short| claims_of(short.rule)) {
        claims.entry(name.to_owned()).or_insert(ClaimTypeConfig::Text);
    }
    let mut found = Diagnostics::new();
    let mut policies = Vec::new();
    // For each policy, the operations that it could apply to.
    let mut reaches: Vec<Vec<usize>> = Vec::new();
    let reach = Reaching::new(&written.operations);
    for file in &written.files {
        for known in source::read(&file.text, &file.place, &mut found) {
            reaches.push(reach.of(&known.policy));
            policies.push(known);
        }
    }
    for short in &written.short {
        let text = super::short::cedar(short.effect, short.rule, &claims, &short.place, &mut found);
        match Policy::parse(None, &text) {
            Ok(policy) => {
                let Some(known) = policy_at(&policy, short.place.clone(), &mut found) else { continue };
                reaches.push(short.operations.clone());
                policies.push(known);
            }
            Err(mistakes) => {
                let message = format!("the rule means nothing: {}", one_line(&mistakes.to_string()));
                found.push(Diagnostic::error(POLICY_SYNTAX, message).at(short.place.clone()));
            }
        }
    }
    if !found.has_errors() {
        validate(written, &claims, &policies, &mut found);
    }
    let is_whole = !found.has_errors();
    diagnostics.extend(found);
    if !is_whole {
        return none();
    }
    let mut of_operations: Vec<Vec<usize>> = written.operations.iter().map(|_| Vec::new()).collect();
    for (policy, operations) in reaches.iter().enumerate() {
        for operation in operations {
            if let Some(policies) = of_operations.get_mut(*operation) {
                policies.push(policy);
            }
        }
    }
    let bench = Bench { written, claims: &claims, containing: containing(&written.config.inherits) };
    let cut = written.operations.iter().zip(of_operations).map(|(operation, indices)| {
        let has_rules = !written.files.is_empty() || !indices.is_empty();
        if operation.guarded == Guarded::Public || !has_rules {
            return None;
        }
        let policies: Vec<&Known> = indices.iter().filter_map(|index| policies.get(*index)).collect();
        bench.rules(operation, &policies).map(Arc::new)
    });
    cut.collect()
}

fn claims_of(rule: &RuleConfig) -> impl Iterator<Item = &str> {
    rule.claims.keys().map(String::as_str).chain(rule.tenant.iter().map(|tenant| tenant.claim.as_str()))
}

/// Which operations a policy's scope lets it apply to.
struct Reaching {
    all: Vec<usize>,
    /// By the action of an operation.
    operations: HashMap<String, Vec<usize>>,
    /// By a group of actions, or an action.
    groups: HashMap<String, Vec<usize>>,
}

impl Reaching {
    fn new(operations: &[Described<'_>]) -> Self {
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, operation) in operations.iter().enumerate() {
            by_id.entry(operation.id.to_owned()).or_default().push(index);
            for name in operation.groups().chain([operation.id.to_owned()]) {
                groups.entry(name).or_default().push(index);
            }
        }
        Self { all: (0..operations.len()).collect(), operations: by_id, groups }
    }

    fn of(&self, policy: &Policy) -> Vec<usize> {
        let named = |map: &HashMap<String, Vec<usize>>, uid: &EntityUid| {
            map.get(uid.id().unescaped()).cloned().unwrap_or_default()
        };
        match policy.action_constraint() {
            ActionConstraint::Any => self.all.clone(),
            ActionConstraint::Eq(uid) => named(&self.operations, &uid),
            ActionConstraint::In(uids) => {
                let mut found: Vec<usize> = uids.iter().flat_map(|uid| named(&self.groups, uid)).collect();
                found.sort_unstable();
                found.dedup();
                found
            }
        }
    }
}

/// Holds all policies to the words that there are.
fn validate(
    written: &Written<'_>,
    claims: &BTreeMap<String, ClaimTypeConfig>,
    policies: &[Known],
    diagnostics: &mut Diagnostics,
) {
    let used: BTreeSet<(Part, String)> = policies
        .iter()
        .flat_map(|known| known.needs.wanted())
        .map(|wanted| (wanted.part, wanted.name))
        .collect();
    let text = schema::text(&written.operations, claims, &used);
    let schema = match Schema::from_cedarschema_str(&text) {
        Ok((schema, _)) => schema,
        Err(error) => {
            let message = format!("no words can be made of the contract: {}", one_line(&error.to_string()));
            diagnostics.push(Diagnostic::error(POLICY_TYPE, message).at(written.place.clone()));
            return;
        }
    };
    let Ok(set) = PolicySet::from_policies(policies.iter().map(|known| known.policy.clone())) else {
        diagnostics.push(
            Diagnostic::error(POLICY_SYNTAX, "a file of policies is listed twice").at(written.place.clone()),
        );
        return;
    };
    let places: HashMap<&cedar_policy::PolicyId, &Known> =
        policies.iter().map(|known| (known.policy.id(), known)).collect();
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    for error in result.validation_errors() {
        let place = places.get(error.policy_id()).map(|known| known.place.clone());
        let help = miette::Diagnostic::help(error).map(|help| help.to_string());
        // A short form has no text of its own in the file.
        let place = place.map(|place| if place.pointer().is_empty() { spot(error, &place) } else { place });
        let message = one_line(&error.to_string());
        diagnostics.push(
            Diagnostic::error(POLICY_TYPE, message)
                .at(place.unwrap_or_else(|| written.place.clone()))
                .help_if(help),
        );
    }
    for warning in result.validation_warnings() {
        let place = places.get(warning.policy_id()).map(|known| known.place.clone());
        diagnostics.push(
            Diagnostic::warning(POLICY_IDLE, one_line(&warning.to_string()))
                .at(place.unwrap_or_else(|| written.place.clone())),
        );
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

/// Where operations are cut out.
struct Bench<'a> {
    written: &'a Written<'a>,
    claims: &'a BTreeMap<String, ClaimTypeConfig>,
    containing: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl Bench<'_> {
    fn rules(&self, operation: &Described<'_>, policies: &[&Known]) -> Option<OperationRules> {
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
            wanted: needs.wanted().into_iter().collect(),
            circumstances: circumstances.map(|(_, circumstance)| circumstance).collect(),
        };
        let policies = PolicySet::from_policies(policies.map(|known| known.policy.clone())).ok()?;
        Some(Cut { policies, plan, others_permit })
    }
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
