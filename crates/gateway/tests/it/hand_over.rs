//! What the upstream is told of the caller, and how it can know that it is true (GW-05, AUTHN-38, KEY-07).

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::{Clock, Reason, Timestamp};
use portcullis_testkit::{Answer, Seen, Upstream};
use serde_json::{Value, json};

use crate::walk::{SUBJECT, Setup, Walk, get};

const KEYS: &str = "/.well-known/portcullis/jwks.json";

fn signing(internal_tokens: Value, token: Value) -> Setup {
    let clock = Clock::manual(Timestamp::from_seconds(Clock::machine().now().wall.as_seconds()));
    let mut tokens = json!({ "issuer": "https://gateway.test" });
    crate::walk::merge(&mut tokens, internal_tokens);
    Setup::new()
        .clock(clock)
        .policy(json!({ "internal_tokens": tokens }))
        .api(json!({ "hand_over": { "token": token } }))
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).expect("base64url")
}

fn published(walk: &Walk) -> Vec<Value> {
    let outcome = walk.send(get(KEYS));
    assert_eq!((outcome.response.status, outcome.seen.len()), (200, 0));
    assert_eq!(outcome.header("cache-control"), Some("public, max-age=300"));
    outcome.response.json()["keys"].as_array().expect("a JWK Set").clone()
}

/// What an upstream does: the key of this `kid` must verify it. Returns header and claims.
#[track_caller]
fn verified(token: &str, keys: &[Value]) -> (Value, Value) {
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let input = format!("{header}.{claims}");
    let json = |part: &str| -> Value { serde_json::from_slice(&decoded(part)).expect("JSON") };
    let (header, claims) = (json(header), json(claims));
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("a published key");
    let member = |name: &str| decoded(key[name].as_str().expect("a member"));
    let (input, signature) = (input.as_bytes(), decoded(signature));
    match header["alg"].as_str() {
        Some("ES256") => {
            let point = [vec![4], member("x"), member("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input, &signature)
        }
        _ => UnparsedPublicKey::new(&ED25519, member("x")).verify(input, &signature),
    }
    .expect("a good signature");
    (header, claims)
}

fn token_of(seen: &Seen) -> String {
    seen.header("x-auth-token").expect("a token").to_owned()
}

// proves: AUTHN-38
#[test]
fn the_upstream_gets_a_token_of_its_own_and_not_the_clients() {
    for algorithm in ["ES256", "EdDSA"] {
        let walk =
            signing(json!({ "algorithm": algorithm }), json!({ "audience": "orders-backend" })).start();
        let clients = walk.token_with(json!({ "scope": "orders:read", "acr": "gold", "email": "a@b.test" }));
        let outcome = walk
            .send(get("/orders").bearer(&clients).with("X-Auth-Token: forged").with("x_auth_token: forged"));
        let seen = outcome.passed();
        assert!(!String::from_utf8_lossy(&seen.raw).contains(&clients) && !seen.text().contains("forged"));
        assert_eq!(seen.headers.all("x-auth-token").len(), 1);
        let (header, claims) = verified(&token_of(seen), &published(&walk));
        assert_eq!(
            (header["alg"].as_str(), header["typ"].as_str()),
            (Some(algorithm), Some("portcullis-identity+jwt"))
        );
        assert_eq!(claims["iss"], "https://gateway.test");
        assert_eq!(claims["aud"], "orders-backend");
        assert_eq!(
            (claims["sub"].as_str(), claims["sub_iss"].as_str()),
            (Some(SUBJECT), Some(crate::walk::ISSUER))
        );
        assert_eq!((claims["scope"].as_str(), claims["acr"].as_str()), (Some("orders:read"), Some("gold")));
        assert_eq!(claims["email"], Value::Null);
        let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert!(life <= 60, "{life}");
        assert!(!walk.record.text().contains(&token_of(seen)));
    }
}

#[test]
fn a_token_is_signed_once_for_a_while_and_never_outlives_the_callers() {
    let walk = signing(json!({}), json!({})).start();
    let now = walk.clock.now().wall.as_seconds();
    let token = walk.token_with(json!({ "scope": "orders:read" }));
    let send = |token: &str| token_of(walk.send(get("/orders").bearer(token)).passed());
    let first = send(&token);
    assert_eq!(first, send(&token));
    assert_ne!(first, send(&walk.token_of("bob", "orders:read")), "another caller's");
    let short = walk.token_with(json!({ "scope": "orders:read", "exp": now + 10 }));
    assert_eq!(verified(&send(&short), &published(&walk)).1["exp"], now + 10);
    walk.clock.advance(Duration::from_secs(30));
    assert_ne!(first, send(&token), "half of its life has passed");
    assert_eq!(walk.send(get("/public")).passed().header("x-auth-token"), None);
}

// proves: KEY-07
#[test]
fn keys_turn_without_a_token_that_nobody_can_verify() {
    let walk = signing(json!({ "rotate": "24h" }), json!({ "lifetime": "5m" })).start();
    let hour = Duration::from_secs(3600);
    let sent = || {
        let token = walk.token("orders:read");
        token_of(walk.send(get("/orders").bearer(&token)).passed())
    };
    let of_the_first = published(&walk);
    assert_eq!(of_the_first.len(), 1);
    for secret in ["d", "p", "q", "k"] {
        assert_eq!(of_the_first[0][secret], Value::Null);
    }
    let old = sent();
    verified(&old, &of_the_first);
    // An hour ahead the next key is there, and does not sign yet. Turning is due with the next look of the
    // driver; a reload looks at once.
    walk.clock.advance(hour * 23);
    walk.rewrite(json!({ "pseudonym": "changed" }));
    walk.gateway().reload().expect("a good policy");
    portcullis_testkit::wait::until("the keys have turned", || published(&walk).len() == 2);
    let both = published(&walk);
    assert_ne!(both[0]["kid"], both[1]["kid"]);
    let (header, _) = verified(&sent(), &of_the_first);
    assert_eq!(header["kid"], of_the_first[0]["kid"]);
    // It takes over, and what the old one signed still verifies.
    walk.clock.advance(hour);
    let (header, _) = verified(&sent(), &both);
    assert_eq!(header["kid"], both[1]["kid"]);
    verified(&old, &both);
}

#[test]
fn keys_outlive_a_restart_and_are_for_nobodys_eyes() {
    let mut walk = signing(json!({}), json!({})).start();
    let before = published(&walk);
    let kept = walk.workspace.root().join(".portcullis/internal-keys.json");
    portcullis_testkit::wait::until("the keys are kept", || kept.exists());
    let content = std::fs::read_to_string(&kept).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    }
    walk.stop();
    let again = signing(json!({}), json!({})).file(".portcullis/internal-keys.json", content).start();
    assert_eq!(published(&again), before);
}

// proves: GW-05
#[test]
fn fields_of_the_operators_choice_are_the_gateways_alone() {
    let walk = Setup::new()
        .api(json!({ "hand_over": { "headers": {
            "X-User": "subject", "X-Tenant": "/tenant/id", "X-Groups": "/groups",
        } } }))
        .start();
    let claims = json!({
        "scope": "orders:read", "sub": "al\r\nice", "tenant": { "id": "acmé%" }, "groups": ["a", "b"],
    });
    let outcome = walk.send(
        get("/orders")
            .bearer(&walk.token_with(claims))
            .with("X-User: admin")
            .with("x_user: admin")
            .with("X.Tenant: other")
            .with("X-Auth-Subject: admin")
            .with("x_auth_roles: admin"),
    );
    let seen = outcome.passed();
    assert_eq!(seen.header("x-user"), Some("al%0D%0Aice"));
    assert_eq!(seen.header("x-tenant"), Some("acm%C3%A9%25"));
    assert_eq!(seen.header("x-groups"), Some("[\"a\",\"b\"]"));
    let text = String::from_utf8_lossy(&seen.raw).to_lowercase();
    assert!(!text.contains("admin") && !text.contains("other"), "{text}");
    assert_eq!(seen.header("x-auth-subject"), None);
    // A caller without the claim brings none in either.
    let bare = walk.send(get("/orders").bearer(&walk.token("orders:read")).with("x-tenant: other"));
    assert_eq!(bare.passed().header("x-tenant"), None);
}

/// An issuer that exchanges tokens, and a gateway that asks it.
pub(crate) fn exchanging(answer: Answer, exchange: Value) -> (Upstream, Walk) {
    let issuer = Upstream::answering(answer);
    let mut settings = json!({
        "url": format!("{}/token", issuer.url()), "client": "shop-gateway", "secret": "${file:exchange.secret}",
        "audience": "orders-backend", "allow_private_network": true,
    });
    crate::walk::merge(&mut settings, exchange);
    let walk = Setup::new()
        .clock(Clock::manual(Clock::machine().now().wall))
        .secret("exchange.secret", "s3cret")
        .api(json!({ "hand_over": { "exchange": settings } }))
        .start();
    (issuer, walk)
}

fn exchanged(change: Value) -> Answer {
    let mut answer = json!({
        "access_token": "for.the.upstream", "token_type": "Bearer", "expires_in": 60,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    crate::walk::merge(&mut answer, change);
    Answer::json(&answer.to_string())
}

// proves-part: AUTHN-39 (`act` is for the issuer to write; what is asked for names the gateway as the client)
#[test]
fn the_upstream_gets_a_token_of_the_issuer_in_exchange_for_the_clients() {
    let (issuer, walk) = exchanging(exchanged(json!({})), json!({}));
    let token = walk.token("orders:read orders:write");
    let outcome = walk.send(get("/orders").bearer(&token));
    let seen = outcome.passed();
    assert_eq!(seen.headers.all("authorization"), ["Bearer for.the.upstream"]);
    assert!(!String::from_utf8_lossy(&seen.raw).contains(&token));
    let asked = issuer.only();
    // base64 of `shop-gateway:s3cret`
    assert_eq!(asked.header("authorization"), Some("Basic c2hvcC1nYXRld2F5OnMzY3JldA=="));
    let form = asked.text();
    for part in [
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
        &format!("subject_token={token}"),
        "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
        "scope=orders%3Aread+orders%3Awrite",
        "audience=orders-backend",
    ] {
        assert!(form.split('&').any(|have| have == part), "{part} in {form}");
    }
    walk.send(get("/orders").bearer(&token)).passed();
    assert_eq!(issuer.count(), 1, "the same token was exchanged twice");
    walk.clock.advance(Duration::from_secs(50));
    walk.send(get("/orders").bearer(&token)).passed();
    assert_eq!(issuer.count(), 2, "a token in its last moments was used");
    assert_eq!(walk.send(get("/public")).passed().header("authorization"), None);
    assert!(!walk.record.text().contains("for.the.upstream") && !walk.record.text().contains("s3cret"));
}

// proves-part: AUTHN-39 (`act` is for the issuer to write; what is asked for names the gateway as the client)
#[test]
fn a_token_for_the_upstream_has_no_more_scope_than_the_clients() {
    let (issuer, walk) = exchanging(exchanged(json!({})), json!({ "scopes": ["orders:read", "admin"] }));
    walk.send(get("/orders").bearer(&walk.token("orders:read"))).refused(Reason::ExchangeRefused);
    assert_eq!(issuer.count(), 0);
    let (_issuer, walk) = exchanging(exchanged(json!({ "scope": "orders:read admin" })), json!({}));
    walk.send(get("/orders").bearer(&walk.token("orders:read"))).refused(Reason::ExchangeRefused);
    let (_issuer, walk) = exchanging(exchanged(json!({ "scope": "orders:read" })), json!({}));
    walk.send(get("/orders").bearer(&walk.token("orders:read"))).passed();
}

#[test]
fn without_a_token_for_the_upstream_nothing_is_forwarded() {
    for (answer, reason) in [
        (Answer::respond(400, &[], r#"{"error":"invalid_grant"}"#), Reason::ExchangeRefused),
        (Answer::respond(401, &[], "{}"), Reason::ExchangeUnavailable),
        (Answer::respond(500, &[], ""), Reason::ExchangeUnavailable),
        (Answer::ok("no json"), Reason::ExchangeUnavailable),
        (exchanged(json!({ "access_token": null })), Reason::ExchangeUnavailable),
        (exchanged(json!({ "access_token": "a\r\nb" })), Reason::ExchangeUnavailable),
        (exchanged(json!({ "token_type": "N_A" })), Reason::ExchangeUnavailable),
        (
            exchanged(json!({ "issued_token_type": "urn:ietf:params:oauth:token-type:id_token" })),
            Reason::ExchangeUnavailable,
        ),
    ] {
        let (_issuer, walk) = exchanging(answer, json!({}));
        let outcome = walk.send(get("/orders").bearer(&walk.token("orders:read")));
        outcome.refused(reason);
        assert_eq!(outcome.header("retry-after").is_some(), reason == Reason::ExchangeUnavailable);
    }
}
