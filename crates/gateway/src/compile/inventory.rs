//! Whether the inventory is complete, and whether environments are kept apart.
//!
//! In: `inventory:` of every API, its hosts and its upstreams. Out: diagnostics alone; nothing of this decides about a
//! request. OWASP API9:2023, ASVS 13.1.1, NIST SP 800-228 REC-4.

use std::net::IpAddr;

use portcullis_config::codes::version as codes;
use portcullis_config::{Diagnostic, Diagnostics};

use super::version::Placed;
use crate::config::{ApiConfig, EnvironmentConfig, GatewayConfig, InventoryConfig};

/// Parts of host names that say that something is not in production (RFC 6761 reserves the last label `test`).
const TEST_LABELS: &[&str] = &[
    "test",
    "tests",
    "testing",
    "dev",
    "develop",
    "development",
    "stage",
    "staging",
    "qa",
    "uat",
    "sandbox",
];

/// Reports what is missing and what does not fit together.
pub(crate) fn check(config: &GatewayConfig, placed: &[Placed<'_>], diagnostics: &mut Diagnostics) {
    for one in placed {
        let Some(api) = config.apis.get(one.name) else { continue };
        let nothing = InventoryConfig::default();
        let inventory = api.inventory.as_ref().unwrap_or(&nothing);
        report_missing(config, one, inventory, diagnostics);
        report_production_data(one, inventory, diagnostics);
        report_unlisted(one, api, inventory, diagnostics);
    }
    report_shared_upstreams(config, placed, diagnostics);
}

fn report_missing(
    config: &GatewayConfig,
    one: &Placed<'_>,
    inventory: &InventoryConfig,
    diagnostics: &mut Diagnostics,
) {
    let missing: Vec<&str> = [
        ("`owner`", inventory.owner.is_none()),
        ("`environment`", inventory.environment.is_none()),
        ("`exposure`", inventory.exposure.is_none()),
        ("`data_class`", inventory.data_class.is_none()),
        ("`third_parties`", inventory.third_parties.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    if missing.is_empty() {
        return;
    }
    let what = format!("the inventory of `{}` lacks {}", one.name, missing.join(", "));
    let diagnostic = if config.require_inventory {
        Diagnostic::error(codes::INVENTORY_INCOMPLETE, what)
    } else {
        Diagnostic::warning(codes::INVENTORY_INCOMPLETE, what)
    };
    diagnostics.push(
        diagnostic
            .at(one.place.key())
            .help("say it under `inventory:`; `portcullis inventory --apis` lists what is known"),
    );
}

fn report_production_data(one: &Placed<'_>, inventory: &InventoryConfig, diagnostics: &mut Diagnostics) {
    let Some(class) = inventory.data_class.filter(|class| class.is_for_production()) else { return };
    let place = one.place.child("inventory");
    if let Some(environment) = inventory.environment.filter(|found| *found != EnvironmentConfig::Production) {
        let what = format!("`{}` holds {} data outside production", one.name, word(&class));
        diagnostics.push(
            Diagnostic::error(codes::ENVIRONMENT_MIXED, what)
                .at(place.child("data_class"))
                .related(place.child("environment"), format!("it runs in {}", word(&environment)))
                .help("use made-up data there, and say `data_class: synthetic`"),
        );
    } else if let Some(host) = one.hosts.iter().find(|host| is_for_tests(host)) {
        let what = format!("`{}` holds {} data and is served as `{host}`", one.name, word(&class));
        diagnostics.push(
            Diagnostic::error(codes::ENVIRONMENT_MIXED, what)
                .at(place.child("data_class"))
                .label("the host's name says that it is for tests")
                .help("serve tests as an API of its own, with `environment: test` and made-up data"),
        );
    }
}

/// An upstream of two environments is a way from one into the other.
fn report_shared_upstreams(config: &GatewayConfig, placed: &[Placed<'_>], diagnostics: &mut Diagnostics) {
    let environment = |one: &Placed<'_>| config.apis.get(one.name)?.inventory.as_ref()?.environment;
    let addresses =
        |one: &Placed<'_>| config.apis.get(one.name).map_or(&[][..], |api| api.upstream.addresses());
    for (index, one) in placed.iter().enumerate() {
        let Some(own) = environment(one) else { continue };
        for other in placed.iter().take(index) {
            if environment(other).is_none_or(|other| other == own) {
                continue;
            }
            if let Some(shared) = addresses(one).iter().find(|address| addresses(other).contains(address)) {
                let what = format!("`{}` and `{}` share the upstream `{shared}`", one.name, other.name);
                diagnostics.push(
                    Diagnostic::error(codes::ENVIRONMENT_MIXED, what)
                        .at(one.place.child("upstream"))
                        .related(other.place.child("upstream"), "this is another environment")
                        .help("give each environment an upstream of its own"),
                );
            }
        }
    }
}

fn report_unlisted(
    one: &Placed<'_>,
    api: &ApiConfig,
    inventory: &InventoryConfig,
    diagnostics: &mut Diagnostics,
) {
    // Whoever has not said who they are is told so already.
    let Some(listed) = &inventory.third_parties else { return };
    for address in api.upstream.addresses() {
        let Some(host) = url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned))
        else {
            continue;
        };
        let is_listed = listed.iter().any(|party| is_under(&host, party.name()));
        let is_ours = one.hosts.iter().any(|own| domain(own).is_some_and(|domain| is_under(&host, domain)));
        if is_inside(&host) || is_listed || is_ours {
            continue;
        }
        diagnostics.push(
            Diagnostic::warning(
                codes::THIRD_PARTY_UNLISTED,
                format!(
                    "`{}` sends its requests to `{host}`, which is not among its third parties",
                    one.name
                ),
            )
            .at(one.place.child("upstream"))
            .help("list it under `inventory.third_parties` with what it gets, if it is somebody else's"),
        );
    }
}

/// The last two labels: near enough to what one organization has.
fn domain(host: &str) -> Option<&str> {
    let (rest, _) = host.rsplit_once('.')?;
    let start = rest.rfind('.').map_or(0, |dot| dot + 1);
    host.get(start..)
}

fn is_under(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Addresses and names that lead nowhere but into the house.
fn is_inside(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || ["internal", "local", "localhost", "test", "svc", "lan", "home", "corp"]
            .iter()
            .any(|suffix| host.rsplit('.').next() == Some(suffix))
}

fn is_for_tests(host: &str) -> bool {
    host.split(['.', '-']).any(|label| TEST_LABELS.contains(&label))
}

/// The word in the file.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_for_tests_say_so_in_a_label() {
        for host in ["test.shop.example", "api-staging.shop.example", "shop.test", "qa.example.com"] {
            assert!(is_for_tests(host), "{host}");
        }
        for host in ["api.shop.example", "contest.example", "developers.example.com", "latest.example.com"] {
            assert!(!is_for_tests(host), "{host}");
        }
    }

    #[test]
    fn the_house_ends_at_its_domain() {
        assert_eq!(domain("api.shop.example"), Some("shop.example"));
        assert_eq!(domain("localhost"), None);
        assert!(is_under("eu.shop.example", "shop.example") && !is_under("evilshop.example", "shop.example"));
        assert!(is_inside("10.0.0.1") && is_inside("[::1]") && is_inside("shop.svc.cluster.local"));
        assert!(!is_inside("api.partner.example"));
    }
}
