//! What becomes of the answers of one operation, from what is written to what the `release` stage needs.

use std::sync::Arc;

use portcullis_config::codes::contract::MEDIA_TYPE_MALFORMED;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::Operation;

use crate::config::{ApiConfig, OperationConfig, ResponsesConfig};
use crate::release::{AnswerRules, Copies, StreamType};

/// The rules for answers of `operation`, which `overrides` speak of, the most specific last.
pub(super) fn rules(
    config: &ApiConfig,
    overrides: &[(&String, &OperationConfig)],
    operation: &Operation,
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
        };
    }
    AnswerRules::new(&settings, operation, Arc::clone(copies))
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
