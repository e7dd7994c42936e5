//! Guesses and sprays at the login of an API, told from forgetfulness by keyed digests of passwords.

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use super::{alert, alerts, watched};
use crate::walk::{Ask, Walk, post_json};

fn logins(actions: Value) -> Walk {
    let text = json!({ "type": "string", "maxLength": 100 });
    let login = json!({
        "x-portcullis-access": "public",
        "requestBody": { "required": true, "content": { "application/json": { "schema": {
            "type": "object", "required": ["username", "password"],
            "properties": { "username": text, "password": text },
        } } } },
        "responses": { "200": { "description": "Welcome." }, "401": { "description": "No." } },
    });
    let many = json!([{ "rate": "100000/1m" }]);
    let attempts = json!({
        "account": { "body": "/username" }, "password": { "body": "/password" },
        "per_account": many, "per_address": many,
    });
    let upstream = Upstream::start(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        match asked["password"].as_str() {
            Some("right") => Answer::ok("welcome"),
            _ => Answer::respond(401, &[], "no"),
        }
    });
    watched(actions)
        .upstream(upstream)
        .contract(json!({ "paths": { "/login": { "post": login } } }))
        .policy(json!({ "limits": { "authentication": [] } }))
        .api(json!({ "overrides": { "POST /login": { "limits": { "attempts": attempts } } } }))
        .start()
}

fn login(user: &str, password: &str) -> Ask {
    post_json("/login", &json!({ "username": user, "password": password }).to_string())
}

#[test]
fn ten_passwords_at_one_account_are_told_and_one_wrong_password_ten_times_is_not() {
    let walk = logins(json!({}));
    for _ in 0..30 {
        walk.send(login("alice", "forgotten")).forwarded();
    }
    walk.send(login("alice", "right")).passed();
    for guess in 0..12 {
        walk.send(login("bob", &format!("guess-{guess}"))).forwarded();
    }
    let told = alert(&walk, "guessing");
    assert_eq!(told["samples"], json!({ "passwords": 10, "tries": 10 }));
    assert!(told["subject"].as_str().is_some_and(|subject| subject.starts_with("account-")), "{told:#}");
    assert_eq!(alerts(&walk, "guessing").len(), 1);
    let text = walk.record.text();
    for secret in ["forgotten", "guess-", "alice", "\"bob"] {
        assert!(!text.contains(secret), "the record shows {secret}");
    }
}

#[test]
fn one_password_at_twenty_accounts_is_told_and_the_address_is_slowed_down() {
    let walk = logins(json!({ "spray": { "action": "throttle" } }));
    for user in 0..20 {
        walk.send(login(&format!("user-{user}"), "Summer2026!")).forwarded();
    }
    let told = alert(&walk, "spray");
    assert_eq!((&told["event"], &told["samples"]["accounts"]), (&json!("authn_spray"), &json!(20)));
    walk.send(login("user-21", "Summer2026!")).refused(Reason::SubjectThrottled);
}
