//! What is known when a request is decided.
//!
//! What is missing or not of its type is left out: a policy must ask `has` before it reads it, so that it never
//! matches (AUTHZ-07). Roles and attributes come from the verified credential alone (AUTHZ-04). What Cedar is
//! told of all this is [`super::plan`]'s.

use std::fmt;
use std::net::IpAddr;

use portcullis_config::Weekday;
use portcullis_domain::{Principal, Risk, Timestamp};

/// What a request brings, beside what its connection shows.
pub struct Facts<'a> {
    /// Who is calling.
    pub principal: &'a Principal,
    /// When it came.
    pub now: Timestamp,
    /// Day and hour where the rules' clock hangs; asked only if a rule wants to know.
    pub local: &'a dyn Fn() -> LocalTime,
    /// The client's address, through trusted proxies.
    pub client: IpAddr,
    /// How it is connected.
    pub transport: Transport<'a>,
    /// How much the caller's behavior looks like an attack.
    pub risk: Risk,
    /// What stands at a wanted place, by its number; `None` if that cannot be read.
    pub said: &'a dyn Fn(usize) -> Option<Vec<Said>>,
}

/// One thing that a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A text, or a number as its digits.
    Text(String),
    /// True or false, as JSON has them.
    Truth(bool),
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Truth(truth) => write!(f, "{truth}"),
        }
    }
}

/// Day and hour in a time zone.
#[derive(Clone, Copy, Debug)]
pub struct LocalTime {
    /// Of the week.
    pub weekday: Weekday,
    /// Of the day.
    pub minute: i64,
}

/// What is known of the connection.
#[derive(Clone, Copy, Debug)]
pub enum Transport<'a> {
    /// Without TLS.
    Plaintext,
    /// With TLS.
    Tls {
        /// The SHA-256 thumbprint of the verified client certificate, if one was shown.
        certificate: Option<&'a [u8; 32]>,
    },
}
