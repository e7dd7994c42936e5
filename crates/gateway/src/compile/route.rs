//! One operation of an API with everything that holds for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_audit::Destination;
use portcullis_authn::Authenticator;
use portcullis_authz::config::{AuthorizeConfig, CallersConfig};
use portcullis_authz::rules::Inheritance;
use portcullis_config::Diagnostics;
use portcullis_contract::{Operation, SchemeKind};

use super::api::Subject;
use super::credentials::patterns;
use super::guard::{Demands, guard};
use super::selectors::{matching, selected};
use super::strengths::with_stages;
use super::{Workshop, detection, documentation, lifecycle, responses};
use crate::config::UpgradeConfig;
use crate::life::Life;
use crate::limits::RouteLimits;
use crate::policy::{AnsweredBy, Route, Strengths, Websocket};
use crate::release::{Copies, Owners};

/// What the routes of an API have in common.
pub(super) struct Shared<'a> {
    /// Room for answers that are kept to be checked.
    pub(super) copies: Arc<Copies>,
    /// Whose subjects are the owners that answers name.
    pub(super) owners: Owners,
    /// Under which version it is counted who calls.
    pub(super) version: String,
    pub(super) life: &'a Life,
    /// Which roles contain which.
    pub(super) inheritance: &'a Inheritance,
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
    let mut unrecorded = config.unrecorded;
    for (_, settings) in &overrides {
        strengths = with_stages(strengths, &settings.stages);
        authorize = with_authorize(authorize, &settings.authorize);
        require = settings.require.within(&require);
        if settings.upgrade.contains(&UpgradeConfig::Websocket) {
            websocket = Websocket::Listed;
        }
        upstream_errors = settings.upstream_errors.unwrap_or(upstream_errors);
        unrecorded = settings.unrecorded.unwrap_or(unrecorded);
    }
    let realm: Arc<str> = Arc::from(*name);
    let require_place = place.child("require");
    let requirements = portcullis_authn::requirements(&require, &require_place, diagnostics);
    let certificate_names = require
        .certificate
        .as_ref()
        .map(|names| patterns(names, &require_place.child("certificate"), diagnostics));
    let demands = Demands {
        authorize: &authorize,
        inheritance: shared.inheritance,
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
        limits: RouteLimits::default(),
        body_limit: operation.body_limit as u64,
        websocket,
        upstream_errors,
        unrecorded: portcullis_audit::on_failure(unrecorded),
        answers: responses::rules(config, &overrides, operation, &shared.owners, &shared.copies),
        objects: None,
        rules: None,
        asks: None,
        flows: Vec::new(),
        looks_inside: false,
        observed: workshop.observatory.number(name, &shared.version, &operation.id),
        watched: detection::watched(name, operation, workshop),
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
        ask: None,
        confidential: config.confidential.or(before.confidential),
    }
}
