//! What the caller hears when we do not believe it: RFC 6750 §3 and §3.1.
//!
//! In: a [`Refusal`]. Out: a [`Denial`] with the one challenge that belongs to its status. All bad
//! tokens get the same words; which check failed reaches the record only, as the reason and its
//! note.

use std::sync::Arc;

use portcullis_domain::{Challenge, Denial, Reason, Scheme};

use crate::refusal::Refusal;

/// Fixed text, so that nothing of the token can reach the answer (RFC 6750 §3).
const INVALID_TOKEN: &str = "The access token is not valid for this request.";
/// Fixed text.
const INVALID_REQUEST: &str = "Exactly one credential is accepted, in the Authorization header.";

/// The Bearer challenges of one policy.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    realm: Arc<str>,
}

impl Challenges {
    pub(crate) fn new(realm: &str) -> Self {
        Self { realm: Arc::from(realm) }
    }

    /// No credential: a challenge without an error code (RFC 6750 §3.1), so that a client that never
    /// tried is not told that it failed.
    pub(crate) fn missing(&self) -> Denial {
        Denial::new(Reason::CredentialMissing).with_challenge(self.bearer())
    }

    /// A credential that is not believed.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Denial {
        let reason = refusal.reason();
        let mut denial = Denial::new(reason);
        if let Some(error) = error_code(reason) {
            let challenge =
                self.bearer().with("error", error.code).with("error_description", error.description);
            denial = denial.with_challenge(challenge);
        }
        if let Some(wait) = refusal.wait() {
            denial = denial.with_retry_after(wait);
        }
        match refusal.into_note() {
            Some(note) => denial.with_note(note),
            None => denial,
        }
    }

    fn bearer(&self) -> Challenge {
        Challenge::new(Scheme::Bearer).with("realm", self.realm.to_string())
    }
}

struct ErrorCode {
    code: &'static str,
    description: &'static str,
}

/// The error code that RFC 6750 §3.1 pairs with a status; none where authentication itself is down.
const fn error_code(reason: Reason) -> Option<ErrorCode> {
    match reason.status() {
        400 => Some(ErrorCode { code: "invalid_request", description: INVALID_REQUEST }),
        401 => Some(ErrorCode { code: "invalid_token", description: INVALID_TOKEN }),
        _ => None,
    }
}
