//! An API whose contract is still to be learnt: every method and path is one of its operations.
//!
//! The walk is the same as for any other API. It does not become public by accident: who may call must be said.

use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{CompileOptions, Contract, InlineOperation};
use serde_json::json;

use crate::config::{AccessConfig, ApiConfig, LearnConfig};
use crate::observe::Learning;

/// What is served while it is not known what there is.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Everything, and the root.
const PATHS: [&str; 2] = ["/", "/{*rest}"];

/// The contract of an API that is learnt.
pub(crate) fn contract(
    config: &LearnConfig,
    api: &ApiConfig,
    place: &Place,
    options: &CompileOptions<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Contract> {
    let place = place.child("learn");
    if api.contract.is_some() || !api.operations.is_empty() {
        diagnostics.push(
            Diagnostic::error(codes::CONTRACT_MISSING, "an API that has a contract has nothing to learn")
                .at(place.key())
                .help("remove `learn`, or name the contract in another API"),
        );
        return None;
    }
    if config.access.is_none() && config.security.is_empty() {
        diagnostics.push(
            Diagnostic::error(
                codes::LEARNING_UNGUARDED,
                "nobody says who may call the API while it is learnt",
            )
            .at(place.key())
            .help("name a scheme of `identity`: `learn: {security: [{customers: []}]}`")
            .help("if everybody may call all of it, say `learn: {access: public}`"),
        );
        return None;
    }
    diagnostics.push(
        Diagnostic::warning(
            codes::LEARNING,
            "every method and path of this API is forwarded, and nothing is checked",
        )
        .at(place.key())
        .help("run `portcullis learn`, read the document, and name it as `contract` in place of `learn`"),
    );
    // Both would contradict each other, and are told so by whoever reads the operations.
    let access = config.access.map(|AccessConfig::Public| "public");
    let operation = |method: &str, path: &str| {
        let operation = json!({
            "method": method, "path": path, "body": "any", "access": access, "security": config.security,
        });
        serde_json::from_value::<InlineOperation>(operation).ok()
    };
    let operations =
        PATHS.iter().flat_map(|path| METHODS.iter().filter_map(move |method| operation(method, path)));
    let operations: Vec<_> = operations.collect();
    Contract::compile_inline(&operations, &place, options, diagnostics)
}

/// How an API is learnt, if it is.
pub(crate) fn learning(config: &ApiConfig) -> Option<Learning> {
    config.learn.as_ref().map(|learn| Learning::new(learn.samples))
}
