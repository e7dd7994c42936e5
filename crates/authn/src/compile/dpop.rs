//! What proofs of possession must be like. What was seen of proofs, and our nonces, live on over a reload:
//! otherwise each reload would let every proof work once more.

use std::sync::Arc;

use portcullis_config::codes::identity as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::bad_algorithm;
use crate::algorithm::{Algorithm, AllowedAlgorithms};
use crate::authenticator::Authenticator;
use crate::config::DpopConfig;
use crate::dpop::{Nonces, ProofRules, Replays};

/// Compiles `dpop:` at `place`.
pub(super) fn proof_rules(
    config: &DpopConfig,
    place: &Place,
    running: Option<&Authenticator>,
    diagnostics: &mut Diagnostics,
) -> Option<ProofRules> {
    let mut algorithms = Vec::new();
    for (index, name) in config.algorithms.iter().enumerate() {
        match Algorithm::from_name(name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => diagnostics.push(bad_algorithm(name).at(place.child("algorithms").index(index))),
        }
    }
    if config.algorithms.is_empty() {
        diagnostics.push(
            Diagnostic::error(codes::ALGORITHM_UNKNOWN, "no algorithm is listed")
                .at(place.child("algorithms")),
        );
    }
    let is_clean = algorithms.len() == config.algorithms.len() && !algorithms.is_empty();
    let window = config.window.0;
    let zero = [("window", Some(window)), ("nonce", config.nonce.map(|life| life.0))];
    let mut has_zero = false;
    for (name, _) in zero.iter().filter(|(_, span)| span.is_some_and(|span| span.as_secs() == 0)) {
        has_zero = true;
        diagnostics.push(
            Diagnostic::error(codes::KEY_TIMES, format!("`{name}` is shorter than a second"))
                .at(place.child(name)),
        );
    }
    if !is_clean || has_zero {
        return None;
    }
    let span = ProofRules::memory(window);
    let capacity = usize::try_from(config.capacity).unwrap_or(usize::MAX);
    let before = running.map(Authenticator::proofs);
    let replays = match before {
        Some(before) if before.replays.serves(span, capacity) => Arc::clone(&before.replays),
        Some(_) | None => Arc::new(Replays::new(span, capacity)),
    };
    let nonces = match config.nonce {
        None => None,
        Some(life) => {
            let kept =
                before.and_then(|before| before.nonces.clone()).filter(|nonces| nonces.life() == life.0);
            // Without random numbers nothing else of this process would work either.
            Some(match kept {
                Some(nonces) => nonces,
                None => Arc::new(Nonces::new(life.0)?),
            })
        }
    };
    Some(ProofRules { algorithms: AllowedAlgorithms::new(algorithms), window, nonces, replays })
}
