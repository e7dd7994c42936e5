//! The other way round: other services ask the gateway what its own rules say (AuthZEN 1.0 §6, as decision point).
//!
//! In: a question as [`super::question`] writes them, about a subject of whom the asker vouches. Out: a decision, with
//! the operator's reasons for a no. Called by the admin listener alone. It says what the document demands and what the
//! rules say; limits, validation, objects and workflows belong to a request, and nobody else is asked in turn.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use portcullis_authn::FetchError;
use portcullis_authz::rules::{Facts, Part, Reach, Said, Transport, Wanted};
use portcullis_authz::spelling::canonical;
use portcullis_authz::{Alternative, Demand};
use portcullis_domain::{
    Assurance, Caller, Denial, Issuer, Principal, PrincipalKind, Risk, Scopes, Subject, Timestamp,
};
use portcullis_message::json::{self, JsonBounds};
use serde_json::{Map, Value, json};

use crate::arrival::RECEIPT;
use crate::fetch;
use crate::policy::{Policy, Route};

/// Most bytes of a question.
const LARGEST: usize = 64 * 1024;

/// This is no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed(&'static str);

/// Reads a question and answers it.
pub(crate) async fn respond(
    policy: &Policy,
    now: Timestamp,
    headers: &HeaderMap,
    body: Incoming,
) -> Response<Full<Bytes>> {
    let reading = fetch::read(body, LARGEST);
    let (status, answer) = match tokio::time::timeout(policy.timeouts.body, reading).await {
        Ok(Ok(question)) => match evaluate(policy, &question, now) {
            Ok(answer) => (StatusCode::OK, answer),
            Err(malformed) => (StatusCode::BAD_REQUEST, json!(malformed.0)),
        },
        Ok(Err(FetchError::TooLarge)) => (StatusCode::PAYLOAD_TOO_LARGE, json!("the question is too large")),
        Ok(Err(_)) => (StatusCode::BAD_REQUEST, json!("the question breaks off")),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, json!("the question takes too long")),
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Whoever asked finds its question again (AuthZEN 1.0 §10.1.4).
    fields.extend(headers.get(&RECEIPT).map(|id| (RECEIPT, id.clone())));
    response
}

/// Answers a question.
///
/// # Errors
/// [`Malformed`]: a part that every question must have is missing or not of its type.
fn evaluate(policy: &Policy, question: &[u8], now: Timestamp) -> Result<Value, Malformed> {
    let Ok(question) = json::parse(question, &JsonBounds::default()) else {
        return Err(Malformed("a question is a JSON object"));
    };
    let asked = Asked::read(&question)?;
    Ok(match decide(policy, &asked, now) {
        Ok(()) => json!({ "decision": true }),
        Err(why) => json!({ "decision": false, "context": { "reason_admin": { "en": why } } }),
    })
}

struct Asked<'q> {
    principal: Principal,
    method: &'q str,
    kind: &'q str,
    template: &'q str,
    of_resource: &'q Map<String, Value>,
    context: &'q Map<String, Value>,
}

impl<'q> Asked<'q> {
    fn read(question: &'q Value) -> Result<Self, Malformed> {
        static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let text =
            |part: &str, name: &str| question.get(part)?.get(name)?.as_str().filter(|text| !text.is_empty());
        let members = |value: Option<&'q Value>| match value {
            None => Ok(&*NOTHING),
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(Malformed("properties and context are objects")),
        };
        let properties = |part: &str| members(question.get(part).and_then(|part| part.get("properties")));
        let subject = text("subject", "id").ok_or(Malformed("`subject.id` is a text"))?;
        let kind_of_subject = text("subject", "type").ok_or(Malformed("`subject.type` is a text"))?;
        let who = properties("subject")?;
        let names = |name: &str| -> Scopes {
            who.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let acr = who.get("acr").and_then(Value::as_str);
        Ok(Self {
            principal: Principal {
                issuer: Issuer::from(who.get("issuer").and_then(Value::as_str).unwrap_or_default()),
                subject: Subject::from(subject),
                kind: if kind_of_subject == "client" { PrincipalKind::Client } else { PrincipalKind::User },
                client: who.get("client").and_then(Value::as_str).map(Arc::from),
                scopes: names("scopes"),
                roles: names("roles"),
                expires_at: None,
                claims: Arc::new(members(who.get("claims"))?.clone()),
                scheme: Arc::from(""),
                // What lies below a context only the issuer's own words tell.
                assurance: Assurance {
                    context: acr.map(Arc::from),
                    reached: acr.into_iter().collect(),
                    ..Assurance::default()
                },
            },
            method: text("action", "name").ok_or(Malformed("`action.name` is a text"))?,
            kind: text("resource", "type").ok_or(Malformed("`resource.type` is a text"))?,
            template: text("resource", "id").ok_or(Malformed("`resource.id` is a text"))?,
            of_resource: properties("resource")?,
            context: members(question.get("context"))?,
        })
    }

    /// The operation that is meant.
    fn route<'p>(&self, policy: &'p Policy) -> Option<&'p Route> {
        let api = match (self.of_resource.get("api").and_then(Value::as_str), policy.apis.as_slice()) {
            (Some(name), apis) => apis.iter().find(|api| api.name == name)?,
            (None, [only]) => only,
            (None, _) => return None,
        };
        api.routes.iter().find(|route| {
            route.operation.method.as_str() == self.method && *route.operation.template == *self.template
        })
    }

    /// What is said where a rule looks; `None` if that is no value.
    fn said(&self, wanted: &Wanted) -> Option<Vec<Said>> {
        let (parent, group) = match wanted.part {
            Part::Path => (self.of_resource, "path"),
            Part::Query => (self.of_resource, "query"),
            Part::Header => (self.context, "header"),
            Part::Body => (self.context, "body"),
        };
        match parent.get(group).and_then(|group| group.get(&wanted.name)) {
            None => Some(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(said).collect(),
            Some(one) => said(one).map(|one| vec![one]),
        }
    }
}

fn said(value: &Value) -> Option<Said> {
    match value {
        Value::String(text) => Some(Said::Text(canonical(text.as_str().into()).into_owned())),
        Value::Number(number) => Some(Said::Text(number.to_string())),
        Value::Bool(truth) => Some(Said::Truth(*truth)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn decide(policy: &Policy, asked: &Asked<'_>, now: Timestamp) -> Result<(), String> {
    if asked.kind != "route" {
        return Err("only resources of type `route` are known".to_owned());
    }
    let route = asked.route(policy).ok_or_else(|| "there is no such operation".to_owned())?;
    let principal = demanded(&route.demand, &asked.principal)?;
    let Some(rules) = &route.rules else { return Ok(()) };
    let reach = if rules.rules.reads_body() { Reach::Whole } else { Reach::Head };
    let wanted = rules.rules.wanted(reach);
    let address = asked.context.get("address").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let facts = Facts {
        principal: &principal,
        now,
        local: &|| rules.local(now),
        client: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        transport: Transport::Plaintext,
        risk: Risk::default(),
        said: &|index| asked.said(wanted.get(index)?),
    };
    rules.rules.judge(&route.demand, reach, &facts).map_err(|denial| reason(&denial))
}

/// The subject as one of the schemes that the operation takes would show it: which one, the asker need not know.
fn demanded(demand: &Demand, principal: &Principal) -> Result<Principal, String> {
    let Demand::Authenticated { alternatives, .. } = demand else { return Ok(principal.clone()) };
    let mut last = "no credential is accepted there".to_owned();
    for Alternative { scheme, .. } in alternatives {
        let principal = Principal { scheme: Arc::clone(scheme), ..principal.clone() };
        match demand.decide(Caller::Authenticated(Arc::new(principal.clone()))) {
            Ok(_) => return Ok(principal),
            Err(denial) => last = reason(&denial),
        }
    }
    Err(last)
}

fn reason(denial: &Denial) -> String {
    denial.note().map_or_else(|| denial.reason().code().to_owned(), |note| note.as_str().to_owned())
}
