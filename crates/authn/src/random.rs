//! Text that nobody can guess: 256 bits of the system's randomness, as base64url.

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::{Denial, Reason, Secret};

/// Length of [`unguessable`] text.
pub(crate) const LENGTH: usize = 43;

/// New text.
///
/// # Errors
/// [`Reason::InternalFault`] if the system has no randomness to give.
pub(crate) fn unguessable() -> Result<Secret, Denial> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Denial::new(Reason::InternalFault).with_note("the system gives no randomness"))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes).into_bytes()))
}

/// Whether `text` could be [`unguessable`] text; spares the store the question.
pub(crate) fn is_unguessable(text: &[u8]) -> bool {
    text.len() == LENGTH && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}

/// SHA-256 as base64url: a PKCE challenge (RFC 7636 §4.2), or the name of something that must not be known.
pub(crate) fn digest_text(of: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_texts_are_the_same() {
        let [first, second] = [unguessable().unwrap(), unguessable().unwrap()];
        assert!(!first.matches(second.expose()));
        assert!(is_unguessable(first.expose()));
        assert!(!is_unguessable(b"short") && !is_unguessable(&[b'='; LENGTH]));
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(digest_text(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
