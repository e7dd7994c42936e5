//! What detection learns of one request, once it has ended.
//!
//! Made by the gateway's `record` stage, and by [`super::replay`] from a recorded line. Digests, counts and words
//! of closed lists: no id, no name and no value of a client. What few requests have stands behind a box.

use std::net::IpAddr;

use portcullis_domain::{ReceiptId, Timestamp};
use smallvec::SmallVec;

/// One request, as it ended.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When it arrived.
    pub at: Timestamp,
    /// By which its line in the record is found.
    pub receipt: ReceiptId,
    /// Who called.
    pub subject: SubjectKey,
    /// The roles of the caller together; zero for whoever has none. Peers are compared with peers.
    pub cohort: u64,
    /// Whether the caller has a role that reads in bulk by trade.
    pub reads_in_bulk: bool,
    /// The address, an IPv6 address by its first 64 bits.
    pub network: u64,
    /// Of which family the address is: a client may use both at once.
    pub family: Family,
    /// How the client speaks.
    pub agent: u64,
    /// The access token, if one was believed.
    pub token: Option<u64>,
    /// The operation; zero if none was found.
    pub operation: u64,
    /// The API; zero if none was found.
    pub api: u64,
    /// How it ended.
    pub end: End,
    /// The status that the client saw.
    pub status: u16,
    /// Bytes of the answer.
    pub response_bytes: u64,
    /// The objects that it named.
    pub objects: SmallVec<[SeenObject; 1]>,
    /// What few requests have.
    pub rare: Option<Box<Rare>>,
}

/// Who called: the verified principal, or else the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKey {
    /// A principal. Nobody can make these up.
    Principal(u64),
    /// An address. Whoever has a botnet has many.
    Address(u64),
}

impl SubjectKey {
    /// The digest.
    #[must_use]
    pub const fn digest(self) -> u64 {
        match self {
            Self::Principal(digest) | Self::Address(digest) => digest,
        }
    }

    /// The name under which alerts speak of it: the same for the same key, and no name of a person.
    #[must_use]
    pub fn pseudonym(self) -> Box<str> {
        let letter = match self {
            Self::Principal(_) => 's',
            Self::Address(_) => 'a',
        };
        format!("{letter}-{:016x}", self.digest()).into()
    }
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// That of `address`; an IPv4-mapped one is IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With success.
    Served,
    /// The API said no.
    Rejected,
    /// The gateway said no.
    Denied,
    /// Something broke.
    Failed,
}

/// An object that a request named, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenObject {
    /// Its type, or the operation if the type is not declared; zero for a path that belongs to no operation.
    pub kind: u64,
    /// Its id, within its type.
    pub id: u64,
    /// What came of it.
    pub fate: Fate,
}

/// What came of naming an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was there, and the caller's to use.
    Own,
    /// It is somebody else's, whether that was enforced or not.
    Foreign,
    /// It is not there.
    Absent,
    /// The caller may not.
    Denied,
}

impl Fate {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Own, Self::Foreign, Self::Absent, Self::Denied];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Foreign => "foreign",
            Self::Absent => "absent",
            Self::Denied => "denied",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.name() == name)
    }
}

/// What few requests have.
#[derive(Clone, Debug, Default)]
pub struct Rare {
    /// A try to log in.
    pub login: Option<Login>,
    /// A credential that somebody else must have had before.
    pub reuse: Option<Reuse>,
    /// The address itself, for whoever knows where addresses are. Never leaves memory.
    pub address: Option<IpAddr>,
    /// A path that no contract declares and that the API answers: method and template.
    pub undeclared: Option<Box<str>>,
    /// Served without a credential, where credentials are taken.
    pub posture: Option<Posture>,
    /// A version or operation that is no more.
    pub is_gone: bool,
    /// Sensitive values in the answer: the place and the class.
    pub sensitive: Vec<Box<str>>,
    /// Parameters that stood twice or where they do not belong, and the API answered.
    pub polluted: Vec<Box<str>>,
}

/// A try to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// At which account.
    pub account: u64,
    /// With which password; nothing if that is not known.
    pub password: Option<u64>,
    /// What came of it.
    pub outcome: LoginOutcome,
}

/// What came of a try to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// In.
    Succeeded,
    /// Not in.
    Failed,
}

/// How it shows that a credential was somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// A proof of possession that was used before.
    ProofReplayed,
    /// A token without the key that it is bound to.
    Unbound,
}

/// Whether a served request showed who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posture {
    /// It did.
    Authenticated,
    /// It did not.
    Anonymous,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_says_only_whether_it_stands_for_a_principal_or_an_address() {
        assert_eq!(&*SubjectKey::Principal(0xabc).pseudonym(), "s-0000000000000abc");
        assert_eq!(&*SubjectKey::Address(u64::MAX).pseudonym(), "a-ffffffffffffffff");
    }

    #[test]
    fn every_fate_is_found_by_its_name() {
        assert!(Fate::ALL.into_iter().all(|fate| Fate::from_name(fate.name()) == Some(fate)));
    }

    #[test]
    fn an_observation_of_one_object_is_small_and_needs_no_memory_of_its_own() {
        assert!(size_of::<Observation>() <= 176, "{}", size_of::<Observation>());
    }
}
