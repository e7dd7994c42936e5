//! Nonces that proofs must carry, known again without keeping any.
//!
//! In: the moment. Out: a nonce, or whether one is good. RFC 9449 §9, §11.3: a nonce shows that a proof
//! was not made in advance. It is a moment and our HMAC over it: nothing is kept for it, strangers cannot
//! use up memory, and all cores know the nonces of each other.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::Timestamp;

const MOMENT: usize = 8;

/// Makes nonces and knows them again.
pub(crate) struct Nonces {
    key: hmac::Key,
    /// How long a nonce is good. A new one is handed out each half of it.
    life: Duration,
}

impl Nonces {
    /// Nonces under a key that nobody else has; `None` if the machine gives no random numbers.
    pub(crate) fn new(life: Duration) -> Option<Self> {
        let mut secret = [0; 32];
        rand::SecureRandom::fill(&SystemRandom::new(), &mut secret).ok()?;
        Some(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret), life })
    }

    /// How long a nonce is good.
    pub(crate) const fn life(&self) -> Duration {
        self.life
    }

    /// The nonce of this moment.
    pub(crate) fn current(&self, now: Timestamp) -> String {
        let step = (self.life.as_secs() / 2).max(1);
        self.at(now.as_seconds() / step * step)
    }

    /// Whether `nonce` is ours and not too old.
    pub(crate) fn is_good(&self, nonce: &str, now: Timestamp) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let Some((moment, tag)) = bytes.split_first_chunk::<MOMENT>() else { return false };
        let made_at = Timestamp::from_seconds(u64::from_be_bytes(*moment));
        hmac::verify(&self.key, moment, tag).is_ok() && now.since(made_at) <= self.life
    }

    fn at(&self, seconds: u64) -> String {
        let moment = seconds.to_be_bytes();
        let mut bytes = moment.to_vec();
        bytes.extend_from_slice(hmac::sign(&self.key, &moment).as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("life", &self.life).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_its_life_and_only_with_whom_it_was_made() {
        let start = Timestamp::from_seconds(1_800_000_000);
        let nonces = Nonces::new(Duration::from_secs(120)).unwrap();
        let nonce = nonces.current(start);
        assert_eq!(nonce, nonces.current(start.plus(Duration::from_secs(59))));
        assert_ne!(nonce, nonces.current(start.plus(Duration::from_secs(60))));
        assert!(nonces.is_good(&nonce, start.plus(Duration::from_secs(120))));
        assert!(!nonces.is_good(&nonce, start.plus(Duration::from_secs(121))));
        assert!(!Nonces::new(Duration::from_secs(120)).unwrap().is_good(&nonce, start));
        for other in ["", "AAAA", &nonce[1..], &nonce[..nonce.len() - 2]] {
            assert!(!nonces.is_good(other, start), "{other}");
        }
    }
}
