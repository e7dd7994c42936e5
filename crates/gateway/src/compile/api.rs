//! One API: its contract, its routes and everything that holds for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use portcullis_audit::Destination;
use portcullis_authn::api_key::{AcceptedKeys, KeyHeaders};
use portcullis_authn::certificate::{AcceptedCertificates, NamePattern};
use portcullis_authn::exchange::TokenExchange;
use portcullis_authn::internal_token::InternalTokens;
use portcullis_authn::password::Passwords;
use portcullis_authn::session::{OwnCookies, RelyingParty};
use portcullis_authn::{Authenticator, Requirements};
use portcullis_authz::config::{AuthorizeConfig, CallersConfig};
use portcullis_authz::{Alternative, Concealment, Demand, Kinds};
use portcullis_config::codes::identity::{SCHEMES_REFUSED, SESSION_TWICE};
use portcullis_config::codes::store::KEY_PLACE;
use portcullis_config::codes::upstream as codes;
use portcullis_config::{ByteSize, Diagnostic, Diagnostics, Place};
use portcullis_contract::{
    Access, CompileOptions, Contract, KeyLocation, Objects, Operation, OwnOperation, ReadOnly, SchemeKind,
    Security, Selected, Unbounded,
};
use portcullis_domain::{Scopes, Strength};
use portcullis_limits::{Concurrency, Limiter, Limits, QuotaConfig, compile_quota, name_after};
use portcullis_message::Authority;

use super::bodies;
use super::credentials::{OtherSchemes, patterns};
use super::documentation;
use super::graphql;
use super::hand_over::hand_over;
use super::learn;
use super::lifecycle;
use super::objects;
use super::page_size;
use super::responses;
use super::rules;
use super::traffic;
use super::upstream::Made;
use super::version;
use super::{Library, Workshop};
use crate::config::{
    AccessConfig, ApiConfig, CorsConfig, GatewayConfig, ObjectsConfig, OperationConfig, ReadOnlyConfig,
    SchemasConfig, StagesConfig, StrengthConfig, UnboundedConfig, UpgradeConfig,
};
use crate::cors::{Cors, Credentials, OWN_FIELDS};
use crate::life::Life;
use crate::policy::{AnsweredBy, Api, Policy, Route, Strengths, Websocket};
use crate::release::Copies;
use crate::resource::ProtectedResource;
use crate::sessions::ApiSessions;

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
    check_mount(config, place, diagnostics);
    let decided = lifecycle::Decided::read(config, place, diagnostics);
    let contract = contract(subject, &decided, library, diagnostics)?;
    lifecycle::report_undated(&contract, place, diagnostics);
    let now = workshop.clock.now().wall;
    let life = lifecycle::of_api(config, &contract.lifecycle, place, now, diagnostics);
    let hosts = hosts(config, &contract, place, diagnostics);
    check_overrides(config, &contract, place, diagnostics);
    responses::check_streams(config, place, diagnostics);
    let cors = config.cors.as_ref().map(|cors| compile_cors(cors, &place.child("cors"), diagnostics));
    let capacity = subject.gateway.limits.capacity as usize;
    let running = running.and_then(|policy| policy.apis.iter().find(|api| api.name == *name));
    let peer_limits = limits(
        &config.limits.peer,
        &format!("{name}-peer"),
        capacity,
        &place.child("limits").child("peer"),
        diagnostics,
    );
    let shared = Shared {
        caller_limits: keep(
            running.and_then(|api| api.routes.first()).map(|route| &route.api_limits),
            limits(
                &config.limits.caller,
                name,
                capacity,
                &place.child("limits").child("caller"),
                diagnostics,
            ),
        ),
        concurrency: config.limits.concurrency.map(|limit| Concurrency::new(limit, capacity)),
        capacity,
        running,
        copies: Arc::default(),
        version: traffic::version(config, &contract),
        life: &life,
    };
    let schemes: BTreeMap<_, _> =
        contract.schemes().iter().map(|scheme| (Arc::clone(&scheme.name), scheme.kind.clone())).collect();
    let mut routes = Vec::with_capacity(contract.operations().len());
    for operation in contract.operations() {
        routes.extend(route(subject, operation, &schemes, &shared, authenticator, workshop, diagnostics));
    }
    let Shared { version: counted_as, .. } = shared;
    if routes.len() != contract.operations().len() {
        return None;
    }
    objects::attach(subject, &contract, &mut routes, workshop, diagnostics);
    rules::attach(subject, &contract, &mut routes, library, diagnostics);
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
        observed: traffic::observed(subject, &counted_as, workshop),
        learning: learn::learning(config),
        metrics: workshop.metrics.operation(name, ""),
        destination: Destination::api(name),
    };
    Some((api, hosts))
}

/// What the routes of an API have in common.
struct Shared<'a> {
    caller_limits: Limits,
    concurrency: Option<Arc<Concurrency>>,
    capacity: usize,
    running: Option<&'a Api>,
    /// Room for answers that are kept to be checked.
    copies: Arc<Copies>,
    /// Under which version it is counted who calls.
    version: String,
    life: &'a Life,
}

fn keep(running: Option<&Limits>, compiled: Limits) -> Limits {
    match running {
        Some(running) => running.carried_into(&compiled),
        None => compiled,
    }
}

fn contract(
    subject: &Subject<'_>,
    decided: &lifecycle::Decided<'_>,
    library: &Library,
    diagnostics: &mut Diagnostics,
) -> Option<Contract> {
    let Subject { config, place, gateway, .. } = subject;
    let access = |selected: &Selected<'_>| {
        let is_public =
            matching(config, selected).any(|(_, settings)| settings.access == Some(AccessConfig::Public));
        is_public.then_some(Access::Public)
    };
    let lifecycle = |selected: Option<&Selected<'_>>| decided.of(selected);
    let own = config.documentation.as_ref().map(|wanted| (wanted, place.child("documentation")));
    let body_limit_of = |selected: &Selected<'_>| {
        matching(config, selected).filter_map(|(_, settings)| settings.body).last().map(ByteSize::as_usize)
    };
    let graphql = |selected: &Selected<'_>| graphql::decided(config, selected);
    let mut options = CompileOptions {
        access: &access,
        graphql: &graphql,
        lifecycle: &lifecycle,
        own: own.as_ref().map(|(documentation, place)| OwnOperation {
            path: &documentation.path,
            scopes: documentation.scopes(),
            place,
        }),
        body_limit: gateway.bounds.body.as_usize(),
        body_limit_of: &body_limit_of,
        ..CompileOptions::default()
    };
    apply(&config.schemas, &mut options);
    bodies::apply(config, &mut options);
    page_size::apply(config, &mut options);
    if let Some(learn) = &config.learn {
        return learn::contract(learn, config, place, &options, diagnostics);
    }
    match (&config.contract, config.operations.is_empty()) {
        (Some(path), true) => {
            let document = match library.open(path) {
                Ok(document) => document,
                Err(found) => {
                    diagnostics.extend(found);
                    return None;
                }
            };
            Contract::compile(&document, library, &options, diagnostics)
        }
        (None, false) => {
            Contract::compile_inline(&config.operations, &place.child("operations"), &options, diagnostics)
        }
        (Some(_), false) | (None, true) => {
            diagnostics.push(
                Diagnostic::error(codes::CONTRACT_MISSING, "an API needs either `contract` or `operations`")
                    .at(place.key())
                    .help("name its OpenAPI document, or list its operations"),
            );
            None
        }
    }
}

fn apply(config: &SchemasConfig, options: &mut CompileOptions<'_>) {
    options.objects = match config.objects {
        ObjectsConfig::Closed => Objects::Closed,
        ObjectsConfig::AsDeclared => Objects::AsDeclared,
    };
    options.read_only = match config.read_only {
        ReadOnlyConfig::Refused => ReadOnly::Refused,
        ReadOnlyConfig::Accepted => ReadOnly::Accepted,
    };
    options.unbounded = match config.unbounded {
        UnboundedConfig::Accepted => Unbounded::Accepted,
        UnboundedConfig::Reported => Unbounded::Reported,
        UnboundedConfig::Refused => Unbounded::Refused,
    };
}

/// Selectors that match an operation, the most specific last.
pub(super) fn matching<'a>(
    config: &'a ApiConfig,
    selected: &Selected<'_>,
) -> impl Iterator<Item = (&'a String, &'a OperationConfig)> {
    let by_tag = config.overrides.iter().filter(|(selector, _)| {
        selector.strip_prefix("tag:").is_some_and(|tag| selected.tags.iter().any(|have| have == tag))
    });
    let place = format!("{} {}", selected.method, selected.template);
    let id = selected.id.to_owned();
    by_tag.chain(config.overrides.iter().filter(move |(selector, _)| **selector == place || **selector == id))
}

pub(super) fn selected(operation: &Operation) -> Selected<'_> {
    Selected {
        id: &operation.id,
        method: &operation.method,
        template: &operation.template,
        tags: &operation.tags,
    }
}

fn check_overrides(config: &ApiConfig, contract: &Contract, place: &Place, diagnostics: &mut Diagnostics) {
    for selector in config.overrides.keys() {
        let matches_any = contract
            .operations()
            .iter()
            .any(|operation| matching(config, &selected(operation)).any(|(found, _)| found == selector));
        if !matches_any {
            diagnostics.push(
                Diagnostic::error(codes::OVERRIDE_UNMATCHED, format!("`{selector}` matches no operation"))
                    .at(place.child("overrides").child(selector).key())
                    .help("write an operation id, `METHOD /path` as in the document, or `tag:NAME`"),
            );
        }
    }
}

fn route(
    subject: &Subject<'_>,
    operation: &Arc<Operation>,
    schemes: &BTreeMap<Arc<str>, SchemeKind>,
    shared: &Shared<'_>,
    authenticator: &Authenticator,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Option<Route> {
    let Subject { name, config, place, .. } = subject;
    let overrides: Vec<_> = matching(config, &selected(operation)).collect();
    let mut strengths = with_stages(Strengths::default(), &config.stages);
    let mut authorize = config.authorize.clone();
    let mut require = config.require.clone();
    let mut websocket = Websocket::Unlisted;
    let mut upstream_errors = config.upstream_errors;
    let mut quotas = Vec::new();
    let mut concurrency = shared.concurrency.clone();
    for (selector, settings) in &overrides {
        strengths = with_stages(strengths, &settings.stages);
        authorize = with_authorize(authorize, &settings.authorize);
        require = settings.require.within(&require);
        if settings.upgrade.contains(&UpgradeConfig::Websocket) {
            websocket = Websocket::Listed;
        }
        upstream_errors = settings.upstream_errors.unwrap_or(upstream_errors);
        if let Some(limit) = settings.limits.concurrency {
            concurrency = Some(Concurrency::new(limit, shared.capacity));
        }
        quotas.extend(settings.limits.caller.iter().map(|quota| (*selector, quota)));
    }
    let mut limiters: Vec<Arc<Limiter>> = shared.caller_limits.iter().cloned().collect();
    for (index, (selector, quota)) in quotas.iter().enumerate() {
        let place = place.child("overrides").child(selector).child("limits").child("caller");
        let default_name = name_after(&operation.id, index);
        let quota = compile_quota(quota, &default_name, &place, diagnostics)?;
        limiters.push(Arc::new(Limiter::new(quota, shared.capacity)));
    }
    let running =
        shared.running.and_then(|api| api.routes.iter().find(|route| route.operation.id == operation.id));
    let realm: Arc<str> = Arc::from(*name);
    let require_place = place.child("require");
    let requirements = portcullis_authn::requirements(&require, &require_place, diagnostics);
    let certificate_names = require
        .certificate
        .as_ref()
        .map(|names| patterns(names, &require_place.child("certificate"), diagnostics));
    let demands = Demands {
        authorize: &authorize,
        requirements,
        certificate_names,
        other_schemes: subject.other_schemes,
        realm: &realm,
    };
    let guard = guard(operation, schemes, demands, authenticator, diagnostics)?;
    Some(Route {
        operation: Arc::clone(operation),
        demand: guard.demand,
        accepted: guard.accepted,
        keys: guard.keys,
        certificates: guard.certificates,
        passwords: guard.passwords,
        session: guard.session,
        strengths,
        api_limits: shared.caller_limits.clone(),
        caller_limits: keep(running.map(|route| &route.caller_limits), Limits::new(limiters)),
        concurrency,
        body_limit: operation.body_limit as u64,
        websocket,
        upstream_errors,
        answers: responses::rules(config, &overrides, operation, &shared.copies),
        objects: None,
        rules: None,
        observed: workshop.observatory.number(name, &shared.version, &operation.id),
        answered_by: match &config.documentation {
            Some(wanted) if documentation::is_own(wanted, operation) => AnsweredBy::Documentation,
            Some(_) | None => AnsweredBy::Upstream,
        },
        life: lifecycle::of_operation(
            config,
            operation,
            shared.life,
            place,
            workshop.clock.now().wall,
            diagnostics,
        ),
        metrics: workshop.metrics.operation(name, &operation.id),
        destination: Destination::operation(name, &operation.id, &operation.template),
    })
}

struct Guard {
    demand: Demand,
    accepted: portcullis_authn::AcceptedSchemes,
    keys: Option<AcceptedKeys>,
    certificates: Option<AcceptedCertificates>,
    passwords: Option<Arc<Passwords>>,
    session: Option<Arc<RelyingParty>>,
}

/// What is demanded of callers beyond the contract.
struct Demands<'a> {
    authorize: &'a AuthorizeConfig,
    requirements: Requirements,
    /// Names of which a certificate needs one, beside those of its scheme.
    certificate_names: Option<Arc<[NamePattern]>>,
    other_schemes: &'a OtherSchemes,
    realm: &'a Arc<str>,
}

fn guard(
    operation: &Operation,
    schemes: &BTreeMap<Arc<str>, SchemeKind>,
    demands: Demands<'_>,
    authenticator: &Authenticator,
    diagnostics: &mut Diagnostics,
) -> Option<Guard> {
    let Demands { authorize, requirements, certificate_names, other_schemes, realm } = demands;
    let mut alternatives = Vec::new();
    let mut tokens: Vec<Arc<str>> = Vec::new();
    let mut keys = Vec::new();
    let mut certificates = None;
    let mut passwords = None;
    let wanted = match &operation.security {
        Security::Public => None,
        Security::AnyOf(wanted) => Some(wanted.as_slice()),
        // The contract has said so already.
        Security::Undeclared => return None,
    };
    for all_of in wanted.unwrap_or_default() {
        let [scheme_use] = all_of.0.as_slice() else {
            diagnostics.push(
                Diagnostic::error(
                    codes::SCHEMES_COMBINED,
                    format!("`{}` demands several schemes at once", operation.id),
                )
                .at(operation.place.clone())
                .help("demand one scheme per alternative"),
            );
            return None;
        };
        let scheme = &scheme_use.scheme;
        if matches!(schemes.get(scheme), Some(SchemeKind::MutualTls)) {
            let lists = other_schemes.certificates.get(&**scheme).into_iter().chain(&certificate_names);
            let lists = lists.map(Arc::clone).collect();
            certificates = Some(AcceptedCertificates::new(Arc::clone(scheme), realm, lists));
        } else if let (Some(SchemeKind::Basic), Some(users)) =
            (schemes.get(scheme), other_schemes.passwords.get(&**scheme))
        {
            passwords = Some(Arc::clone(users));
        } else if authenticator.schemes().any(|known| *known == **scheme) {
            tokens.push(Arc::clone(scheme));
        } else if let Some(SchemeKind::ApiKey { location, name }) = schemes.get(scheme) {
            match key_header(*location, name) {
                Some(header) => keys.push((header, Arc::clone(scheme))),
                None => {
                    diagnostics.push(misplaced_key(operation, scheme, name));
                    return None;
                }
            }
        } else {
            diagnostics.push(
                Diagnostic::error(
                    codes::SCHEME_UNKNOWN,
                    format!("`{}` demands the scheme `{scheme}`, for which there is no issuer", operation.id),
                )
                .at(operation.place.clone())
                .help(format!("add `{scheme}:` with `issuer` and `audience` under `identity:`")),
            );
            return None;
        }
        alternatives.push(Alternative { scheme: Arc::clone(scheme), scopes: scheme_use.scopes.clone() });
    }
    let session = tokens.iter().find_map(|scheme| authenticator.relying_party(scheme)).cloned();
    let accepted = match authenticator.accept_if(tokens.iter().map(|scheme| &**scheme), realm, requirements) {
        Ok(accepted) => accepted,
        Err(refused) => {
            diagnostics.push(
                Diagnostic::error(SCHEMES_REFUSED, format!("`{}`: {refused}", operation.id))
                    .at(operation.place.clone()),
            );
            return None;
        }
    };
    let demand = match wanted {
        None => Demand::Public,
        Some(_) => Demand::Authenticated {
            alternatives,
            roles: authorize.roles.as_ref().map(|roles| roles.iter().map(String::as_str).collect::<Scopes>()),
            kinds: match authorize.callers {
                CallersConfig::Any => Kinds::Any,
                CallersConfig::Users => Kinds::Users,
                CallersConfig::Clients => Kinds::Clients,
            },
            concealment: match authorize.confidential {
                Some(true) => Concealment::Concealed,
                Some(false) | None => Concealment::Open,
            },
            realm: Arc::clone(realm),
        },
    };
    Some(Guard { demand, accepted, keys: AcceptedKeys::new(keys, realm), certificates, passwords, session })
}

/// The header in which a scheme's keys are sent, if that is a place for keys (AUTHN-36).
fn key_header(location: KeyLocation, name: &str) -> Option<HeaderName> {
    match location {
        KeyLocation::Header => name.parse().ok().filter(KeyHeaders::is_fit),
        KeyLocation::Query | KeyLocation::Cookie => None,
    }
}

fn misplaced_key(operation: &Operation, scheme: &str, name: &str) -> Diagnostic {
    Diagnostic::error(
        KEY_PLACE,
        format!("`{}` takes the API key `{scheme}` from where it must not be: `{name}`", operation.id),
    )
    .at(operation.place.clone())
    .label("addresses end up in logs, and browsers send cookies without being asked")
    .help("declare the scheme with `in: header` and a name of its own, such as `X-API-Key`")
}

/// Where browsers log in, if any operation accepts a scheme for which they do.
fn sessions(
    contract: &Contract,
    mount: &str,
    authenticator: &Authenticator,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<ApiSessions> {
    let wanted = contract.operations().iter().filter_map(|operation| match &operation.security {
        Security::AnyOf(wanted) => Some(wanted),
        Security::Public | Security::Undeclared => None,
    });
    let schemes = wanted.flatten().flat_map(|all_of| &all_of.0).map(|scheme_use| &scheme_use.scheme);
    let mut parties = schemes.filter_map(|scheme| authenticator.relying_party(scheme));
    let party = parties.next()?;
    if let Some(other) = parties.find(|other| !Arc::ptr_eq(other, party)) {
        let (first, second) = (party.scheme(), other.scheme());
        let message = format!("browsers would log in for `{first}` and for `{second}`");
        diagnostics.push(
            Diagnostic::error(SESSION_TWICE, message)
                .at(place.key())
                .help("serve the operations of one of them as an API of its own"),
        );
    }
    Some(ApiSessions { party: Arc::clone(party), mount: mount.trim_end_matches('/').to_owned() })
}

/// Every header in which an operation takes keys: no key may reach the upstream by way of another operation.
fn key_headers(routes: &[Route]) -> KeyHeaders {
    KeyHeaders::new(routes.iter().filter_map(|route| route.keys.as_ref()).flat_map(AcceptedKeys::headers))
}

fn limits(
    configs: &[QuotaConfig],
    name: &str,
    capacity: usize,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Limits {
    let compiled = configs.iter().enumerate().filter_map(|(index, config)| {
        let name = if index == 0 { name.to_owned() } else { format!("{name}-{}", index + 1) };
        let quota = compile_quota(config, &name, &place.index(index), diagnostics)?;
        Some(Arc::new(Limiter::new(quota, capacity)))
    });
    Limits::new(compiled.collect())
}

fn check_mount(config: &ApiConfig, place: &Place, diagnostics: &mut Diagnostics) {
    let Some(mount) = &config.mount else { return };
    if !is_mount(mount) {
        diagnostics.push(
            Diagnostic::error(codes::MOUNT_MALFORMED, format!("`{mount}` is no mount"))
                .at(place.child("mount"))
                .help("write a path like `/shop/v1`, without a final slash"),
        );
    }
}

/// Whether this is a path that requests can be under, in its one spelling.
pub(super) fn is_mount(mount: &str) -> bool {
    mount.starts_with('/')
        && !mount.ends_with('/')
        && !mount.contains("//")
        && mount.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
        && mount.split('/').all(|segment| segment != "." && segment != "..")
}

/// The names under which an API is served: as configured, as the document's `servers` say, or loopback.
fn hosts(
    config: &ApiConfig,
    contract: &Contract,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Vec<String> {
    if let Some(hosts) = &config.hosts {
        let mut names = Vec::new();
        for (index, host) in hosts.iter().enumerate() {
            match Authority::parse(host.as_bytes()).filter(|authority| authority.port().is_none()) {
                _ if host == "*" => names.push(host.clone()),
                Some(authority) => names.push(authority.host().to_owned()),
                None => diagnostics.push(
                    Diagnostic::error(codes::HOST_MALFORMED, format!("`{host}` is no host name"))
                        .at(place.child("hosts").index(index))
                        .help("write the bare name, e.g. `api.example.com`"),
                ),
            }
        }
        return names;
    }
    let mut names: Vec<String> = contract
        .servers()
        .iter()
        .filter_map(|server| {
            Authority::parse(server.authority.as_ref()?.as_bytes())
                .map(|authority| authority.host().to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        diagnostics.push(
            Diagnostic::warning(codes::HOSTS_UNSET, "the API is answered on loopback names only")
                .at(place.key())
                .help("list its host names under `hosts:`"),
        );
    }
    for loopback in ["localhost", "127.0.0.1", "[::1]"] {
        if !names.iter().any(|name| name == loopback) {
            names.push(loopback.to_owned());
        }
    }
    names
}

fn compile_cors(config: &CorsConfig, place: &Place, diagnostics: &mut Diagnostics) -> Cors {
    let mut origins = Vec::new();
    for (index, origin) in config.origins.iter().enumerate() {
        let is_exact = url::Url::parse(origin).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == *origin
        });
        match HeaderValue::from_str(origin) {
            Ok(value) if is_exact => origins.push(value),
            Ok(_) | Err(_) => diagnostics.push(
                Diagnostic::error(codes::ORIGIN_MALFORMED, format!("`{origin}` is no origin"))
                    .at(place.child("origins").index(index))
                    .help("write scheme, host and port only, e.g. `https://app.example.com`"),
            ),
        }
    }
    let list = |names: &[String]| {
        HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
    };
    let exposed =
        std::iter::once(OWN_FIELDS.to_owned()).chain(config.expose.iter().cloned()).collect::<Vec<_>>();
    Cors {
        origins,
        allow_headers: list(&config.headers),
        expose_headers: list(&exposed),
        credentials: if config.credentials { Credentials::Include } else { Credentials::Omit },
        max_age: HeaderValue::from(config.max_age.0.as_secs()),
    }
}

fn strength(config: Option<StrengthConfig>) -> Strength {
    match config {
        Some(StrengthConfig::Shadow) => Strength::Shadow,
        Some(StrengthConfig::Enforce) | None => Strength::Enforce,
    }
}

fn with_stages(strengths: Strengths, config: &StagesConfig) -> Strengths {
    let or = |config: Option<StrengthConfig>, before: Strength| {
        config.map_or(before, |config| strength(Some(config)))
    };
    Strengths {
        limit: or(config.limit, strengths.limit),
        identify: or(config.identify, strengths.identify),
        authorize: or(config.authorize, strengths.authorize),
        validate: or(config.validate, strengths.validate),
    }
}

fn with_authorize(before: AuthorizeConfig, config: &AuthorizeConfig) -> AuthorizeConfig {
    AuthorizeConfig {
        roles: config.roles.clone().or(before.roles),
        callers: if config.callers == CallersConfig::Any { before.callers } else { config.callers },
        // Rules are gathered by themselves: prohibitions add up.
        allow: None,
        deny: None,
        confidential: config.confidential.or(before.confidential),
    }
}
