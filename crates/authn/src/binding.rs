//! The key or certificate that a token is bound to (`cnf`).
//!
//! In: the claims of a verified token. Out: its [`Binding`]. Called by [`crate::jwt`]; what the client
//! shows against it is judged in [`crate::possession`]. RFC 7800 §3.1, RFC 9449 §6.1, RFC 8705 §3.1. A
//! method that is not understood makes the token unusable: whoever stole it must not be able to use it
//! as a plain one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::Reason;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// SHA-256 of a public key (RFC 7638) or of a certificate.
pub(crate) type Thumbprint = [u8; 32];

/// What a token is bound to; to nothing if it is a plain bearer token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Binding {
    /// `jkt`: the key of DPoP proofs.
    pub(crate) key: Option<Thumbprint>,
    /// `x5t#S256`: the client certificate of the connection.
    pub(crate) certificate: Option<Thumbprint>,
}

impl Binding {
    /// Reads `cnf`.
    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, Refusal> {
        let Some(confirmation) = claims.get("cnf") else { return Ok(Self::default()) };
        let methods = confirmation.as_object().filter(|methods| !methods.is_empty());
        let methods = methods.ok_or_else(|| unproven("`cnf` is no object with a method"))?;
        let mut binding = Self::default();
        for (method, value) in methods {
            let bound_to = match method.as_str() {
                "jkt" => &mut binding.key,
                "x5t#S256" => &mut binding.certificate,
                _ => return Err(unproven("`cnf` has a method that is not understood")),
            };
            *bound_to = Some(thumbprint(value).ok_or_else(|| unproven("`cnf` holds no SHA-256 thumbprint"))?);
        }
        Ok(binding)
    }

    /// Whether whoever holds the token may use it.
    pub(crate) const fn is_none(&self) -> bool {
        self.key.is_none() && self.certificate.is_none()
    }
}

fn thumbprint(value: &Value) -> Option<Thumbprint> {
    URL_SAFE_NO_PAD.decode(value.as_str()?).ok()?.try_into().ok()
}

fn unproven(note: &'static str) -> Refusal {
    Refusal::because(Reason::TokenBindingUnproven, note)
}
