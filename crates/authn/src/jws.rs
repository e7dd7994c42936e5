//! The envelope of a token: JWS compact serialization, read strictly.
//!
//! In: the bytes of a bearer token within its size bound. Out: a [`Compact`] whose header is
//! understood and whose parts are decoded; nothing of it is believed yet. Called by
//! [`crate::authenticator`]; the signature is checked in [`crate::keys`], the claims in
//! [`crate::jwt`]. RFC 7515 §3.1, §4.1, §7.1; RFC 7797 §6. Not done here, on purpose: JSON
//! serialization, JWE, and any use of `jwk`, `jku`, `x5u`, `x5c`; keys come from the issuer alone
//! (RFC 8725 §3.10).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::Reason;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::algorithm::Algorithm;
use crate::json;
use crate::refusal::Refusal;

/// Longest key identifier that is looked up; real ones are thumbprints or dates.
pub(crate) const KID_LIMIT: usize = 256;

/// A token in three decoded parts.
#[derive(Debug)]
pub(crate) struct Compact<'t> {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    /// What the signature covers: the first two parts as they were sent.
    pub(crate) signing_input: &'t [u8],
    pub(crate) signature: Vec<u8>,
}

/// The header parameters that we act on.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    /// Opaque: compared with the identifiers of the issuer's keys, and used for nothing else.
    pub(crate) kid: Option<Box<str>>,
    pub(crate) typ: Option<Box<str>>,
}

impl<'t> Compact<'t> {
    /// Reads the envelope.
    pub(crate) fn read(token: &'t [u8]) -> Result<Self, Refusal> {
        let [header, payload, signature] = three_parts(token)?;
        let header = Header::read(&decode_part(header)?)?;
        let payload = decode_part(payload)?;
        let signature = decode_part(signature)?;
        let signing_length = token.iter().rposition(|byte| *byte == b'.').unwrap_or(0);
        let signing_input = token.get(..signing_length).unwrap_or_default();
        Ok(Self { header, payload, signing_input, signature })
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        json::check_token_part(bytes)?;
        let members: Members<'_> = serde_json::from_slice(bytes).map_err(|_| {
            Refusal::because(Reason::TokenMalformed, "a header parameter is missing or no string")
        })?;
        if members.critical {
            // We implement no extension, so whatever is listed is unknown; an empty list is malformed
            // (RFC 7515 §4.1.11). One answer fits both.
            return Err(Refusal::because(Reason::TokenCriticalUnknown, "the header has `crit`"));
        }
        if members.unencoded {
            // RFC 7797 §6: `b64` changes what is signed. It must come with `crit`; without it the sender
            // and a lenient reader disagree about the payload.
            return Err(Refusal::because(Reason::TokenCriticalUnknown, "the header has `b64`"));
        }
        let algorithm = Algorithm::from_name(&members.alg.0).ok_or_else(|| {
            Refusal::because(Reason::TokenAlgorithmRefused, "`alg` is no signature with public keys")
        })?;
        if members.kid.as_ref().is_some_and(|kid| kid.0.len() > KID_LIMIT) {
            return Err(Refusal::because(
                Reason::TokenKeyUnknown,
                "`kid` is longer than any that is looked up",
            ));
        }
        Ok(Self { algorithm, kid: members.kid.map(Text::into_box), typ: members.typ.map(Text::into_box) })
    }
}

/// The header as JSON. Everything that is not listed is ignored, as RFC 7515 §4 wants it.
#[derive(Deserialize)]
struct Members<'j> {
    #[serde(borrow)]
    alg: Text<'j>,
    #[serde(borrow, default, deserialize_with = "present_text")]
    kid: Option<Text<'j>>,
    #[serde(borrow, default, deserialize_with = "present_text")]
    typ: Option<Text<'j>>,
    #[serde(rename = "crit", default, deserialize_with = "present")]
    critical: bool,
    #[serde(rename = "b64", default, deserialize_with = "present")]
    unencoded: bool,
}

/// A JSON string, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'j>(#[serde(borrow)] Cow<'j, str>);

impl Text<'_> {
    fn into_box(self) -> Box<str> {
        self.0.into()
    }
}

/// A member that is there must be a string: `null` is not the same as absent.
fn present_text<'de: 'j, 'j, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text<'j>>, D::Error> {
    Text::deserialize(deserializer).map(Some)
}

/// Whether a member is there, whatever its value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

fn three_parts(token: &[u8]) -> Result<[&[u8]; 3], Refusal> {
    let mut parts = token.split(|byte| *byte == b'.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        // An empty payload is a well-formed JWS; that it holds no claims is for `jwt` to say.
        (Some(header), Some(payload), Some(signature), None)
            if !header.is_empty() && !signature.is_empty() =>
        {
            Ok([header, payload, signature])
        }
        _ => Err(Refusal::because(Reason::TokenMalformed, "not header, payload and signature")),
    }
}

/// base64url without padding, and with zero bits at the end (RFC 7515 §2): each value has one spelling,
/// so that a token cannot be respelled to escape a cache or a revocation.
fn decode_part(part: &[u8]) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Refusal::because(Reason::TokenMalformed, "a part is no strict base64url"))
}
