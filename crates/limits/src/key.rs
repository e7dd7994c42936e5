//! Whose budget is spent: an opaque 128-bit name for a peer, a subject, a credential.
//!
//! Keys are `SipHash` values under a secret, so that a stranger can neither choose keys that collide nor learn
//! from a key whose it is. The secret is drawn anew by each process, unless [`seed`] sets one: counts that
//! outlive the process, or are shared with others, are found again by keys of the same secret only.

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::OnceLock;

use siphasher::sip128::{Hash128, Hasher128 as _, SipHasher13};

/// The secret of this process. It lives outside any policy: a reload must find its counters again.
static SECRET: OnceLock<[u8; 16]> = OnceLock::new();

/// Whether keys are made with the secret that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeded {
    /// They are, from the first one on.
    Yes,
    /// Keys were made with another one before, and still are.
    TooLate,
}

/// Sets the secret of this process, before its first key is made. Keys are then the same in every process with
/// this secret, on every machine.
pub fn seed(secret: [u8; 16]) -> Seeded {
    match *SECRET.get_or_init(|| secret) == secret {
        true => Seeded::Yes,
        false => Seeded::TooLate,
    }
}

/// The secret of this process, drawn if none is set. For whoever keeps it for the next one; nobody else.
pub fn secret() -> [u8; 16] {
    let draw = || RandomState::new().build_hasher().finish().to_le_bytes();
    *SECRET.get_or_init(|| {
        let mut secret = [0; 16];
        let (first, second) = secret.split_at_mut(8);
        first.copy_from_slice(&draw());
        second.copy_from_slice(&draw());
        secret
    })
}

fn hasher() -> SipHasher13 {
    SipHasher13::new_with_key(&secret())
}

/// An opaque name for whoever a budget belongs to; no identity can be read from it (LIM-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Chooses the place in a table.
    pub(crate) place: u64,
    /// Tells apart the keys that share a place.
    pub(crate) tag: u64,
}

/// How many leading bits of an IPv6 address make one peer.
///
/// A provider hands each subscriber 2^64 addresses or more; counting single ones would give everybody as
/// many budgets as they like (LIM-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Prefix(u8);

impl Ipv6Prefix {
    /// So many bits, from 32 to 128.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        match bits {
            32..=128 => Some(Self(bits)),
            _ => None,
        }
    }

    fn cut(self, address: Ipv6Addr) -> u128 {
        let kept = u128::MAX.checked_shl(128 - u32::from(self.0)).unwrap_or(0);
        address.to_bits() & kept
    }
}

impl Default for Ipv6Prefix {
    fn default() -> Self {
        Self(64)
    }
}

/// What a key was made from; keeps equal bytes of different kinds apart. The numbers stay as they are: kept
/// counts are found by them.
#[derive(Clone, Copy)]
enum Kind {
    Ipv4 = 1,
    Ipv6 = 2,
    Subject = 3,
    Client = 4,
    Credential = 5,
    Named = 6,
    Both = 7,
    Everybody = 8,
    Shown = 9,
}

impl Key {
    /// The peer at `address`; IPv6 by /64, and an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) is the IPv4 one.
    #[must_use]
    pub fn peer(address: IpAddr) -> Self {
        Self::peer_within(address, Ipv6Prefix::default())
    }

    /// The peer at `address`, with IPv6 cut to `prefix`.
    #[must_use]
    pub fn peer_within(address: IpAddr, prefix: Ipv6Prefix) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of(Kind::Ipv4, [&address.octets()]),
            IpAddr::V6(address) => Self::of(Kind::Ipv6, [&prefix.cut(address).to_be_bytes()]),
        }
    }

    /// The principal `subject` of `issuer`.
    #[must_use]
    pub fn subject(issuer: &str, subject: &str) -> Self {
        Self::of(Kind::Subject, [issuer.as_bytes(), subject.as_bytes()])
    }

    /// The client `client` of `issuer`, whoever it acts for.
    #[must_use]
    pub fn client(issuer: &str, client: &str) -> Self {
        Self::of(Kind::Client, [issuer.as_bytes(), client.as_bytes()])
    }

    /// A credential as it was shown, before it is believed. The bytes are hashed and not kept.
    #[must_use]
    pub fn credential(bytes: &[u8]) -> Self {
        Self::of(Kind::Credential, [bytes])
    }

    /// Anything else by the name of its kind: a tenant, an operation, a field's value.
    #[must_use]
    pub fn named(kind: &str, value: &str) -> Self {
        Self::of(Kind::Named, [kind.as_bytes(), value.as_bytes()])
    }

    /// This key and `other` together: a peer at an operation, a user at a client.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(Kind::Both, [&self.to_bytes(), &other.to_bytes()])
    }

    /// All callers together, whoever they are: for a budget that they share.
    #[must_use]
    pub fn everybody() -> Self {
        Self::of::<0>(Kind::Everybody, [])
    }

    /// The same bytes in every process with this secret; no identity can be read from them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.place) << 64 | u128::from(self.tag)).to_be_bytes()
    }

    /// What a client may be shown as its partition key (draft §3.1.4): not the key itself, by which one could
    /// find out which others share its place.
    #[must_use]
    pub fn shown(self) -> [u8; 8] {
        Self::of(Kind::Shown, [&self.to_bytes()]).tag.to_be_bytes()
    }

    /// The key that is made of a tag alone: all that is kept of one whose count outlives the process.
    pub(crate) const fn of_tag(tag: u64) -> Self {
        // SplitMix64's finalizer: spreads what is spread already, so that place and tag do not go together.
        let mut place = tag;
        place = (place ^ (place >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        place = (place ^ (place >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self { place: place ^ (place >> 31), tag }
    }

    /// Each part with its length, so that no two lists of parts are one row of bytes.
    fn of<const N: usize>(kind: Kind, parts: [&[u8]; N]) -> Self {
        let mut hasher = hasher();
        hasher.write(&[kind as u8]);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        let Hash128 { h1, h2 } = hasher.finish128();
        Self { place: h1, tag: h2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Key {
        Key::peer(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_peer() {
        for host in 0..1_000 {
            assert_eq!(peer(&format!("2001:db8:1:2::{host:x}")), peer("2001:db8:1:2:ffff::1"));
        }
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        let wide = Ipv6Prefix::new(48).unwrap();
        let cut = |address: &str| Key::peer_within(address.parse().unwrap(), wide);
        assert_eq!(cut("2001:db8:1:2::1"), cut("2001:db8:1:3::1"));
        assert_ne!(cut("2001:db8:1:2::1"), cut("2001:db8:2:2::1"));
    }

    #[test]
    fn an_ipv4_peer_is_the_same_through_an_ipv6_socket() {
        assert_eq!(peer("::ffff:192.0.2.7"), peer("192.0.2.7"));
        assert_ne!(peer("192.0.2.7"), peer("192.0.2.8"));
    }

    #[test]
    fn a_single_address_can_be_a_peer() {
        let single = Ipv6Prefix::new(128).unwrap();
        let cut = |address: &str| Key::peer_within(address.parse().unwrap(), single);
        assert_ne!(cut("2001:db8::1"), cut("2001:db8::2"));
        assert_eq!(Ipv6Prefix::new(129), None);
        assert_eq!(Ipv6Prefix::new(0), None);
    }

    #[test]
    fn keys_of_different_kinds_and_cuts_differ() {
        assert_ne!(Key::subject("a", "bc"), Key::subject("ab", "c"));
        assert_ne!(Key::subject("a", "b"), Key::client("a", "b"));
        assert_ne!(Key::named("tenant", "b"), Key::named("operation", "b"));
        let (first, second) = (Key::subject("a", "b"), Key::client("a", "c"));
        assert_ne!(first.and(second), second.and(first));
        assert_ne!(first.and(second), first);
        assert_ne!(Key::everybody(), Key::credential(b""));
    }

    #[test]
    fn the_secret_is_set_once() {
        let _ = Key::everybody();
        assert_eq!(seed([7; 16]), Seeded::TooLate);
        let current = *SECRET.get().unwrap();
        assert_eq!(seed(current), Seeded::Yes);
    }

    #[test]
    fn what_is_shown_of_a_key_is_neither_the_key_nor_the_same_for_another() {
        let (alice, bob) =
            (Key::subject("https://id.example", "alice"), Key::subject("https://id.example", "bob"));
        assert_eq!(alice.shown(), alice.shown());
        assert_ne!(alice.shown(), bob.shown());
        assert!(!alice.to_bytes().windows(8).any(|part| part == alice.shown()));
    }
}
