//! Who is calling and what they may, as it shows on the wire (first slice of AUTHN, AUTHZ; GW-14; TLS-10).
//!
//! How a token is judged is tested in `portcullis-authn`; here counts what client, upstream and record see.

use portcullis_domain::Reason;
use serde_json::json;

use crate::walk::{HOST, Outcome, SUBJECT, Setup, Walk, ask, get, post_json};

fn challenge(outcome: &Outcome) -> &str {
    outcome.header("www-authenticate").expect("a challenge")
}

/// R-INV of the checklist.
#[track_caller]
fn is_invalid(outcome: &Outcome, reason: Reason) {
    outcome.refused(reason);
    assert!(
        challenge(outcome).starts_with("Bearer ") && challenge(outcome).contains("error=\"invalid_token\"")
    );
}

// proves: AUTHN-01, AUTHN-02
#[test]
fn a_missing_credential_is_challenged_without_an_error() {
    let walk = Walk::new();
    let outcome = walk.send(get("/orders"));
    outcome.refused(Reason::CredentialMissing);
    assert!(challenge(&outcome).starts_with("Bearer realm=\""), "{}", challenge(&outcome));
    assert!(!challenge(&outcome).contains("error"), "{}", challenge(&outcome));
    walk.send(get("/public")).passed();
}

// proves: ZT-01
#[test]
fn loopback_is_asked_for_a_credential_like_anybody() {
    let walk = Setup::new().policy(json!({ "trusted_proxies": ["127.0.0.0/8"] })).start();
    walk.send(get("/orders")).refused(Reason::CredentialMissing);
    walk.send(get("/orders").with("X-Forwarded-For: 10.0.0.1")).refused(Reason::CredentialMissing);
}

// proves: AUTHN-03
#[test]
fn a_good_token_is_let_through_and_taken_away() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let outcome = walk.send(get("/orders").with(format!("Authorization: {scheme} {token}")));
        let seen = outcome.passed();
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("x-auth-subject"), Some(SUBJECT));
        assert!(!String::from_utf8_lossy(&seen.raw).contains(&token));
        let event = outcome.only_event();
        assert_eq!(event["subject"], SUBJECT, "{event:#}");
    }
}

// proves: AUTHN-04
#[test]
fn a_token_in_the_url_is_worth_nothing_and_goes_nowhere() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    walk.send(get(&format!("/orders?access_token={token}"))).refused(Reason::CredentialMissing);
    let outcome = walk.send(get(&format!("/public?a=1&access_token={token}&b=2")));
    if outcome.response.status == 200 {
        assert!(!outcome.passed().target.contains("access_token"), "{}", outcome.seen[0].target);
    }
    assert!(!walk.record.text().contains(&token), "the record holds a token");
}

// proves: AUTHN-05
#[test]
fn two_credentials_are_one_too_many() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    let line = format!("Authorization: Bearer {token}");
    for request in [
        get("/orders").with(&line).with(&line),
        get("/orders").with(&line).with("Authorization: Basic YTpi"),
        get(&format!("/orders?access_token={token}")).with(&line),
    ] {
        let outcome = walk.send(request);
        outcome.refused(Reason::CredentialAmbiguous);
        assert!(challenge(&outcome).contains("error=\"invalid_request\""), "{}", challenge(&outcome));
    }
}

// proves: AUTHN-06
#[test]
fn every_bad_token_gets_the_same_answer() {
    let walk = Walk::new();
    let good = walk.token("orders:read");
    let signature = good.rfind('.').unwrap();
    let forged = format!("{}.{}", &good[..signature], "A".repeat(good.len() - signature - 1));
    let mut bodies = Vec::new();
    for (token, reason) in [
        (walk.token_with(json!({ "exp": 1_000_000_000 })), Reason::TokenExpired),
        ("garbage".to_owned(), Reason::TokenMalformed),
        (forged, Reason::TokenSignatureInvalid),
        (walk.token_with(json!({ "aud": "other-api" })), Reason::TokenAudienceMismatch),
        (walk.token_with(json!({ "iss": "https://id.test.evil" })), Reason::TokenIssuerUnknown),
    ] {
        let outcome = walk.send(get("/orders").bearer(&token));
        is_invalid(&outcome, reason);
        let mut problem = outcome.response.json();
        problem["instance"] = "".into();
        bodies.push((problem, challenge(&outcome).to_owned()));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:#?}");
}

// proves: AUTHN-08
#[test]
fn a_challenge_has_fixed_words_whatever_the_token_says() {
    let patient = json!({ "rate": "100000/1s" });
    let walk = Setup::new().policy(json!({ "limits": { "failures": { "peer": patient } } })).start();
    let mut words = std::collections::BTreeSet::new();
    for hostile in ["x\", error=\"none\", y=\"", "\r\nSet-Cookie: a=1", "\u{1F600}\u{0}\\", "<script>"] {
        for token in [
            walk.token_with_header(json!({ "kid": hostile })),
            walk.token_with_header(json!({ "typ": hostile })),
            walk.token_with_header(json!({ "alg": hostile })),
            walk.token_with(json!({ "iss": hostile })),
            walk.token_with(json!({ "aud": hostile })),
            walk.token_with(json!({ "exp": hostile })),
            walk.token_with(json!({ "scope": hostile })),
            walk.token_with(json!({ "cnf": { hostile: hostile } })),
        ] {
            let outcome = walk.send(get("/orders").bearer(&token));
            assert!(outcome.seen.is_empty());
            assert!(matches!(outcome.response.status, 401 | 403), "{:#?}", outcome.response);
            for challenge in outcome.response.headers.all("www-authenticate") {
                // RFC 6750 §3, with the quotes that delimit.
                let is_permitted = |byte: u8| matches!(byte, 0x20..=0x5B | 0x5D..=0x7E);
                assert!(challenge.bytes().all(is_permitted), "{challenge}");
                words.insert(challenge.to_owned());
            }
            outcome.only_event();
        }
    }
    // One for bad tokens, one that shows how to use a bound one, one that names the scopes of the contract.
    assert_eq!(words.len(), 3, "{words:#?}");
}

// proves: AUTHN-07
#[test]
fn a_missing_scope_is_named() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    let outcome = walk.send(post_json("/orders", r#"{"text":"x"}"#).bearer(&token));
    outcome.refused(Reason::ScopeInsufficient);
    assert!(challenge(&outcome).contains("error=\"insufficient_scope\""), "{}", challenge(&outcome));
    assert!(challenge(&outcome).contains("scope=\"orders:write\""), "{}", challenge(&outcome));
}

// proves: AUTHN-37
#[test]
fn guessing_is_slowed_down_before_it_costs_a_check() {
    let walk =
        Setup::new().policy(json!({ "limits": { "failures": { "peer": { "rate": "3/1h" } } } })).start();
    for index in 0..3 {
        let token = walk.token_with(json!({ "exp": 1_000_000_000 + index }));
        walk.send(get("/orders").bearer(&token)).refused(Reason::TokenExpired);
    }
    let outcome = walk.send(get("/orders").bearer(&walk.token_with(json!({ "exp": 1_000_000_009 }))));
    outcome.refused(Reason::FailuresExceeded);
    assert!(outcome.header("retry-after").is_some());
}

// proves: AUTHN-40
#[test]
fn each_request_of_a_connection_shows_its_own_credential() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    let mut client = walk.client();
    assert_eq!(client.ask(Vec::from(get("/orders").bearer(&token))).status, 200);
    assert_eq!(client.ask(Vec::from(get("/orders"))).status, 401);
    assert_eq!(client.ask(Vec::from(get("/orders").bearer(&token))).status, 200);
    let events = walk.settle_events(3);
    assert_eq!(events[1]["reason"], Reason::CredentialMissing.code());
    assert_eq!(walk.upstream.count(), 2);
}

// proves: AUTHZ-03
#[test]
fn a_right_holds_for_its_method_alone() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    walk.send(get("/orders/7").bearer(&token)).passed();
    walk.send(ask("DELETE", "/orders/7").bearer(&token)).refused(Reason::ScopeInsufficient);
    for method in ["PUT", "HEAD", "PATCH"] {
        let outcome = walk.send(ask(method, "/orders/7").bearer(&token));
        if method == "HEAD" {
            assert_eq!(outcome.response.status, 405);
            assert!(outcome.seen.is_empty());
        } else {
            outcome.refused(Reason::MethodUndeclared);
        }
    }
}

// proves: AUTHZ-04
#[test]
fn attributes_come_from_the_token_and_nowhere_else() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    for line in
        ["X-Role: admin", "X-Auth-Scopes: admin", "X-Scope: admin", "Scope: admin", "Cookie: role=admin"]
    {
        walk.send(get("/admin/x").bearer(&token).with(line)).refused(Reason::ScopeInsufficient);
    }
    walk.send(get("/admin/x?scope=admin").bearer(&token)).refused(Reason::ScopeInsufficient);
}

// proves-part: GW-14 (the key source)
#[test]
fn without_the_issuers_keys_nobody_is_let_in() {
    let port = portcullis_testkit::ClosedPort::new();
    let url = format!("https://localhost:{}/jwks", port.address().port());
    let walk = Setup::new()
        .policy(json!({ "identity": { "customers": { "jwks": { "file": null, "url": url } } } }))
        .start();
    let token = walk.token("orders:read");
    let outcome = walk.send(get("/orders").bearer(&token));
    outcome.refused(Reason::KeysUnavailable);
    assert!(outcome.header("retry-after").is_some());
    walk.send(get("/public")).passed();
}

// proves: TLS-10
// proves-part: TLS-11 (the credential is not revoked by itself)
#[test]
fn a_credential_over_plaintext_is_answered_as_a_leak_and_everything_else_redirected() {
    let walk = Setup::new()
        .policy(json!({ "listen": [
        { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "guard", "redirect_port": 8443 },
        { "address": "127.0.0.1:0", "protocol": "tls", "tls": {
            "certificates": [{ "chain": "server.pem", "key": "server.key" }],
        } },
    ] }))
        .start();
    let token = walk.token("orders:read");
    for request in [
        get("/orders").bearer(&token),
        get("/public").with("Authorization: Basic YTpi"),
        get("/nowhere").with("Cookie: session=1"),
        get("/public").with("X-API-Key: abc"),
        get(&format!("/public?access_token={token}")),
    ] {
        let outcome = walk.send(request);
        outcome.refused(Reason::PlaintextCredential);
        let event = outcome.only_event();
        assert_eq!(
            (&event["event"], &event["level"]),
            (&json!("authn_credential_exposed"), &json!("CRITICAL"))
        );
        assert_eq!(outcome.header("location"), None);
        assert_eq!(outcome.header("strict-transport-security"), None);
    }
    let outcome = walk.send(get("/public?a=1"));
    assert_eq!(outcome.response.status, 308, "{:#?}", outcome.response);
    assert_eq!(outcome.header("location"), Some(format!("https://{HOST}:8443/public?a=1").as_str()));
    assert!(outcome.seen.is_empty());
    walk.send(get("/public").host("evil.test")).refused(Reason::AuthorityUnknown);
    assert!(!walk.record.text().contains(&token));
}

// proves: AUD-07
#[test]
fn no_credential_is_ever_written_down() {
    let walk = Walk::new();
    let canaries =
        ["canary-header", "canary-cookie", "canary-basic", "canary-query", "canary-key", "canary-body"];
    for request in [
        get("/orders").with("Authorization: Bearer canary-header.a.b"),
        get("/public").with("Cookie: session=canary-cookie"),
        get("/public").with("Authorization: Basic canary-basic"),
        get("/public?access_token=canary-query&api_key=canary-query&password=canary-query"),
        get("/public").with("X-API-Key: canary-key").with("Proxy-Authorization: Bearer canary-key"),
        post_json("/notes", r#"{"text":1,"password":"canary-body"}"#),
        get("/nowhere/canary-query").with("Authorization: Bearer canary-header"),
    ] {
        let outcome = walk.send(request);
        drop(outcome);
    }
    let text = walk.record.text();
    for canary in canaries.iter().filter(|canary| **canary != "canary-query") {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
    // A path is recorded, the values of a query are not.
    assert_eq!(text.matches("canary-query").count(), text.matches("/nowhere/canary-query").count());
}

// proves: LIM-01, LIM-02
#[test]
fn the_request_after_the_last_one_is_told_when_to_come_back() {
    let walk =
        Setup::new().api(json!({ "limits": { "caller": [{ "name": "default", "rate": "3/1h" }] } })).start();
    let token = walk.token("orders:read");
    for left in (0..3).rev() {
        let outcome = walk.send(get("/orders").bearer(&token));
        outcome.passed();
        assert_eq!(outcome.header("ratelimit-policy"), Some("\"default\";q=3;w=3600"));
        let standing = outcome.header("ratelimit").unwrap();
        assert!(standing.starts_with(&format!("\"default\";r={left};t=")), "{standing}");
    }
    let outcome = walk.send(get("/orders").bearer(&token));
    outcome.refused(Reason::CallerRateExceeded);
    let wait: u64 = outcome.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    assert_eq!(outcome.header("cache-control"), Some("no-store"));
    assert_eq!(outcome.response.json()["violated-policies"], json!(["default"]));
    // Another caller behind the same address has a budget of its own.
    walk.send(get("/orders").bearer(&walk.token_of("bob", "orders:read"))).passed();
}

// proves: VAL-01, VAL-02, VAL-03
#[test]
fn a_request_that_breaks_the_contract_is_told_where() {
    let walk = Setup::new()
        .contract(json!({ "paths": { "/typed/{id}": { "get": {
            "x-portcullis-access": "public",
            "responses": { "200": { "description": "Done." } },
            "parameters": [
                { "name": "id", "in": "path", "required": true, "schema": { "type": "integer", "minimum": 1 } },
                { "name": "page", "in": "query", "schema": { "type": "integer", "maximum": 9 } },
                { "name": "X-Mode", "in": "header", "schema": { "enum": ["a", "b"] } },
                { "name": "size", "in": "cookie", "schema": { "type": "integer" } },
            ],
        } } } }))
        .start();
    walk.send(get("/typed/1?page=9").with("X-Mode: a").with("Cookie: size=1")).passed();
    for (request, location) in [
        (get("/typed/x"), "path"),
        (get("/typed/0"), "path"),
        (get("/typed/1?page=10"), "query"),
        (get("/typed/1?extra=1"), "query"),
        (get("/typed/1").with("X-Mode: c"), "header"),
        (get("/typed/1").with("Cookie: size=x"), "cookie"),
        (post_json("/notes", r#"{"text":5}"#), "body"),
        (post_json("/notes", r#"{"text":"a","extra":1}"#), "body"),
        (post_json("/notes", "{}"), "body"),
    ] {
        let outcome = walk.send(request);
        outcome.refused(Reason::RequestInvalid);
        assert_eq!(outcome.response.json()["violations"][0]["in"], location, "{:#}", outcome.response.json());
    }
}

// proves: VAL-11
#[test]
fn what_was_judged_is_what_is_sent_byte_for_byte() {
    let walk = Walk::new();
    for body in [r#"{"text":"\u0041\/"}"#, "{ \"text\" : \"\u{1F600}\" }\n", r#"{"text":"9007199254740993"}"#]
    {
        assert_eq!(walk.send(post_json("/notes", body)).passed().text(), body);
    }
}

// proves: VAL-08
#[test]
fn a_body_beyond_its_bound_is_refused_announced_or_not() {
    let walk = Setup::new()
        .api(json!({ "overrides": {
        "POST /notes": { "body": 100 }, "POST /upload": { "body": 100 },
    } }))
        .start();
    let head = |path: &str, length: &str| {
        let kind = if path == "/notes" { "application/json" } else { "application/octet-stream" };
        format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\n{length}\r\n\r\n")
    };
    for path in ["/notes", "/upload"] {
        walk.send(head(path, "Content-Length: 101")).refused(Reason::BodyTooLarge);
        let chunks = format!(
            "{}{:x}\r\n{}\r\n0\r\n\r\n",
            head(path, "Transfer-Encoding: chunked"),
            200,
            "x".repeat(200)
        );
        let mut client = walk.client();
        client.send(chunks);
        let response = client.response().unwrap();
        assert_eq!(response.status, 413, "{path}: {response:#?}");
        walk.settle(response).ended(Reason::BodyTooLarge);
        client.expect_closed();
    }
    assert_eq!(walk.upstream.count(), 0, "no whole request came");
    walk.account_for_stray_events();
}

#[test]
fn a_stage_in_shadow_lets_pass_and_says_so() {
    let walk = Setup::new()
        .api(json!({ "stages": { "identify": "shadow", "authorize": "shadow", "validate": "shadow" } }))
        .start();
    let outcome = walk.send(get("/orders"));
    outcome.passed();
    let event = outcome.only_event();
    assert!(event["would_deny"].to_string().contains(Reason::CredentialMissing.code()), "{event:#}");
    let outcome = walk.send(post_json("/notes", r#"{"text":5}"#));
    assert_eq!(outcome.passed().text(), r#"{"text":5}"#);
    assert!(outcome.only_event()["would_deny"].to_string().contains(Reason::RequestInvalid.code()));
}
