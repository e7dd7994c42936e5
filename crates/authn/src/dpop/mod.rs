//! Proofs that the client holds the key of its token (DPoP, RFC 9449).
//!
//! In: the `DPoP` field of a request, the request as the client addressed it, and the key that the token
//! is bound to. Out: nothing, or why the proof does not hold. Called by [`crate::possession`] once the
//! token itself is believed. [`proof`] reads a proof, [`address`] compares its `htu`, [`nonce`] makes and
//! knows our nonces, [`replay`] remembers what was used. Not done here: proofs at a token endpoint.

mod address;
mod nonce;
mod proof;
mod replay;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use portcullis_domain::{Now, Reason};

use crate::algorithm::AllowedAlgorithms;
use crate::bearer::{AccessToken, Proofs};
use crate::binding::Thumbprint;
use crate::refusal::Refusal;

pub use address::{ExternalUrl, UrlScheme};
pub(crate) use nonce::Nonces;
use proof::Proof;
pub(crate) use replay::Replays;

/// How far ahead of ours a client's clock may be: clients' clocks are worse than servers'.
const AHEAD: Duration = Duration::from_secs(5);

/// What proofs must be like, and what was seen of them.
#[derive(Debug)]
pub(crate) struct ProofRules {
    pub(crate) algorithms: AllowedAlgorithms,
    /// How old a proof may be.
    pub(crate) window: Duration,
    /// Present where proofs must carry a nonce of ours.
    pub(crate) nonces: Option<Arc<Nonces>>,
    pub(crate) replays: Arc<Replays>,
}

/// A request as the client sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressed<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: ExternalUrl<'a>,
}

impl ProofRules {
    /// How long a proof must be remembered at least.
    pub(crate) fn memory(window: Duration) -> Duration {
        window + AHEAD
    }

    /// Whether the proof holds for this request, this token and the key it is bound to. Cheap checks come
    /// first; a proof is remembered only when everything else about it is right, so that strangers can
    /// fill nothing.
    pub(crate) fn check(
        &self,
        proofs: &Proofs,
        token: &AccessToken,
        bound_to: &Thumbprint,
        request: Addressed<'_>,
        now: Now,
    ) -> Result<(), Refusal> {
        let proof = Proof::read(only(proofs)?.as_bytes(), &self.algorithms)?;
        self.check_claims(&proof, token, request, now)?;
        if proof.thumbprint != *bound_to {
            return Err(Refusal::because(
                Reason::TokenBindingUnproven,
                "the proof is by another key than the token is bound to",
            ));
        }
        proof.verify()?;
        self.replays.remember(&proof.thumbprint, &proof.jti, now.mono)
    }

    /// The algorithms, as a challenge names them (RFC 9449 §7.1).
    pub(crate) fn algorithm_names(&self) -> Arc<str> {
        self.algorithms.names().into()
    }

    fn check_claims(
        &self,
        proof: &Proof<'_>,
        token: &AccessToken,
        request: Addressed<'_>,
        now: Now,
    ) -> Result<(), Refusal> {
        let mismatched = |note| Err(Refusal::because(Reason::ProofMismatched, note));
        if proof.method != request.method {
            return mismatched("`htm` is not the method");
        }
        if !request.url.is_meant_by(&proof.address) {
            return mismatched("`htu` is not the address of this request");
        }
        if proof.issued_at > now.wall.plus(AHEAD) || now.wall.since(proof.issued_at) > self.window {
            return Err(Refusal::because(Reason::ProofOutdated, "`iat` lies outside the window"));
        }
        if let Some(nonces) = &self.nonces
            && !proof.nonce.as_deref().is_some_and(|nonce| nonces.is_good(nonce, now.wall))
        {
            return Err(Reason::ProofNonceWanted.into());
        }
        let digest = digest::digest(&digest::SHA256, token.expose());
        if proof.token_hash.as_deref() != Some(&*URL_SAFE_NO_PAD.encode(digest)) {
            return mismatched("`ath` is missing or that of another token");
        }
        Ok(())
    }
}

fn only(proofs: &Proofs) -> Result<&HeaderValue, Refusal> {
    match proofs {
        Proofs::One(proof) => Ok(proof),
        Proofs::Absent => Err(Refusal::because(Reason::ProofMalformed, "there is no `DPoP` field")),
        Proofs::Several => Err(Refusal::because(Reason::ProofMalformed, "there are several `DPoP` fields")),
    }
}
