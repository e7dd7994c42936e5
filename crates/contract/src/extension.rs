//! Our extensions of OpenAPI documents: names that begin with `x-portcullis-` (decision 0020).
//!
//! What nobody reads at the place where it stands is a mistake: it was written to change what is enforced,
//! and would not. Each reader says which names it knows; extensions of schemas are known to the schemas.

use portcullis_config::{Diagnostic, codes};
use serde_json::{Map, Value};

use crate::reading::{Findings, Node};

/// What our extensions begin with.
pub(crate) const EXTENSION: &str = "x-portcullis-";

/// Our extensions of `node`; one that is not `known` there is reported, with `help` on where it belongs.
pub(crate) fn read(
    node: &Node<'_>,
    known: &[&str],
    help: &str,
    findings: &mut Findings<'_>,
) -> Map<String, Value> {
    let mut found = Map::new();
    for (name, child) in node.members().filter(|(name, _)| name.starts_with(EXTENSION)) {
        found.insert(name.to_owned(), child.value().clone());
        if !known.contains(&name) {
            let diagnostic = Diagnostic::error(
                codes::contract::EXTENSION_UNKNOWN,
                format!("extension `{name}` is not known here"),
            );
            findings.refuse(diagnostic.at(child.place().key()).help(match known {
                [] => help.to_owned(),
                known => format!("known here are {}", quoted(known)),
            }));
        }
    }
    found
}

/// Names as a message lists them.
pub(crate) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The mistake of an extension that does not have its form.
pub(crate) fn malformed(node: &Node<'_>, what: String) -> Diagnostic {
    Diagnostic::error(codes::contract::EXTENSION_MALFORMED, what).at(node.place())
}
