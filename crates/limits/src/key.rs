//! Whose budget is spent: an opaque 128-bit name for a peer, a subject, a credential.
//!
//! Keys are `SipHash` values under two keys that are drawn anew by each process, so that a stranger can
//! neither choose keys that collide nor learn from a key whose it is.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

/// The two hash keys of this process. They live outside any policy: a reload must find its counters again.
static SEEDS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

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

/// What a key was made from; keeps equal bytes of different kinds apart.
#[derive(Hash)]
enum Kind {
    Ipv4,
    Ipv6,
    Subject,
    Client,
    Credential,
    Named,
    Both,
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
            IpAddr::V4(address) => Self::of(&(Kind::Ipv4, address.to_bits())),
            IpAddr::V6(address) => Self::of(&(Kind::Ipv6, prefix.cut(address))),
        }
    }

    /// The principal `subject` of `issuer`.
    #[must_use]
    pub fn subject(issuer: &str, subject: &str) -> Self {
        Self::of(&(Kind::Subject, issuer, subject))
    }

    /// The client `client` of `issuer`, whoever it acts for.
    #[must_use]
    pub fn client(issuer: &str, client: &str) -> Self {
        Self::of(&(Kind::Client, issuer, client))
    }

    /// A credential as it was shown, before it is believed. The bytes are hashed and not kept.
    #[must_use]
    pub fn credential(bytes: &[u8]) -> Self {
        Self::of(&(Kind::Credential, bytes))
    }

    /// Anything else by the name of its kind: a tenant, an operation, a field's value.
    #[must_use]
    pub fn named(kind: &str, value: &str) -> Self {
        Self::of(&(Kind::Named, kind, value))
    }

    /// This key and `other` together: a peer at an operation, a user at a client.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(&(Kind::Both, self.place, self.tag, other.place, other.tag))
    }

    fn of<T: Hash>(parts: &T) -> Self {
        let [first, second] = &*SEEDS;
        Self { place: first.hash_one(parts), tag: second.hash_one(parts) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Key {
        Key::peer(address.parse().unwrap())
    }

    // proves-part: LIM-06 (the thousand addresses and the two users go through the gateway elsewhere)
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
    }
}
