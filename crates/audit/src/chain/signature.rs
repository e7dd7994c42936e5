//! Signed heads: what makes a record that was written anew show (AUD-11).
//!
//! A hash chain can be computed again by whoever may write the files. So the gateway signs where the chain stands,
//! every so often and at the end, with a key that stays with it, and the signed head travels: to every sink, and to a file
//! elsewhere if one is named. What is signed is the body of a checkpoint as Certificate Transparency's successors
//! write it (C2SP tlog-checkpoint after RFC 6962 §3.5): origin, size, hash in base64, each on a line.
//!
//! ```text
//! portcullis/record/9f2c41d0a77be310
//! 10000
//! oKq1…=
//! ```
//!
//! Signatures are Ed25519 (RFC 8032). The origin holds the key's id, the first eight bytes of SHA-256 over the public key.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::Secret;

use super::Head;

/// A public key of Ed25519 in a SubjectPublicKeyInfo (RFC 8410 §4), before its 32 bytes.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// Signs where a chain stands.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Tells whether a head was signed by the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no Ed25519 key")]
pub struct NotAKey;

impl Signer {
    /// A new key, as it is kept (PKCS #8).
    ///
    /// # Errors
    /// There is no randomness.
    pub fn make() -> Result<Secret, NotAKey> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        Ed25519KeyPair::generate_pkcs8(&random)
            .map(|document| Secret::new(document.as_ref().to_vec()))
            .map_err(|_| NotAKey)
    }

    /// The key that was kept.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn new(kept: &Secret) -> Result<Self, NotAKey> {
        let pair = Ed25519KeyPair::from_pkcs8(kept.expose()).map_err(|_| NotAKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NotAKey)?;
        Ok(Self { pair, public: PublicKey(public) })
    }

    /// The key that tells whether a signature is ours.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    pub(crate) fn sign(&self, head: &Head) -> String {
        STANDARD.encode(self.pair.sign(self.public.text(head).as_bytes()))
    }
}

impl PublicKey {
    /// Reads a PEM file as [`PublicKey::pem`] writes it.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn parse(pem: &str) -> Result<Self, NotAKey> {
        let (_, rest) = pem.split_once(BEGIN).ok_or(NotAKey)?;
        let (text, _) = rest.split_once(END).ok_or(NotAKey)?;
        let text: String = text.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(text).map_err(|_| NotAKey)?;
        let key = bytes.strip_prefix(&SPKI).ok_or(NotAKey)?;
        key.try_into().map(Self).map_err(|_| NotAKey)
    }

    /// The key as PEM, for `portcullis audit verify --key` and for `openssl`.
    #[must_use]
    pub fn pem(&self) -> String {
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode([&SPKI[..], &self.0].concat()))
    }

    /// The key's name in heads.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.0);
        hex::encode(digest.as_ref().get(..8).unwrap_or_default())
    }

    pub(super) fn has_signed(&self, head: &Head, signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        STANDARD
            .decode(signature)
            .is_ok_and(|signature| key.verify(self.text(head).as_bytes(), &signature).is_ok())
    }

    /// What is signed.
    fn text(&self, head: &Head) -> String {
        format!("portcullis/record/{}\n{}\n{}\n", self.id(), head.sequence, STANDARD.encode(head.hash))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.public.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_head_and_key_only() {
        let signer = Signer::new(&Signer::make().unwrap()).unwrap();
        let head = Head { sequence: 42, hash: [7; 32] };
        let signature = signer.sign(&head);
        let public = PublicKey::parse(&signer.public().pem()).unwrap();
        assert_eq!(public, signer.public());
        assert!(public.has_signed(&head, &signature));
        assert!(!public.has_signed(&Head { sequence: 43, ..head }, &signature));
        assert!(!public.has_signed(&Head { hash: [8; 32], ..head }, &signature));
        assert!(!public.has_signed(&head, "AAAA"));
        let other = Signer::new(&Signer::make().unwrap()).unwrap();
        assert!(!other.public().has_signed(&head, &signature));
        assert!(!format!("{signer:?}").contains("pair"));
    }

    #[test]
    fn what_is_no_key_is_not_taken() {
        assert!(Signer::new(&Secret::new(b"something".to_vec())).is_err());
        for text in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", BEGIN] {
            assert_eq!(PublicKey::parse(text), Err(NotAKey));
        }
    }
}
