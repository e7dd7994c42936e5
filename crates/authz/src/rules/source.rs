//! Reading files of policies: each policy with its place, each mistake with its line.

use std::sync::Arc;

use cedar_policy::{Policy, PolicyId, PolicySet};
use cedar_policy_core::est;
use miette::Diagnostic as _;
use portcullis_config::codes::identity::{POLICY_SYNTAX, POLICY_TYPE};
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::needs::Needs;

/// A policy and what is known of it.
pub(super) struct Known {
    pub(super) policy: Policy,
    /// The same, without its places in the text.
    pub(super) bare: cedar_policy_core::ast::Policy,
    pub(super) needs: Needs,
    /// Where it is written.
    pub(super) place: Place,
}

/// The policies of a file whose whole text is at `place`.
pub(super) fn read(text: &str, place: &Place, diagnostics: &mut Diagnostics) -> Vec<Known> {
    let parsed = match text.parse::<PolicySet>() {
        Ok(parsed) => parsed,
        Err(mistakes) => {
            for mistake in mistakes.iter() {
                let found = Diagnostic::error(POLICY_SYNTAX, one_line(&mistake.to_string()));
                diagnostics.push(
                    found.at(spot(mistake, place)).help_if(mistake.help().map(|help| help.to_string())),
                );
            }
            return Vec::new();
        }
    };
    if parsed.num_of_templates() > 0 {
        diagnostics.push(
            Diagnostic::error(POLICY_SYNTAX, "templates stand for nobody here")
                .at(place.clone())
                .help("name roles, groups or attributes in place of `?principal` and `?resource`"),
        );
    }
    let mut policies: Vec<Policy> = parsed.policies().cloned().collect();
    // Cedar numbers them as they stand in the file: `policy0`, `policy1`.
    policies.sort_by_key(|policy| {
        policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX)
    });
    let mut from = 0;
    let mut known = Vec::with_capacity(policies.len());
    for policy in policies {
        let written = policy.to_cedar().unwrap_or_default();
        let start = text.get(from..).and_then(|rest| rest.find(&written)).map_or(from, |at| from + at);
        from = start + written.len();
        known.extend(policy_at(&policy, place.bytes(start..from), diagnostics));
    }
    known
}

/// A policy under the name of its place.
pub(super) fn policy_at(policy: &Policy, place: Place, diagnostics: &mut Diagnostics) -> Option<Known> {
    let file = place.file().rsplit('/').next().unwrap_or_default();
    let id = PolicyId::new(format!("{file}:{}:{}", place.line(), place.column()));
    // Through Cedar's own exchange form, which remembers no places in the text: each step of an evaluation would
    // carry them along.
    let read: &cedar_policy_core::ast::Policy = policy.as_ref();
    let exchanged = est::Policy::from(read.clone());
    let forms = serde_json::to_value(&exchanged).ok().zip(exchanged.try_into_ast_policy(None).ok());
    let Some((tree, bare)) = forms else {
        diagnostics.push(Diagnostic::error(POLICY_SYNTAX, "the policy has no normal form").at(place));
        return None;
    };
    let needs = Needs::of(&tree);
    if let Some(record) = needs.whole_record() {
        diagnostics.push(
            Diagnostic::error(POLICY_SYNTAX, format!("`{record}` is used as a whole"))
                .at(place)
                .help(format!("name what is meant, such as `{record}.name`")),
        );
        return None;
    }
    // All callers are one entity: a rule that names it would permit, or forbid, everybody.
    if needs.entities.iter().any(|(kind, _)| kind == "Principal") {
        diagnostics.push(
            Diagnostic::error(POLICY_SYNTAX, "callers have no entities of their own")
                .at(place)
                .help("compare `principal.subject`, and `principal.issuer` where there are several"),
        );
        return None;
    }
    // It would never match, and a prohibition forbid nothing.
    if let Some(uuid) = &needs.shouted_uuid {
        let lower = uuid.to_ascii_lowercase();
        diagnostics.push(
            Diagnostic::error(
                POLICY_TYPE,
                format!("no request says `{uuid}`: UUIDs are compared in lower case"),
            )
            .at(place)
            .help(format!("write `{lower}`; it meets the UUID in either case")),
        );
        return None;
    }
    Some(Known { policy: policy.new_id(id), bare, needs, place })
}

/// Where in the file a mistake is.
pub(super) fn spot(mistake: &dyn miette::Diagnostic, place: &Place) -> Place {
    let label = mistake.labels().and_then(|mut labels| labels.next());
    label.map_or_else(
        || place.clone(),
        |label| place.bytes(label.offset()..label.offset().saturating_add(label.len())),
    )
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name by which a refusal cites a policy.
pub(super) fn cited(id: &PolicyId) -> Arc<str> {
    let id: &str = id.as_ref();
    // The column only keeps two policies of one line apart.
    Arc::from(id.rsplit_once(':').map_or(id, |(line, _)| line))
}
