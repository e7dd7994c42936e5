//! What becomes of the answers of one operation, from what is written to what the `release` stage needs.

use std::sync::Arc;

use portcullis_config::codes::contract::MEDIA_TYPE_MALFORMED;
use portcullis_config::codes::object::OBJECT_ISSUER;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::filter::Audience;
use portcullis_contract::{Contract, Operation};

use super::api::Subject;
use super::reach::accepted_issuers;
use crate::config::{ApiConfig, OperationConfig, ResponsesConfig};
use crate::release::{AnswerRules, Copies, Owners, StreamType};

/// The rules for answers of `operation`, which `overrides` speak of, the most specific last.
pub(super) fn rules(
    config: &ApiConfig,
    overrides: &[(&String, &OperationConfig)],
    operation: &Operation,
    owners: &Owners,
    copies: &Arc<Copies>,
) -> AnswerRules {
    let mut settings = config.responses.clone();
    for (_, over) in overrides {
        let over = &over.responses;
        settings = ResponsesConfig {
            mode: over.mode.unwrap_or(settings.mode),
            whole: over.whole.unwrap_or(settings.whole),
            detect: over.detect.unwrap_or(settings.detect),
            streams: over.streams.clone().unwrap_or(settings.streams),
            owners: settings.owners,
        };
    }
    AnswerRules::new(&settings, operation, owners.clone(), Arc::clone(copies))
}

/// Whose subjects are the owners that answers name.
pub(super) fn owners(subject: &Subject<'_>, contract: &Contract, diagnostics: &mut Diagnostics) -> Owners {
    let place = subject.place.child("responses");
    if let Some(name) = &subject.config.responses.owners {
        let found = subject.gateway.identity.get(name);
        if found.is_none() {
            diagnostics.push(
                Diagnostic::error(OBJECT_ISSUER, format!("`{name}` is no entry of `identity`"))
                    .at(place.child("owners")),
            );
        }
        return found.map_or(Owners::OfAny, |issuer| Owners::Of(issuer.issuer.as_str().into()));
    }
    let is_owner = |audience: &Audience| audience.owner.is_some();
    let mut plans = contract.operations().iter().flat_map(|operation| operation.answer_plans());
    match accepted_issuers(subject, contract).as_slice() {
        [] => Owners::OfAny,
        [one] => Owners::Of((*one).into()),
        _ => {
            if plans.any(|plan| plan.audiences().iter().any(is_owner)) {
                diagnostics.push(
                    Diagnostic::error(OBJECT_ISSUER, "it is not clear whose subjects own what answers show")
                        .at(subject.place.key())
                        .help("name the entry of `identity` under `responses.owners`"),
                );
            }
            Owners::OfAny
        }
    }
}

/// Reports media types of streams that are none.
pub(super) fn check_streams(config: &ApiConfig, place: &Place, diagnostics: &mut Diagnostics) {
    let of_api = (place.child("responses").child("streams"), config.responses.streams.as_slice());
    let of_overrides = config.overrides.iter().map(|(selector, over)| {
        let place = place.child("overrides").child(selector).child("responses").child("streams");
        (place, over.responses.streams.as_deref().unwrap_or_default())
    });
    for (place, streams) in std::iter::once(of_api).chain(of_overrides) {
        for (index, text) in streams.iter().enumerate() {
            if StreamType::parse(text).is_none() {
                diagnostics.push(
                    Diagnostic::error(MEDIA_TYPE_MALFORMED, format!("`{text}` is no media type"))
                        .at(place.index(index))
                        .help("write `application/x-ndjson` or `video/*`"),
                );
            }
        }
    }
}
