//! Comparing who may call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::findings::Changes;
use super::{Code, Pair};
use crate::reading::Node;
use crate::security::ACCESS;

/// Schemes that must all be satisfied, each with its scopes.
type AllOf<'d> = BTreeMap<&'d str, BTreeSet<&'d str>>;

/// What an operation asks of its callers.
pub(super) struct Demand<'d> {
    /// Alternatives; none where anybody may call, or where it is not said.
    any_of: Vec<AllOf<'d>>,
    /// Where it is said.
    node: Node<'d>,
}

impl<'d> Demand<'d> {
    pub(super) fn of(operation: &Node<'d>, root: &Node<'d>) -> Self {
        let said = operation.child("security").or_else(|| root.child("security"));
        let is_public = operation.text(ACCESS) == Some("public");
        let mut any_of: Vec<AllOf<'d>> = Vec::new();
        for alternative in said.iter().filter(|_| !is_public).flat_map(Node::items) {
            let members = alternative.object().into_iter().flatten();
            let scopes = |scopes: &'d Value| {
                scopes.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
            };
            any_of.push(members.map(|(scheme, value)| (scheme.as_str(), scopes(value))).collect());
        }
        // `{}` among the alternatives lets everybody in.
        if any_of.iter().any(BTreeMap::is_empty) {
            any_of.clear();
        }
        Self { any_of, node: said.filter(|_| !is_public).unwrap_or_else(|| operation.clone()) }
    }

    pub(super) fn is_public(&self) -> bool {
        self.any_of.is_empty()
    }
}

/// Compares what an operation asks of its callers.
pub(super) fn compare(old: &Demand<'_>, new: &Demand<'_>, changes: &mut Changes) {
    let mut add = |code, sentence: String| changes.add(code, Some(&old.node), Some(&new.node), sentence);
    match (old.is_public(), new.is_public()) {
        (true, true) => {}
        (false, true) => add(Code::BecamePublic, "no credential is needed any more".to_owned()),
        (true, false) => add(Code::SecurityAdded, "a credential is needed, and none was".to_owned()),
        (false, false) => {
            for now in &new.any_of {
                // What satisfies it now must have satisfied one of the old alternatives.
                if old.any_of.iter().any(|before| is_within(before, now)) {
                    continue;
                }
                let same = old.any_of.iter().find(|before| before.keys().eq(now.keys()));
                match same {
                    Some(before) => {
                        let lost: Vec<String> = missing(before, now);
                        add(Code::ScopeRemoved, format!("{} is not needed any more", lost.join(", ")));
                    }
                    None => add(Code::SecurityLoosened, format!("{} is enough now", named(now))),
                }
            }
            for before in &old.any_of {
                if !new.any_of.iter().any(|now| is_within(now, before)) {
                    add(Code::SecurityTightened, format!("{} is not enough any more", named(before)));
                }
            }
        }
    }
}

/// Compares schemes of the same name.
pub(super) fn compare_schemes(pair: &Pair<'_, '_>, changes: &mut Changes) {
    let (Some(old), Some(new)) = (schemes(pair.old), schemes(pair.new)) else { return };
    for (name, before) in old.members() {
        let (Ok(before), Some(Ok(now))) = (before.resolved(), new.child(name).map(|now| now.resolved()))
        else {
            continue;
        };
        let differs = ["type", "scheme", "in", "name", "openIdConnectUrl"]
            .into_iter()
            .find(|part| before.value().get(part) != now.value().get(part));
        if let Some(part) = differs {
            let sentence = format!("security scheme `{name}` has another `{part}`");
            changes.add(Code::SchemeChanged, Some(&before), Some(&now), sentence);
        }
    }
}

fn schemes<'d>(root: &Node<'d>) -> Option<Node<'d>> {
    root.child("components")?.child("securitySchemes")
}

/// Whether `wide` asks for nothing that `narrow` does not.
fn is_within(wide: &AllOf<'_>, narrow: &AllOf<'_>) -> bool {
    wide.iter().all(|(scheme, scopes)| narrow.get(scheme).is_some_and(|have| scopes.is_subset(have)))
}

fn missing(before: &AllOf<'_>, now: &AllOf<'_>) -> Vec<String> {
    let lost = before.iter().flat_map(|(scheme, scopes)| {
        let have = now.get(scheme);
        scopes.iter().filter(move |scope| have.is_none_or(|have| !have.contains(*scope)))
    });
    lost.map(|scope| format!("`{scope}`")).collect()
}

fn named(all_of: &AllOf<'_>) -> String {
    let one = |(scheme, scopes): (&&str, &BTreeSet<&str>)| {
        let scopes: Vec<&str> = scopes.iter().copied().collect();
        if scopes.is_empty() {
            format!("`{scheme}`")
        } else {
            format!("`{scheme}` with `{}`", scopes.join(" "))
        }
    };
    all_of.iter().map(one).collect::<Vec<_>>().join(" and ")
}
