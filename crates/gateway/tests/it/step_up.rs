//! Operations that want a stronger or more recent login (AUTHN-33, 34; RFC 9470).

use portcullis_domain::{Clock, Reason};
use serde_json::{Value, json};

use crate::walk::{Outcome, Setup, Walk, get};

fn requiring(require: Value, assurance: Value) -> Walk {
    Setup::new()
        .clock(Clock::manual(Clock::machine().now().wall))
        .policy(json!({ "identity": { "customers": { "assurance": assurance } } }))
        .api(json!({ "overrides": { "GET /orders": { "require": require } } }))
        .start()
}

fn asked(walk: &Walk, claims: Value) -> Outcome {
    let mut good = json!({ "scope": "orders:read" });
    crate::walk::merge(&mut good, claims);
    walk.send(get("/orders").bearer(&walk.token_with(good)))
}

/// R-STEP of the checklist: the challenge says what to ask the issuer for, and nothing else.
#[track_caller]
fn must_step_up(outcome: &Outcome, parameters: &[&str]) {
    outcome.refused(Reason::AuthenticationInsufficient);
    let challenge = outcome.header("www-authenticate").expect("a challenge");
    assert!(
        challenge.starts_with("Bearer realm=\"shop\", error=\"insufficient_user_authentication\""),
        "{challenge}"
    );
    for parameter in parameters {
        assert!(challenge.contains(parameter), "{parameter} in {challenge}");
    }
    for name in ["acr_values", "max_age"] {
        let is_expected = parameters.iter().any(|parameter| parameter.starts_with(name));
        assert_eq!(challenge.contains(name), is_expected, "{name} in {challenge}");
    }
}

// proves: AUTHN-33, AUTHN-34
#[test]
fn a_weak_login_is_told_which_context_is_needed() {
    let walk = requiring(json!({ "acr": ["gold", "platinum"] }), json!({}));
    for claims in [json!({}), json!({ "acr": "silver" }), json!({ "acr": 1 }), json!({ "acr": "GOLD" })] {
        must_step_up(&asked(&walk, claims), &["acr_values=\"gold platinum\""]);
    }
    asked(&walk, json!({ "acr": "platinum" })).passed();
    // Other operations ask for no more than before.
    walk.send(get("/me").bearer(&walk.token("orders:read"))).passed();
}

// proves: AUTHN-33, AUTHN-34
#[test]
fn an_old_login_is_told_how_recent_it_must_be_also_when_the_token_is_remembered() {
    let walk = requiring(json!({ "max_age": "5m" }), json!({}));
    let now = walk.clock.now().wall.as_seconds();
    must_step_up(&asked(&walk, json!({})), &["max_age=\"300\""]);
    must_step_up(&asked(&walk, json!({ "auth_time": now - 301 })), &["max_age=\"300\""]);
    let token = walk.token_with(json!({ "scope": "orders:read", "auth_time": now - 290 }));
    walk.send(get("/orders").bearer(&token)).passed();
    walk.clock.advance(std::time::Duration::from_secs(20));
    let outcome = walk.send(get("/orders").bearer(&token));
    must_step_up(&outcome, &["max_age=\"300\""]);
}

// proves: AUTHN-33
#[test]
fn levels_of_known_products_are_ordered_and_their_second_factor_is_known() {
    let okta = requiring(json!({ "acr": ["urn:okta:loa:2fa:any"] }), json!({ "preset": "okta" }));
    must_step_up(
        &asked(&okta, json!({ "acr": "urn:okta:loa:1fa:any" })),
        &["acr_values=\"urn:okta:loa:2fa:any\""],
    );
    asked(&okta, json!({ "acr": "phr" })).passed();

    let keycloak = requiring(json!({ "acr": ["2"] }), json!({ "preset": "keycloak" }));
    must_step_up(&asked(&keycloak, json!({ "acr": "1" })), &["acr_values=\"2\""]);
    asked(&keycloak, json!({ "acr": "3" })).passed();

    let multi = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";
    let auth0 = requiring(json!({ "second_factor": true }), json!({ "preset": "auth0" }));
    must_step_up(&asked(&auth0, json!({ "amr": ["pwd"] })), &[&format!("acr_values=\"{multi}\"")]);
    asked(&auth0, json!({ "amr": ["mfa"] })).passed();
    asked(&auth0, json!({ "acr": multi })).passed();

    let entra = requiring(json!({ "acr": ["c1"], "second_factor": true }), json!({ "preset": "entra" }));
    must_step_up(&asked(&entra, json!({ "acrs": ["c2"], "amr": ["mfa"] })), &["acr_values=\"c1\""]);
    must_step_up(&asked(&entra, json!({ "acrs": ["c1"], "amr": ["pwd"] })), &["acr_values=\"c1\""]);
    asked(&entra, json!({ "acrs": ["c2", "c1"], "amr": ["pwd", "mfa"] })).passed();

    let zitadel = requiring(json!({ "second_factor": true }), json!({ "preset": "zitadel" }));
    must_step_up(&asked(&zitadel, json!({ "amr": ["pwd", "user"] })), &[]);
    asked(&zitadel, json!({ "amr": ["pwd", "otp", "mfa"] })).passed();
}

// proves: AUTHN-34
#[test]
fn a_credential_that_tells_nothing_of_a_login_is_the_lowest_assurance() {
    let hash = {
        use argon2::password_hash::PasswordHasher as _;
        argon2::Argon2::default().hash_password(b"right").unwrap()
    };
    for (require, reason) in [
        (json!({ "second_factor": true }), Reason::AuthenticationInsufficient),
        (json!({ "max_age": "5m" }), Reason::AuthenticationInsufficient),
        (json!({ "sender_constrained": true }), Reason::SenderConstraintMissing),
    ] {
        let either = json!([{ "customers": [] }, { "legacy": [] }]);
        let done = json!({ "200": { "description": "Done." } });
        let walk = Setup::new()
            .secret("users", format!("alice:{hash}"))
            .contract(json!({
                "paths": {
                    "/strong": { "get": { "security": either, "responses": done } },
                    "/usual": { "get": { "security": either, "responses": done } },
                },
                "components": { "securitySchemes": { "legacy": { "type": "http", "scheme": "basic" } } },
            }))
            .policy(json!({ "passwords": { "legacy": { "users": "${file:users}" } } }))
            .api(json!({ "overrides": { "GET /strong": { "require": require } } }))
            .start();
        // `alice:right` in base64.
        let shown = "Authorization: Basic YWxpY2U6cmlnaHQ=";
        walk.send_tls(get("/usual").with(shown)).passed();
        let outcome = walk.send_tls(get("/strong").with(shown));
        outcome.refused(reason);
        let challenge = outcome.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer ") || challenge.starts_with("DPoP "), "{challenge}");
    }
}

#[test]
fn an_operation_refines_what_its_api_requires() {
    let walk = Setup::new()
        .api(json!({
            "require": { "amr": ["hwk"] },
            "overrides": { "GET /me": { "require": { "amr": [] } } },
        }))
        .start();
    must_step_up(&asked(&walk, json!({})), &[]);
    asked(&walk, json!({ "amr": ["hwk", "pin"] })).passed();
    walk.send(get("/me").bearer(&walk.token("orders:read"))).passed();
}
