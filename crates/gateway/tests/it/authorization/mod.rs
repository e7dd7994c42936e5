//! Rules of the operator: roles, attributes, circumstances, in Cedar and in short (AUTHZ-01 to 07, 12 to 18).

mod alarms;
mod bodies;
mod changes;
mod deputies;
mod fields;
mod risk;

use portcullis_config::Color;
use portcullis_domain::{Clock, Reason, Timestamp};
use portcullis_gateway::StartError;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::walk::{Ask, Outcome, Setup, Walk, ask, get, merge, post_json};

const SCOPES: &str = "orders:read orders:write admin";

/// A gateway with this file of policies.
fn ruled(policies: &str) -> Setup {
    Setup::new().file("shop.cedar", policies).api(json!({ "rules": { "policies": ["shop.cedar"] } }))
}

/// A gateway with these settings of one operation.
fn short(operation: &str, authorize: Value) -> Setup {
    Setup::new().api(json!({ "overrides": { operation: { "authorize": authorize } } }))
}

fn asked(walk: &Walk, request: Ask, claims: Value) -> Outcome {
    let mut good = json!({ "scope": SCOPES });
    merge(&mut good, claims);
    walk.send(request.bearer(&walk.token_with(good)))
}

/// What is said of a configuration with mistakes.
fn mistakes(setup: Setup) -> String {
    match setup.try_start() {
        Err(StartError::Configuration(mistakes)) => mistakes.render(Color::Never),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

#[track_caller]
fn note(outcome: &Outcome, part: &str) {
    let event = outcome.only_event().to_string();
    assert!(event.contains(part), "{part} in {event}");
}

// proves: AUTHZ-01
#[test]
fn what_no_rule_permits_is_refused_and_the_record_says_so() {
    let walk = ruled("permit(principal, action == Action::\"GET /me\", resource);").start();
    asked(&walk, get("/me"), json!({})).passed();
    let refused = asked(&walk, get("/orders"), json!({}));
    refused.refused(Reason::PermitMissing);
    note(&refused, "no permit");
    // Nobody is asked on a public operation.
    walk.send(get("/public")).passed();
}

// proves: AUTHZ-02
#[test]
fn a_prohibition_wins_in_any_order_and_is_cited() {
    let permit = "permit(principal, action, resource);\n";
    let forbid = "forbid(principal, action == Action::\"GET /orders\", resource)\nwhen { principal in Role::\"intern\" };\n";
    for (policies, place) in
        [(format!("{permit}{forbid}"), "shop.cedar:2"), (format!("{forbid}{permit}"), "shop.cedar:1")]
    {
        let walk = ruled(&policies).start();
        asked(&walk, get("/orders"), json!({})).passed();
        let refused = asked(&walk, get("/orders"), json!({ "roles": ["intern"] }));
        refused.refused(Reason::PermitMissing);
        note(&refused, place);
        asked(&walk, get("/me"), json!({ "roles": ["intern"] })).passed();
    }
}

// proves: AUTHZ-03, AUTHZ-13
#[test]
fn each_method_of_a_path_is_decided_by_itself_and_administration_wherever_it_lies() {
    let policies = "permit(principal, action in Action::\"method:GET\", resource);\n\
                    forbid(principal, action in Action::\"tag:administration\", resource)\n\
                    unless { principal in Role::\"admin\" };";
    let walk = ruled(policies)
        .contract(json!({ "paths": { "/me/x.css": { "get": { "tags": ["administration"] } } } }))
        .start();
    asked(&walk, get("/orders/7"), json!({})).passed();
    asked(&walk, ask("DELETE", "/orders/7"), json!({})).refused(Reason::PermitMissing);
    asked(&walk, post_json("/orders", "{\"text\":\"x\"}"), json!({})).refused(Reason::PermitMissing);
    asked(&walk, get("/me/x.css"), json!({})).refused(Reason::PermitMissing);
    asked(&walk, get("/me/x.css"), json!({ "roles": ["admin"] })).passed();
}

// proves: AUTHZ-04
#[test]
fn roles_that_a_request_claims_for_itself_are_none() {
    let walk = short("POST /orders", json!({ "allow": { "roles": ["admin"] } })).start();
    let request = || post_json("/orders", "{\"text\":\"admin\"}").with("X-Role: admin").with("Roles: admin");
    asked(&walk, request(), json!({})).refused(Reason::PermitMissing);
    asked(&walk, request(), json!({ "groups": ["admin"], "role": "admin" })).refused(Reason::PermitMissing);
    asked(&walk, request(), json!({ "roles": ["admin"] })).passed();
}

// proves: AUTHZ-05
#[test]
fn every_cell_of_roles_and_operations_is_as_declared_and_an_unknown_role_grants_nothing() {
    let walk = Setup::new()
        .api(json!({
            "rules": { "inherits": { "admin": ["editor"], "editor": ["viewer"] } },
            "overrides": {
                "GET /orders": { "authorize": { "allow": { "roles": ["viewer"] } } },
                "DELETE /orders/{name}": { "authorize": { "allow": { "roles": ["editor"] } } },
                "GET /admin/x": { "authorize": { "allow": { "roles": ["admin"] } } },
            },
        }))
        .start();
    for (role, rights) in [
        ("viewer", [true, false, false]),
        ("editor", [true, true, false]),
        ("admin", [true; 3]),
        ("Admin", [false; 3]),
    ] {
        let requests = [get("/orders"), ask("DELETE", "/orders/7"), get("/admin/x")];
        for (request, right) in requests.into_iter().zip(rights) {
            let outcome = asked(&walk, request, json!({ "roles": [role] }));
            if right {
                outcome.passed();
            } else {
                outcome.refused(Reason::PermitMissing);
            }
        }
    }
}

// proves: AUTHZ-06
#[test]
fn scope_without_role_is_no_permit_and_role_without_scope_is_asked_for_the_scope() {
    let walk =
        short("GET /orders", json!({ "allow": { "roles": ["clerk"], "scopes": ["orders:list"] } })).start();
    let ask =
        |scope: &str, roles: Value| asked(&walk, get("/orders"), json!({ "scope": scope, "roles": roles }));
    ask("orders:read orders:list", json!(["guest"])).refused(Reason::PermitMissing);
    ask("", json!(["clerk"])).refused(Reason::ScopeInsufficient);
    let refused = ask("orders:read", json!(["clerk"]));
    refused.refused(Reason::ScopeInsufficient);
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert!(challenge.ends_with("error=\"insufficient_scope\", scope=\"orders:list\""), "{challenge}");
    ask("orders:read orders:list", json!(["clerk"])).passed();
}

// proves: AUTHZ-07
#[test]
fn a_missing_attribute_never_matches() {
    let policies = "permit(principal, action, resource) when {\n\
                    principal.claims has department && context.header has \"x-department\" &&\n\
                    context.header[\"x-department\"].contains(principal.claims.department) };";
    let walk = ruled(policies).api(json!({ "rules": { "claims": { "department": "text" } } })).start();
    let request = || get("/orders").with("X-Department: sales");
    asked(&walk, request(), json!({ "department": "sales" })).passed();
    for department in [json!(null), json!("other"), json!(["sales"]), json!({}), json!(true)] {
        asked(&walk, request(), json!({ "department": department })).refused(Reason::PermitMissing);
    }
    asked(&walk, get("/orders"), json!({})).refused(Reason::PermitMissing);
    asked(&walk, get("/orders"), json!({ "department": "sales" })).refused(Reason::PermitMissing);
}

// proves: AUTHZ-12
#[test]
fn the_tenant_of_the_token_is_that_of_the_path() {
    let rule = json!({ "allow": { "tenant": { "claim": "tenant", "path": "name" } }, "confidential": true });
    let walk = short("GET /orders/{name}", rule).start();
    asked(&walk, get("/orders/acme"), json!({ "tenant": "acme" })).passed();
    asked(&walk, get("/orders/%61cme"), json!({ "tenant": "acme" })).passed();
    for (path, tenant) in
        [("/orders/other", json!("acme")), ("/orders/acme", json!(null)), ("/orders/acme", json!(["acme"]))]
    {
        asked(&walk, get(path), json!({ "tenant": tenant })).refused(Reason::ObjectConcealed);
    }
}

// proves: AUTHZ-17
#[test]
fn hours_networks_certificates_and_logins_are_as_the_gateway_sees_them() {
    // The next Sunday, 23:30; in Tokyo it is Monday, 08:30. The first day of 1970 was a Thursday.
    let day = Clock::machine().now().wall.as_seconds() / 86_400;
    let sunday = day + (10 - day % 7) % 7;
    let clock = Clock::manual(Timestamp::from_seconds(sunday * 86_400 + 84_600));
    let hours = |hours: &str, day: &str| {
        let when = json!({ "hours": hours, "days": [day] });
        short("GET /orders", json!({ "allow": { "when": when } }))
            .api(json!({ "rules": { "zone": "Asia/Tokyo" } }))
            .clock(clock.clone())
            .start()
    };
    asked(&hours("08:00-09:00", "monday"), get("/orders"), json!({})).passed();
    asked(&hours("22:00-08:31", "monday"), get("/orders"), json!({})).passed();
    asked(&hours("07:00-08:30", "monday"), get("/orders"), json!({})).refused(Reason::PermitMissing);
    asked(&hours("08:00-09:00", "tuesday"), get("/orders"), json!({})).refused(Reason::PermitMissing);

    let deny = |when: Value| short("GET /orders", json!({ "deny": { "when": when } })).start();
    asked(&deny(json!({ "networks": ["10.0.0.0/8"] })), get("/orders"), json!({})).passed();
    let foreign = deny(json!({ "networks": ["127.0.0.0/8"] }));
    asked(&foreign, get("/orders").with("X-Forwarded-For: 10.0.0.1"), json!({}))
        .refused(Reason::PermitMissing);
    asked(&deny(json!({ "certificate": false })), get("/orders"), json!({})).refused(Reason::PermitMissing);

    let strong = json!({ "allow": { "roles": ["clerk"], "when": { "acr": ["gold"], "max_age": "5m" } } });
    let walk = short("GET /orders", strong).clock(clock.clone()).start();
    let now = clock.now().wall.as_seconds();
    let weak = asked(&walk, get("/orders"), json!({ "roles": ["clerk"], "acr": "tin", "auth_time": now }));
    weak.refused(Reason::AuthenticationInsufficient);
    let challenge = weak.header("www-authenticate").expect("a challenge");
    for part in ["insufficient_user_authentication", "acr_values=\"gold\"", "max_age=\"300\""] {
        assert!(challenge.contains(part), "{challenge}");
    }
    asked(&walk, get("/orders"), json!({ "roles": ["clerk"], "acr": "gold", "auth_time": now - 301 }))
        .refused(Reason::AuthenticationInsufficient);
    // A login would not help whoever has not the role.
    asked(&walk, get("/orders"), json!({ "acr": "tin" })).refused(Reason::PermitMissing);
    asked(&walk, get("/orders"), json!({ "roles": ["clerk"], "acr": "gold", "auth_time": now })).passed();
}

#[test]
fn a_uuid_is_one_in_either_case_and_a_rule_says_it_in_lower_case() {
    const LOWER: &str = "0190f5fe-7c00-7a00-8000-00000000000a";
    let upper = LOWER.to_ascii_uppercase();
    let forbid = |uuid: &str| {
        format!(
            "permit(principal, action, resource);\n\
             forbid(principal, action == Action::\"GET /orders/{{name}}\", resource)\n\
             when {{ context.path.name == \"{uuid}\" }};"
        )
    };
    let walk = ruled(&forbid(LOWER)).start();
    for uuid in [LOWER, &upper] {
        asked(&walk, get(&format!("/orders/{uuid}")), json!({})).refused(Reason::PermitMissing);
    }
    let shown = mistakes(ruled(&forbid(&upper)));
    for part in ["C0229", "shop.cedar:2", LOWER, &upper] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    let shown = mistakes(ruled(&format!(
        "permit(principal, action == Action::\"GET /orders/{{name}}\", resource)\n\
         when {{ context.path.name like \"{}*\" }};",
        &upper[..13]
    )));
    assert!(shown.contains("C0229") && shown.contains(&LOWER[..13]), "{shown}");
    // Issuers may write their subjects in either case, too.
    let own = short("GET /orders/{name}", json!({ "allow": { "owner": { "path": "name" } } })).start();
    for (path, subject) in [(LOWER, &*upper), (&*upper, LOWER)] {
        asked(&own, get(&format!("/orders/{path}")), json!({ "sub": subject })).passed();
    }
    let claim = json!({ "allow": { "claims": { "team": [upper] } } });
    assert!(mistakes(short("GET /orders", claim)).contains("C0229"));
}

#[test]
fn a_policy_that_fails_refuses_although_it_only_forbids() {
    let policies = "permit(principal, action, resource);\n\
                    forbid(principal, action, resource) when { principal.claims has level &&\n\
                    principal.claims.level * 9223372036854775807 == 0 };";
    let walk = ruled(policies).api(json!({ "rules": { "claims": { "level": "number" } } })).start();
    asked(&walk, get("/orders"), json!({ "level": 1 })).passed();
    let refused = asked(&walk, get("/orders"), json!({ "level": 2 }));
    refused.refused(Reason::RuleFailed);
    note(&refused, "a policy failed: shop.cedar:2");
}

#[test]
fn the_record_says_which_single_change_would_permit_it() {
    let walk = short("GET /orders", json!({ "allow": { "roles": ["clerk"] } })).start();
    note(
        asked(&walk, get("/orders"), json!({})).refused(Reason::PermitMissing),
        r#"it would be permitted with `Role::\"clerk\"`"#,
    );
}

#[test]
fn rules_in_shadow_change_no_answer() {
    let setup = short("GET /orders", json!({ "allow": { "roles": ["clerk"] } }));
    let walk = setup.api(json!({ "stages": { "authorize": "shadow" } })).start();
    asked(&walk, get("/orders"), json!({})).passed();
}

#[test]
fn a_name_that_the_contract_does_not_have_is_a_mistake_with_its_line() {
    for (policies, code, line) in [
        ("permit(principal, action == Action::\"GET /order\", resource);", "C0229", "shop.cedar:1"),
        ("\n\npermit(principal, action, resource", "C0228", "shop.cedar:3"),
        ("permit(principal, action, resource)\nwhen { principal.claims.age > 3 };", "C0229", "shop.cedar:2"),
        ("permit(principal == ?principal, action, resource);", "C0228", "shop.cedar:1"),
        ("permit(principal == Principal::\"caller\", action, resource);", "C0228", "shop.cedar:1"),
        (
            "permit(principal, action, resource) when { context.path == context.path };",
            "C0228",
            "shop.cedar:1",
        ),
    ] {
        let shown = mistakes(ruled(policies));
        assert!(shown.contains(code) && shown.contains(line), "{policies}\n{shown}");
    }
    let shown = mistakes(short("GET /public", json!({ "allow": { "roles": ["x"] } })));
    assert!(shown.contains("C0232"), "{shown}");
    let shown = mistakes(short("GET /orders", json!({ "allow": { "when": { "hours": "8-9" } } })));
    assert!(shown.contains("C0231"), "{shown}");
    let shown = mistakes(
        ruled("permit(principal, action, resource);").api(json!({ "rules": { "zone": "Mars/Dome" } })),
    );
    assert!(shown.contains("C0233"), "{shown}");
}

/// One gateway for many requests.
fn generous() -> Walk {
    let policies = "permit(principal, action, resource) when { principal in Role::\"a\" && principal.scopes.contains(\"s\") };\n\
                    permit(principal, action, resource) when { principal in [Role::\"b\", Role::\"c\"] };";
    ruled(policies).start()
}

#[test]
fn taking_a_role_or_a_scope_away_never_admits_more() {
    let walk = generous();
    let admits = |roles: &[&str], scopes: &str| {
        let outcome =
            asked(&walk, get("/orders"), json!({ "roles": roles, "scope": format!("orders:read {scopes}") }));
        outcome.response.status == 200
    };
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(have in proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4), drop in 0usize..4, scope in proptest::bool::ANY)| {
        let fewer: Vec<&str> = have.iter().enumerate().filter(|(index, _)| *index != drop).map(|(_, role)| *role).collect();
        let scopes = if scope { "s" } else { "" };
        let all = admits(&have, scopes);
        prop_assert!(all || !admits(&fewer, scopes));
        prop_assert!(all || !admits(&have, ""));
    });
}
