//! What the caller hears when we do not believe it: RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3.
//!
//! In: a [`Refusal`]. Out: a [`Denial`] with the challenges that belong to it. All bad tokens get the
//! same words; which check failed reaches the record only, as the reason and its note.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::{Challenge, Denial, Reason, Scheme};

use crate::assurance::Requirements;
use crate::bearer::TokenScheme;
use crate::possession::Constraint;
use crate::refusal::Refusal;

/// Fixed text, so that nothing of the token can reach the answer (RFC 6750 §3).
const INVALID_TOKEN: &str = "The access token is not valid for this request.";
/// Fixed text.
const INVALID_REQUEST: &str = "Exactly one credential is accepted, in the Authorization header.";
/// Fixed text.
const INVALID_PROOF: &str = "The proof of possession is not valid for this request.";
/// Fixed text.
const NONCE_WANTED: &str = "The proof of possession needs the nonce of this answer.";
/// Fixed text.
const INSUFFICIENT: &str = "This operation needs a stronger or more recent authentication.";

/// How one operation challenges.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    realm: Arc<str>,
    /// Algorithms of proofs.
    algorithms: Arc<str>,
    constraint: Constraint,
    acr_values: Option<Arc<str>>,
    max_age: Option<Duration>,
}

impl Challenges {
    /// `acr_values` are what a client should ask the issuer for when the caller is too weak.
    pub(crate) fn new(
        realm: &str,
        algorithms: Arc<str>,
        requirements: &Requirements,
        acr_values: &[&str],
    ) -> Self {
        Self {
            realm: Arc::from(realm),
            algorithms,
            constraint: requirements.constraint,
            acr_values: (!acr_values.is_empty()).then(|| Arc::from(acr_values.join(" "))),
            max_age: requirements.strength.max_age,
        }
    }

    /// No credential: a challenge without an error code (RFC 6750 §3.1), so that a client that never
    /// tried is not told that it failed.
    pub(crate) fn missing(&self) -> Denial {
        let challenge = match self.constraint {
            Constraint::Optional => self.bearer(),
            Constraint::Needed => self.dpop(),
        };
        Denial::new(Reason::CredentialMissing).with_challenge(challenge)
    }

    /// A credential that is not believed, and came with `scheme`.
    pub(crate) fn refuse(&self, refusal: Refusal, scheme: TokenScheme) -> Denial {
        let reason = refusal.reason();
        let mut denial = Denial::new(reason);
        for challenge in self.challenges(reason, scheme) {
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

    fn challenges(&self, reason: Reason, scheme: TokenScheme) -> Vec<Challenge> {
        let as_presented = match scheme {
            TokenScheme::Bearer => self.bearer(),
            TokenScheme::Dpop => self.dpop(),
        };
        let invalid_token = |challenge| with_error(challenge, "invalid_token", INVALID_TOKEN);
        match reason {
            Reason::ProofNonceWanted => vec![with_error(self.dpop(), "use_dpop_nonce", NONCE_WANTED)],
            Reason::AuthenticationInsufficient => vec![self.step_up(as_presented)],
            Reason::SenderConstraintMissing => vec![invalid_token(self.dpop())],
            // RFC 9449 §7.2: whoever shows a bound token as a plain one learns how to show it.
            Reason::TokenBindingUnproven if scheme == TokenScheme::Bearer => {
                vec![invalid_token(self.bearer()), self.dpop()]
            }
            _ if reason.facts().public_code == "proof_invalid" => {
                vec![with_error(self.dpop(), "invalid_dpop_proof", INVALID_PROOF)]
            }
            _ => match reason.status() {
                400 => vec![with_error(as_presented, "invalid_request", INVALID_REQUEST)],
                401 => vec![invalid_token(as_presented)],
                // Authentication itself is down: asking for another credential would not help.
                _ => Vec::new(),
            },
        }
    }

    fn bearer(&self) -> Challenge {
        Challenge::new(Scheme::Bearer).with("realm", self.realm.to_string())
    }

    fn dpop(&self) -> Challenge {
        Challenge::new(Scheme::Dpop)
            .with("realm", self.realm.to_string())
            .with("algs", self.algorithms.to_string())
    }

    /// RFC 9470 §3: what the client must ask the authorization server for.
    fn step_up(&self, challenge: Challenge) -> Challenge {
        let mut challenge = with_error(challenge, "insufficient_user_authentication", INSUFFICIENT);
        if let Some(values) = &self.acr_values {
            challenge = challenge.with("acr_values", values.to_string());
        }
        match self.max_age {
            Some(age) => challenge.with("max_age", age.as_secs().to_string()),
            None => challenge,
        }
    }
}

fn with_error(challenge: Challenge, code: &'static str, description: &'static str) -> Challenge {
    challenge.with("error", code).with("error_description", description)
}
