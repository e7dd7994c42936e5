//! Whether the client may use a token that is believed: what it is bound to must be shown.
//!
//! In: the token's [`Binding`] and what came with the request. Out: nothing, or a [`Refusal`]. Called by
//! [`crate::authenticator`] for each request, also when the token is remembered: possession is proven
//! anew each time. RFC 9449 §7, RFC 8705 §3. A bound token is never downgraded to a plain one.

use http::Method;
use portcullis_domain::{Now, Reason};

use crate::bearer::{AccessToken, Proofs, TokenScheme};
use crate::binding::{Binding, Thumbprint};
use crate::dpop::{Addressed, ExternalUrl, ProofRules};
use crate::refusal::Refusal;

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The access token.
    pub token: Option<&'a AccessToken>,
    /// The proofs of possession that came with it.
    pub proofs: &'a Proofs,
    /// What is to be done.
    pub method: &'a Method,
    /// Where, as the client sees it.
    pub url: ExternalUrl<'a>,
    /// SHA-256 of the verified client certificate of this connection.
    pub certificate: Option<&'a Thumbprint>,
}

/// Whether an operation wants tokens that are bound to a key or certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Constraint {
    /// Plain ones will do.
    #[default]
    Optional,
    /// A stolen one must be worthless.
    Needed,
}

/// Checks everything that `binding` and `constraint` ask for. The proof comes last, since a proof that
/// holds is used up.
pub(crate) fn check(
    shown: &Shown<'_>,
    token: &AccessToken,
    binding: &Binding,
    constraint: Constraint,
    rules: &ProofRules,
    now: Now,
) -> Result<(), Refusal> {
    if constraint == Constraint::Needed && binding.is_none() {
        return Err(Reason::SenderConstraintMissing.into());
    }
    if let Some(bound_to) = &binding.certificate
        && shown.certificate != Some(bound_to)
    {
        return Err(unproven("the token is bound to another certificate than the connection shows"));
    }
    match (token.scheme(), &binding.key) {
        (TokenScheme::Bearer, None) => Ok(()),
        (TokenScheme::Bearer, Some(_)) => {
            Err(unproven("the token is bound to a key, and comes as a plain one"))
        }
        (TokenScheme::Dpop, None) => Err(unproven("the token is bound to no key, and comes with DPoP")),
        (TokenScheme::Dpop, Some(bound_to)) => {
            let request = Addressed { method: shown.method.as_str(), url: shown.url };
            rules.check(shown.proofs, token, bound_to, request, now)
        }
    }
}

fn unproven(note: &'static str) -> Refusal {
    Refusal::because(Reason::TokenBindingUnproven, note)
}
