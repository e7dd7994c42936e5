//! The kill switch, as tokens meet it: by claims, at once, over restarts, and closed when nobody can tell.

use std::time::Duration;

use portcullis_domain::{
    Clock, KeyStore as _, Reason, Revocation, RevocationKind, RevocationStore as _, Timestamp,
};
use portcullis_testkit::wait::until;
use portcullis_testkit::{Database, RawClient};
use serde_json::json;

use crate::api_keys::{Keys, done, for_applications};
use crate::walk::{ISSUER, SUBJECT, Setup, Walk, get};

fn revocation(walk: &Walk, kind: RevocationKind, value: &str) -> Revocation {
    let now = walk.clock.now().wall;
    Revocation {
        kind,
        issuer: ISSUER.into(),
        value: value.into(),
        issued_before: None,
        revoked_at: now,
        forget_at: now.plus(Duration::from_secs(3600)),
        cause: "stolen".into(),
    }
}

/// Shows the token until it is refused: what another process revoked holds within a second.
#[track_caller]
fn until_revoked(walk: &Walk, token: &str) {
    let mut last = None;
    until("the revocation is taken up", || {
        let outcome = walk.send(get("/orders").bearer(token));
        let is_refused = outcome.response.status != 200;
        if is_refused {
            last = Some(outcome);
        } else {
            outcome.passed();
        }
        is_refused
    });
    let last = last.unwrap();
    last.refused(Reason::TokenRevoked);
    assert!(last.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
}

/// A store is there from the start, as after the first revocation.
fn with_store() -> Setup {
    Setup::new().policy(json!({ "store": {} }))
}

// proves: AUTHN-23
#[test]
fn a_remembered_token_is_refused_once_any_of_its_claims_is_revoked() {
    for (kind, value) in [
        (RevocationKind::Token, "t-1"),
        (RevocationKind::Subject, SUBJECT),
        (RevocationKind::Session, "s-1"),
        (RevocationKind::Client, "app-1"),
        (RevocationKind::Issuer, ""),
    ] {
        let mut walk = with_store().start();
        let claims = json!({ "jti": "t-1", "sid": "s-1", "client_id": "app-1", "scope": "orders:read" });
        let token = walk.token_with(claims);
        let mut other = json!({ "jti": "t-2", "sid": "s-2", "client_id": "app-2", "scope": "orders:read" });
        other["sub"] = "bob".into();
        let other = walk.token_with(other);
        for token in [&token, &other, &token] {
            walk.send(get("/orders").bearer(token)).passed();
        }
        done(Keys::of(&walk).store().revoke(revocation(&walk, kind, value)));
        until_revoked(&walk, &token);
        let others = walk.send(get("/orders").bearer(&other));
        match kind {
            RevocationKind::Issuer => drop(others.refused(Reason::TokenRevoked)),
            _ => drop(others.passed()),
        }
        walk.restart();
        walk.send(get("/orders").bearer(&token)).refused(Reason::TokenRevoked);
    }
}

#[test]
fn what_a_key_signed_is_revoked_with_the_key() {
    let walk = with_store().start();
    let token = walk.token("orders:read");
    walk.send(get("/orders").bearer(&token)).passed();
    let jwks: serde_json::Value = serde_json::from_str(&walk.workspace.read("jwks.json")).unwrap();
    let kid = jwks["keys"][0]["kid"].as_str().unwrap();
    done(Keys::of(&walk).store().revoke(revocation(&walk, RevocationKind::SigningKey, kid)));
    until_revoked(&walk, &token);
    // Also where the token does not name its key.
    let unnamed = walk.token_with_header(json!({ "kid": null }));
    let outcome = walk.send(get("/orders").bearer(&unnamed));
    assert_eq!(outcome.response.status, 401);
}

// proves: AUTHN-23
#[test]
fn a_token_that_was_issued_later_than_the_bound_is_good() {
    let walk = with_store().start();
    let now = walk.clock.now().wall;
    let at = |seconds: u64| json!({ "scope": "orders:read", "iat": now.as_seconds() - seconds });
    let (old, new) = (walk.token_with(at(20)), walk.token_with(at(5)));
    for token in [&old, &new] {
        walk.send(get("/orders").bearer(token)).passed();
    }
    let bound = Timestamp::from_seconds(now.as_seconds() - 10);
    done(
        Keys::of(&walk).store().revoke(Revocation {
            issued_before: Some(bound),
            ..revocation(&walk, RevocationKind::Issuer, "")
        }),
    );
    until_revoked(&walk, &old);
    walk.send(get("/orders").bearer(&new)).passed();
}

#[test]
fn the_first_revocation_of_all_makes_the_store_and_is_seen() {
    let walk = Walk::new();
    assert!(!walk.workspace.path(".portcullis/store.db").exists(), "a store that nobody needs");
    let token = walk.token("orders:read");
    walk.send(get("/orders").bearer(&token)).passed();
    done(Keys::of(&walk).store().revoke(revocation(&walk, RevocationKind::Subject, SUBJECT)));
    until_revoked(&walk, &token);
}

#[test]
fn the_operator_can_have_it_seen_at_once() {
    let walk = with_store()
        .secret("token", "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C")
        .policy(json!({
            // The longest poll there is: what is seen at once is not seen by it.
            "store": { "poll": "1s" },
            "admin": { "address": "127.0.0.1:0", "token": "${file:token}" },
        }))
        .start();
    let token = walk.token("orders:read");
    walk.send(get("/orders").bearer(&token)).passed();
    let ask = |authorization: &str| {
        let admin = walk.gateway().admin_address().unwrap();
        let request = format!(
            "POST /store/refresh HTTP/1.1\r\nHost: admin\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        RawClient::connect(admin).ask(request.as_bytes()).status
    };
    assert_eq!(ask(""), 401);
    done(Keys::of(&walk).store().revoke(revocation(&walk, RevocationKind::Subject, SUBJECT)));
    assert_eq!(ask("Authorization: Bearer q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C\r\n"), 200);
    walk.send(get("/orders").bearer(&token)).refused(Reason::TokenRevoked);
}

#[test]
fn a_store_that_cannot_be_read_does_not_start() {
    let setup = with_store().secret(".portcullis/store.db", "this is no database");
    assert!(setup.try_start().is_err());
}

// proves: AUTHN-23, KEY-06
#[test]
fn what_is_revoked_at_one_gateway_is_refused_by_the_other_within_seconds_and_after_a_restart() {
    const SECRET: &str = "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C";
    let database = Database::new();
    let node = || {
        for_applications()
            .secret("url", database.url())
            .secret("root", SECRET)
            .policy(json!({ "store": { "postgresql": "${file:url}", "secret": "${file:root}" } }))
            .start()
    };
    let (one, mut other) = (node(), node());
    let keys = Keys::at(&one, &database.url(), SECRET);
    let (id, key) = keys.add(|_| {});
    let token = other.token("orders:read");
    for walk in [&one, &other] {
        walk.send(get("/stock").with(format!("X-API-Key: {key}"))).passed();
    }
    other.send(get("/orders").bearer(&token)).passed();
    let began = Clock::machine();
    done(keys.store().revoke_key(id, one.clock.now().wall));
    done(keys.store().revoke(revocation(&one, RevocationKind::Subject, SUBJECT)));
    for walk in [&one, &other] {
        until("the key is refused", || {
            let outcome = walk.send(get("/stock").with(format!("X-API-Key: {key}")));
            outcome.response.status == 401
        });
    }
    until_revoked(&other, &token);
    assert!(began.mono() < Duration::from_secs(5), "{:?}", began.mono());
    other.restart();
    other.send(get("/stock").with(format!("X-API-Key: {key}"))).refused(Reason::KeyRevoked);
    other.send(get("/orders").bearer(&token)).refused(Reason::TokenRevoked);
}

#[test]
fn two_gateways_share_what_is_revoked_and_let_nobody_in_when_they_cannot_tell_for_long() {
    let database = Database::new();
    let shared = || {
        with_store()
            .clock(crate::api_keys::standing())
            .secret("url", database.url())
            .secret("root", "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C")
            .policy(json!({ "store": { "postgresql": "${file:url}", "secret": "${file:root}" } }))
            .start()
    };
    let (one, other) = (shared(), shared());
    let tokens = [one.token("orders:read"), other.token("orders:read")];
    one.send(get("/orders").bearer(&tokens[0])).passed();
    other.send(get("/orders").bearer(&tokens[1])).passed();
    let keys = Keys::at(&one, &database.url(), "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C");
    let unaffected = one.token_of("bob", "orders:read");
    done(keys.store().revoke(revocation(&one, RevocationKind::Subject, SUBJECT)));
    until_revoked(&one, &tokens[0]);
    until_revoked(&other, &tokens[1]);
    one.send(get("/orders").bearer(&unaffected)).passed();
    // What was known last serves for a while, and not for long.
    database.close();
    one.clock.advance(Duration::from_secs(20));
    one.send(get("/orders").bearer(&unaffected)).passed();
    one.send(get("/orders").bearer(&tokens[0])).refused(Reason::TokenRevoked);
    one.clock.advance(Duration::from_secs(20));
    one.send(get("/orders").bearer(&unaffected)).refused(Reason::StoreUnavailable);
    one.send(get("/public")).passed();
    database.open();
    until("it is followed again", || {
        let outcome = one.send(get("/orders").bearer(&unaffected));
        outcome.response.status == 200
    });
}
