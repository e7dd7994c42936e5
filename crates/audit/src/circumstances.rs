//! What many events have in common, worded once.
//!
//! In: facts about a connection or an operation. Out: the members of an event's line that tell them,
//! redacted and capped already. Made by the gateway when a connection brings new facts, and when a policy
//! is compiled; an event copies them. Requests of one connection rarely differ in any of it, and looking
//! for secrets in the same user agent each time costs more than the rest of the line.

use std::hash::{Hash as _, Hasher as _};
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use crate::line::{FIELD, Line};
use crate::redact;

/// Where a request comes from, as far as it says so itself.
#[derive(Clone, Copy, Debug)]
pub struct OriginFacts<'a> {
    /// The listener's name or address.
    pub listener: &'a str,
    /// The socket's other end.
    pub peer: IpAddr,
    /// Whom trusted proxies say it comes from; the peer itself if there are none.
    pub client: IpAddr,
    /// `1.2`, `1.3`; nothing on plaintext.
    pub tls: Option<&'a str>,
    /// `http/1.1`, `h2`.
    pub protocol: &'a str,
    /// The host that was asked for.
    pub host: Option<&'a str>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
}

/// Where a request comes from, worded.
#[derive(Clone, Debug)]
pub struct Origin {
    members: Box<[u8]>,
    agent: u64,
}

impl Origin {
    /// Words `facts`.
    #[must_use]
    pub fn new(facts: &OriginFacts<'_>) -> Self {
        let mut members = Vec::with_capacity(192);
        let mut line = Line::within(&mut members);
        line.text("listener", facts.listener, FIELD).address("peer", facts.peer);
        if facts.client != facts.peer {
            line.address("client", facts.client);
        }
        line.word("protocol", facts.protocol);
        if let Some(version) = facts.tls {
            line.word("tls", version);
        }
        if let Some(host) = facts.host {
            line.text("host", &redact::text(host), FIELD);
        }
        if let Some(agent) = facts.user_agent {
            line.text("user_agent", &redact::text(agent), FIELD);
        }
        Self { members: members.into(), agent: agent(facts.user_agent, facts.tls) }
    }

    /// How the client speaks, as a number: what it calls itself, and its TLS version.
    #[must_use]
    pub const fn agent(&self) -> u64 {
        self.agent
    }

    pub(crate) fn members(&self) -> &[u8] {
        &self.members
    }
}

/// Alike for clients that speak alike. No secret: it never leaves the process.
pub(crate) fn agent(user_agent: Option<&str>, tls: Option<&str>) -> u64 {
    let mut hasher = SipHasher13::new();
    (user_agent, tls).hash(&mut hasher);
    hasher.finish()
}

/// A request's place in a distributed trace (W3C Trace Context), in hexadecimal.
#[derive(Clone, Debug)]
pub struct TraceIds {
    /// The trace.
    pub trace: String,
    /// The gateway's step of it.
    pub span: String,
    /// The step before, where the trace did not begin here.
    pub caller: Option<String>,
    /// Whether it is to be kept.
    pub is_sampled: bool,
}

impl TraceIds {
    pub(crate) fn write(&self, line: &mut Line<'_>) {
        line.word("trace_id", &self.trace).word("span_id", &self.span);
        if let Some(caller) = &self.caller {
            line.word("parent_span_id", caller);
        }
        if self.is_sampled {
            line.truth("sampled", true);
        }
    }
}

/// Where a request goes: the API and, once routed, the operation. Worded.
#[derive(Clone, Debug)]
pub struct Destination(Box<[u8]>);

impl Destination {
    /// An API, before the operation is known.
    #[must_use]
    pub fn api(api: &str) -> Self {
        let mut members = Vec::new();
        Line::within(&mut members).text("api", api, FIELD);
        Self(members.into())
    }

    /// An operation, with its id and its path template.
    #[must_use]
    pub fn operation(api: &str, operation: &str, template: &str) -> Self {
        let mut members = Vec::new();
        Line::within(&mut members)
            .text("api", api, FIELD)
            .text("operation", operation, FIELD)
            .text("template", template, FIELD);
        Self(members.into())
    }

    pub(crate) fn members(&self) -> &[u8] {
        &self.0
    }
}
