//! Under which names detection knows subjects, objects and credentials: keyed digests, and nothing else.
//!
//! A stranger without the key can neither choose names that collide nor read a name from a digest. 64 bits: among
//! a million names two are alike with a chance of one in 36 million, and then an alarm is raised about the wrong
//! one of two suspects.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// What a digest was made from; keeps equal bytes of different kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A principal: issuer and subject.
    Principal = 1,
    /// An address; an IPv6 address by its first 64 bits.
    Address = 2,
    /// How a client speaks: its user agent, protocol and TLS version.
    Agent = 3,
    /// An access token, by its own id or its bytes.
    Token = 4,
    /// An operation of an API.
    Operation = 5,
    /// A type of objects.
    Kind = 6,
    /// The id of an object, within its type.
    Object = 7,
    /// An account that somebody tries to log in to.
    Account = 8,
    /// A password. Never leaves memory.
    Password = 9,
    /// The roles of a principal together.
    Cohort = 10,
    /// A place in an answer, and the class of what stands there.
    Place = 11,
}

/// The key of all digests of a process.
#[derive(Clone, Copy)]
pub struct DetectionKey([u8; 16]);

impl std::fmt::Debug for DetectionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DetectionKey(..)")
    }
}

impl DetectionKey {
    /// A key of these bytes.
    #[must_use]
    pub const fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// A key that nobody knows, drawn for this process.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn random() -> std::io::Result<Self> {
        let mut secret = [0; 16];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| std::io::Error::other("no random numbers"))?;
        Ok(Self(secret))
    }

    /// The digest of `parts`, of which each ends where it ends.
    #[must_use]
    pub fn digest(&self, named: Named, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u8(named as u8);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_parts_are_kept_apart_and_the_key_decides() {
        let key = DetectionKey::new([7; 16]);
        let of = |named, parts: &[&[u8]]| key.digest(named, parts);
        assert_eq!(of(Named::Account, &[b"ab"]), of(Named::Account, &[b"ab"]));
        assert_ne!(of(Named::Account, &[b"ab"]), of(Named::Password, &[b"ab"]));
        assert_ne!(of(Named::Account, &[b"a", b"b"]), of(Named::Account, &[b"ab"]));
        assert_ne!(of(Named::Account, &[b"ab"]), DetectionKey::new([8; 16]).digest(Named::Account, &[b"ab"]));
        assert_eq!(format!("{key:?}"), "DetectionKey(..)");
    }
}
