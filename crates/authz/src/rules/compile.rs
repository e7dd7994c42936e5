//! From what is written about an API's rules to the rules of each of its operations.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{ActionConstraint, EntityUid, Policy};
use portcullis_config::codes::identity::{POLICY_SYNTAX, RULES_TOO_MANY};
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::Effect;
use super::config::{ClaimTypeConfig, RuleConfig, RulesConfig};
use super::cut::{Bench, Ready, uid};
use super::decide::OperationRules;
use super::kin::Kin;
use super::prepare::Prepared;
use super::schema;
use super::source::{self, one_line, policy_at};
use super::validate::validate;

/// Most policies that may apply to one operation: a decision there may have to ask all of them.
const MOST_OF_OPERATION: usize = 10_000;
/// How often the policies of an API may reach its operations: each time they are checked against its words.
const MOST_REACHED: usize = 500_000;

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
    // What is compared with a truth anywhere holds truths everywhere: the words of an API are the same for all.
    let truths: BTreeSet<String> = policies.iter().flat_map(|known| known.needs.truths()).collect();
    let mut of_operations: Vec<Vec<usize>> = written.operations.iter().map(|_| Vec::new()).collect();
    for (policy, operations) in reaches.iter().enumerate() {
        for operation in operations {
            if let Some(policies) = of_operations.get_mut(*operation) {
                policies.push(policy);
            }
        }
    }
    // Before each is held against the words of each operation that it reaches.
    check_bounds(written, &of_operations, &mut found);
    if !found.has_errors() {
        validate(written, &claims, &truths, &policies, &reaches, &mut found);
    }
    let is_whole = !found.has_errors();
    diagnostics.extend(found);
    if !is_whole {
        return none();
    }
    let Some((principal, resource)) = uid("Principal", "caller").zip(uid("Api", written.api)) else {
        return none();
    };
    let mut kin = Kin::new(written.config);
    let policies: Vec<Ready> = policies
        .into_iter()
        .map(|known| Ready { prepared: Prepared::new(&known, &mut kin, &resource).map(Arc::new), known })
        .collect();
    let mut bench = Bench {
        claims: &claims,
        truths: &truths,
        kin,
        principal: Arc::new(principal),
        resource: Arc::new(resource),
    };
    let cut = written.operations.iter().zip(of_operations).map(|(operation, indices)| {
        let has_rules = !written.files.is_empty() || !indices.is_empty();
        if operation.guarded == Guarded::Public || !has_rules {
            return None;
        }
        let policies: Vec<&Ready> = indices.iter().filter_map(|index| policies.get(*index)).collect();
        bench.rules(operation, &policies).map(Arc::new)
    });
    cut.collect()
}

/// Refuses more policies than can be asked while somebody waits, or held.
fn check_bounds(written: &Written<'_>, of_operations: &[Vec<usize>], diagnostics: &mut Diagnostics) {
    let fullest = written.operations.iter().zip(of_operations).max_by_key(|(_, policies)| policies.len());
    if let Some((operation, policies)) = fullest
        && policies.len() > MOST_OF_OPERATION
    {
        let (id, count) = (operation.id, policies.len());
        let message = format!("{count} policies apply to `{id}`, and {MOST_OF_OPERATION} may");
        diagnostics.push(Diagnostic::error(RULES_TOO_MANY, message).at(written.place.clone()));
    }
    let reached: usize = of_operations.iter().map(Vec::len).sum();
    if reached > MOST_REACHED {
        let message =
            format!("the policies reach operations {reached} times, and {MOST_REACHED} may be held");
        diagnostics.push(Diagnostic::error(RULES_TOO_MANY, message).at(written.place.clone()));
    }
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
