//! The walk's first half: may this request reach the upstream?
//!
//! In: a request as hyper parsed it. Out: an [`Admitted`], which only this module can make and which
//! [`crate::walk`] alone can forward; or a local answer; or a [`Denial`]. The order of the stages is code:
//! configuration says whether and how strictly a stage works, never when. This is the policy enforcement
//! point of NIST SP 800-162.

use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use portcullis_authz::{Demand, Permit};
use portcullis_domain::{Caller, Denial, Stage};
use portcullis_limits::Permit as Place;
use portcullis_message::{Authority, Target};

use crate::arrival::{Arrival, Envelope};
use crate::conceal;
use crate::flows::Passing;
use crate::forward::RequestBody;
use crate::limits::{self, Reach};
use crate::local::Local;
use crate::observe;
use crate::ownership::Stake;
use crate::ownership::{Content, Reading, value_of};
use crate::policy::{AnsweredBy, Api, Policy, Route};
use crate::stages::ask;
use crate::stages::authorize;
use crate::stages::elevate::Elevation;
use crate::stages::exchange;
use crate::stages::flow;
use crate::stages::identify::{Known, identify};
use crate::stages::limit::{self, Budget};
use crate::stages::objects;
use crate::stages::route::{self, Routed};
use crate::stages::session;
use crate::stages::standing;
use crate::stages::upgrade::{self, Switch};
use crate::stages::validate;
use crate::trace::Trace;

/// A request that every stage let pass.
pub(crate) struct Admitted<'p> {
    pub(crate) api: &'p Api,
    pub(crate) route: &'p Route,
    pub(crate) permit: Permit,
    pub(crate) target: Target,
    pub(crate) authority: Authority,
    pub(crate) headers: HeaderMap,
    pub(crate) body: RequestBody,
    pub(crate) budget: Budget<'p>,
    pub(crate) switch: Switch,
    /// A place among the caller's calls under way; held until the answer is complete.
    pub(crate) place: Option<Place>,
    /// The token that the upstream gets in place of the client's.
    pub(crate) exchanged: Option<HeaderValue>,
    /// The objects that it names, for the answer to teach whose they are.
    pub(crate) stake: Option<Box<Stake>>,
    /// Steps of flows that it takes, for the answer to tell whether they succeed.
    pub(crate) passing: Vec<Passing>,
    _only_made_here: Seal,
}

struct Seal;

/// What becomes of a request that was not refused.
pub(crate) enum Admission<'p> {
    Forward(Box<Admitted<'p>>),
    Local(Local),
}

/// Walks a request through every layer.
///
/// # Errors
/// The first refusal of an enforced stage.
pub(crate) async fn admit<'p>(
    policy: &'p Policy,
    envelope: &Envelope,
    parts: &mut Parts,
    body: Incoming,
    on_upgrade: Option<OnUpgrade>,
    trace: &mut Trace,
) -> Result<Admission<'p>, Denial> {
    // Before anything is parsed or verified: a flood must stay cheap.
    trace.step(Stage::Limit, limit::take_for_peer(&policy.limits.peer, envelope))?;

    // One reading, shared by all who judge and by the upstream.
    let arrival = trace.step(Stage::Listen, Arrival::read(policy, envelope, parts, body))?;
    let Arrival { target, authority, mut headers, body, max_forwards } = arrival;

    // Only what the contract declares exists.
    let located = trace
        .step(Stage::Route, route::locate(policy, envelope, &authority, target, &headers, max_forwards))?;
    let (api, target) = match located {
        Routed::Api(api, target) => (api, target),
        Routed::Local(local) => return Ok(Admission::Local(local)),
    };
    trace.found_api(api);
    if let Some(sessions) = &api.sessions
        && let Some(place) = sessions.place(target.path())
    {
        trace.step_at(Stage::Limit, api.limit_strength, limit::take_for_peer(&api.peer_limits, envelope))?;
        let asked = session::Asked { envelope, authority: &authority, target: &target, headers: &headers };
        // Boxed: few requests are logins, and all would carry its size.
        let answer = Box::pin(session::serve(policy, api, sessions, place, asked, body)).await;
        let served = trace.step(Stage::Identify, answer)?;
        (trace.principal, trace.proof) = (served.principal, served.proof);
        return Ok(Admission::Local(served.local));
    }
    let (route, parameters) = match route::find(api, envelope, &target, &headers) {
        Ok(route::Found::Operation(route, parameters)) => (route, parameters),
        Ok(route::Found::Preflight(local)) => return Ok(Admission::Local(local)),
        Err(denial) => return trace.step(Stage::Route, Err(denial)),
    };
    trace.found_route(route);
    observe::listen(api, envelope, &target, &headers, trace);
    // Before anybody is asked who they are: what is gone is gone for all (VER-02).
    if let Err(gone) = route.life.judge(envelope.now.wall) {
        return trace.step(Stage::Route, Err(gone));
    }
    if let Err(full) = limit::find_room(policy, route, envelope) {
        return trace.step(Stage::Limit, Err(full));
    }
    if !api.peer_limits.is_empty() {
        trace.step_at(Stage::Limit, api.limit_strength, limit::take_for_peer(&api.peer_limits, envelope))?;
    }
    let switch = trace.step(Stage::Route, upgrade::judge(api, route, envelope, &headers, on_upgrade))?;

    // The credential is taken out of the head here, whoever it belongs to.
    let identified = identify(policy, api, route, envelope, &authority, &mut headers, &target).await;
    let (stripped_query, shown_token) = (identified.stripped_query, identified.token);
    if !matches!(route.demand, Demand::Public) {
        trace.read_clock();
    }
    if identified.known.is_err() {
        standing::refuse_stranger(policy, envelope, trace)?;
    }
    let known = trace
        .step_at(Stage::Identify, route.strengths.identify, identified.known)?
        .unwrap_or(Known::anonymous());
    trace.proof = known.proof;
    let caller = known.caller;
    if let Caller::Authenticated(principal) = &caller {
        trace.principal = Some(std::sync::Arc::clone(principal));
    }
    // Whoever was noticed attacking goes no further, or not so fast.
    let risk = standing::judge(policy, api, &caller, envelope, &mut headers, trace)?;
    trace.risk = risk;

    // What is granted for a while counts only where it makes a difference.
    let mut elevation = Elevation::of(policy, api, route, &caller, envelope);
    let asked =
        authorize::Asked { envelope, path: &parameters, query: target.query(), headers: &headers, risk };
    trace.heard = authorize::heard(route, asked, authorize::Reach::Head, Content::Nothing);
    let decided = authorize::decide(route, caller.clone(), asked);
    let decided = elevation.help(decided, |caller| authorize::decide(route, caller, asked), envelope, trace);
    let mut permit = match trace.step_at(Stage::Authorize, route.strengths.authorize, decided) {
        Ok(permit) => permit.unwrap_or_else(|| Permit::shadowed(caller)),
        Err(denial) => {
            if conceal::is_concealing(denial.reason()) {
                // What looks like absence costs what absence costs, or the caller's budget would tell (ERR-05).
                let content = Content::Nothing;
                let reading =
                    Reading { path: &parameters, query: target.query(), headers: &headers, body: content };
                let spending =
                    limits::Asked::new(envelope, &caller, route, body.size_hint()).within(&reading);
                limit::take_for_caller(policy, route, spending, trace).await?;
            }
            return Err(denial);
        }
    };

    let (mut budget, mut place) = (Budget::none(), None);
    if route.limits.reach == Reach::Head {
        let spending = limits::Asked::new(envelope, permit.caller(), route, body.size_hint());
        (budget, place) = limit::take_for_caller(policy, route, spending, trace).await?;
    }

    let checked = validate::head(route, &parameters, target.query(), &headers);
    trace.step_at(Stage::Validate, route.strengths.validate, checked)?;
    let body = validate::body(policy, route, &mut headers, body, trace).await?;

    // Read once for all who look into it.
    let json = if route.looks_inside { value_of(&route.operation, &headers, &body) } else { None };
    let content = Content::of(&body, json.as_ref());
    let reading = Reading { path: &parameters, query: target.query(), headers: &headers, body: content };

    let asked =
        authorize::Asked { envelope, path: &parameters, query: target.query(), headers: &headers, risk };
    let decide_again = |caller| {
        let permit = authorize::decide(route, caller, asked)?;
        authorize::decide_with_body(route, &permit, asked, content).map(|()| Some(permit))
    };
    if authorize::reads_body(route) {
        trace.heard = authorize::heard(route, asked, authorize::Reach::Whole, content);
        let decided = authorize::decide_with_body(route, &permit, asked, content).map(|()| None);
        let decided = elevation.help(decided, decide_again, envelope, trace);
        if let Some(Some(better)) = trace.step_at(Stage::Authorize, route.strengths.authorize, decided)? {
            permit = better;
        }
    }
    if let Some(better) = elevation.ahead(decide_again, envelope, trace) {
        permit = better;
    }

    if route.limits.reach == Reach::Whole {
        let spending =
            limits::Asked::new(envelope, permit.caller(), route, body.size_hint()).within(&reading);
        (budget, place) = limit::take_for_caller(policy, route, spending, trace).await?;
    }

    // Every object that the request names must be the caller's: only now is it known which it names.
    let stake = match &route.objects {
        None => None,
        Some(named) => {
            let (path, query) = (&parameters, target.query());
            let asked = objects::Asked {
                operation: &route.operation,
                envelope,
                authority: &authority,
                path,
                query,
                headers: &headers,
                body: content,
            };
            // Boxed: few operations name objects, and all would carry its size.
            Some(Box::pin(objects::judge(named, &permit, asked, trace)).await?)
        }
    };

    let mut passing = Vec::new();
    if !route.flows.is_empty() {
        passing = flow::enter(route, &permit, envelope, &reading, trace)?;
    }

    if let Some(point) = &route.asks {
        // Boxed: few operations are asked about, and all would carry its size.
        Box::pin(ask::ask(point, api, route, &permit, envelope, &reading, trace)).await?;
    }

    if let (AnsweredBy::Documentation, Some(documentation)) = (route.answered_by, &api.documentation) {
        return Ok(Admission::Local(Local::Documentation(documentation.document(envelope.now.wall))));
    }

    let exchanged = exchange::for_upstream(api, permit.caller(), shown_token.as_ref(), envelope).await;
    let exchanged = trace.step(Stage::Authorize, exchanged)?;

    drop(parameters);
    let target = validate::paged(route, stripped_query.unwrap_or(target));
    Ok(Admission::Forward(Box::new(Admitted {
        api,
        route,
        permit,
        target,
        authority,
        headers,
        body,
        budget,
        switch,
        place,
        exchanged,
        stake,
        passing,
        _only_made_here: Seal,
    })))
}
