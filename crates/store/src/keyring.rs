//! Keys for what is kept: digests of what must be recognized, seals around what must be read again.
//!
//! In: a root secret, newest first. Out: one key for each purpose, derived (RFC 5869), so that no key serves
//! two (KEY-12); older roots still recognize and open, and nothing new is made with them.
//!
//! A seal is AES-256-GCM. Each has a key of its own, derived with 128 random bits as salt, and a random nonce
//! beside it: no pair of key and nonce comes twice, however many seals are made (KEY-11, SP 800-38D §8.3). The
//! key's id and the place of the sealed bytes are authenticated with them, so that they open nowhere else.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::{constant_time, hmac, rand};
use portcullis_domain::{KeyedDigest, Matching, Pepper, PepperId, Secret, StoreError};
use zeroize::Zeroizing;

/// Bytes of salt before each seal.
const SALT: usize = 16;
const FORMAT: u8 = 1;

/// The keys of one store.
pub struct Keyring {
    /// Newest first, never empty.
    roots: Vec<Root>,
}

struct Root {
    id: PepperId,
    api_keys: hmac::Key,
    session_ids: hmac::Key,
    seals: Zeroizing<[u8; 32]>,
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Root {
    fn new(secret: &Secret) -> Self {
        let root = Salt::new(HKDF_SHA256, b"portcullis store 1").extract(secret.expose());
        let mut id = [0; 4];
        derive(&root, &[b"id"], &mut id);
        let mut api_keys = Zeroizing::new([0; 32]);
        derive(&root, &[b"api keys"], &mut *api_keys);
        let mut session_ids = Zeroizing::new([0; 32]);
        derive(&root, &[b"session ids"], &mut *session_ids);
        let mut seals = Zeroizing::new([0; 32]);
        derive(&root, &[b"seals"], &mut *seals);
        Self {
            id: PepperId(u32::from_be_bytes(id)),
            api_keys: hmac::Key::new(hmac::HMAC_SHA256, &*api_keys),
            session_ids: hmac::Key::new(hmac::HMAC_SHA256, &*session_ids),
            seals,
        }
    }

    fn seal_key(&self, salt: &[u8]) -> Result<RandomizedNonceKey, StoreError> {
        let mut key = Zeroizing::new([0; 32]);
        derive(&Salt::new(HKDF_SHA256, salt).extract(&*self.seals), &[b"seal"], &mut *key);
        RandomizedNonceKey::new(&AES_256_GCM, &*key).map_err(|_| StoreError::Unreadable)
    }
}

/// RFC 5869 §2.3. Fails only for lengths beyond 255 blocks, which none of ours is.
fn derive(root: &Prk, purpose: &[&[u8]], out: &mut [u8]) {
    if let Ok(okm) = root.expand(purpose, Length(out.len())) {
        let _ = okm.fill(out);
    }
}

impl Keyring {
    /// Keys of these root secrets: the first one makes, the others recognize and open what was made before.
    #[must_use]
    pub fn new(newest: &Secret, previous: &[Secret]) -> Self {
        Self { roots: std::iter::once(newest).chain(previous).map(Root::new).collect() }
    }

    /// The digest of a session's id under every root, newest first.
    pub(crate) fn session_digests(&self, id: &Secret) -> impl Iterator<Item = KeyedDigest> {
        self.roots.iter().map(|root| digest(root.id, &root.session_ids, id.expose()))
    }

    /// Seals `content` for one place.
    pub(crate) fn seal(&self, place: &[u8], content: &Secret) -> Result<Vec<u8>, StoreError> {
        let root = self.roots.first().ok_or(StoreError::Unreadable)?;
        let mut salt = [0; SALT];
        rand::fill(&mut salt).map_err(|_| StoreError::Unavailable)?;
        let mut sealed = Zeroizing::new(content.expose().to_vec());
        let context = context(root.id, place);
        let nonce = root
            .seal_key(&salt)?
            .seal_in_place_append_tag(Aad::from(&context), &mut *sealed)
            .map_err(|_| StoreError::Unavailable)?;
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&root.id.0.to_be_bytes());
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(nonce.as_ref());
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    /// Whether something was sealed under the newest root.
    pub(crate) fn is_newest_seal(&self, sealed: &[u8]) -> bool {
        let id = sealed.get(1..5);
        self.roots.first().is_some_and(|root| id == Some(&root.id.0.to_be_bytes()[..]))
    }

    /// Opens what was sealed for this place. All failures look alike.
    pub(crate) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Secret, StoreError> {
        self.try_open(place, sealed).ok_or(StoreError::Unreadable)
    }

    fn try_open(&self, place: &[u8], sealed: &[u8]) -> Option<Secret> {
        let (&[FORMAT], rest) = sealed.split_first_chunk::<1>()? else { return None };
        let (id, rest) = rest.split_first_chunk::<4>()?;
        let (salt, rest) = rest.split_first_chunk::<SALT>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
        let id = PepperId(u32::from_be_bytes(*id));
        let root = self.roots.iter().find(|root| root.id == id)?;
        let mut content = Zeroizing::new(rest.to_vec());
        let opened = root
            .seal_key(salt)
            .ok()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(&context(id, place)), &mut content)
            .ok()?;
        Some(Secret::new(opened.to_vec()))
    }
}

fn context(id: PepperId, place: &[u8]) -> Vec<u8> {
    [&[FORMAT], &id.0.to_be_bytes()[..], place].concat()
}

fn digest(pepper: PepperId, key: &hmac::Key, secret: &[u8]) -> KeyedDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hmac::sign(key, secret).as_ref());
    KeyedDigest { pepper, bytes }
}

impl Pepper for Keyring {
    fn digest(&self, secret: &[u8]) -> KeyedDigest {
        match self.roots.first() {
            Some(root) => digest(root.id, &root.api_keys, secret),
            // Never empty; matches nothing all the same.
            None => KeyedDigest { pepper: PepperId(0), bytes: [0; 32] },
        }
    }

    fn compare(&self, secret: &[u8], kept: &KeyedDigest) -> Matching {
        let Some(root) = self.roots.iter().find(|root| root.id == kept.pepper) else {
            return Matching::PepperMissing;
        };
        let made = digest(root.id, &root.api_keys, secret);
        match constant_time::verify_slices_are_equal(&made.bytes, &kept.bytes) {
            Ok(()) => Matching::Same,
            Err(_) => Matching::Different,
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.roots.iter().map(|root| root.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    // proves-part: KEY-11 (that a master key's rotation re-encrypts what is kept)
    #[test]
    fn a_seal_opens_in_its_place_and_nowhere_else() {
        let ring = Keyring::new(&secret("one root"), &[]);
        let sealed = ring.seal(b"row 1", &secret("tokens")).unwrap();
        assert_eq!(ring.open(b"row 1", &sealed).unwrap().expose(), b"tokens");
        assert_eq!(ring.open(b"row 2", &sealed).unwrap_err(), StoreError::Unreadable);
        for index in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[index] ^= 1;
            assert!(ring.open(b"row 1", &touched).is_err(), "byte {index}");
            assert!(ring.open(b"row 1", &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn two_seals_of_the_same_share_nothing() {
        let ring = Keyring::new(&secret("one root"), &[]);
        let [one, two] = [(); 2].map(|()| ring.seal(b"row", &secret("tokens")).unwrap());
        assert_ne!(one[5..33], two[5..33], "salt and nonce");
        assert_ne!(one[33..], two[33..]);
    }

    #[test]
    fn an_older_root_still_opens_and_recognizes() {
        let old = Keyring::new(&secret("old"), &[]);
        let sealed = old.seal(b"row", &secret("tokens")).unwrap();
        let kept = old.digest(b"a key");
        let rotated = Keyring::new(&secret("new"), &[secret("old")]);
        assert_eq!(rotated.open(b"row", &sealed).unwrap().expose(), b"tokens");
        assert_eq!(rotated.compare(b"a key", &kept), Matching::Same);
        assert_eq!(rotated.compare(b"b key", &kept), Matching::Different);
        assert_ne!(rotated.digest(b"a key").pepper, kept.pepper);
        let forgotten = Keyring::new(&secret("new"), &[]);
        assert_eq!(forgotten.compare(b"a key", &kept), Matching::PepperMissing);
        assert_eq!(forgotten.open(b"row", &sealed).unwrap_err(), StoreError::Unreadable);
    }

    // proves-part: KEY-12 (that one key configured for two purposes is refused)
    #[test]
    fn no_derived_key_serves_two_purposes() {
        let ring = Keyring::new(&secret("one root"), &[]);
        let as_session = ring.session_digests(&secret("x")).next().unwrap();
        assert_ne!(as_session.bytes, ring.digest(b"x").bytes);
    }
}
