//! Something about a request that could be otherwise: what a refusal suggests, and what an explanation tries.
//!
//! In: what the policies of an operation compare. Out: a [`Change`], which every reader of facts takes into account
//! and which a person can read. Made by [`super::suggest`]; tried by [`super::nearest`] and [`super::explain`].

use std::fmt;

use ipnet::IpNet;
use portcullis_config::Weekday;

use super::facts::Said;
use super::kin::Granted;
use super::needs::Part;

/// A change to one fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The caller logs in again, as a challenge says it (RFC 9470 §3).
    Login {
        /// In this context.
        acr: Option<String>,
        /// By these methods.
        amr: Vec<String>,
        /// So many seconds ago at most.
        max_age: Option<u64>,
    },
    /// The credential has these scopes, too.
    Scopes(Vec<String>),
    /// The caller has this role, too.
    Role(String),
    /// The caller has neither this role nor one that contains it.
    NotRole(String),
    /// The caller is in this group, too.
    Group(String),
    /// The caller is not in this group.
    NotGroup(String),
    /// The credential has this claim.
    Claim {
        /// Its name.
        name: String,
        /// What it says.
        value: serde_json::Value,
    },
    /// The request says this, and nothing else, at a place.
    Says {
        /// In which part.
        part: Part,
        /// Under which name.
        name: String,
        /// What it says; nothing at all if there is none.
        said: Vec<Said>,
        /// The same in words, where what it says is the caller's own and not to be shown.
        as_is: Option<String>,
    },
    /// It comes from this network.
    Network(IpNet),
    /// It comes from outside of this network.
    NotNetwork(IpNet),
    /// It comes on this day.
    Day(Weekday),
    /// It comes at this minute of the day.
    Minute(i64),
    /// The connection shows a certificate, or none.
    Certificate(Shown),
    /// It comes over TLS.
    Tls,
    /// The caller is deemed this risky.
    Risk(u8),
}

/// Whether a client shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It does, and it was verified.
    Shown,
    /// It does not.
    Withheld,
}

impl Change {
    /// Whether it makes a caller belong, or not belong; `None` if it is about something else.
    pub(super) fn makes_member(&self, by: &Granted) -> Option<bool> {
        match (self, by) {
            (Self::Role(role), Granted::Roles { any, .. }) if any.contains(role) => Some(true),
            (Self::NotRole(role), Granted::Roles { named, .. }) if *role == **named => Some(false),
            (Self::Group(group), Granted::Group { named, .. }) if *group == **named => Some(true),
            (Self::NotGroup(group), Granted::Group { named, .. }) if *group == **named => Some(false),
            (_, Granted::Roles { .. } | Granted::Group { .. }) => None,
        }
    }

    /// Whether it is about the same fact as another, so that both at once mean nothing.
    pub(super) fn rivals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Claim { name, .. }, Self::Claim { name: another, .. }) => name == another,
            (Self::Says { part, name, .. }, Self::Says { part: other, name: another, .. }) => {
                (part, name) == (other, another)
            }
            (Self::Role(one), Self::NotRole(other))
            | (Self::NotRole(one), Self::Role(other))
            | (Self::Group(one), Self::NotGroup(other))
            | (Self::NotGroup(one), Self::Group(other)) => one == other,
            (Self::Network(_) | Self::NotNetwork(_), Self::Network(_) | Self::NotNetwork(_)) => true,
            (Self::Role(_) | Self::NotRole(_), Self::Role(_) | Self::NotRole(_))
            | (Self::Group(_) | Self::NotGroup(_), Self::Group(_) | Self::NotGroup(_))
            | (Self::Scopes(_), Self::Scopes(_)) => false,
            (one, another) => std::mem::discriminant(one) == std::mem::discriminant(another),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login { .. } => f.write_str("a stronger or more recent login"),
            Self::Scopes(scopes) => write!(f, "the scopes `{}`", scopes.join(" ")),
            Self::Role(role) => write!(f, "`Role::{role:?}`"),
            Self::NotRole(role) => write!(f, "no `Role::{role:?}`"),
            Self::Group(group) => write!(f, "`Group::{group:?}`"),
            Self::NotGroup(group) => write!(f, "no `Group::{group:?}`"),
            Self::Claim { name, value } => write!(f, "the claim `{name}` being `{value}`"),
            Self::Says { part, name, said, .. } if said.is_empty() => {
                write!(f, "nothing at `{name}` in the {part}")
            }
            Self::Says { part, name, as_is: Some(words), .. } => {
                write!(f, "{words} at `{name}` in the {part}")
            }
            Self::Says { part, name, said, as_is: None } => {
                let said: Vec<String> = said.iter().map(ToString::to_string).collect();
                write!(f, "`{}` at `{name}` in the {part}", said.join(", "))
            }
            Self::Network(network) => write!(f, "an address in `{network}`"),
            Self::NotNetwork(network) => write!(f, "an address outside of `{network}`"),
            Self::Day(day) => write!(f, "a call on {}", day.name()),
            Self::Minute(minute) => write!(f, "a call at {:02}:{:02}", minute / 60, minute % 60),
            Self::Certificate(Shown::Shown) => f.write_str("a client certificate"),
            Self::Certificate(Shown::Withheld) => f.write_str("no client certificate"),
            Self::Tls => f.write_str("TLS"),
            Self::Risk(risk) => write!(f, "a risk of {risk}"),
        }
    }
}
