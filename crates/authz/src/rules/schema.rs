//! The words that policies may use: a Cedar schema made from the operations of a contract.
//!
//! In: operations, the claims that are declared, and the names in queries, headers and bodies that the policies
//! use. Out: the schema's text. Each operation is an action, in a group for its method and one for each of its
//! tags. What a request says stands in the context; query, headers and body say sets, since a name may
//! stand there twice, and a prohibition must not be slipped past that way: sets of texts, or of truths where a
//! policy compares a place of the body with one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::compile::Described;
use super::config::ClaimTypeConfig;
use super::needs::{Holds, Part, Wanted};

/// The group of all operations with a tag.
pub(super) fn tag_group(tag: &str) -> String {
    format!("tag:{tag}")
}

/// The group of all operations with a method.
pub(super) fn method_group(method: &str) -> String {
    format!("method:{method}")
}

/// The names of the path parameters in a template.
pub(super) fn path_parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// The schema of an API.
pub(super) fn text(
    operations: &[Described<'_>],
    claims: &BTreeMap<String, ClaimTypeConfig>,
    used: &BTreeSet<Wanted>,
) -> String {
    let mut text = String::from("entity Role; entity Group; entity Api;\n");
    let claims: String =
        claims.iter().map(|(name, kind)| format!("{name:?}?: {}, ", type_of(*kind))).collect();
    let _ = writeln!(
        text,
        "entity Principal in [Role, Group] {{ subject: String, issuer: String, scheme: String, kind: String, \
         client?: String, scopes: Set<String>, claims: {{ {claims} }} }};"
    );
    let groups: BTreeSet<String> = operations.iter().flat_map(Described::groups).collect();
    for group in groups {
        let _ = writeln!(text, "action {group:?};");
    }
    for operation in operations {
        let groups: Vec<String> = operation.groups().map(|group| format!("Action::{group:?}")).collect();
        let path: String =
            path_parameters(operation.template).map(|name| format!("{name:?}: String, ")).collect();
        let said = |part: Part| -> String {
            let here = used.iter().filter(|wanted| {
                wanted.part == part && (part != Part::Query || (operation.has_query)(&wanted.name))
            });
            here.map(|wanted| format!("{:?}?: {}, ", wanted.name, set_of(wanted.holds))).collect()
        };
        let _ = writeln!(
            text,
            "action {:?} in [{}] appliesTo {{ principal: [Principal], resource: [Api], context: {{ \
             path: {{ {path} }}, query: {{ {} }}, header: {{ {} }}, body: {{ {} }}, now: Long, \
             weekday: String, minute: Long, client: ipaddr, tls: Bool, certificate?: String, acr?: String, \
             acrs: Set<String>, amr: Set<String>, auth_age?: Long, risk: Long }} }};",
            operation.id,
            groups.join(", "),
            said(Part::Query),
            said(Part::Header),
            said(Part::Body),
        );
    }
    text
}

const fn set_of(holds: Holds) -> &'static str {
    match holds {
        Holds::Texts => "Set<String>",
        Holds::Truths => "Set<Bool>",
    }
}

const fn type_of(kind: ClaimTypeConfig) -> &'static str {
    match kind {
        ClaimTypeConfig::Text => "String",
        ClaimTypeConfig::Number => "Long",
        ClaimTypeConfig::Truth => "Bool",
        ClaimTypeConfig::List => "Set<String>",
    }
}
