//! One operation of an API with everything that holds for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_audit::Destination;
use portcullis_authn::Authenticator;
use portcullis_authz::config::{AuthorizeConfig, CallersConfig};
use portcullis_config::Diagnostics;
use portcullis_contract::{Operation, SchemeKind};
use portcullis_limits::{Concurrency, Limiter, Limits, compile_quota, name_after};

use super::api::Subject;
use super::credentials::patterns;
use super::guard::{Demands, guard};
use super::limits::keep;
use super::selectors::{matching, selected};
use super::strengths::with_stages;
use super::{Workshop, documentation, lifecycle, responses};
use crate::config::UpgradeConfig;
use crate::life::Life;
use crate::policy::{AnsweredBy, Api, Route, Strengths, Websocket};
use crate::release::Copies;

/// What the routes of an API have in common.
pub(super) struct Shared<'a> {
    pub(super) caller_limits: Limits,
    pub(super) concurrency: Option<Arc<Concurrency>>,
    pub(super) capacity: usize,
    pub(super) running: Option<&'a Api>,
    /// Room for answers that are kept to be checked.
    pub(super) copies: Arc<Copies>,
    /// Under which version it is counted who calls.
    pub(super) version: String,
    pub(super) life: &'a Life,
}

pub(super) fn compile(
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
