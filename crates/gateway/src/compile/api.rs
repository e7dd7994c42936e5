//! One API: its contract, its routes and everything that holds for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_audit::Destination;
use portcullis_authn::Authenticator;
use portcullis_authn::exchange::TokenExchange;
use portcullis_authn::internal_token::InternalTokens;
use portcullis_authn::session::OwnCookies;
use portcullis_authz::rules::Inheritance;
use portcullis_config::{Diagnostics, Place};

use super::credentials::OtherSchemes;
use super::decisions::DecisionPoints;
use super::guard::{key_headers, sessions};
use super::hand_over::hand_over;
use super::limits::keep;
use super::strengths::strength;
use super::upstream::Made;
use super::{
    Library, Workshop, contract, cross_origin, decisions, detection, documentation, flows, learn, lifecycle,
    limits, objects, reach, responses, route, rules, selectors, traffic, version,
};
use crate::config::{ApiConfig, GatewayConfig};
use crate::policy::{Api, Policy, Route};
use crate::resource::ProtectedResource;

/// Which API is compiled.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) config: &'a ApiConfig,
    pub(crate) place: &'a Place,
    pub(crate) gateway: &'a GatewayConfig,
    /// Makes tokens for upstreams.
    pub(crate) internal_tokens: Option<&'a Arc<InternalTokens>>,
    /// Whose certificates and passwords are accepted.
    pub(crate) other_schemes: &'a OtherSchemes,
    /// The whole configuration.
    pub(crate) root: &'a Place,
    /// What limits have in common.
    pub(crate) limits: &'a limits::Scene,
    /// Who outside can be asked.
    pub(crate) decision_points: &'a DecisionPoints,
}

/// Compiles an API and tells its host names.
pub(crate) fn compile(
    subject: &Subject<'_>,
    made: Option<&Made>,
    authenticator: &Authenticator,
    workshop: &Workshop,
    running: Option<&Policy>,
    library: &Library,
    diagnostics: &mut Diagnostics,
) -> Option<(Api, Vec<String>)> {
    let Subject { name, config, place, .. } = subject;
    reach::check_mount(config, place, diagnostics);
    let decided = lifecycle::Decided::read(config, place, diagnostics);
    let contract = contract::compile(subject, &decided, library, diagnostics)?;
    lifecycle::report_undated(&contract, place, diagnostics);
    let now = workshop.clock.now().wall;
    let life = lifecycle::of_api(config, &contract.lifecycle, place, now, diagnostics);
    let hosts = reach::hosts(config, &contract, place, diagnostics);
    selectors::check_overrides(config, &contract, place, diagnostics);
    responses::check_streams(config, place, diagnostics);
    let cors =
        config.cors.as_ref().map(|cors| cross_origin::compile(cors, &place.child("cors"), diagnostics));
    let running = running.and_then(|policy| policy.apis.iter().find(|api| api.name == *name));
    let peer_limits = limits::of_peers(subject, diagnostics);
    let inheritance = Inheritance::new(&config.rules.inherits);
    let shared = route::Shared {
        copies: Arc::default(),
        owners: responses::owners(subject, &contract, diagnostics),
        version: traffic::version(config, &contract),
        life: &life,
        inheritance: &inheritance,
    };
    let schemes: BTreeMap<_, _> =
        contract.schemes().iter().map(|scheme| (Arc::clone(&scheme.name), scheme.kind.clone())).collect();
    let mut routes = Vec::with_capacity(contract.operations().len());
    for operation in contract.operations() {
        routes.extend(route::compile(
            subject,
            operation,
            &schemes,
            &shared,
            authenticator,
            workshop,
            diagnostics,
        ));
    }
    let route::Shared { version: counted_as, .. } = shared;
    if routes.len() != contract.operations().len() {
        return None;
    }
    objects::attach(subject, &contract, &mut routes, workshop, diagnostics);
    rules::attach(subject, &contract, &mut routes, library, diagnostics);
    decisions::attach(subject, &contract, &mut routes, diagnostics);
    flows::attach(subject, &contract, &mut routes, running, diagnostics);
    limits::attach(subject, &contract, &mut routes, diagnostics);
    detection::attach(name, &mut routes, workshop);
    routes.iter_mut().for_each(Route::settle);
    let mount = config.mount.as_deref().unwrap_or_default();
    let resource = ProtectedResource::new(name, mount, &contract, authenticator);
    let sessions = sessions(&contract, mount, authenticator, place, diagnostics);
    let key_headers = key_headers(&routes);
    let exchange = config.hand_over.exchange.as_ref().and_then(|exchange| {
        let place = place.child("hand_over").child("exchange");
        let (fetch, clock) = (Arc::clone(&workshop.fetch), workshop.clock.clone());
        TokenExchange::compile(exchange, &place, &workshop.environment, fetch, clock, diagnostics)
    });
    let hand_over =
        hand_over(name, &config.hand_over, subject.internal_tokens, &place.child("hand_over"), diagnostics);
    let api = Api {
        // Known once all are compiled.
        index: 0,
        name: (*name).to_owned(),
        documentation: documentation::compile(name, config, &contract, &routes, place, library, diagnostics),
        contract,
        vary: version::vary(config, &subject.gateway.versions),
        life,
        conceals: routes.iter().any(|route| route.conceals()),
        routes,
        inheritance,
        upstream: Arc::clone(&made?.upstream),
        resource,
        cors,
        peer_limits: keep(running.map(|api| &api.peer_limits), peer_limits),
        limit_strength: strength(config.stages.limit),
        plaintext: config.plaintext,
        credential: config.credential,
        hand_over,
        exchange,
        key_headers,
        sessions,
        own_cookies: OwnCookies::new(authenticator.relying_parties().map(|party| party.cookie())),
        host_header: config.host_header,
        watched: workshop.lookout.names().api(workshop.lookout.key(), name),
        observed: traffic::observed(subject, &counted_as, workshop),
        learning: learn::learning(config),
        metrics: workshop.metrics.operation(name, ""),
        destination: Destination::api(name),
    };
    Some((api, hosts))
}
