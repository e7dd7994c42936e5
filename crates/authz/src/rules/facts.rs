//! What is known when a request is decided, and its shape for Cedar.
//!
//! Only what the policies of the operation read is looked up. What is missing or not of its type is left out:
//! a policy must ask `has` before it reads it, so that it never matches (AUTHZ-07). Roles and attributes come
//! from the verified credential alone (AUTHZ-04). UUIDs are in lower case, whoever says them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use cedar_policy::{Context, Entities, Entity, EntityUid, Request, RestrictedExpression as Value};
use portcullis_config::Weekday;
use portcullis_domain::{Principal, PrincipalKind, Scopes, Timestamp};
use serde_json::Value as Json;

use super::config::ClaimTypeConfig;
use super::needs::{Holds, Part, Wanted};
use crate::spelling::canonical;

/// What a request brings, beside what its connection shows.
pub struct Facts<'a> {
    /// Who is calling.
    pub principal: &'a Principal,
    /// When it came.
    pub now: Timestamp,
    /// The same, where the rules' clock hangs.
    pub local: LocalTime,
    /// The client's address, through trusted proxies.
    pub client: IpAddr,
    /// How it is connected.
    pub transport: Transport<'a>,
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

/// Facts that are supposed to be otherwise: what would have helped.
#[derive(Clone, Debug, Default)]
pub(super) struct Supposed<'a> {
    pub(super) scopes: &'a [String],
    /// A role or group, by its place among [`FactPlan::memberships`].
    pub(super) member: Option<usize>,
    pub(super) login: Option<Login<'a>>,
}

/// A login just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    pub(super) acr: Option<&'a str>,
    pub(super) amr: &'a [String],
}

/// A role or group that policies name.
#[derive(Clone)]
pub(super) struct Membership {
    pub(super) uid: EntityUid,
    pub(super) by: Granted,
}

/// By what one belongs.
#[derive(Clone)]
pub(super) enum Granted {
    /// One of these roles, which are or contain the one named.
    Roles(Scopes),
    /// The claim of groups, which must list this one.
    Group(Box<str>),
}

/// What the policies of one operation read.
pub(super) struct FactPlan {
    pub(super) attributes: Vec<Attribute>,
    pub(super) claims: Vec<(Box<str>, ClaimTypeConfig)>,
    pub(super) groups_claim: Box<str>,
    pub(super) memberships: Vec<Membership>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) circumstances: Vec<Circumstance>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Subject,
    Issuer,
    Scheme,
    Kind,
    Client,
    Scopes,
    Claims,
}

impl Attribute {
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("subject", Self::Subject),
        ("issuer", Self::Issuer),
        ("scheme", Self::Scheme),
        ("kind", Self::Kind),
        ("client", Self::Client),
        ("scopes", Self::Scopes),
        ("claims", Self::Claims),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circumstance {
    Now,
    Weekday,
    Minute,
    Client,
    Tls,
    Certificate,
    Acr,
    Amr,
    AuthAge,
}

impl Circumstance {
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("now", Self::Now),
        ("weekday", Self::Weekday),
        ("minute", Self::Minute),
        ("client", Self::Client),
        ("tls", Self::Tls),
        ("certificate", Self::Certificate),
        ("acr", Self::Acr),
        ("amr", Self::Amr),
        ("auth_age", Self::AuthAge),
    ];
}

/// The parts of a request in the order of [`Part`], and their names in the context.
const RECORDS: [(Part, &str); 4] =
    [(Part::Path, "path"), (Part::Query, "query"), (Part::Header, "header"), (Part::Body, "body")];

impl FactPlan {
    /// The caller as Cedar knows it; `None` if a fact has no such form.
    pub(super) fn caller(
        &self,
        uid: &EntityUid,
        action: &Entity,
        facts: &Facts<'_>,
        supposed: &Supposed<'_>,
    ) -> Option<Entities> {
        let principal = facts.principal;
        let mut attributes = HashMap::with_capacity(self.attributes.len());
        for attribute in &self.attributes {
            let (name, value) = match attribute {
                Attribute::Subject => ("subject", text(principal.subject.as_str())),
                Attribute::Issuer => ("issuer", text(principal.issuer.as_str())),
                Attribute::Scheme => ("scheme", text(&principal.scheme)),
                Attribute::Kind => (
                    "kind",
                    text(match principal.kind {
                        PrincipalKind::User => "user",
                        PrincipalKind::Client => "client",
                    }),
                ),
                Attribute::Client => match &principal.client {
                    Some(client) => ("client", text(client)),
                    None => continue,
                },
                Attribute::Scopes => {
                    let more = supposed.scopes.iter().map(String::as_str);
                    ("scopes", set(principal.scopes.iter().chain(more)))
                }
                Attribute::Claims => {
                    let claims = self.claims.iter().filter_map(|(name, kind)| {
                        Some((name.to_string(), claim(principal.claims.get(&**name)?, *kind)?))
                    });
                    ("claims", Value::new_record(claims).ok()?)
                }
            };
            attributes.insert(name.to_owned(), value);
        }
        let parents: HashSet<EntityUid> = self
            .memberships
            .iter()
            .enumerate()
            .filter(|(index, one)| supposed.member == Some(*index) || self.belongs(principal, one))
            .map(|(_, one)| one.uid.clone())
            .collect();
        let caller = Entity::new(uid.clone(), attributes, parents).ok()?;
        Entities::from_entities([caller, action.clone()], None).ok()
    }

    fn belongs(&self, principal: &Principal, membership: &Membership) -> bool {
        match &membership.by {
            Granted::Roles(roles) => roles.iter().any(|role| principal.roles.contains(role)),
            Granted::Group(group) => match principal.claims.get(&*self.groups_claim) {
                Some(Json::Array(listed)) => listed.iter().any(|one| one.as_str() == Some(&**group)),
                Some(_) | None => false,
            },
        }
    }

    /// The request as Cedar knows it.
    pub(super) fn request(
        &self,
        ends: [&EntityUid; 3],
        facts: &Facts<'_>,
        supposed: &Supposed<'_>,
    ) -> Result<Request, Unfit<'_>> {
        let claims = &facts.principal.claims;
        let mut pairs = Vec::with_capacity(self.circumstances.len() + RECORDS.len());
        for circumstance in &self.circumstances {
            let (name, value) = match circumstance {
                Circumstance::Now => (
                    "now",
                    Value::new_long(i64::try_from(facts.now.as_seconds()).map_err(|_| Unfit::Gateway)?),
                ),
                Circumstance::Weekday => ("weekday", text(facts.local.weekday.name())),
                Circumstance::Minute => ("minute", Value::new_long(facts.local.minute)),
                Circumstance::Client => ("client", Value::new_ip(facts.client.to_canonical().to_string())),
                Circumstance::Tls => {
                    ("tls", Value::new_bool(matches!(facts.transport, Transport::Tls { .. })))
                }
                Circumstance::Certificate => match facts.transport {
                    Transport::Tls { certificate: Some(thumbprint) } => {
                        ("certificate", Value::new_string(hexadecimal(thumbprint)))
                    }
                    Transport::Tls { certificate: None } | Transport::Plaintext => continue,
                },
                Circumstance::Acr => {
                    let shown = claims.get("acr").and_then(Json::as_str);
                    match supposed.login.and_then(|login| login.acr).or(shown) {
                        Some(acr) => ("acr", text(acr)),
                        None => continue,
                    }
                }
                Circumstance::Amr => {
                    let shown = claims.get("amr").and_then(Json::as_array).into_iter().flatten();
                    let more = supposed.login.map(|login| login.amr).unwrap_or_default();
                    ("amr", set(shown.filter_map(Json::as_str).chain(more.iter().map(String::as_str))))
                }
                Circumstance::AuthAge => match (&supposed.login, age(claims.get("auth_time"), facts.now)) {
                    (Some(_), _) => ("auth_age", Value::new_long(0)),
                    (None, Some(age)) => ("auth_age", Value::new_long(age)),
                    (None, None) => continue,
                },
            };
            pairs.push((name.to_owned(), value));
        }
        let mut records: [Vec<(String, Value)>; 4] = Default::default();
        for (index, wanted) in self.wanted.iter().enumerate() {
            let said =
                (facts.said)(index).and_then(|said| fact(wanted, said)).ok_or(Unfit::Request(wanted))?;
            if let (Some(value), Some(record)) = (said, records.get_mut(wanted.part as usize)) {
                record.push((wanted.name.clone(), value));
            }
        }
        if !self.wanted.is_empty() {
            for ((_, name), record) in RECORDS.into_iter().zip(records) {
                pairs.push((name.to_owned(), Value::new_record(record).map_err(|_| Unfit::Gateway)?));
            }
        }
        let context = Context::from_pairs(pairs).map_err(|_| Unfit::Gateway)?;
        let [principal, action, resource] = ends.map(EntityUid::clone);
        Request::new(principal, action, resource, context, None).map_err(|_| Unfit::Gateway)
    }
}

/// Why a request has no form that can be decided on.
pub(super) enum Unfit<'p> {
    /// What it says here is nothing that a rule could compare.
    Request(&'p Wanted),
    /// What we know ourselves has no form for Cedar.
    Gateway,
}

/// What is said at a place, as policies compare it: `Some(None)` if nothing is, `None` if it cannot be compared.
#[expect(clippy::option_option, reason = "to say nothing is no mistake")]
fn fact(wanted: &Wanted, said: Vec<Said>) -> Option<Option<Value>> {
    if said.is_empty() {
        return Some(None);
    }
    let value = match (wanted.part, wanted.holds) {
        (Part::Path, _) => match <[Said; 1]>::try_from(said) {
            Ok([Said::Text(one)]) => text(&one),
            Ok([Said::Truth(_)]) | Err(_) => return None,
        },
        (Part::Query | Part::Header | Part::Body, Holds::Texts) => set(said.iter().map(|one| match one {
            Said::Text(text) => text,
            Said::Truth(true) => "true",
            Said::Truth(false) => "false",
        })),
        // A lenient upstream may take `"true"` for true: it is neither here.
        (Part::Query | Part::Header | Part::Body, Holds::Truths) => {
            let truths = said.iter().map(|one| match one {
                Said::Truth(truth) => Some(Value::new_bool(*truth)),
                Said::Text(_) => None,
            });
            Value::new_set(truths.collect::<Option<Vec<_>>>()?)
        }
    };
    Some(Some(value))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(text: &str) -> Value {
    Value::new_string(canonical(Cow::Borrowed(text)).into_owned())
}

fn set<'t>(texts: impl Iterator<Item = &'t str>) -> Value {
    Value::new_set(texts.map(text))
}

/// How far ahead of ours an issuer's clock may be.
const SKEW: Duration = Duration::from_secs(60);

/// Seconds since the caller logged in; a moment ahead is now, and more than that cannot be.
fn age(auth_time: Option<&Json>, now: Timestamp) -> Option<i64> {
    let at = Timestamp::from_seconds(auth_time?.as_u64()?);
    if at > now.plus(SKEW) {
        return None;
    }
    i64::try_from(now.since(at).as_secs()).ok()
}

fn claim(value: &Json, kind: ClaimTypeConfig) -> Option<Value> {
    match (kind, value) {
        (ClaimTypeConfig::Text, Json::String(said)) => Some(text(said)),
        (ClaimTypeConfig::Number, Json::Number(number)) => number.as_i64().map(Value::new_long),
        (ClaimTypeConfig::Truth, Json::Bool(truth)) => Some(Value::new_bool(*truth)),
        (ClaimTypeConfig::List, Json::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
            Some(set(texts?.into_iter()))
        }
        (
            ClaimTypeConfig::Text | ClaimTypeConfig::Number | ClaimTypeConfig::Truth | ClaimTypeConfig::List,
            _,
        ) => None,
    }
}
