//! Rules and operations that an operator should look at.
//!
//! In: the compiled policy, and what was remarked while it was compiled. Out: [`Finding`]s in the order of their
//! places, each once however many operations it concerns.

use std::collections::BTreeMap;

use portcullis_authz::Demand;
use portcullis_authz::rules::Flaw;
use portcullis_config::codes::identity::POLICY_IDLE;
use portcullis_config::{Diagnostics, Place};

use super::cells::{grounds, guards};
use super::{Finding, FindingKind};
use crate::policy::{Api, Policy, Route};

/// Most operations that one finding names.
const NAMED: usize = 3;

pub(super) fn of(policy: &Policy, warnings: &Diagnostics) -> Vec<Finding> {
    let idle = warnings.iter().filter(|warning| warning.code() == POLICY_IDLE).filter_map(|warning| {
        let place = warning.place()?.clone();
        Some(Finding { kind: FindingKind::Unreachable, message: warning.message().to_owned(), place })
    });
    let mut found: Vec<Finding> = idle.collect();
    for api in &policy.apis {
        found.extend(api.routes.iter().filter(|route| is_unguarded(route)).map(unguarded));
        found.extend(flaws(api));
    }
    found.sort_by(|one, other| {
        let at = |place: &Place| (place.file().to_owned(), place.line(), place.column());
        at(&one.place).cmp(&at(&other.place)).then_with(|| one.message.cmp(&other.message))
    });
    found
}

fn is_unguarded(route: &Route) -> bool {
    let has_objects = route.objects.iter().flat_map(|objects| &objects.types).any(guards);
    matches!(route.demand, Demand::Authenticated { .. }) && grounds(route).is_empty() && !has_objects
}

fn unguarded(route: &Route) -> Finding {
    let message = format!(
        "whoever has any credential may call `{}`: no scope, role, rule or object says who",
        route.operation.id
    );
    Finding { kind: FindingKind::Unguarded, message, place: route.operation.place.clone() }
}

/// What is wrong with the rules of an API, each rule once.
fn flaws(api: &Api) -> Vec<Finding> {
    let mut concerned: BTreeMap<(Flaw, &str), Vec<&Route>> = BTreeMap::new();
    let rules = api.routes.iter().filter_map(|route| Some((route, route.rules.as_ref()?)));
    let flaws: Vec<_> = rules.map(|(route, rules)| (route, rules.rules.flaws())).collect();
    for (route, (cited, flaw)) in
        flaws.iter().flat_map(|(route, flaws)| flaws.iter().map(move |flaw| (route, flaw)))
    {
        concerned.entry((*flaw, cited)).or_default().push(route);
    }
    let found = concerned.into_iter().filter_map(|((flaw, cited), routes)| {
        let (kind, what) = match flaw {
            Flaw::Broad => (FindingKind::Broad, "permits everybody whom the document lets call"),
            Flaw::Closed => (FindingKind::Unreachable, "forbids everybody to call"),
            Flaw::Overruled => {
                (FindingKind::Unreachable, "never decides, since another rule forbids everything, at")
            }
            Flaw::Needless => (FindingKind::Unreachable, "never decides, since another rule says more, at"),
        };
        let mut names: Vec<String> =
            routes.iter().take(NAMED).map(|route| format!("`{}`", route.operation.id)).collect();
        if routes.len() > NAMED {
            names.push(format!("{} more", routes.len() - NAMED));
        }
        let place = routes.first()?.operation.place.clone();
        Some(Finding { kind, message: format!("the rule at {cited} {what} {}", names.join(", ")), place })
    });
    found.collect()
}
