//! Holding policies to the words that a contract has.
//!
//! In: all policies of an API. Out: diagnostics, each with its place: what does not fit the schema is an error,
//! what can never match a warning. Called by [`mod@super::compile`]; which words there are is [`super::schema`]'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use portcullis_config::codes::identity::{POLICY_IDLE, POLICY_SYNTAX, POLICY_TYPE};
use portcullis_config::{Diagnostic, Diagnostics};

use super::compile::{Described, Written};
use super::config::ClaimTypeConfig;
use super::needs::Wanted;
use super::schema;
use super::source::{Known, one_line, spot};

/// Policies that reach no more operations than this are held to the words of these operations alone: the validator
/// goes through every operation that it is told of, for each policy.
const FEW: usize = 8;

/// Where policies are held to words.
struct Words<'a> {
    written: &'a Written<'a>,
    claims: &'a BTreeMap<String, ClaimTypeConfig>,
    truths: &'a BTreeSet<String>,
}

/// Holds all policies to the words that there are; `reaches` are the operations that each could apply to.
pub(super) fn validate(
    written: &Written<'_>,
    claims: &BTreeMap<String, ClaimTypeConfig>,
    truths: &BTreeSet<String>,
    policies: &[Known],
    reaches: &[Vec<usize>],
    diagnostics: &mut Diagnostics,
) {
    let words = Words { written, claims, truths };
    let mut groups: BTreeMap<&[usize], Vec<&Known>> = BTreeMap::new();
    let mut others = Vec::new();
    for (known, reach) in policies.iter().zip(reaches) {
        match reach.len() {
            1..=FEW => groups.entry(reach).or_default().push(known),
            _ => others.push(known),
        }
    }
    for (reach, group) in groups {
        let operations: Vec<Described<'_>> =
            reach.iter().filter_map(|index| written.operations.get(*index).copied()).collect();
        // What does not fit these may name what belongs to others, and is judged with all words.
        if !words.fit(&operations, &group) {
            others.extend(group);
        }
    }
    if !others.is_empty() {
        words.report(&others, diagnostics);
    }
}

impl Words<'_> {
    /// Whether there is nothing to say of these policies, going by these operations.
    fn fit(&self, operations: &[Described<'_>], policies: &[&Known]) -> bool {
        let Some(set) = set_of(policies) else { return false };
        self.schema(operations, policies).is_ok_and(|schema| {
            let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
            result.validation_passed_without_warnings()
        })
    }

    /// The words of these operations, and what the policies look for beside them.
    fn schema(&self, operations: &[Described<'_>], policies: &[&Known]) -> Result<Schema, String> {
        let used: BTreeSet<Wanted> =
            policies.iter().flat_map(|known| known.needs.wanted(self.truths)).collect();
        let text = schema::text(operations, self.claims, &used);
        match Schema::from_cedarschema_str(&text) {
            Ok((schema, _)) => Ok(schema),
            Err(error) => Err(one_line(&error.to_string())),
        }
    }

    /// Says all that is to say of these policies, going by all operations.
    fn report(&self, policies: &[&Known], diagnostics: &mut Diagnostics) {
        let everywhere = &self.written.place;
        let schema = match self.schema(&self.written.operations, policies) {
            Ok(schema) => schema,
            Err(error) => {
                let message = format!("no words can be made of the contract: {error}");
                diagnostics.push(Diagnostic::error(POLICY_TYPE, message).at(everywhere.clone()));
                return;
            }
        };
        let Some(set) = set_of(policies) else {
            diagnostics.push(
                Diagnostic::error(POLICY_SYNTAX, "a file of policies is listed twice").at(everywhere.clone()),
            );
            return;
        };
        let places: HashMap<&cedar_policy::PolicyId, &Known> =
            policies.iter().map(|known| (known.policy.id(), *known)).collect();
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            let place = places.get(error.policy_id()).map(|known| known.place.clone());
            let help = miette::Diagnostic::help(error).map(|help| help.to_string());
            // A short form has no text of its own in the file.
            let place =
                place.map(|place| if place.pointer().is_empty() { spot(error, &place) } else { place });
            let message = one_line(&error.to_string());
            diagnostics.push(
                Diagnostic::error(POLICY_TYPE, message)
                    .at(place.unwrap_or_else(|| everywhere.clone()))
                    .help_if(help),
            );
        }
        for warning in result.validation_warnings() {
            let place = places.get(warning.policy_id()).map(|known| known.place.clone());
            diagnostics.push(
                Diagnostic::warning(POLICY_IDLE, one_line(&warning.to_string()))
                    .at(place.unwrap_or_else(|| everywhere.clone())),
            );
        }
    }
}

/// The policies as Cedar takes them; `None` if two are the same one.
fn set_of(policies: &[&Known]) -> Option<PolicySet> {
    PolicySet::from_policies(policies.iter().map(|known| known.policy.clone())).ok()
}
