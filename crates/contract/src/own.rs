//! An operation that no document declares, because the gateway itself answers it.
//!
//! It stands in the contract like any other, so that nothing of the walk is special to it: who may call is
//! decided, counted and recorded as everywhere. Called while a contract is compiled, after its other operations.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_config::{Diagnostic, Place, codes};

use crate::compile::{Draft, PathDraft};
use crate::config::InlineOperation;
use crate::options::CompileOptions;
use crate::reading::Findings;
use crate::security::Security;

/// `GET path`, for who has shown a credential.
#[derive(Clone, Copy, Debug)]
pub struct OwnOperation<'a> {
    /// Its path.
    pub path: &'a str,
    /// Scopes that a caller needs; none if any accepted credential will do.
    pub scopes: &'a [String],
    /// Where it is asked for.
    pub place: &'a Place,
}

/// Adds the own operation, if there is one, to those of the contract.
pub(crate) fn add(
    options: &CompileOptions<'_>,
    paths: &mut Vec<PathDraft>,
    drafts: &mut Vec<Draft>,
    findings: &mut Findings<'_>,
) {
    let Some(own) = options.own else { return };
    // Every credential that opens anything of the API; one alone, for that is what a caller has.
    let mut schemes = BTreeSet::new();
    for draft in drafts.iter() {
        if let Security::AnyOf(alternatives) = &draft.operation.security {
            let single = alternatives.iter().filter_map(|all_of| match all_of.0.as_slice() {
                [one] => Some(one.scheme.to_string()),
                _ => None,
            });
            schemes.extend(single);
        }
    }
    if schemes.is_empty() {
        findings.refuse(
            Diagnostic::error(
                codes::version::DOCUMENTATION_PLACE,
                "nobody could open the documentation: no operation takes a credential",
            )
            .at(own.place.clone())
            .help("a document that anybody may read needs no gateway: publish it as a file"),
        );
        return;
    }
    let requirement = |scheme: String| BTreeMap::from([(scheme, own.scopes.to_vec())]);
    let operation = InlineOperation {
        method: "GET".to_owned(),
        path: own.path.to_owned(),
        security: schemes.into_iter().map(requirement).collect(),
        query: Some(Vec::new()),
        ..InlineOperation::default()
    };
    let Some((template, method)) = operation.address(options.base_path, own.place, findings) else { return };
    let same = drafts.iter().filter(|draft| *draft.operation.template == *own.path);
    let path = match same.clone().next() {
        Some(draft) => draft.path,
        None => {
            paths.push(PathDraft { template, place: own.place.clone() });
            paths.len() - 1
        }
    };
    if let Some(taken) = same.into_iter().find(|draft| draft.operation.method == method) {
        findings.refuse(
            Diagnostic::error(
                codes::version::DOCUMENTATION_PLACE,
                format!("the API itself has `GET {}`", own.path),
            )
            .at(own.place.clone())
            .related(taken.operation.place.clone(), "declared here")
            .help("give the documentation a path of its own"),
        );
        return;
    }
    let operation = operation.unfinished(method, options, own.place.clone(), findings);
    drafts.push(Draft { path, operation });
}
