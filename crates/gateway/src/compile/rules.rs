//! From what is written about an API's rules to the rules of its routes.

use jiff::tz::TimeZone;
use portcullis_authz::Demand;
use portcullis_authz::config::AuthorizeConfig;
use portcullis_authz::rules::{
    self, Described, Effect, Guarded, OperationRules, Part, PolicyFile, Reach, RuleConfig, RulesConfig,
    ShortForm, Wanted, Written,
};
use portcullis_config::codes::identity::{RULE_MALFORMED, RULE_PUBLIC, ZONE_UNKNOWN};
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, ParameterPlace};

use super::api::Subject;
use super::documents::Library;
use super::selectors::{matching, selected};
use super::zone::read_zone;
use crate::ownership::{Place as At, Pointer};
use crate::policy::Route;
use crate::rules::RouteRules;

/// Gives every route of an API its rules.
pub(super) fn attach(
    subject: &Subject<'_>,
    contract: &Contract,
    routes: &mut [Route],
    library: &Library,
    diagnostics: &mut Diagnostics,
) {
    let config = &subject.config.rules;
    let place = subject.place.child("rules");
    let mut files = Vec::new();
    for path in &config.policies {
        match library.text(path) {
            Ok((text, place)) => files.push(PolicyFile { text, place }),
            Err(found) => diagnostics.extend(found),
        }
    }
    let operations = contract.operations();
    let takes: Vec<_> = operations
        .iter()
        .map(|operation| move |name: &str| operation.has_parameter(ParameterPlace::Query, name))
        .collect();
    let described =
        operations.iter().zip(&takes).zip(routes.iter()).map(|((operation, takes), route)| Described {
            id: &operation.id,
            method: operation.method.as_str(),
            tags: &operation.tags,
            template: &operation.template,
            has_query: takes,
            guarded: match route.demand {
                Demand::Public => Guarded::Public,
                Demand::Authenticated { .. } => Guarded::Guarded,
            },
        });
    let short = short_forms(subject, contract, routes, files.is_empty(), diagnostics);
    let written = Written {
        api: subject.name,
        config,
        files,
        short,
        operations: described.collect(),
        place: place.clone(),
    };
    let compiled = rules::compile(&written, diagnostics);
    if compiled.iter().all(Option::is_none) {
        return;
    }
    let Some(zone) = zone(config, &place, diagnostics) else { return };
    for (route, rules) in routes.iter_mut().zip(compiled) {
        let Some(rules) = rules else { continue };
        let Some((head, whole)) = places(&rules, Reach::Head).zip(places(&rules, Reach::Whole)) else {
            let message = format!("a rule on `{}` looks where nothing can stand", route.operation.id);
            diagnostics.push(
                Diagnostic::error(RULE_MALFORMED, message)
                    .at(place.clone())
                    .help("write headers by name, and places in bodies as JSON pointers: `/items/*/id`"),
            );
            continue;
        };
        route.rules = Some(Box::new(RouteRules { rules, zone: zone.clone(), head, whole }));
    }
}

/// The short forms: what is allowed by the narrowest setting, what is denied by any.
fn short_forms<'a>(
    subject: &Subject<'a>,
    contract: &Contract,
    routes: &[Route],
    is_alone: bool,
    diagnostics: &mut Diagnostics,
) -> Vec<ShortForm<'a>> {
    let api: (Option<&str>, &AuthorizeConfig) = (None, &subject.config.authorize);
    let overrides = subject.config.overrides.iter();
    let settings: Vec<_> = std::iter::once(api)
        .chain(overrides.map(|(selector, settings)| (Some(selector.as_str()), &settings.authorize)))
        .collect();
    let mut allowed: Vec<Vec<usize>> = settings.iter().map(|_| Vec::new()).collect();
    let mut denied = allowed.clone();
    let mut permitted_as_before = Vec::new();
    for (operation, route) in contract.operations().iter().zip(routes) {
        let reaching: Vec<&str> =
            matching(subject.config, &selected(operation)).map(|(selector, _)| selector.as_str()).collect();
        let of = |selector: Option<&str>| settings.iter().position(|(name, _)| *name == selector);
        let here: Vec<usize> = std::iter::once(of(None))
            .chain(reaching.into_iter().map(|name| of(Some(name))))
            .flatten()
            .collect();
        let is_public = matches!(route.demand, Demand::Public);
        let mut narrowest = None;
        let mut is_denied = false;
        for index in here {
            let Some((selector, authorize)) = settings.get(index) else { continue };
            // Of a method, as of the whole API, it goes without saying that public operations are not meant.
            let named = selector.filter(|selector| !selector.starts_with("method:"));
            if let (true, Some(selector), true) =
                (is_public, named, authorize.allow.is_some() || authorize.deny.is_some())
            {
                let message = format!("`{}` is public, and has a rule", operation.id);
                let place = subject.place.child("overrides").child(selector).child("authorize");
                diagnostics.push(Diagnostic::error(RULE_PUBLIC, message).at(place.key()));
            }
            if authorize.allow.is_some() {
                narrowest = Some(index);
            }
            if let (Some(_), Some(operations)) = (&authorize.deny, denied.get_mut(index)) {
                operations.push(operation.index);
                is_denied = true;
            }
        }
        match narrowest.and_then(|index| allowed.get_mut(index)) {
            Some(operations) => operations.push(operation.index),
            // Only forbidden things are named: the rest is as the document has it.
            None if is_denied && is_alone => permitted_as_before.push(operation.index),
            None => {}
        }
    }
    let mut forms = Vec::new();
    for (((selector, authorize), allowed), denied) in settings.into_iter().zip(allowed).zip(denied) {
        let place = match selector {
            Some(selector) => subject.place.child("overrides").child(selector),
            None => subject.place.clone(),
        };
        let place = place.child("authorize");
        let lists = [
            (Effect::Permit, &authorize.allow, "allow", allowed),
            (Effect::Forbid, &authorize.deny, "deny", denied),
        ];
        forms.extend(lists.into_iter().filter_map(|(effect, rule, key, operations)| {
            Some(ShortForm { effect, rule: rule.as_ref()?, place: place.child(key), operations })
        }));
    }
    if !permitted_as_before.is_empty() {
        forms.push(ShortForm {
            effect: Effect::Permit,
            rule: AS_THE_DOCUMENT_SAYS,
            place: subject.place.child("authorize").key(),
            operations: permitted_as_before,
        });
    }
    forms
}

/// Permits everybody whom the document's own demand lets through.
const AS_THE_DOCUMENT_SAYS: &RuleConfig = &RuleConfig::ANY;

/// Where it stands what the rules want to know.
fn places(rules: &OperationRules, reach: Reach) -> Option<Box<[At]>> {
    let place = |wanted: &Wanted| {
        Some(match wanted.part {
            Part::Path => At::Path(wanted.name.as_str().into()),
            Part::Query => At::Query(wanted.name.as_str().into()),
            Part::Header => At::Header(wanted.name.parse().ok()?),
            Part::Body => At::Body(Pointer::parse(&wanted.name)?),
        })
    };
    rules.wanted(reach).iter().map(place).collect()
}

fn zone(config: &RulesConfig, place: &Place, diagnostics: &mut Diagnostics) -> Option<TimeZone> {
    let Some(name) = &config.zone else { return Some(TimeZone::UTC) };
    let zone = read_zone(name);
    if zone.is_none() {
        diagnostics.push(
            Diagnostic::error(ZONE_UNKNOWN, format!("`{name}` is no time zone of this system"))
                .at(place.child("zone")),
        );
    }
    zone
}
