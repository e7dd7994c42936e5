//! `portcullis revoke`: the kill switch.
//!
//! What is revoked is written to the store; running gateways take it up within `store.poll`, a second at most,
//! and refuse it from the next request on. `--report` tells what it had touched.

use std::time::Duration;

use anyhow::Context as _;
use portcullis_authn::api_key;
use portcullis_config::Period;
use portcullis_domain::{KeyId, KeyRevoked, Revocation, RevocationKind, RevocationStore as _, Timestamp};
use portcullis_gateway::BelievedIssuer;
use serde_json::json;

use super::keys::end;
use super::operated::{Common, Desk, believed, maybe_written, read_moment, written};
use super::touched::{self, Wanted};
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true)))]
pub(crate) struct Arguments {
    /// An API key, by its id or the whole of it.
    #[arg(long, visible_alias = "api-key", group = "what",
          conflicts_with_all = ["jti", "sub", "sid", "client", "kid", "before", "issuer"])]
    key: Option<String>,
    /// One token, by its `jti`.
    #[arg(long, group = "what", conflicts_with_all = ["sub", "sid", "client", "kid"])]
    jti: Option<String>,
    /// Everything of one subject, by `sub`.
    #[arg(long, group = "what", conflicts_with_all = ["sid", "client", "kid"])]
    sub: Option<String>,
    /// Everything of one session at the issuer, by `sid`.
    #[arg(long, group = "what", conflicts_with_all = ["client", "kid"])]
    sid: Option<String>,
    /// Everything that came through one client, by `client_id`.
    #[arg(long, group = "what", conflicts_with = "kid")]
    client: Option<String>,
    /// Everything that one key of the issuer signed, by `kid`.
    #[arg(long, group = "what")]
    kid: Option<String>,
    /// Only what was issued before this moment: `now`, or one like `2026-11-24T12:00:00Z`. Alone: everything of
    /// the issuer that was.
    #[arg(long, group = "what")]
    before: Option<String>,
    /// The issuer within which the name means something; need not be named if the configuration has only one.
    /// `api-key` is this gateway, as the issuer of API keys.
    #[arg(long)]
    issuer: Option<String>,
    /// How long to remember it: at least as long as anything it revokes would live. When absent, the issuer's
    /// `maximum_lifetime`, or 366 days.
    #[arg(long = "for")]
    remember: Option<Period>,
    /// Why; kept with the revocation.
    #[arg(long, default_value = "")]
    cause: String,
    /// Tell what the credential had touched, from the audit file.
    #[arg(long)]
    report: bool,
    #[command(flatten)]
    common: Common,
}

/// Without a limit on the life of tokens, none is expected to live longer.
const LONGEST_LIFE: Duration = Duration::from_secs(366 * 86_400);

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let desk = match Desk::open(&arguments.common)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    match &arguments.key {
        Some(key) => revoke_key(&desk, key, arguments),
        None => revoke_claim(&desk, arguments),
    }
}

fn revoke_key(desk: &Desk, key: &str, arguments: &Arguments) -> anyhow::Result<u8> {
    // Never repeated in an error: it may be a whole key with a typing mistake.
    let id: KeyId = match (api_key::read(key.as_bytes()), key.parse()) {
        (Ok(read), _) => read.id,
        (Err(_), Ok(id)) => id,
        (Err(_), Err(error)) => return Err(error).context("neither an API key nor the id of one"),
    };
    let revoked = end(desk, id)?;
    if arguments.report {
        tell(desk, &Wanted::api_key(id))?;
    }
    Ok(if revoked == KeyRevoked::Unknown { FINDINGS } else { WELL })
}

fn revoke_claim(desk: &Desk, arguments: &Arguments) -> anyhow::Result<u8> {
    let (kind, value) = named(arguments);
    let issued_before = arguments.before.as_deref().map(|text| read_moment(text, desk.now)).transpose()?;
    for issuer in issuers(desk, arguments, kind)? {
        let life = arguments.remember.map(|period| period.0).or(issuer.maximum_lifetime);
        let revocation = Revocation {
            kind,
            issuer: issuer.identifier.as_str().into(),
            value: value.into(),
            issued_before,
            revoked_at: desk.now,
            forget_at: desk.now.plus(life.unwrap_or(LONGEST_LIFE)),
            cause: arguments.cause.as_str().into(),
        };
        desk.done("cannot revoke", desk.operated.store.revoke(revocation.clone()))?;
        say_revoked(desk, &revocation);
        if arguments.report {
            match field(kind) {
                Some(field) => tell(desk, &Wanted::claim(&issuer.identifier, field, value))?,
                None => tell(desk, &Wanted::issuer(&issuer.identifier))?,
            }
        }
    }
    Ok(WELL)
}

fn named(arguments: &Arguments) -> (RevocationKind, &str) {
    let claims = [
        (RevocationKind::Token, &arguments.jti),
        (RevocationKind::Subject, &arguments.sub),
        (RevocationKind::Session, &arguments.sid),
        (RevocationKind::Client, &arguments.client),
        (RevocationKind::SigningKey, &arguments.kid),
    ];
    let named = claims.into_iter().find_map(|(kind, value)| Some((kind, value.as_deref()?)));
    // Only a moment: everything that was issued before it.
    named.unwrap_or((RevocationKind::Issuer, ""))
}

/// By which field of the record it is found; the record does not say which key signed.
const fn field(kind: RevocationKind) -> Option<&'static str> {
    match kind {
        RevocationKind::Token => Some("jti"),
        RevocationKind::Subject => Some("subject"),
        RevocationKind::Session => Some("sid"),
        RevocationKind::Client => Some("client_id"),
        RevocationKind::SigningKey | RevocationKind::Issuer => None,
    }
}

fn issuers(desk: &Desk, arguments: &Arguments, kind: RevocationKind) -> anyhow::Result<Vec<BelievedIssuer>> {
    match (&arguments.issuer, desk.operated.issuers.as_slice()) {
        // A moment means the same for all.
        (None, all @ [_, _, ..]) if kind == RevocationKind::Issuer => Ok(all.to_vec()),
        (named, _) => Ok(vec![believed(desk, named.as_deref())?]),
    }
}

fn say_revoked(desk: &Desk, revocation: &Revocation) {
    let what = match revocation.kind {
        RevocationKind::Issuer => format!("everything of `{}`", revocation.issuer),
        kind => format!("`{}` {} of `{}`", revocation.value, kind.name(), revocation.issuer),
    };
    let bound = revocation
        .issued_before
        .map_or_else(String::new, |bound: Timestamp| format!(", as far as issued before {}", written(bound)));
    let text = format!(
        "revoked: {what}{bound}; running gateways refuse it within a second, until {}\n",
        written(revocation.forget_at)
    );
    let json = json!({
        "kind": revocation.kind.name(),
        "issuer": revocation.issuer,
        "value": revocation.value,
        "issued_before": maybe_written(revocation.issued_before),
        "forget_at": written(revocation.forget_at),
    });
    desk.answer(&json, text);
}

fn tell(desk: &Desk, wanted: &Wanted) -> anyhow::Result<()> {
    let file = desk.operated.record.as_deref().context(
        "it is revoked, but the record is not kept in a file (`audit.file`), so nothing can be reported",
    )?;
    let report = touched::report(file, wanted)?;
    desk.answer(&report.to_json(), &report);
    Ok(())
}
