//! What upstreams are told of their callers, and the keys that sign it.
//!
//! Keys are read from the state directory when they are there and made otherwise; storing them is for
//! [`crate::internal_keys`], while the gateway runs. They live on over a reload.

use std::sync::Arc;

use http::{HeaderName, header};
use portcullis_authn::config::{InternalAlgorithmConfig, InternalTokenConfig};
use portcullis_authn::internal_token::{Addressee, InternalTokens, SigningAlgorithm};
use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::Workshop;
use crate::config::HandOverConfig;
use crate::hand_over::{HandOver, Said};
use crate::internal_keys;

/// Keys are published for an hour before they sign.
const SHORTEST_ROTATION: u64 = 2 * 3600;
/// What frames, addresses or authenticates a message says nothing of its caller.
const NOT_OURS: [HeaderName; 11] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VIA,
];

/// The maker of tokens for upstreams, if the policy wants any.
pub(super) fn internal_tokens(
    config: Option<&InternalTokenConfig>,
    place: &Place,
    workshop: &Workshop,
    running: Option<&Arc<InternalTokens>>,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<InternalTokens>> {
    let config = config?;
    let rotate = config.rotate.0;
    if rotate.as_secs() < SHORTEST_ROTATION {
        diagnostics.push(
            Diagnostic::error(codes::INTERNAL_TOKEN_TIMES, "keys cannot be replaced that often")
                .at(place.child("rotate"))
                .help("2h at least: each key is published for an hour before it signs"),
        );
        return None;
    }
    let algorithm = match config.algorithm {
        InternalAlgorithmConfig::Es256 => SigningAlgorithm::Es256,
        InternalAlgorithmConfig::EdDsa => SigningAlgorithm::EdDsa,
    };
    if let Some(running) = running.filter(|running| running.follows(&config.issuer, algorithm, rotate)) {
        return Some(Arc::clone(running));
    }
    let saved = internal_keys::load(&workshop.surroundings.state);
    let made = saved.map_err(|error| error.to_string()).and_then(|saved| {
        InternalTokens::new(&config.issuer, algorithm, rotate, saved.as_ref())
            .map_err(|error| error.to_string())
    });
    match made {
        Ok(tokens) => {
            tokens.turn(workshop.clock.now().wall);
            Some(Arc::new(tokens))
        }
        Err(why) => {
            diagnostics.push(
                Diagnostic::error(codes::INTERNAL_KEYS_UNREADABLE, format!("the keys for upstreams: {why}"))
                    .at(place.key())
                    .help(format!("check `{}` in the state directory", internal_keys::FILE)),
            );
            None
        }
    }
}

/// What the upstream of API `name` is told.
pub(super) fn hand_over(
    name: &str,
    config: &HandOverConfig,
    tokens: Option<&Arc<InternalTokens>>,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> HandOver {
    let fields = config.headers.as_ref().map(|headers| {
        let place = place.child("headers");
        let fields = headers.iter().filter_map(|(field, said)| {
            let named = field.parse().ok().filter(|name| !NOT_OURS.contains(name));
            let said = Said::from_name(said);
            if named.is_none() || said.is_none() {
                diagnostics.push(
                    Diagnostic::error(codes::HAND_OVER_FIELD, format!("`{field}` cannot be handed over so"))
                        .at(place.child(field))
                        .help(
                            "name a field, and `subject`, `issuer`, `client`, `scopes`, `roles` or `/claim`",
                        ),
                );
            }
            Some((named?, said?))
        });
        fields.collect()
    });
    let place = place.child("token");
    let token = config.token.as_ref().and_then(|token| {
        let Some(tokens) = tokens else {
            diagnostics.push(
                Diagnostic::error(codes::INTERNAL_TOKENS_MISSING, format!("`{name}` hands over a token"))
                    .at(place.key())
                    .help("add `internal_tokens:` with an `issuer`"),
            );
            return None;
        };
        if token.lifetime.0.as_secs() < 1 || token.lifetime.0 > InternalTokens::LONGEST_LIFE {
            diagnostics.push(
                Diagnostic::error(codes::INTERNAL_TOKEN_TIMES, "the token lives too long or not at all")
                    .at(place.child("lifetime"))
                    .help("between 1s and 5m"),
            );
        }
        let audience = token.audience.as_deref().unwrap_or(name).into();
        Some((Arc::clone(tokens), Addressee { audience, lifetime: token.lifetime.0 }))
    });
    HandOver::new(fields, token)
}
