//! One case: the call that it describes, and what the compiled policy says of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_authn::config::IssuerConfig;
use portcullis_authz::Demand;
use portcullis_authz::rules::{Explanation, Facts, Reach, Transport};
use portcullis_contract::{Lookup, moment};
use portcullis_domain::{
    Assurance, Caller, Clock, Denial, Issuer, Principal, PrincipalKind, Reason, Risk, Scopes, Subject,
    Timestamp,
};

use super::Fate;
use super::config::{CaseConfig, ConnectionConfig, WhoConfig};
use crate::ownership::{Content, Reading};
use crate::policy::{Api, Policy, Route};

/// Where cases are played.
pub(super) struct Stage<'a> {
    pub(super) policy: &'a Policy,
    pub(super) identity: &'a BTreeMap<String, IssuerConfig>,
    pub(super) clock: &'a Clock,
}

/// What a case came to.
pub(super) struct Decided {
    pub(super) operation: String,
    pub(super) fate: Fate,
    pub(super) explanation: Option<Explanation>,
    pub(super) note: Option<String>,
}

/// Why a case describes no call.
pub(super) struct Mistake {
    pub(super) message: String,
    /// Where.
    pub(super) key: Option<&'static str>,
}

impl Mistake {
    fn at(key: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), key: Some(key) }
    }
}

/// An address that nobody has (RFC 5737 §3).
const NOBODYS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

impl Stage<'_> {
    /// Lets the policy decide.
    pub(super) fn run(&self, api: &Api, case: &CaseConfig) -> Result<Decided, Mistake> {
        let (method, path, mut query) = called(api, case)?;
        for (name, values) in &case.query {
            let mut pairs = url::form_urlencoded::Serializer::new(query.take().unwrap_or_default());
            pairs.extend_pairs(values.0.iter().map(|value| (name, value)));
            query = Some(pairs.finish());
        }
        let (route, parameters) = match api.contract.find(&method, &path) {
            Lookup::Found { operation, path_parameters } => {
                let route = api.routes.iter().find(|route| route.operation.index == operation.index);
                (route.ok_or_else(|| Mistake::at("call", "the operation is not served"))?, path_parameters)
            }
            Lookup::OtherMethods { .. } | Lookup::Unknown => {
                return Err(Mistake::at("call", format!("`{method} {path}` is no operation of the API")));
            }
        };
        let now = match &case.at {
            None => self.clock.now().wall,
            Some(at) => moment(at).ok_or_else(|| Mistake::at("at", "`at` is no moment"))?,
        };
        let caller = match &case.who {
            None => Caller::Anonymous,
            Some(who) => Caller::Authenticated(Arc::new(self.principal(who, route, now)?)),
        };
        let headers = headers(case)?;
        let body = case.body.as_ref().map_or(Content::Nothing, Content::Json);
        let reading = Reading { path: &parameters, query: query.as_deref(), headers: &headers, body };
        let (fate, explanation, note) = decide(route, caller, case, now, &reading);
        Ok(Decided { operation: route.operation.id.to_string(), fate, explanation, note })
    }

    fn principal(&self, who: &WhoConfig, route: &Route, now: Timestamp) -> Result<Principal, Mistake> {
        let scheme = match (&who.scheme, &route.demand) {
            (Some(scheme), _) => Arc::from(scheme.as_str()),
            (None, Demand::Authenticated { alternatives, .. }) => {
                alternatives.first().map(|alternative| Arc::clone(&alternative.scheme)).unwrap_or_default()
            }
            (None, Demand::Public) => Arc::default(),
        };
        let issuer = match (&who.issuer, self.identity.get(&*scheme)) {
            (Some(issuer), _) => issuer.as_str(),
            (None, Some(config)) => config.issuer.as_str(),
            (None, None) => "",
        };
        let contexts = who.login.acr.as_ref().map_or(&[][..], |acr| acr.0.as_slice());
        Ok(Principal {
            issuer: Issuer::from(issuer),
            subject: Subject::from(who.subject.as_str()),
            kind: match &who.client {
                Some(client) if *client == who.subject => PrincipalKind::Client,
                Some(_) | None => PrincipalKind::User,
            },
            client: who.client.as_deref().map(Arc::from),
            scopes: who.scopes.iter().map(String::as_str).collect::<Scopes>(),
            roles: who.roles.iter().map(String::as_str).collect::<Scopes>(),
            expires_at: None,
            claims: Arc::new(who.claims.clone()),
            scheme,
            assurance: Assurance {
                context: match contexts {
                    [one] => Some(Arc::from(one.as_str())),
                    [..] => None,
                },
                reached: contexts.iter().map(String::as_str).collect(),
                methods: who.login.amr.iter().map(String::as_str).collect(),
                at: who.login.age.map(|age| {
                    let age = u64::try_from(age.0.as_millis()).unwrap_or(u64::MAX);
                    Timestamp::from_millis(now.as_millis().saturating_sub(age))
                }),
            },
        })
    }
}

/// Method, path and query of a call.
fn called(api: &Api, case: &CaseConfig) -> Result<(Method, String, Option<String>), Mistake> {
    match (&case.call, &case.operation) {
        (Some(call), None) => {
            let (method, target) =
                call.split_once(' ').ok_or_else(|| Mistake::at("call", "write it as `GET /path`"))?;
            let method =
                method.parse().map_err(|_| Mistake::at("call", format!("`{method}` is no method")))?;
            Ok(match target.split_once('?') {
                Some((path, query)) => (method, path.to_owned(), Some(query.to_owned())),
                None => (method, target.to_owned(), None),
            })
        }
        (None, Some(id)) => {
            let route = api.routes.iter().find(|route| *route.operation.id == **id);
            let route =
                route.ok_or_else(|| Mistake::at("operation", format!("there is no operation `{id}`")))?;
            let path = filled(&route.operation.template, &case.path)?;
            Ok((route.operation.method.clone(), path, None))
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(Mistake { message: "say either `call` or `operation`".to_owned(), key: None })
        }
    }
}

/// A path with its gaps filled.
fn filled(template: &str, parameters: &BTreeMap<String, String>) -> Result<String, Mistake> {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let value = parameters.get(name);
        let value = value.ok_or_else(|| Mistake::at("path", format!("the parameter `{name}` is missing")))?;
        path.push_str(before);
        path.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        rest = after;
    }
    path.push_str(rest);
    Ok(path)
}

fn headers(case: &CaseConfig) -> Result<HeaderMap, Mistake> {
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
        let (name, value) = parsed.ok_or_else(|| Mistake::at("headers", format!("`{name}` is no header")))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What the document demands, then the rules, before the body and with it.
fn decide(
    route: &Route,
    caller: Caller,
    case: &CaseConfig,
    now: Timestamp,
    reading: &Reading<'_, '_>,
) -> (Fate, Option<Explanation>, Option<String>) {
    let permit = match route.demand.decide(caller) {
        Ok(permit) => permit,
        Err(denial) => return (fate_of(&denial), None, note_of(&denial)),
    };
    let (Some(rules), Some(principal)) = (&route.rules, permit.caller().principal()) else {
        return (
            Fate::Allowed,
            None,
            Some("no rule reaches it: what the document demands is met".to_owned()),
        );
    };
    let Reading { path, query, headers, .. } = *reading;
    let without_body = Reading { path, query, headers, body: Content::Nothing };
    let steps = [(Reach::Head, &without_body), (Reach::Whole, reading)];
    let mut explanation = None;
    for (reach, reading) in
        steps.into_iter().filter(|(reach, _)| *reach == Reach::Head || rules.rules.reads_body())
    {
        let places = rules.places(reach);
        let said = |index: usize| reading.said(places.get(index)?);
        let facts = Facts {
            principal,
            now,
            local: &|| rules.local(now),
            client: case.from.unwrap_or(NOBODYS),
            transport: match case.connection {
                ConnectionConfig::Plaintext => Transport::Plaintext,
                ConnectionConfig::Tls => Transport::Tls { certificate: None },
                ConnectionConfig::Certificate => Transport::Tls { certificate: Some(&[0; 32]) },
            },
            risk: Risk::new(case.risk),
            said: &said,
        };
        let judged = rules.rules.judge(&route.demand, reach, &facts);
        explanation = Some(rules.rules.explain(reach, &facts));
        if let Err(denial) = judged {
            return (fate_of(&denial), explanation, note_of(&denial));
        }
    }
    (Fate::Allowed, explanation, None)
}

fn fate_of(denial: &Denial) -> Fate {
    match denial.reason() {
        Reason::AuthenticationInsufficient => Fate::SentToLogIn,
        reason => Fate::Denied(reason),
    }
}

fn note_of(denial: &Denial) -> Option<String> {
    denial.note().map(|note| note.as_str().to_owned())
}
