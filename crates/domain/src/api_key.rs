//! What is known of an API key, and how it is kept.
//!
//! The key itself is known to its holder only; see `authn` for how it is made and judged.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::caller::Scopes;
use crate::store::{KeyedDigest, Sequence, StoreFuture};
use crate::time::Timestamp;

/// The public name of an API key: 64 random bits, written as eleven characters of base 62.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

/// Digits, capitals, small letters: sorted as their bytes are.
pub const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl KeyId {
    /// Characters of an id.
    pub const LENGTH: usize = 11;
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; Self::LENGTH];
        let mut rest = self.0;
        for place in text.iter_mut().rev() {
            let digit = usize::try_from(rest % 62).unwrap_or_default();
            *place = BASE_62.get(digit).copied().unwrap_or(b'0');
            rest /= 62;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A text that is no [`KeyId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAKeyId;

impl fmt::Display for NotAKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no id of an API key: eleven letters and digits")
    }
}

impl std::error::Error for NotAKeyId {}

impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        if text.len() != Self::LENGTH {
            return Err(NotAKeyId);
        }
        let value = text.bytes().try_fold(0u64, |value, byte| {
            let digit = BASE_62.binary_search(&byte).ok()?;
            value.checked_mul(62)?.checked_add(u64::try_from(digit).ok()?)
        });
        value.map(Self).ok_or(NotAKeyId)
    }
}

/// Where a key is good for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReach {
    /// At every API of the gateway.
    EveryApi,
    /// At these, by their names in `portcullis.yaml`.
    Apis(Box<[Box<str>]>),
}

impl KeyReach {
    /// Whether a key with this reach is good at `api`.
    #[must_use]
    pub fn covers(&self, api: &str) -> bool {
        match self {
            Self::EveryApi => true,
            Self::Apis(apis) => apis.iter().any(|have| **have == *api),
        }
    }
}

/// Everything that is kept of a key. The secret is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its public name.
    pub id: KeyId,
    /// Recognizes the whole key.
    pub digest: KeyedDigest,
    /// The application that holds it.
    pub owner: Box<str>,
    /// What it is for, in the words of whoever made it.
    pub label: Box<str>,
    /// What it may.
    pub scopes: Scopes,
    /// Where.
    pub reach: KeyReach,
    /// From which networks; from everywhere if none is listed.
    pub networks: Box<[IpNet]>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was ended by hand.
    pub revoked_at: Option<Timestamp>,
    /// The key that takes its place; from then on `expires_at` is the end of the overlap.
    pub successor: Option<KeyId>,
    /// When it was last used, to within some minutes.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// It can.
    Active,
    /// It can, and another one takes its place.
    Replaced,
    /// It ended by itself.
    Expired,
    /// It was ended by hand.
    Revoked,
}

impl KeyState {
    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiKeyRecord {
    /// What has become of the key by `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        match (self.revoked_at, self.successor) {
            (Some(_), _) => KeyState::Revoked,
            (None, _) if now >= self.expires_at => KeyState::Expired,
            (None, Some(_)) => KeyState::Replaced,
            (None, None) => KeyState::Active,
        }
    }

    /// Whether the key may be used from `address`.
    #[must_use]
    pub fn is_allowed_from(&self, address: IpAddr) -> bool {
        is_in_any(&self.networks, address)
    }
}

/// Whether `address` lies in one of `networks`, or there is none.
#[must_use]
pub fn is_in_any(networks: &[IpNet], address: IpAddr) -> bool {
    networks.is_empty() || networks.iter().any(|network| network.contains(&address.to_canonical()))
}

/// A part of the list of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// Only keys of this application.
    pub owner: Option<Box<str>>,
    /// Only keys whose ids come after this one.
    pub after: Option<KeyId>,
    /// At most this many.
    pub limit: u32,
}

/// What became of a wish to revoke a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRevoked {
    /// It is revoked now.
    Now,
    /// It had been revoked before.
    Before,
    /// There is no such key.
    Unknown,
}

/// Keys that were made, rotated or revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChanges {
    /// Up to this place in the order of changes.
    pub sequence: Sequence,
    /// Which.
    pub keys: Vec<KeyId>,
}

/// Keeps API keys.
pub trait KeyStore: Send + Sync {
    /// Keeps a new key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if its id is taken.
    fn add_key(&self, record: ApiKeyRecord) -> StoreFuture<'_, ()>;

    /// A key by its id.
    fn find_key(&self, id: KeyId) -> StoreFuture<'_, Option<ApiKeyRecord>>;

    /// Keys in the order of their ids.
    fn list_keys(&self, page: KeyPage) -> StoreFuture<'_, Vec<ApiKeyRecord>>;

    /// Keeps `successor` and lets `old` end at `ends`, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if `old` is gone, revoked or has a successor.
    fn rotate_key(&self, old: KeyId, successor: ApiKeyRecord, ends: Timestamp) -> StoreFuture<'_, ()>;

    /// Ends a key.
    fn revoke_key(&self, id: KeyId, at: Timestamp) -> StoreFuture<'_, KeyRevoked>;

    /// Notes when keys were used. Earlier moments than the noted ones change nothing.
    fn note_keys_used(&self, used: Vec<(KeyId, Timestamp)>) -> StoreFuture<'_, ()>;

    /// The place of the latest change of anything: from where to ask what changes from now on.
    fn latest_change(&self) -> StoreFuture<'_, Sequence>;

    /// The keys that were changed after `sequence`; use alone is no change.
    fn keys_changed_since(&self, sequence: Sequence) -> StoreFuture<'_, KeyChanges>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_and_read_back() {
        for value in [0, 1, 61, 62, u64::MAX / 2, u64::MAX] {
            let text = KeyId(value).to_string();
            assert_eq!(text.len(), KeyId::LENGTH);
            assert_eq!(text.parse(), Ok(KeyId(value)));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "0", "zzzzzzzzzzz", "0000000000", "000000000000", "0000000000-", "0000000000é"] {
            assert_eq!(text.parse::<KeyId>(), Err(NotAKeyId), "{text}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let networks = ["192.0.2.0/24".parse().unwrap()];
        assert!(is_in_any(&networks, "::ffff:192.0.2.7".parse().unwrap()));
        assert!(!is_in_any(&networks, "192.0.3.7".parse().unwrap()));
        assert!(is_in_any(&[], "192.0.3.7".parse().unwrap()));
    }
}
