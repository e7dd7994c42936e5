//! The compiled snapshot that a request walks through, immutable and swapped whole.
//!
//! Made by [`crate::compile`] with every mistake reported at once. A request keeps the policy it started
//! with, and its audit event names the revision. Keys, certificates, counters and the state of upstreams
//! rotate beside it and are shared between one policy and the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderValue, Method};
use portcullis_audit::metrics::OperationMetrics;
use portcullis_audit::{Destination, OnFailure};
use portcullis_authn::api_key::config::LeakedConfig;
use portcullis_authn::api_key::{AcceptedKeys, KeyHeaders};
use portcullis_authn::certificate::AcceptedCertificates;
use portcullis_authn::exchange::TokenExchange;
use portcullis_authn::internal_token::InternalTokens;
use portcullis_authn::password::Passwords;
use portcullis_authn::session::{OwnCookies, RelyingParty};
use portcullis_authn::{AcceptedSchemes, Authenticator};
use portcullis_authz::Demand;
use portcullis_authz::rules::Inheritance;
use portcullis_contract::{Contract, Operation};
use portcullis_domain::{Denial, Reason, Strength, Timestamp};
use portcullis_limits::{CompiledLimits, Limits, Span, Stock};
use portcullis_message::{Bounds, Target, TrustedProxies};
use portcullis_tls::HttpTokens;

use crate::config::{CredentialConfig, HostHeaderConfig, PlaintextConfig, UpstreamErrorsConfig};
use crate::cors::Cors;
use crate::decisions::DecisionPoint;
use crate::detect::{Detection, WatchedRoute};
use crate::documentation::Documentation;
use crate::flows::OnRoute as OnFlow;
use crate::forward::Upstream;
use crate::hand_over::HandOver;
use crate::lasting::Lasting;
use crate::life::Life;
use crate::limits::RouteLimits;
use crate::observe;
use crate::operate::Grantable;
use crate::ownership::RouteObjects;
use crate::release::AnswerRules;
use crate::resource::ProtectedResource;
use crate::rules::RouteRules;
use crate::sessions::ApiSessions;
use crate::span::Traces;
use crate::stages::authorize;
use crate::version::Choice;

/// Everything that holds for a request.
pub(crate) struct Policy {
    /// Digest of the configuration and its documents; names the policy in the record.
    pub(crate) revision: String,
    pub(crate) apis: Vec<Api>,
    pub(crate) hosts: Hosts,
    pub(crate) authenticator: Arc<Authenticator>,
    /// Makes tokens for upstreams, if any wants them.
    pub(crate) internal_tokens: Option<Arc<InternalTokens>>,
    /// Services that are asked for decisions, by name.
    pub(crate) decision_points: BTreeMap<String, Arc<DecisionPoint>>,
    /// What may be granted for a while, if anything.
    pub(crate) grants: Option<Grantable>,
    /// API keys and revocations; one for the process.
    pub(crate) lasting: Arc<Lasting>,
    /// How long counts of traffic are kept.
    pub(crate) observed: observe::Bounds,
    /// What is noticed of callers, and what is done about it.
    pub(crate) detection: Arc<Detection>,
    /// What becomes of an API key that stands in an address.
    pub(crate) leaked: LeakedConfig,
    /// Limits over all APIs.
    pub(crate) limits: CompiledLimits,
    /// Everything that counts what callers spend, of all APIs.
    pub(crate) limiters: Stock,
    /// How many requests one worker may have under way.
    pub(crate) under_way: u32,
    pub(crate) trusted_proxies: TrustedProxies,
    /// How traces are begun and continued.
    pub(crate) traces: Traces,
    pub(crate) bounds: Bounds,
    pub(crate) streams: u32,
    pub(crate) timeouts: Timeouts,
    pub(crate) pseudonym: String,
    /// Our entries in `Via`, for HTTP/1.0, HTTP/1.1 and HTTP/2 clients.
    pub(crate) via: [HeaderValue; 3],
    pub(crate) security_txt: Option<Bytes>,
    pub(crate) connections_per_peer: Option<u32>,
    /// Answers to HTTP-01 challenges, when certificates come by ACME.
    pub(crate) acme_tokens: Arc<HttpTokens>,
}

impl Policy {
    /// Whether any operation accepts API keys.
    pub(crate) fn takes_keys(&self) -> bool {
        self.apis.iter().flat_map(|api| &api.routes).any(|route| route.keys.is_some())
    }

    /// Whether it is learned anywhere whose objects are.
    pub(crate) fn learns_owners(&self) -> bool {
        self.apis.iter().flat_map(|api| &api.routes).any(|route| route.objects.is_some())
    }

    /// Whether anything is counted that must outlive the process.
    pub(crate) fn keeps_counts(&self) -> bool {
        self.limiters.iter().any(|limiter| limiter.span() == Span::Lasting)
    }

    /// Whether users of browsers log in anywhere.
    pub(crate) fn takes_sessions(&self) -> bool {
        self.apis.iter().any(|api| api.sessions.is_some())
    }

    /// The longest time that any upstream's unused connection is kept.
    pub(crate) fn longest_idle_connection(&self) -> Duration {
        self.apis.iter().map(|api| api.upstream.plan.patience.idle).max().unwrap_or(Duration::from_secs(55))
    }
}

/// How long clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) handshake: Duration,
    pub(crate) head: Duration,
    pub(crate) body: Duration,
    pub(crate) whole_body: Duration,
    pub(crate) idle: Duration,
    pub(crate) drain: Duration,
    pub(crate) conceal: Duration,
}

/// One API.
pub(crate) struct Api {
    /// Its place in [`Policy::apis`].
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) contract: Contract,
    /// What its callers may read of it, if that is served here.
    pub(crate) documentation: Option<Documentation>,
    /// The request fields that choose it among its versions, for `Vary`.
    pub(crate) vary: Option<HeaderValue>,
    /// Where it stands as a whole; what holds at paths that no operation has.
    pub(crate) life: Life,
    /// By [`Operation::index`].
    pub(crate) routes: Vec<Route>,
    /// Which roles contain which, in rules, demands and answers alike.
    pub(crate) inheritance: Inheritance,
    pub(crate) upstream: Arc<Upstream>,
    /// What clients are told about it, if it accepts access tokens.
    pub(crate) resource: Option<ProtectedResource>,
    pub(crate) cors: Option<Cors>,
    /// Requests by address, beside the limits over all APIs.
    pub(crate) peer_limits: Limits,
    pub(crate) limit_strength: Strength,
    pub(crate) plaintext: Option<PlaintextConfig>,
    pub(crate) credential: CredentialConfig,
    pub(crate) hand_over: HandOver,
    /// Gets the upstream a token of its own from the issuer, if the operator wants that.
    pub(crate) exchange: Option<TokenExchange>,
    /// Headers in which any of its operations takes API keys; no key in them reaches the upstream.
    pub(crate) key_headers: KeyHeaders,
    /// Where its browsers log in.
    pub(crate) sessions: Option<ApiSessions>,
    /// Cookies that are between browsers and us, also those of other APIs: the host may be the same.
    pub(crate) own_cookies: OwnCookies,
    pub(crate) host_header: HostHeaderConfig,
    /// Whether any of its operations is confidential.
    pub(crate) conceals: bool,
    /// Its digest, as detection knows it.
    pub(crate) watched: u64,
    /// Under which number it is counted who calls what it does not declare.
    pub(crate) observed: observe::ObservedApi,
    /// How its contract is learnt, if it has none.
    pub(crate) learning: Option<observe::Learning>,
    /// Counts what was refused before an operation was found.
    pub(crate) metrics: Arc<OperationMetrics>,
    /// Its name, worded for the record.
    pub(crate) destination: Destination,
}

/// One operation and everything that holds for it.
pub(crate) struct Route {
    pub(crate) operation: Arc<Operation>,
    pub(crate) demand: Demand,
    /// Issuers whose tokens are accepted here, and how to ask for one.
    pub(crate) accepted: AcceptedSchemes,
    /// In which headers API keys are accepted here.
    pub(crate) keys: Option<AcceptedKeys>,
    /// Whose client certificates can be the credential, if any.
    pub(crate) certificates: Option<AcceptedCertificates>,
    /// Whose passwords can be, if the operator wants them at all.
    pub(crate) passwords: Option<Arc<Passwords>>,
    /// Whose sessions can be, if browsers log in for a scheme that is accepted here.
    pub(crate) session: Option<Arc<RelyingParty>>,
    pub(crate) strengths: Strengths,
    /// What its requests spend, and of whose budgets.
    pub(crate) limits: RouteLimits,
    pub(crate) body_limit: u64,
    pub(crate) websocket: Websocket,
    pub(crate) upstream_errors: UpstreamErrorsConfig,
    /// What happens while the record cannot be written.
    pub(crate) unrecorded: OnFailure,
    /// How its answers are held to the document, and what is kept back of them.
    pub(crate) answers: AnswerRules,
    /// Which objects it is about, and what it does with them.
    pub(crate) objects: Option<Arc<RouteObjects>>,
    /// The operator's rules on who may call it, if there are any.
    pub(crate) rules: Option<Box<RouteRules>>,
    /// Who outside is asked once the rules permit.
    pub(crate) asks: Option<Arc<DecisionPoint>>,
    /// The flows of which it is a step.
    pub(crate) flows: Vec<OnFlow>,
    /// Whether anything but its schema looks into the body; see [`Route::settle`].
    pub(crate) looks_inside: bool,
    /// Under which number it is counted who calls it.
    pub(crate) observed: observe::OperationId,
    /// How detection observes it.
    pub(crate) watched: WatchedRoute,
    /// Who answers.
    pub(crate) answered_by: AnsweredBy,
    /// Where it stands: what clients are told of its end, and the end.
    pub(crate) life: Life,
    pub(crate) metrics: Arc<OperationMetrics>,
    /// Its names, worded for the record.
    pub(crate) destination: Destination,
}

/// Who answers a request that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnsweredBy {
    Upstream,
    /// The gateway, with the API's documentation.
    Documentation,
}

impl Route {
    /// Decides what follows from all that was attached.
    pub(crate) fn settle(&mut self) {
        self.looks_inside = authorize::reads_body(self)
            || self.limits.reads_body()
            || self.objects.as_ref().is_some_and(|objects| objects.reads_body())
            || self.asks.as_ref().is_some_and(|point| point.reads_body())
            || self.flows.iter().any(|step| step.reads_body());
    }

    /// Whether a refusal here must look like absence, and absence like a refusal.
    pub(crate) fn conceals(&self) -> bool {
        self.demand.conceals() || self.objects.as_ref().is_some_and(|objects| objects.conceals())
    }
}

/// Whether a route may be switched to the WebSocket protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Websocket {
    Listed,
    Unlisted,
}

/// How strictly the stages work on a route.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strengths {
    pub(crate) limit: Strength,
    pub(crate) identify: Strength,
    pub(crate) authorize: Strength,
    pub(crate) validate: Strength,
}

/// Which APIs are served under which host name, and where in its paths.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    exact: HashMap<String, Vec<Mount>, RandomState>,
    any: Vec<Mount>,
}

/// Where an API begins.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// Without a final slash; empty for the root.
    pub(crate) prefix: String,
    pub(crate) holds: Holds,
}

/// What is served at a mount.
#[derive(Clone, Debug)]
pub(crate) enum Holds {
    /// An API, by its place in [`Policy::apis`].
    Api(usize),
    /// Versions, of which the request may name one.
    Choice(Arc<Choice>),
    /// A version that is no more.
    Gone(Arc<Life>),
}

impl Mount {
    /// Where `target` belongs, and the target within, as it will be judged and forwarded. A mount ends where a
    /// segment ends: `/shop` does not hold `/shopping`.
    pub(crate) fn find<'m>(mounts: &'m [Self], target: &Target) -> Option<(&'m Holds, Target)> {
        mounts.iter().find_map(|mount| match mount.prefix.as_str() {
            "" => Some((&mount.holds, target.clone())),
            prefix => Some((&mount.holds, target.strip_prefix(prefix)?)),
        })
    }
}

impl Holds {
    /// The API that a request with these headers is for.
    ///
    /// # Errors
    /// As [`Choice::choose`] and [`Life::judge_alone`].
    pub(crate) fn choose(
        &self,
        method: &Method,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<usize, Denial> {
        match self {
            Self::Api(api) => Ok(*api),
            Self::Choice(choice) => choice.choose(method, headers, now),
            Self::Gone(life) => {
                life.judge_alone(now)?;
                // It will be gone only later, and nobody serves it any more.
                Err(Denial::new(Reason::OperationUnknown).with_note("a version that is not served"))
            }
        }
    }

    /// Every API here.
    pub(crate) fn apis(&self) -> impl Iterator<Item = usize> + '_ {
        let (one, several) = match self {
            Self::Api(api) => (Some(*api), None),
            Self::Choice(choice) => (None, Some(choice.here.iter().map(|(_, api)| *api))),
            Self::Gone(_) => (None, None),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }
}

impl Hosts {
    /// Serves `mount` under `host`; `*` is every host that is not named.
    pub(crate) fn add(&mut self, host: &str, mount: Mount) {
        let mounts = if host == "*" { &mut self.any } else { self.exact.entry(host.to_owned()).or_default() };
        mounts.push(mount);
        // The longest prefix is tried first.
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.prefix.len()));
    }

    /// The mounts under `host`, longest prefix first; `None` for a host that is not served (HTTP-12).
    pub(crate) fn of(&self, host: &str) -> Option<&[Mount]> {
        match self.exact.get(host) {
            Some(mounts) => Some(mounts),
            None if self.any.is_empty() => None,
            None => Some(&self.any),
        }
    }

    /// Where in the paths of any host an API begins.
    pub(crate) fn prefixes_of(&self, api: usize) -> impl Iterator<Item = &str> {
        let mounts = self.exact.values().flatten().chain(&self.any);
        mounts
            .filter(move |mount| mount.holds.apis().any(|here| here == api))
            .map(|mount| mount.prefix.as_str())
    }

    /// Under which names an API is served, in order.
    pub(crate) fn names_of(&self, api: usize) -> Vec<String> {
        let is_there =
            |mounts: &[Mount]| mounts.iter().flat_map(|mount| mount.holds.apis()).any(|here| here == api);
        let named = self.exact.iter().filter(|(_, mounts)| is_there(mounts)).map(|(host, _)| host.clone());
        let any = is_there(&self.any).then(|| "*".to_owned());
        let mut names: Vec<String> = named.chain(any).collect();
        names.sort();
        names
    }

    /// What is served at a place already.
    pub(crate) fn claimed(&self, host: &str, prefix: &str) -> Option<&Holds> {
        let mounts = if host == "*" { Some(&self.any) } else { self.exact.get(host) };
        mounts?.iter().find(|mount| mount.prefix == prefix).map(|mount| &mount.holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(prefix: &str, api: usize) -> Mount {
        Mount { prefix: prefix.into(), holds: Holds::Api(api) }
    }

    #[test]
    fn a_mount_holds_whole_segments_in_their_canonical_form() {
        let mounts = [mount("/shop", 1), mount("", 0)];
        let api = |path: &'static str| {
            let raw = http::uri::PathAndQuery::from_static(path);
            let target = Target::read(&Method::GET, &raw, &Bounds::default()).unwrap();
            let (holds, within) = Mount::find(&mounts, &target)?;
            Some((holds.apis().next().unwrap(), within.path().to_owned()))
        };
        assert_eq!(api("/shop/x"), Some((1, "/x".into())));
        assert_eq!(api("/%73hop/x"), Some((1, "/x".into())));
        assert_eq!(api("/shopping"), Some((0, "/shopping".into())));
    }

    #[test]
    fn the_longest_mount_comes_first_and_a_strange_host_has_none() {
        let mut hosts = Hosts::default();
        hosts.add("api.example.com", mount("", 0));
        hosts.add("api.example.com", mount("/shop", 1));
        let mounts = hosts.of("api.example.com").unwrap();
        assert_eq!(mounts.iter().flat_map(|mount| mount.holds.apis()).collect::<Vec<_>>(), [1, 0]);
        assert!(hosts.of("evil.example").is_none());
        hosts.add("*", mount("", 2));
        assert_eq!(hosts.of("evil.example").unwrap()[0].holds.apis().collect::<Vec<_>>(), [2]);
    }
}
