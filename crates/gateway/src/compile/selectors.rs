//! Which overrides hold for an operation.
//!
//! In: the overrides of an API as written and an operation. Out: those that match, the most specific last. What an
//! override says is read by whoever compiles that part.

use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, Operation, Selected};

use crate::config::{ApiConfig, OperationConfig};

/// Selectors that match an operation, the most specific last.
pub(crate) fn matching<'a>(
    config: &'a ApiConfig,
    selected: &Selected<'_>,
) -> impl Iterator<Item = (&'a String, &'a OperationConfig)> {
    let method = selected.method.to_string();
    let by_method = config
        .overrides
        .iter()
        .filter(move |(selector, _)| selector.strip_prefix("method:").is_some_and(|name| *name == method));
    let by_tag = config.overrides.iter().filter(|(selector, _)| {
        selector.strip_prefix("tag:").is_some_and(|tag| selected.tags.iter().any(|have| have == tag))
    });
    let place = format!("{} {}", selected.method, selected.template);
    let id = selected.id.to_owned();
    let by_name =
        config.overrides.iter().filter(move |(selector, _)| **selector == place || **selector == id);
    by_method.chain(by_tag).chain(by_name)
}

pub(crate) fn selected(operation: &Operation) -> Selected<'_> {
    Selected {
        id: &operation.id,
        method: &operation.method,
        template: &operation.template,
        tags: &operation.tags,
    }
}

/// Reports selectors that match nothing: a rule that holds nowhere is a mistake.
pub(super) fn check_overrides(
    config: &ApiConfig,
    contract: &Contract,
    place: &Place,
    diagnostics: &mut Diagnostics,
) {
    for selector in config.overrides.keys() {
        let matches_any = contract
            .operations()
            .iter()
            .any(|operation| matching(config, &selected(operation)).any(|(found, _)| found == selector));
        if !matches_any {
            diagnostics.push(
                Diagnostic::error(codes::OVERRIDE_UNMATCHED, format!("`{selector}` matches no operation"))
                    .at(place.child("overrides").child(selector).key())
                    .help("write an operation id, `METHOD /path` as in the document, `tag:NAME` or `method:NAME`"),
            );
        }
    }
}
