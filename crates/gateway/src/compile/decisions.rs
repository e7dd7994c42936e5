//! From what is written about decision points to lines on which they can be asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use portcullis_authn::{FetchBounds, Reach};
use portcullis_authz::Demand;
use portcullis_config::codes::decision as codes;
use portcullis_config::codes::identity::RULE_PUBLIC;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::Contract;
use portcullis_domain::Secret;
use portcullis_tls::{ClientTls, Protocol};
use url::{Host, Url};

use super::Workshop;
use super::api::Subject;
use super::selectors::{matching, selected};
use super::strengths::strength;
use crate::config::{AskFailureConfig, DecisionPointConfig, ShapeConfig};
use crate::decisions::{DecisionPoint, Fact, LARGEST, Line, OnFailure, Plan, Shape};
use crate::fetch::GuardedFetch;
use crate::ownership::{Place as At, Pointer};
use crate::policy::{Policy, Route};

/// By the names that `ask` uses.
pub(crate) type DecisionPoints = BTreeMap<String, Arc<DecisionPoint>>;

/// Headers that prove who somebody is. Whatever other header takes API keys is cut off before anybody is asked.
const CREDENTIALS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("x-api-key"),
];

/// Compiles `decision_points:`. One that is asked as before keeps its connections and what it remembers.
pub(super) fn points(
    config: &BTreeMap<String, DecisionPointConfig>,
    place: &Place,
    workshop: &Workshop,
    running: Option<&Policy>,
    diagnostics: &mut Diagnostics,
) -> DecisionPoints {
    let mut points = BTreeMap::new();
    for (name, config) in config {
        if let Some(point) = point(name, config, &place.child(name), workshop, diagnostics) {
            let before = running.and_then(|policy| policy.decision_points.get(name));
            // Trust may have come from files that have changed.
            let kept = before.filter(|before| config.tls.is_none() && before.asks_like(&point));
            points.insert(name.clone(), kept.map_or_else(|| Arc::new(point), Arc::clone));
        }
    }
    points
}

/// Gives every route of an API the decision point that is asked about it.
pub(super) fn attach(
    subject: &Subject<'_>,
    contract: &Contract,
    routes: &mut [Route],
    diagnostics: &mut Diagnostics,
) {
    let overrides = subject.place.child("overrides");
    for (operation, route) in contract.operations().iter().zip(routes) {
        let of_api = subject.config.authorize.ask.as_ref().map(|ask| (ask, subject.place.clone(), false));
        let selected = selected(operation);
        let narrower = matching(subject.config, &selected).filter_map(|(selector, settings)| {
            Some((settings.authorize.ask.as_ref()?, overrides.child(selector), true))
        });
        let Some((name, place, is_narrow)) = of_api.into_iter().chain(narrower).last() else { continue };
        let place = place.child("authorize").child("ask");
        if matches!(route.demand, Demand::Public) {
            if is_narrow {
                let message = format!("`{}` is public, and somebody is to be asked", operation.id);
                diagnostics.push(Diagnostic::error(RULE_PUBLIC, message).at(place));
            }
            continue;
        }
        route.asks = subject.decision_points.get(name).map(Arc::clone);
        // One that is declared and wrong has been reported there.
        if !subject.gateway.decision_points.contains_key(name) {
            let message = format!("there is no decision point `{name}`");
            diagnostics.push(Diagnostic::error(codes::DECISION_POINT_UNKNOWN, message).at(place));
        }
    }
}

fn point(
    name: &str,
    config: &DecisionPointConfig,
    place: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Option<DecisionPoint> {
    let url = address(config, place, diagnostics);
    let facts = config.facts.iter().enumerate().map(|(index, written)| {
        let fact = fact(written);
        if let Err(why) = &fact {
            let place = place.child("facts").index(index);
            diagnostics
                .push(Diagnostic::error(codes::DECISION_FACT, format!("`{written}`: {why}")).at(place));
        }
        fact.ok()
    });
    let facts: Option<Vec<Fact>> = facts.collect::<Vec<_>>().into_iter().collect();
    let token = match &config.token {
        None => Some(None),
        Some(token) => token
            .resolve_at(&workshop.environment, &place.child("token"), diagnostics)
            .map(|token| bearer(&token)),
    };
    let surroundings = &workshop.surroundings;
    let tls = match &config.tls {
        Some(tls) => {
            ClientTls::compile(tls, &[Protocol::Http1], &place.child("tls"), surroundings, diagnostics)
        }
        None => ClientTls::public(&[Protocol::Http1], surroundings)
            .map_err(|error| {
                let message = format!("servers cannot be verified: {error}");
                diagnostics.push(Diagnostic::error(codes::DECISION_POINT_ADDRESS, message).at(place.key()));
            })
            .ok(),
    };
    if config.on_failure == AskFailureConfig::Allow {
        let message = format!("calls pass while `{name}` cannot be asked");
        diagnostics
            .push(Diagnostic::warning(codes::DECISION_FAILS_OPEN, message).at(place.child("on_failure")));
    }
    let bounds = FetchBounds {
        body: LARGEST,
        time: config.timeout.0,
        reach: if config.allow_private_network { Reach::PrivateToo } else { Reach::PublicOnly },
    };
    let fetch = GuardedFetch::over(tls?, Arc::clone(&workshop.recorder));
    let plan = Plan {
        name: name.into(),
        facts: facts?.into(),
        strength: strength(config.mode),
        on_failure: match config.on_failure {
            AskFailureConfig::Deny => OnFailure::Deny,
            AskFailureConfig::Allow => OnFailure::Allow,
        },
        shape: match config.shape {
            ShapeConfig::Authzen => Shape::Authzen,
            ShapeConfig::Opa => Shape::Opa,
        },
        concurrency: config.concurrency,
        cache: config.cache.map(|cache| cache.0),
    };
    let line = Line::new(fetch, url?, bounds, token?);
    Some(DecisionPoint::new(plan, line, workshop.clock.clone(), Arc::clone(&workshop.alerts)))
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_text()?)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn address(config: &DecisionPointConfig, place: &Place, diagnostics: &mut Diagnostics) -> Option<Url> {
    let is_sound = |url: &Url| {
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        is_plain
            && match url.scheme() {
                "https" => url.host().is_some(),
                "http" => is_loopback && config.allow_private_network,
                _ => false,
            }
    };
    let url = Url::parse(&config.url).ok().filter(is_sound);
    if url.is_none() {
        let message = "this address is no place to ask for decisions";
        diagnostics.push(
            Diagnostic::error(codes::DECISION_POINT_ADDRESS, message)
                .at(place.child("url"))
                .help("write an https address, or http to loopback with `allow_private_network: true`"),
        );
    }
    url
}

fn fact(written: &str) -> Result<Fact, &'static str> {
    let Some((kind, name)) = written.split_once(':') else {
        return match written {
            "roles" => Ok(Fact::Roles),
            "scopes" => Ok(Fact::Scopes),
            "acr" => Ok(Fact::Acr),
            "client" => Ok(Fact::Client),
            "address" => Ok(Fact::Address),
            _ => Err("there is no such fact"),
        };
    };
    if name.is_empty() {
        return Err("a name is missing");
    }
    let place = match kind {
        "claim" => return Ok(Fact::Claim(name.into())),
        "path" => At::Path(name.into()),
        "query" => At::Query(name.into()),
        "header" => {
            let header: HeaderName = name.parse().map_err(|_| "this is no name of a header")?;
            if CREDENTIALS.contains(&header) {
                return Err("credentials are told to nobody");
            }
            At::Header(header)
        }
        "body" => At::Body(Pointer::parse(name).ok_or("this is no JSON pointer")?),
        _ => return Err("there is no such kind of fact"),
    };
    Ok(Fact::At { name: name.into(), place })
}
