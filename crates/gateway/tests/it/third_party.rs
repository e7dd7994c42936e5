//! What others answer the gateway itself is bounded and has a form, or it is not believed (VAL-22).
//!
//! Each who is asked gives each kind of bad answer in turn: the request is refused, the upstream sees
//! nothing, and the gateway goes on.

use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::StartError;
use portcullis_testkit::{Answer, TokenIssuer, Upstream};
use serde_json::{Value, json};

use crate::walk::{AUDIENCE, Setup, get};
use crate::{hand_over, introspection, vault};

/// Answers that no party may give, whatever it was asked. `good` is one that would be believed.
fn bad(good: &Value) -> Vec<(&'static str, Answer)> {
    let padded = |size: usize| {
        let mut padded = good.clone();
        padded["x"] = Value::from("x".repeat(size));
        padded.to_string()
    };
    let text = good.to_string();
    let twice = match good.as_object().and_then(|members| members.iter().next()) {
        Some((name, value)) => format!("{},{}:{value}}}", &text[..text.len() - 1], json!(name)),
        None => text.clone(),
    };
    let megabyte = padded(1 << 20);
    let endless: Vec<&str> = std::iter::repeat_n(megabyte.as_str(), 3).collect();
    vec![
        ("larger than its bound", Answer::json(&padded(2 << 20))),
        ("larger than its bound, without saying so", Answer::chunked(&[], &endless, &[])),
        (
            "announced and cut off",
            Answer::CloseMidBody { announced: 1 << 30, sent: text.clone().into_bytes() },
        ),
        ("HTML", Answer::respond(200, &[("Content-Type", "text/html")], "<html>sign in</html>")),
        ("nothing", Answer::json("")),
        ("half of it", Answer::json(&text[..text.len() / 2])),
        ("a list", Answer::json(&format!("[{text}]"))),
        ("two of them", Answer::json(&format!("{text}{text}"))),
        ("a member twice", Answer::json(&twice)),
        ("bottomless", Answer::json(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)))),
        ("no UTF-8", Answer::respond(200, &[("Content-Type", "application/json")], b"{\"a\":\"\xff\"}")),
        ("an error", Answer::respond(500, &[], &text)),
        ("a way to somebody else", Answer::respond(302, &[("Location", "http://127.0.0.1:9/")], &text)),
    ]
}

// proves: VAL-22
#[test]
fn keys_of_an_issuer_that_are_not_as_they_must_be_let_nobody_in() {
    let keys: Value = serde_json::from_str(&TokenIssuer::new(crate::walk::ISSUER).jwks()).unwrap();
    for (what, answer) in bad(&keys) {
        println!("{what}");
        let server = Upstream::answering(answer);
        let walk = Setup::new()
            .policy(json!({ "identity": { "customers": {
                "jwks": { "file": null, "url": server.url() },
                "allow_private_network": true, "keys": { "timeout": "2s", "size": "64KiB" },
            } } }))
            .start();
        let token = walk.token("orders:read");
        walk.send(get("/orders").bearer(&token)).refused(Reason::KeysUnavailable);
        walk.send(get("/public")).passed();
    }
}

// proves: VAL-22
#[test]
fn metadata_of_an_issuer_that_is_not_as_it_must_be_lets_nobody_in() {
    let good = |issuer: &str| json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
    let count = bad(&json!({})).len();
    let wrong: [fn(&str) -> Value; 4] = [
        |_| json!({ "issuer": "https://evil.example", "jwks_uri": "https://evil.example/jwks" }),
        |issuer| json!({ "issuer": issuer }),
        |issuer| json!({ "issuer": issuer, "jwks_uri": 7 }),
        |issuer| json!({ "issuer": issuer, "jwks_uri": "file:///etc/passwd" }),
    ];
    for index in 0..count + wrong.len() {
        // The answer names its own address, so it is made when that is known.
        let server = Upstream::start(move |seen| {
            let issuer = format!("http://{}", seen.header("host").unwrap_or_default());
            match wrong.get(index.wrapping_sub(count)) {
                Some(wrong) => Answer::json(&wrong(&issuer).to_string()),
                None => bad(&good(&issuer)).swap_remove(index).1,
            }
        });
        let url = server.url();
        let walk = Setup::new()
            .policy(json!({ "identity": { "customers": {
                "issuer": url, "jwks": null, "allow_private_network": true,
                "keys": { "timeout": "2s", "size": "64KiB" },
            } } }))
            .start();
        let issuer = TokenIssuer::new(&url);
        let token = issuer.access_token(AUDIENCE, "alice", "orders:read", walk.clock.now().wall);
        walk.send(get("/orders").bearer(&token)).refused(Reason::KeysUnavailable);
        assert!(server.count() > 0, "nobody was asked");
    }
}

// proves: VAL-22
#[test]
fn an_introspection_that_is_not_as_it_must_be_lets_nobody_in() {
    let good = json!({ "active": true, "aud": AUDIENCE, "sub": "alice", "scope": "orders:read" });
    for (what, answer) in bad(&good) {
        println!("{what}");
        let server = Upstream::answering(answer);
        let walk = introspection::asking(&format!("{}/introspect", server.url()), json!({}));
        walk.send(get("/orders").bearer("opaque-token-1")).refused(Reason::IntrospectionUnavailable);
        assert_eq!(server.count(), 1);
    }
}

// proves: VAL-22
#[test]
fn an_exchange_of_tokens_that_is_not_as_it_must_be_forwards_nothing() {
    let good = json!({
        "access_token": "for.the.upstream", "token_type": "Bearer", "expires_in": 60,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    for (what, answer) in bad(&good) {
        println!("{what}");
        let (issuer, walk) = hand_over::exchanging(answer, json!({}));
        let token = walk.token("orders:read");
        walk.send(get("/orders").bearer(&token)).refused(Reason::ExchangeUnavailable);
        assert_eq!(issuer.count(), 1);
    }
}

// proves: VAL-22
#[test]
fn a_vault_whose_answers_are_not_as_they_must_be_gives_no_policy() {
    let good = json!({ "data": { "data": { "secret": "one" }, "metadata": { "version": 1 } } });
    for (what, answer) in bad(&good) {
        println!("{what}");
        let server = Upstream::answering(answer);
        let refused = vault::setup(&server.url(), &vault::issuer(), json!({})).try_start();
        let Err(StartError::Configuration(diagnostics)) = refused else { panic!("{what}: it was believed") };
        assert!(diagnostics.render(Color::Never).contains("C0037"), "{what}");
    }
}
