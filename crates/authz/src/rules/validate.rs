//! Holding policies to the words that a contract has.
//!
//! In: all policies of an API. Out: diagnostics, each with its place: what does not fit the schema is an error,
//! what can never match a warning. Called by [`mod@super::compile`]; which words there are is [`super::schema`]'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use portcullis_config::codes::identity::{POLICY_IDLE, POLICY_SYNTAX, POLICY_TYPE};
use portcullis_config::{Diagnostic, Diagnostics};

use super::compile::Written;
use super::config::ClaimTypeConfig;
use super::needs::Wanted;
use super::schema;
use super::source::{Known, one_line, spot};

/// Holds all policies to the words that there are.
pub(super) fn validate(
    written: &Written<'_>,
    claims: &BTreeMap<String, ClaimTypeConfig>,
    truths: &BTreeSet<String>,
    policies: &[Known],
    diagnostics: &mut Diagnostics,
) {
    let used: BTreeSet<Wanted> = policies.iter().flat_map(|known| known.needs.wanted(truths)).collect();
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
