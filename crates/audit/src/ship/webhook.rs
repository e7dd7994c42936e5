//! Who a delivery comes from: signatures after Standard Webhooks 1.0.0, which receivers have libraries for.
//!
//! HMAC-SHA256 over `ID.TIMESTAMP.BODY`. The id follows from the body, so that a second delivery after a lost
//! answer can be recognized; the timestamp lets the receiver refuse old ones.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::{Secret, Timestamp};

/// Shorter keys can be tried out: Standard Webhooks asks for 24 to 64 bytes.
const SHORTEST: usize = 24;
const PREFIX: &str = "whsec_";

/// The key that receiver and gateway share.
#[derive(Clone)]
pub struct WebhookKey(hmac::Key);

/// The headers that go with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSignature {
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`
    pub timestamp: String,
    /// `webhook-signature`
    pub signature: String,
}

impl WebhookKey {
    /// The key of a secret: `whsec_` and base64 as Standard Webhooks writes it, or any bytes. `None` if it has fewer
    /// than 24 bytes.
    #[must_use]
    pub fn new(secret: &Secret) -> Option<Self> {
        let text = std::str::from_utf8(secret.expose()).ok();
        let decoded = text.and_then(|text| STANDARD.decode(text.strip_prefix(PREFIX)?).ok());
        let bytes = decoded.as_deref().unwrap_or_else(|| secret.expose());
        (bytes.len() >= SHORTEST).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// Signs a body that is sent at `at`.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: Timestamp) -> WebhookSignature {
        let digest = digest::digest(&digest::SHA256, body);
        let id = format!("msg_{}", hex::encode(digest.as_ref().get(..16).unwrap_or_default()));
        let timestamp = at.as_seconds().to_string();
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(context.sign()));
        WebhookSignature { id, timestamp, signature }
    }
}

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_id_timestamp_and_body() {
        let key = WebhookKey::new(&Secret::new(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec())).unwrap();
        let at = Timestamp::from_seconds(1_614_265_330);
        let signed = key.sign(b"{\"test\": 2432232314}", at);
        assert_eq!(signed.timestamp, "1614265330");
        // The same, by hand.
        let raw =
            hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let expected =
            hmac::sign(&raw, format!("{}.1614265330.{{\"test\": 2432232314}}", signed.id).as_bytes());
        assert_eq!(signed.signature, format!("v1,{}", STANDARD.encode(expected)));
        assert_eq!(key.sign(b"{\"test\": 2432232314}", at), signed, "a second delivery is the same message");
        assert_ne!(key.sign(b"{\"test\": 2432232315}", at).id, signed.id);
        assert_ne!(
            key.sign(b"{\"test\": 2432232314}", Timestamp::from_seconds(1)).signature,
            signed.signature
        );
    }

    #[test]
    fn short_keys_are_not_taken_and_keys_are_not_shown() {
        assert!(WebhookKey::new(&Secret::new(b"hunter2".to_vec())).is_none());
        let key = WebhookKey::new(&Secret::new(vec![b'k'; 32])).unwrap();
        assert_eq!(format!("{key:?}"), "WebhookKey(…)");
    }
}
