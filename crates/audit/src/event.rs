//! One decision, as it is recorded.
//!
//! In: borrowed facts of one walk. Out: one line of JSON. Called by the gateway's `record` stage through
//! [`crate::Pen`], once per request, whatever its end. Every field a stranger had a hand in goes through
//! [`crate::redact`] and is capped; names from configuration and tables are written as they are.
//!
//! What each event carries (AUD-01): when (`time`, arrival in UTC), where (`listener`, `host`, `api`,
//! `operation`, `target`), who (`peer`, `client`, `principal`), what (`event`, `method`), how it ended
//! (`outcome`, `status`, `reason`, `stage`), and the id by which it is found again (`receipt`).

use std::time::Duration;

use portcullis_domain::{Denial, Fault, Principal, Reason, ReceiptId, Trail};

use crate::circumstances::{Destination, Origin, TraceIds};
use crate::detect::Observation;
use crate::finding::{self, Finding};
use crate::line::{Calendar, FIELD, Line, push_text};
use crate::redact;
use crate::vocabulary::EventName;

/// Most bytes that are kept of a target.
const TARGET: usize = 1024;
/// Most bytes that are kept of a remark.
const NOTE: usize = 512;
/// Most violations that are listed.
const VIOLATIONS: usize = 8;
/// Most factors that are listed, and most bytes of each.
const FACTORS: usize = 8;
const FACTOR: usize = 32;

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// The upstream, or the gateway on its behalf, answered.
    Answered,
    /// We said no.
    Denied(&'a Denial),
    /// Something broke.
    Failed(&'a Fault),
}

/// How a principal became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The credential was verified for this request: an authentication in the sense of AUD-02.
    Verified,
    /// The same credential had been verified shortly before.
    Remembered,
    /// A login at the identity provider ended here (OpenID Connect).
    Login,
}

/// Who was recognized, and how.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// How.
    pub proof: Proof,
}

/// A borrowed view of one decision.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What each stage answered, and when the request arrived.
    pub trail: &'a Trail,
    /// Our own id of the request.
    pub receipt: ReceiptId,
    /// The id that the client sent; kept beside ours and never in its place (AUD-18).
    pub external_id: Option<&'a str>,
    /// Where it comes from.
    pub origin: &'a Origin,
    /// The request's method.
    pub method: &'a str,
    /// Path and query, raw; hidden in part when written.
    pub target: &'a str,
    /// Where it goes, once that is known.
    pub destination: Option<&'a Destination>,
    /// Who is calling, once known.
    pub identity: Option<Identity<'a>>,
    /// How it ended.
    pub verdict: Verdict<'a>,
    /// The status that the client saw.
    pub status: u16,
    /// The policy that the request was judged by.
    pub revision: &'a str,
    /// From arrival to the end of the answer.
    pub duration: Duration,
    /// How much of it the upstream took, if it was asked.
    pub upstream_duration: Option<Duration>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// The upstream's address, if it was asked.
    pub upstream: Option<&'a str>,
    /// What was found in the upstream's answer.
    pub findings: &'a [Finding],
    /// The grants without which it would have been refused.
    pub grants: Option<&'a str>,
    /// A remark on an answered request for the operator's eyes.
    pub remark: Option<&'a str>,
    /// Its place in a distributed trace, unless that can be told from the receipt.
    pub trace: Option<&'a TraceIds>,
    /// What detection learns of it, if anything is noticed here.
    pub seen: Option<&'a Observation>,
}

impl Verdict<'_> {
    /// Why, unless it was answered.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Answered => None,
            Self::Denied(denial) => Some(denial.reason()),
            Self::Failed(fault) => Some(fault.reason()),
        }
    }

    /// The stable word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Denied(_) => "denied",
            Self::Failed(_) => "failed",
        }
    }
}

impl Proof {
    const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Remembered => "remembered",
            Self::Login => "login",
        }
    }
}

impl Event<'_> {
    /// What this event is called.
    #[must_use]
    pub fn name(&self) -> EventName {
        match (self.verdict.reason(), self.identity) {
            (Some(reason), _) => EventName::of(reason),
            (None, Some(Identity { proof: Proof::Verified | Proof::Login, .. })) => {
                EventName::AuthnLoginSuccess
            }
            (None, Some(Identity { proof: Proof::Remembered, .. }) | None) => EventName::RequestAnswered,
        }
    }

    /// Appends the event as one line.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, calendar: &mut Calendar) {
        let name = self.name();
        let mut line = Line::begin(buffer, self.trail.arrived().wall, calendar);
        line.word("event", name.text()).word("level", name.level().name());
        line.word("receipt", self.receipt.encode(&mut [0; 36]));
        if let Some(id) = self.external_id {
            line.text("external_id", &redact::text(id), FIELD);
        }
        if let Some(trace) = self.trace {
            trace.write(&mut line);
        }
        self.write_outcome(&mut line);
        self.write_where(&mut line);
        if let Some(identity) = &self.identity {
            write_identity(&mut line, identity);
        }
        self.write_measures(&mut line);
        if let Some(seen) = self.seen {
            seen.write(&mut line);
        }
        line.end();
    }

    fn write_outcome(&self, line: &mut Line<'_>) {
        line.word("outcome", self.verdict.name()).number("status", u64::from(self.status));
        if let Some(reason) = self.verdict.reason() {
            line.word("reason", reason.code()).word("stage", reason.facts().stage.name());
        }
        if let Some(grants) = self.grants {
            line.text("grants", grants, FIELD);
        }
        line.words("would_deny", self.trail.shadowed().map(Reason::code));
        if !self.findings.is_empty() {
            line.raw("findings", |buffer| finding::write(buffer, self.findings));
        }
        match self.verdict {
            Verdict::Answered => {
                if let Some(remark) = self.remark {
                    line.text("note", &redact::text(remark), NOTE);
                }
            }
            Verdict::Denied(denial) => write_denial(line, denial),
            Verdict::Failed(fault) => {
                if let Some(note) = fault.note() {
                    line.text("note", &redact::text(note.as_str()), NOTE);
                }
            }
        }
    }

    fn write_where(&self, line: &mut Line<'_>) {
        line.members(self.origin.members());
        if is_common_method(self.method) {
            line.word("method", self.method);
        } else {
            line.text("method", &redact::text(self.method), FIELD);
        }
        line.text("target", &redact::target(self.target), TARGET);
        if let Some(destination) = self.destination {
            line.members(destination.members());
        }
    }

    fn write_measures(&self, line: &mut Line<'_>) {
        line.text("revision", self.revision, FIELD).micros("duration_us", self.duration);
        if let Some(upstream) = self.upstream {
            line.text("upstream", upstream, FIELD);
        }
        if let Some(duration) = self.upstream_duration {
            line.micros("upstream_us", duration);
        }
        line.number("request_bytes", self.request_bytes).number("response_bytes", self.response_bytes);
    }
}

/// Methods that hold no secret.
fn is_common_method(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS")
}

fn write_identity(line: &mut Line<'_>, identity: &Identity<'_>) {
    let principal = identity.principal;
    line.text("issuer", principal.issuer.as_str(), FIELD);
    line.text("subject", &redact::text(principal.subject.as_str()), FIELD);
    if let Some(client) = &principal.client {
        line.text("client_id", &redact::text(client), FIELD);
    }
    // By which a credential can be revoked, and found here afterwards.
    for name in ["jti", "sid"] {
        if let Some(value) = principal.claims.get(name).and_then(serde_json::Value::as_str) {
            line.text(name, &redact::text(value), FIELD);
        }
    }
    line.text("authn_scheme", &principal.scheme, FIELD).word("authn", identity.proof.name());
    line.word("authn_method", method(identity));
    write_factors(line, principal);
}

/// By what kind of credential (AUD-02). Who vouches for it tells: see the makers of principals in `authn`.
fn method(identity: &Identity<'_>) -> &'static str {
    match (identity.proof, identity.principal.issuer.as_str()) {
        (Proof::Login, _) => "openid",
        (_, "x509") => "certificate",
        (_, "api-key") => "api_key",
        (_, issuer) if issuer.starts_with("passwords:") => "password",
        (Proof::Verified | Proof::Remembered, _) => "oauth2",
    }
}

/// The factors that the issuer says were shown (`amr`, RFC 8176).
fn write_factors(line: &mut Line<'_>, principal: &Principal) {
    let Some(serde_json::Value::Array(factors)) = principal.claims.get("amr") else { return };
    line.raw("amr", |buffer| {
        buffer.push(b'[');
        for (index, factor) in factors.iter().filter_map(serde_json::Value::as_str).take(FACTORS).enumerate()
        {
            if index > 0 {
                buffer.push(b',');
            }
            push_text(buffer, &redact::text(factor), FACTOR);
        }
        buffer.push(b']');
    });
}

fn write_denial(line: &mut Line<'_>, denial: &Denial) {
    let violations = denial.violations();
    if !violations.is_empty() {
        line.raw("violations", |buffer| {
            for (index, violation) in violations.iter().take(VIOLATIONS).enumerate() {
                buffer.extend_from_slice(if index == 0 { b"[{\"in\":" } else { b",{\"in\":" });
                push_text(buffer, violation.location, FIELD);
                buffer.extend_from_slice(b",\"at\":");
                push_text(buffer, &redact::text(&violation.at), FIELD);
                buffer.extend_from_slice(b",\"keyword\":");
                push_text(buffer, &violation.keyword, FIELD);
                buffer.push(b'}');
            }
            buffer.push(b']');
        });
    }
    // Names of quotas are checked when they are compiled.
    line.words("quotas", denial.violated_policies().iter().map(String::as_str));
    if let Some(note) = denial.note() {
        line.text("note", &redact::text(note.as_str()), NOTE);
    }
}
