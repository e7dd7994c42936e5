//! What happens to the gateway itself, as it is recorded (AUD-06).
//!
//! In: borrowed facts. Out: one line of JSON. Called by whoever starts, stops, reloads and watches, through
//! [`crate::Recorder::note`]. Rare events: no request waits for them.

use std::net::IpAddr;
use std::time::Duration;

use portcullis_domain::Timestamp;

use crate::alert::Alert;
use crate::line::{Calendar, Line};
use crate::redact;
use crate::vocabulary::EventName;

const TEXT: usize = 512;

/// Something that is no request.
#[derive(Clone, Copy, Debug)]
pub enum System<'a> {
    /// The process is ready.
    Started {
        /// The program's version.
        version: &'a str,
        /// The policy it starts with.
        revision: &'a str,
    },
    /// The process stops.
    Stopped {
        /// What made it stop: a signal, an error.
        cause: &'a str,
    },
    /// A policy is in force.
    PolicyLoaded {
        /// Its revision.
        revision: &'a str,
        /// SHA-256 of the files it was compiled from, in hexadecimal.
        digest: &'a str,
        /// Who or what asked for it: start, signal, file change, an administrator.
        actor: &'a str,
    },
    /// A policy was not taken; the one before stays.
    PolicyRefused {
        /// The revision that stays in force.
        revision: &'a str,
        /// SHA-256 of the files that were refused.
        digest: &'a str,
        /// Who or what asked for it.
        actor: &'a str,
        /// How many mistakes it has.
        mistakes: usize,
        /// The first of them: code and place.
        first: &'a str,
    },
    /// A certificate was taken into use.
    CertificateLoaded {
        /// Whose.
        name: &'a str,
        /// When it ends.
        not_after: Timestamp,
    },
    /// A certificate was not taken; the one before stays.
    CertificateRefused {
        /// Whose.
        name: &'a str,
        /// Why.
        cause: &'a str,
    },
    /// A certificate, or a list of revocations, ends soon or has ended (TLS-18).
    CertificateExpiring {
        /// What kind of thing.
        what: &'static str,
        /// Whose.
        name: &'a str,
        /// When it ends.
        not_after: Timestamp,
    },
    /// TLS could not be agreed with a client.
    HandshakeFailed {
        /// The socket's other end.
        peer: IpAddr,
        /// Where.
        listener: &'a str,
        /// Why.
        cause: &'a str,
    },
    /// An upstream changed its health.
    UpstreamChanged {
        /// The API it serves.
        api: &'a str,
        /// Its address.
        upstream: &'a str,
        /// What it was found to be.
        is_healthy: bool,
        /// What showed it.
        cause: &'a str,
    },
    /// Something that the gateway wanted from the network could not or must not be had: keys, metadata.
    FetchRefused {
        /// From where.
        url: &'a str,
        /// Why.
        cause: &'a str,
    },
    /// A good API key stood where it ends up in logs (KEY-15).
    CredentialLeaked {
        /// Its id, which opens nothing.
        key: &'a str,
        /// The API at which it was shown.
        api: &'a str,
        /// Who showed it.
        client: IpAddr,
        /// Where it stood.
        place: &'static str,
        /// What became of it: `reported`, `revoked`.
        fate: &'static str,
    },
    /// An API key was made, or another took its place, or it was ended by hand (AUD-05).
    KeyChanged {
        /// Its id, which opens nothing.
        key: &'a str,
        /// The application that holds it.
        owner: &'a str,
        /// What became of it.
        change: KeyChange<'a>,
    },
    /// Tokens were ended by hand: one, or all of a subject, session, client, key or issuer.
    TokensRevoked {
        /// Which claim names them.
        kind: &'static str,
        /// Who issued them.
        issuer: &'a str,
        /// The claim's value.
        value: &'a str,
        /// Why, in the words of whoever did it.
        cause: &'a str,
    },
    /// Nobody is let try credentials for a while, from one address or with one name (AUD-02).
    LoginLocked {
        /// Who tried last.
        client: IpAddr,
        /// For how long.
        wait: Duration,
    },
    /// Somebody used the admin listener, or was not let (AUD-03).
    AdminCalled {
        /// Method and path.
        action: &'a str,
        /// From where.
        peer: IpAddr,
        /// As whom.
        by: &'static str,
        /// What came of it.
        status: u16,
    },
    /// Rights were granted for a while, approved, or taken back (AUTHZ-23).
    GrantChanged {
        /// Its id.
        grant: &'a str,
        /// Who vouches for the subject.
        issuer: &'a str,
        /// Who gets the rights.
        subject: &'a str,
        /// Where it stands now: `waiting`, `active`, `closed`, `expired`.
        state: &'static str,
        /// Roles, separated by spaces.
        roles: &'a str,
        /// Scopes, separated by spaces.
        scopes: &'a str,
        /// Who changed it.
        by: &'a str,
        /// Why it was opened.
        cause: &'a str,
    },
    /// Somebody should look at this now.
    Alert(&'a Alert),
    /// A file of the record begins, or goes on after a restart.
    Opened {
        /// The chain's value before this line, in hexadecimal.
        previous: &'a str,
        /// Why now: `start`, `reopen`, `file gone`.
        cause: &'a str,
        /// What was found wrong with what was there.
        finding: Option<&'a str>,
    },
    /// A point of the chain that is fit to be noted elsewhere, signed if there is a key.
    Checkpoint(Option<SignedHead<'a>>),
    /// The record ends here in good order.
    Closed {
        /// Why.
        cause: &'a str,
    },
    /// Events are missing from the record here (AUD-12).
    Lost {
        /// How many.
        events: u64,
        /// When the first of them was lost.
        since: Timestamp,
    },
    /// A sink beside the record takes nothing (AUD-12).
    SinkFailing {
        /// Which.
        sink: &'a str,
        /// Why.
        cause: &'a str,
    },
    /// That sink takes events again.
    SinkRestored {
        /// Which.
        sink: &'a str,
        /// How many events it will never get.
        lost: u64,
    },
    /// An older file of the record was deleted (AUD-13).
    Removed {
        /// Its name.
        file: &'a str,
        /// The number of its first line.
        first: u64,
    },
}

/// What became of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange<'a> {
    /// It was made.
    Created,
    /// Another takes its place.
    Replaced {
        /// The other's id.
        successor: &'a str,
    },
    /// It was ended by hand.
    Revoked,
}

/// Where the chain stood before the line that tells of it, and who says so.
#[derive(Clone, Copy, Debug)]
pub struct SignedHead<'a> {
    /// The number of the last line.
    pub sequence: u64,
    /// Its hash, in hexadecimal.
    pub hash: &'a str,
    /// The id of the key.
    pub key: &'a str,
    /// The signature, in base64; see [`crate::chain`].
    pub signature: &'a str,
}

impl System<'_> {
    /// What this event is called.
    #[must_use]
    pub const fn name(&self) -> EventName {
        match self {
            Self::Started { .. } => EventName::SysStartup,
            Self::Stopped { .. } => EventName::SysShutdown,
            Self::PolicyLoaded { .. } => EventName::SysPolicyLoaded,
            Self::PolicyRefused { .. } => EventName::SysPolicyRefused,
            Self::CertificateLoaded { .. } => EventName::SysCertificateLoaded,
            Self::CertificateRefused { .. } => EventName::SysCertificateRefused,
            Self::CertificateExpiring { .. } => EventName::SysCertificateExpiring,
            Self::HandshakeFailed { .. } => EventName::CryptHandshakeFail,
            Self::UpstreamChanged { .. } => EventName::SysUpstreamChanged,
            Self::FetchRefused { .. } => EventName::SysFetchRefused,
            Self::CredentialLeaked { .. } => EventName::AuthnCredentialExposed,
            Self::KeyChanged { change: KeyChange::Revoked, .. } | Self::TokensRevoked { .. } => {
                EventName::AuthnTokenRevoked
            }
            Self::KeyChanged { .. } => EventName::AuthnTokenCreated,
            Self::LoginLocked { .. } => EventName::AuthnLoginLock,
            // Whoever is not let do it did nothing.
            Self::AdminCalled { status: 401, .. } => EventName::AuthnLoginFail,
            Self::AdminCalled { status: 403, .. } => EventName::AuthzFail,
            Self::AdminCalled { .. } => EventName::AuthzAdmin,
            Self::GrantChanged { .. } => EventName::AuthzChange,
            Self::Alert(alert) => alert.event,
            Self::Opened { .. } => EventName::AuditOpened,
            Self::Checkpoint(_) => EventName::AuditCheckpoint,
            Self::Closed { .. } => EventName::AuditClosed,
            Self::Lost { .. } => EventName::AuditLost,
            Self::SinkFailing { .. } => EventName::AuditSinkFailing,
            Self::SinkRestored { .. } => EventName::AuditSinkRestored,
            Self::Removed { .. } => EventName::AuditRemoved,
        }
    }

    /// Appends the event as one line.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, at: Timestamp, calendar: &mut Calendar) {
        if let Self::Alert(alert) = self {
            return alert.write(buffer, at, calendar);
        }
        let name = self.name();
        let mut line = Line::begin(buffer, at, calendar);
        line.word("event", name.text()).word("level", name.level().name());
        match *self {
            Self::Started { version, revision } => {
                line.text("version", version, TEXT).text("revision", revision, TEXT);
            }
            Self::Stopped { cause } | Self::Closed { cause } => free(&mut line, "cause", cause),
            Self::PolicyLoaded { revision, digest, actor } => {
                line.text("revision", revision, TEXT).text("digest", digest, TEXT).text("actor", actor, TEXT);
            }
            Self::PolicyRefused { revision, digest, actor, mistakes, first } => {
                line.text("revision", revision, TEXT).text("digest", digest, TEXT).text("actor", actor, TEXT);
                line.number("mistakes", mistakes as u64);
                free(&mut line, "first", first);
            }
            Self::CertificateLoaded { name, not_after } => {
                line.text("certificate", name, TEXT).moment("not_after", not_after);
            }
            Self::CertificateRefused { name, cause } => {
                line.text("certificate", name, TEXT);
                free(&mut line, "cause", cause);
            }
            Self::CertificateExpiring { what, name, not_after } => {
                line.word("what", what).text("certificate", name, TEXT).moment("not_after", not_after);
            }
            Self::HandshakeFailed { peer, listener, cause } => {
                line.address("peer", peer).text("listener", listener, TEXT);
                free(&mut line, "cause", cause);
            }
            Self::UpstreamChanged { api, upstream, is_healthy, cause } => {
                line.text("api", api, TEXT).text("upstream", upstream, TEXT).truth("healthy", is_healthy);
                free(&mut line, "cause", cause);
            }
            Self::FetchRefused { url, cause } => {
                line.text("url", &redact::target(&redact::text(url)), TEXT);
                free(&mut line, "cause", cause);
            }
            Self::CredentialLeaked { key, api, client, place, fate } => {
                line.text("key", key, TEXT).text("api", api, TEXT).address("client", client);
                line.word("place", place).word("fate", fate);
            }
            Self::Opened { previous, cause, finding } => {
                // First of the fields that differ: `verify` finds it there.
                line.word("previous", previous).word("cause", cause);
                if let Some(finding) = finding {
                    free(&mut line, "finding", finding);
                }
            }
            Self::Checkpoint(Some(head)) => {
                // In this order: `verify` reads it so.
                line.number("of", head.sequence).word("head", head.hash);
                line.word("signed_by", head.key).word("signature", head.signature);
            }
            Self::KeyChanged { key, owner, change } => {
                line.text("key", key, TEXT);
                free(&mut line, "owner", owner);
                match change {
                    KeyChange::Created => line.word("change", "created"),
                    KeyChange::Replaced { successor } => {
                        line.word("change", "replaced").text("successor", successor, TEXT)
                    }
                    KeyChange::Revoked => line.word("change", "revoked"),
                };
            }
            Self::TokensRevoked { kind, issuer, value, cause } => {
                line.word("kind", kind).text("issuer", issuer, TEXT);
                free(&mut line, "value", value);
                free(&mut line, "cause", cause);
            }
            Self::LoginLocked { client, wait } => {
                line.address("client", client).number("wait_seconds", wait.as_secs());
            }
            Self::AdminCalled { action, peer, by, status } => {
                free(&mut line, "action", action);
                line.address("peer", peer).word("by", by).number("status", u64::from(status));
            }
            Self::GrantChanged { grant, issuer, subject, state, roles, scopes, by, cause } => {
                line.word("grant", grant).text("issuer", issuer, TEXT).text("subject", subject, TEXT);
                line.word("state", state).text("roles", roles, TEXT).text("scopes", scopes, TEXT);
                line.text("by", by, TEXT);
                free(&mut line, "cause", cause);
            }
            Self::Checkpoint(None) | Self::Alert(_) => {}
            Self::Lost { events, since } => {
                line.number("events", events).moment("since", since);
            }
            Self::SinkFailing { sink, cause } => {
                line.text("sink", sink, TEXT);
                free(&mut line, "cause", cause);
            }
            Self::SinkRestored { sink, lost } => {
                line.text("sink", sink, TEXT).number("lost", lost);
            }
            Self::Removed { file, first } => {
                line.text("file", file, TEXT).number("first", first);
            }
        }
        line.end();
    }
}

/// Text that others had a hand in.
fn free(line: &mut Line<'_>, name: &str, text: &str) {
    line.text(name, &redact::text(text), TEXT);
}
