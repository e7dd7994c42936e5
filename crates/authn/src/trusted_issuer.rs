//! One issuer that is believed, and everything its access tokens must satisfy.
//!
//! In: a token that names this issuer. Out: the principal it proves, or a [`Refusal`]. Called by
//! [`crate::authenticator`]. Nothing of one issuer is known to another: keys, audiences and rules
//! are all of this value (RFC 8725 §3.8).

use std::sync::Arc;

use portcullis_domain::{Issuer, Now, Reason};

use crate::algorithm::AllowedAlgorithms;
use crate::cache::{Proven, VerifiedTokens};
use crate::introspection::{Asked, Introspection};
use crate::jws::Compact;
use crate::jwt::ClaimRules;
use crate::keys::KeyRing;
use crate::refusal::Refusal;
use crate::session::RelyingParty;
use crate::token_type::TokenTypes;

/// One issuer that is believed.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    /// The name of the scheme in the configuration.
    pub(crate) scheme: Arc<str>,
    /// Compared as an exact string.
    pub(crate) issuer: Issuer,
    pub(crate) algorithms: AllowedAlgorithms,
    pub(crate) types: TokenTypes,
    pub(crate) rules: ClaimRules,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) verified: VerifiedTokens,
    /// How it is asked about tokens, if it is.
    pub(crate) introspection: Option<Arc<Introspection>>,
    /// Who logs users in there, if they do.
    pub(crate) session: Option<Arc<RelyingParty>>,
}

impl TrustedIssuer {
    /// The introspection of an issuer that is asked about its JWTs too.
    pub(crate) fn asked_about_all(&self) -> Option<&Introspection> {
        self.introspection.as_deref().filter(|introspection| introspection.asked() == Asked::All)
    }

    /// Verifies a token of this issuer, cheap checks first. Waits only if the key is not at hand.
    pub(crate) async fn verify(&self, token: &Compact<'_>, now: Now) -> Result<Proven, Refusal> {
        let header = &token.header;
        if !self.algorithms.allows(header.algorithm) {
            return Err(Refusal::because(
                Reason::TokenAlgorithmRefused,
                "`alg` is not listed for this issuer",
            ));
        }
        let ground = self.types.judge(header.typ.as_deref())?;
        let in_hand = self.keys.key_for(header.kid.as_deref(), header.algorithm, now).await?;
        in_hand.key.verify(token.signing_input, &token.signature)?;
        let (principal, binding) =
            self.rules.judge(&token.payload, ground, &self.issuer, &self.scheme, now.wall)?;
        let kid = in_hand.key.kid().map(Arc::from);
        Ok(Proven { principal: Arc::new(principal), binding, kid, generation: in_hand.generation })
    }
}
