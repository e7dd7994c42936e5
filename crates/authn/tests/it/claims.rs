//! What a token with a good signature must say.

use portcullis_domain::{PrincipalKind, Reason};
use portcullis_testkit::prover::changed;
use portcullis_testkit::{Prover, TokenIssuer};
use serde_json::{Map, Value, json};

use crate::scene::{AUDIENCE, ISSUER, START, Scene, wait_for, with, without};

fn scene() -> Scene {
    Scene::of_file(TokenIssuer::new(ISSUER), &[])
}

#[track_caller]
fn check(
    settings: &[&str],
    change: impl FnOnce(Map<String, Value>) -> Map<String, Value>,
    expected: Result<(), Reason>,
) {
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), settings);
    scene.check(&scene.issuer.token(&change(scene.claims())), expected);
}

#[track_caller]
fn check_claim(name: &str, value: impl Into<Value>, expected: Result<(), Reason>) {
    check(&[], |claims| with(&claims, name, value), expected);
}

#[test]
fn a_principal_is_what_the_token_says() {
    let scene = scene();
    let claims = with(&with(&scene.claims(), "scope", "write read"), "roles", json!(["clerk", "auditor"]));
    let principal = wait_for(scene.identify(&scene.issuer.token(&claims))).unwrap();
    assert_eq!(principal.issuer.as_str(), ISSUER);
    assert_eq!(principal.subject.as_str(), "alice");
    assert_eq!(principal.client.as_deref(), Some("shop-app"));
    assert_eq!(principal.kind, PrincipalKind::User);
    assert_eq!(principal.scopes.to_string(), "read write");
    assert_eq!(principal.roles.to_string(), "auditor clerk");
    assert_eq!(principal.expires_at.unwrap().as_seconds(), START.as_seconds() + 300);
    assert_eq!(&*principal.scheme, "customers");
    assert_eq!(principal.claims["jti"], claims["jti"]);
}

// proves-part: AUTHN-18 (refusing a kind of principal on an operation is authz's)
#[test]
fn a_client_acting_for_itself_is_told_from_a_user() {
    let scene = scene();
    let claims = with(&scene.claims(), "sub", "shop-app");
    let principal = wait_for(scene.identify(&scene.issuer.token(&claims))).unwrap();
    assert_eq!(principal.kind, PrincipalKind::Client);
}

// proves: AUTHN-09
#[test]
fn only_a_token_that_says_so_is_an_access_token() {
    let scene = scene();
    for (typ, expected) in [
        (json!("at+jwt"), Ok(())),
        (json!("application/at+jwt"), Ok(())),
        (json!("AT+JWT"), Ok(())),
        (json!("JWT"), Err(Reason::TokenTypeWrong)),
        (json!("absent"), Err(Reason::TokenTypeWrong)),
        (json!(null), Err(Reason::TokenMalformed)),
        (json!(7), Err(Reason::TokenMalformed)),
    ] {
        let header = with(&scene.issuer.header(), "typ", typ);
        scene.check(&scene.issuer.token_with_header(&header, &scene.claims()), expected);
    }
    let header = without(&scene.issuer.header(), "typ");
    scene.check(&scene.issuer.token_with_header(&header, &scene.claims()), Err(Reason::TokenTypeWrong));
}

// proves: AUTHN-10
// Together with its kin it fills the table: the slot of access tokens; that of proofs is below, those of ID and logout tokens are shown in `gateway`.
// proves: JWT-13
#[test]
fn other_kinds_of_token_are_not_access_tokens() {
    let scene = scene();
    for typ in [
        "JWT",
        "logout+jwt",
        "client-authentication+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "oauth-authz-req+jwt",
        portcullis_authn::internal_token::TOKEN_TYPE,
    ] {
        let header = with(&scene.issuer.header(), "typ", typ);
        scene.check(&scene.issuer.token_with_header(&header, &scene.claims()), Err(Reason::TokenTypeWrong));
    }
    // Where `JWT` had to be allowed, the claims give the others away.
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &["token_types: [at+jwt, JWT]"]);
    let header = with(&scene.issuer.header(), "typ", "JWT");
    scene.check(&scene.issuer.token_with_header(&header, &scene.claims()), Ok(()));
    for (name, value) in [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("c_hash", json!("h")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
    ] {
        let claims = with(&scene.claims(), name, value);
        scene.check(&scene.issuer.token_with_header(&header, &claims), Err(Reason::TokenTypeWrong));
    }
}

// Together with its kin it fills the table: the slot of proofs; that of access tokens is above, those of ID and logout tokens are shown in `gateway`.
// proves: JWT-13
#[test]
fn other_kinds_of_token_are_no_proofs() {
    let (scene, prover) = (scene(), Prover::new());
    let bound = with(&scene.claims(), "cnf", json!({ "jkt": prover.thumbprint() }));
    let token = scene.issuer.token(&bound);
    let proof = prover.claims("GET", "https://api.example.com/", &token, "1", scene.clock.now().wall);
    // Each has everything else that a proof has, and the key's own signature.
    for typ in [
        "JWT",
        "at+jwt",
        "logout+jwt",
        "client-authentication+jwt",
        "secevent+jwt",
        "application/at+jwt",
        portcullis_authn::internal_token::TOKEN_TYPE,
    ] {
        let header = changed(prover.header(), json!({ "typ": typ }));
        let denial = wait_for(scene.identify_with(&token, &prover.sign(&header, &proof))).unwrap_err();
        assert_eq!(denial.reason(), Reason::ProofMalformed, "{typ}");
    }
    wait_for(scene.identify_with(&token, &prover.sign(&prover.header(), &proof))).unwrap();
}

// proves: AUTHN-11
#[test]
fn an_issuer_is_compared_as_an_exact_string() {
    for issuer in [
        "https://id.example.com/",
        "https://ID.example.com",
        "https://id.example.com.evil.example",
        "http://id.example.com",
        "https://id.example.com:443",
        "https://\u{456}d.example.com",
        " https://id.example.com",
        "",
    ] {
        check_claim("iss", issuer, Err(Reason::TokenIssuerUnknown));
    }
    for issuer in [json!(1), json!(null), json!([ISSUER]), json!({})] {
        check_claim("iss", issuer, Err(Reason::TokenClaimMalformed));
    }
}

// proves-part: AUTHN-12 (that a configuration without audience is refused: see `compile`)
#[test]
fn a_token_must_be_for_this_api() {
    for audience in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        check_claim("aud", audience, Ok(()));
    }
    for audience in [
        json!("other"),
        json!([]),
        json!(["other"]),
        json!(""),
        json!("shop-api/"),
        json!("SHOP-API"),
        json!("shop-api other"),
    ] {
        check_claim("aud", audience, Err(Reason::TokenAudienceMismatch));
    }
    for audience in
        [json!(null), json!(1), json!({ "shop-api": 1 }), json!([AUDIENCE, 1]), json!([[AUDIENCE]])]
    {
        check_claim("aud", audience, Err(Reason::TokenClaimMalformed));
    }
    check(&["audience: [shop-api, shop-v2]"], |claims| with(&claims, "aud", "shop-v2"), Ok(()));
}

// proves: AUTHN-13
#[test]
fn every_required_claim_is_required() {
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        check(&[], |claims| without(&claims, name), Err(Reason::TokenClaimMalformed));
        check_claim(name, json!(null), Err(Reason::TokenClaimMalformed));
    }
    for name in ["sub", "client_id", "jti"] {
        for value in [json!(""), json!(7), json!(["x"]), json!({})] {
            check_claim(name, value, Err(Reason::TokenClaimMalformed));
        }
    }
}

#[test]
fn a_relaxed_claim_may_be_absent_and_an_added_one_may_not() {
    let relaxed = "required_claims: [iss, exp, aud, sub, tenant]";
    let tenant = |claims: Map<String, Value>| with(&claims, "tenant", "t1");
    for name in ["client_id", "iat", "jti"] {
        check(&[relaxed], |claims| without(&tenant(claims), name), Ok(()));
        check(&[relaxed], |claims| with(&tenant(claims), name, json!({})), Err(Reason::TokenClaimMalformed));
    }
    check(&[relaxed], |claims| claims, Err(Reason::TokenClaimMalformed));
}

// proves: AUTHN-14
#[test]
fn times_are_whole_numbers_within_the_skew() {
    let now = START.as_seconds();
    for (name, value, expected) in [
        ("exp", json!(now - 29), Ok(())),
        ("exp", json!(now - 30), Err(Reason::TokenExpired)),
        ("exp", json!(now - 31), Err(Reason::TokenExpired)),
        ("exp", json!(0), Err(Reason::TokenExpired)),
        ("exp", json!(u64::MAX), Ok(())),
        ("iat", json!(now + 10), Ok(())),
        ("iat", json!(now + 30), Ok(())),
        ("iat", json!(now + 31), Err(Reason::TokenNotYetValid)),
        ("iat", json!(now + 61), Err(Reason::TokenNotYetValid)),
        ("nbf", json!(now + 30), Ok(())),
        ("nbf", json!(now + 31), Err(Reason::TokenNotYetValid)),
        ("nbf", json!(now), Ok(())),
    ] {
        check_claim(name, value, expected);
    }
    for name in ["exp", "iat", "nbf"] {
        for value in
            [json!(now.to_string()), json!(-1), json!(1.5), json!([now]), json!(true), json!({}), json!(1e3)]
        {
            check_claim(name, value, Err(Reason::TokenClaimMalformed));
        }
    }
}

// proves: AUTHN-14
#[test]
fn a_number_that_no_double_holds_is_refused() {
    let scene = scene();
    let header = serde_json::to_vec(&scene.issuer.header()).unwrap();
    let claims = serde_json::to_string(&scene.claims()).unwrap();
    let exp = format!("\"exp\":{}", START.as_seconds() + 300);
    for (number, expected) in [
        ("1e400", Reason::TokenMalformed),
        ("18446744073709551616", Reason::TokenClaimMalformed),
        ("1.8e9", Reason::TokenClaimMalformed),
        ("-0", Reason::TokenClaimMalformed),
    ] {
        let claims = claims.replace(&exp, &format!("\"exp\":{number}"));
        scene.check(&scene.issuer.sign(&header, claims.as_bytes()), Err(expected));
    }
}

// proves: AUTHN-15
#[test]
fn a_token_that_lives_too_long_is_refused() {
    let now = START.as_seconds();
    let cap = "maximum_lifetime: 1h";
    check(&[cap], |claims| with(&claims, "exp", now + 3600), Ok(()));
    check(&[cap], |claims| with(&claims, "exp", now + 3601), Err(Reason::TokenLifetimeExceeded));
    check(&[cap], |claims| with(&claims, "exp", now + 24 * 3600), Err(Reason::TokenLifetimeExceeded));
    check(&[], |claims| with(&claims, "exp", now + 24 * 3600), Ok(()));
    let relaxed = "required_claims: [iss, exp, aud, sub]";
    check(&[cap, relaxed], |claims| without(&claims, "iat"), Err(Reason::TokenClaimMalformed));
}

// proves: AUTHN-31
#[test]
fn a_token_that_is_bound_to_a_key_is_not_a_bearer_token() {
    for confirmation in [
        json!({ "jkt": "x" }),
        json!({ "x5t#S256": "x" }),
        json!({ "unknown": 1 }),
        json!({}),
        json!(null),
        json!("x"),
    ] {
        check_claim("cnf", confirmation, Err(Reason::TokenBindingUnproven));
    }
}

#[track_caller]
fn check_sets(settings: &[&str], name: &str, value: Value, scopes: &str, roles: &str) {
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), settings);
    let claims = with(&without(&scene.claims(), "scope"), name, value);
    let principal = wait_for(scene.identify(&scene.issuer.token(&claims))).unwrap();
    assert_eq!(
        (principal.scopes.to_string(), principal.roles.to_string()),
        (scopes.to_owned(), roles.to_owned())
    );
}

#[test]
fn scopes_and_roles_are_found_where_issuers_put_them() {
    check_sets(&[], "scope", json!("a b"), "a b", "");
    check_sets(&[], "scope", json!(["b", "a"]), "a b", "");
    check_sets(&["scope_claim: scp"], "scp", json!(["a"]), "a", "");
    check_sets(&["scope_claim: scp"], "scope", json!("a"), "", "");
    check_sets(&["roles_claim: /realm_access/roles"], "realm_access", json!({ "roles": ["r"] }), "", "r");
    check_sets(&["roles_claim: /a~1b/0"], "a/b", json!([["r"]]), "", "r");
    check_sets(
        &["roles_claim: https://shop.example/roles"],
        "https://shop.example/roles",
        json!(["r"]),
        "",
        "r",
    );
}

#[test]
fn malformed_scopes_and_roles_are_refused() {
    for scope in [
        json!(1),
        json!({}),
        json!([1]),
        json!(["a b"]),
        json!("a\tb"),
        json!("a\"b"),
        json!("a\\b"),
        json!("\u{e9}"),
        json!([""]),
    ] {
        check_claim("scope", scope, Err(Reason::TokenClaimMalformed));
    }
    for roles in [json!("admin"), json!(1), json!([1]), json!({ "admin": true })] {
        check_claim("roles", roles, Err(Reason::TokenClaimMalformed));
    }
}

// proves: AUTHN-06
// proves-part: AUTHN-08 (the character set of a challenge is proven in `domain`)
#[test]
fn every_bad_token_gets_the_same_answer_and_nothing_of_it_comes_back() {
    let scene = scene();
    let attacker = TokenIssuer::new(ISSUER);
    let hostile = "canary\"\r\nX-Injected: 1";
    let tokens = [
        "garbled".to_owned(),
        scene.issuer.token(&with(&scene.claims(), "exp", 1)),
        scene.issuer.token(&with(&scene.claims(), "aud", hostile)),
        scene.issuer.token(&with(&scene.claims(), "iss", hostile)),
        scene.issuer.token_with_header(&with(&scene.issuer.header(), "kid", hostile), &scene.claims()),
        attacker.token(&scene.claims()),
    ];
    let answers: Vec<_> = tokens
        .iter()
        .map(|token| {
            let denial = wait_for(scene.identify(token)).unwrap_err();
            let facts = denial.reason().facts();
            let challenges: Vec<_> =
                denial.challenges().iter().map(|challenge| challenge.header_value()).collect();
            assert!(!format!("{denial:?}").contains("canary"), "{denial:?}");
            (facts.status, facts.public_code, facts.title, challenges)
        })
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(answers[0].0, 401);
}
