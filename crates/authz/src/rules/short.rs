//! Short forms as Cedar, so that there is one engine and one explanation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use portcullis_config::codes::identity::RULE_MALFORMED;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::Effect;
use super::config::{ClaimTypeConfig, ConditionConfig, RuleConfig};

/// A short form as the text of one policy.
pub(super) fn cedar(
    effect: Effect,
    rule: &RuleConfig,
    claims: &BTreeMap<String, ClaimTypeConfig>,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> String {
    let mut conditions = Vec::new();
    let entities = |kind: &str, names: &[String]| {
        let listed: Vec<String> = names.iter().map(|name| format!("{kind}::{name:?}")).collect();
        format!("principal in [{}]", listed.join(", "))
    };
    conditions.extend(rule.roles.as_ref().map(|roles| entities("Role", roles)));
    conditions.extend(rule.groups.as_ref().map(|groups| entities("Group", groups)));
    conditions.extend(rule.scopes.as_ref().map(|scopes| format!("principal.scopes.containsAll({scopes:?})")));
    for (name, values) in &rule.claims {
        let has = format!("principal.claims has {name:?}");
        let claim = format!("principal.claims[{name:?}]");
        conditions.push(match claims.get(name) {
            Some(ClaimTypeConfig::List) => format!("{has} && {claim}.containsAny({values:?})"),
            Some(ClaimTypeConfig::Number | ClaimTypeConfig::Truth) => {
                format!("{has} && [{}].contains({claim})", values.join(", "))
            }
            Some(ClaimTypeConfig::Text) | None => format!("{has} && {values:?}.contains({claim})"),
        });
    }
    conditions.extend(rule.owner.as_ref().map(|owner| {
        let name = &owner.path;
        format!("context.path has {name:?} && context.path[{name:?}] == principal.subject")
    }));
    conditions.extend(rule.tenant.as_ref().map(|tenant| {
        let (claim, name) = (&tenant.claim, &tenant.path);
        format!(
            "principal.claims has {claim:?} && context.path has {name:?} && \
             context.path[{name:?}] == principal.claims[{claim:?}]"
        )
    }));
    if let Some(when) = &rule.when {
        conditions.extend(circumstances(when, place, diagnostics));
    }
    let effect = match effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    };
    let mut text = format!("{effect}(principal, action, resource)");
    for condition in conditions {
        let _ = write!(text, "\nwhen {{ {condition} }}");
    }
    text.push(';');
    text
}

fn circumstances(when: &ConditionConfig, place: &Place, diagnostics: &mut Diagnostics) -> Vec<String> {
    let mut conditions = Vec::new();
    conditions.extend(when.days.as_ref().map(|days| {
        let names: Vec<&str> = days.iter().map(|day| day.name()).collect();
        format!("{names:?}.contains(context.weekday)")
    }));
    if let Some(written) = &when.hours {
        match hours(written) {
            Some((from, to)) if from < to => {
                conditions.push(format!("context.minute >= {from} && context.minute < {to}"));
            }
            Some((from, to)) => conditions.push(format!("context.minute >= {from} || context.minute < {to}")),
            None => diagnostics.push(
                Diagnostic::error(RULE_MALFORMED, format!("`{written}` is no span of hours"))
                    .at(place.child("when").child("hours"))
                    .help("write it like `08:00-18:00`"),
            ),
        }
    }
    conditions.extend(when.networks.as_ref().map(|networks| {
        let within: Vec<String> =
            networks.iter().map(|network| format!("context.client.isInRange(ip(\"{network}\"))")).collect();
        // Of no network is nobody.
        if within.is_empty() { "false".to_owned() } else { within.join(" || ") }
    }));
    conditions.extend(when.certificate.map(|wanted| match wanted {
        true => "context has certificate".to_owned(),
        false => "!(context has certificate)".to_owned(),
    }));
    conditions.extend(when.acr.as_ref().map(|values| format!("context.acrs.containsAny({values:?})")));
    conditions.extend(when.amr.as_ref().map(|values| format!("context.amr.containsAll({values:?})")));
    conditions.extend(
        when.max_age.map(|age| format!("context has auth_age && context.auth_age <= {}", age.0.as_secs())),
    );
    conditions.extend(when.max_risk.map(|risk| format!("context.risk <= {risk}")));
    conditions
}

/// Minutes of the day.
fn hours(written: &str) -> Option<(u32, u32)> {
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour <= 24 && minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
    };
    let (from, to) = written.split_once('-')?;
    Some((minute(from)?, minute(to)?)).filter(|(from, to)| from != to)
}
