//! The end of a session: by its user, by its provider, by the operator.

use std::time::Duration;

use portcullis_domain::{Reason, Revocation, RevocationKind, RevocationStore as _};
use portcullis_testkit::wait::until;
use portcullis_testkit::{Answer, RawClient};
use serde_json::json;
use url::Url;

use super::provider::{CLIENT, Scene, cookie_of};
use crate::api_keys::{Keys, done};
use crate::walk::{Ask, Outcome, ask, get};

/// Revokes all sessions that the provider calls so, and waits until that is known.
pub(super) fn revoke_sid(scene: &Scene, sid: &str) {
    let now = scene.clock.now().wall;
    done(Keys::of(&scene.walk).store().revoke(Revocation {
        kind: RevocationKind::Session,
        issuer: scene.provider.issuer().into(),
        value: sid.into(),
        issued_before: None,
        revoked_at: now,
        forget_at: now.plus(Duration::from_secs(3600)),
        cause: "stolen".into(),
    }));
    let cookie = scene.sign_in();
    until("the revocation is taken up", || scene.orders(&cookie).response.status == 401);
}

fn log_out() -> Ask {
    ask("POST", "/.portcullis/logout").with("Sec-Fetch-Site: same-origin").body("")
}

// proves: OIDC-14
#[test]
fn a_logout_leaves_nothing_that_could_still_be_used() {
    let scene = Scene::with(json!({ "after_logout": "/bye" }), |setup| setup);
    let cookie = scene.sign_in();
    scene.orders(&cookie).passed();
    let outcome = scene.send(log_out(), &cookie);
    assert_eq!(outcome.response.status, 200, "{:#?}", outcome.response);
    assert_eq!(outcome.only_event()["subject"], "alice");
    assert_eq!(outcome.header("clear-site-data"), Some("\"cache\", \"storage\""));
    assert_eq!(outcome.header("cache-control"), Some("no-store"));
    assert_eq!(
        outcome.response.headers.all("set-cookie"),
        ["__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"]
    );
    let location = Url::parse(outcome.response.json()["location"].as_str().unwrap()).unwrap();
    assert_eq!(location.path(), "/end");
    let asked: std::collections::HashMap<_, _> = location.query_pairs().into_owned().collect();
    assert_eq!(asked["client_id"], CLIENT);
    assert_eq!(asked["post_logout_redirect_uri"], "https://api.test/bye");
    assert_eq!(asked["id_token_hint"].split('.').count(), 3);
    let revoked = scene.provider.forms("/revoke");
    let kinds: Vec<_> = revoked.iter().map(|form| &*form["token_type_hint"]).collect();
    assert_eq!(kinds, ["refresh_token", "access_token"]);
    assert!(revoked[0]["token"].starts_with("refresh-"));
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    scene.send(get("/.portcullis/session"), &cookie).refused(Reason::SessionUnknown);
}

#[test]
fn a_form_is_led_to_the_provider_and_whoever_is_signed_out_already_to_the_page_after() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    let outcome = scene.send(log_out().with("Accept: text/html,*/*"), &cookie);
    assert_eq!(outcome.response.status, 303);
    assert!(outcome.header("location").unwrap().starts_with(&format!("{}/end?", scene.provider.issuer())));
    let outcome = scene.send(log_out().with("Accept: text/html,*/*"), &cookie);
    assert_eq!((outcome.response.status, outcome.header("location")), (303, Some("/")));
    assert_eq!(scene.walk.send_tls(log_out()).response.json()["location"], "/");
}

#[test]
fn a_provider_that_is_away_does_not_keep_a_session_alive() {
    let mut scene = Scene::new();
    let cookie = scene.sign_in();
    // A gateway that knows nothing of the provider yet, and cannot ask.
    scene.walk.restart();
    scene.provider.metadata(json!({ "issuer": "https://evil.test" }));
    let outcome = scene.send(log_out(), &cookie);
    assert_eq!((outcome.response.status, &outcome.response.json()["location"]), (200, &json!("/")));
    scene.orders(&cookie).refused(Reason::SessionUnknown);
}

pub(super) fn logout_form(token: &str) -> Ask {
    ask("POST", "/.portcullis/backchannel-logout")
        .with("Content-Type: application/x-www-form-urlencoded")
        .body(format!("logout_token={token}"))
}

pub(super) fn told(scene: &Scene, token: &str) -> Outcome {
    scene.walk.send_tls(logout_form(token))
}

// proves: OIDC-15
#[test]
fn a_provider_ends_sessions_with_a_logout_token_that_is_wholly_right() {
    let scene = Scene::new();
    let now = scene.clock.now().wall.as_seconds();
    let cookie = scene.sign_in();
    let none = json!({});
    for (header, claims) in [
        (json!({ "typ": "JWT" }), none.clone()),
        (json!({ "typ": "at+jwt" }), none.clone()),
        (json!({ "alg": "none" }), none.clone()),
        (json!({ "alg": "HS256" }), none.clone()),
        (none.clone(), json!({ "iss": "https://evil.test" })),
        (none.clone(), json!({ "iss": null })),
        (none.clone(), json!({ "aud": "another-client" })),
        (none.clone(), json!({ "aud": null })),
        (none.clone(), json!({ "iat": null })),
        (none.clone(), json!({ "iat": now + 31 })),
        (none.clone(), json!({ "iat": now - 331 })),
        (none.clone(), json!({ "exp": now - 31 })),
        (none.clone(), json!({ "events": null })),
        (none.clone(), json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": null } })),
        (none.clone(), json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": true } })),
        (none.clone(), json!({ "sid": null })),
        (none.clone(), json!({ "sid": 7 })),
        (none.clone(), json!({ "jti": null })),
        (none.clone(), json!({ "nonce": "n" })),
    ] {
        let outcome = told(&scene, &scene.provider.logout_token(header.clone(), claims.clone()));
        assert_eq!(outcome.response.status, 400, "{header} {claims}");
        outcome.refused(Reason::LogoutTokenInvalid);
        assert_eq!(outcome.header("cache-control"), Some("no-store"));
    }
    // An ID token or an access token in its place, no token, two, another kind of body, too large a body.
    scene.provider.id_token(json!({}), json!({ "jti": "x" }));
    let good = || scene.provider.logout_token(json!({}), json!({}));
    told(&scene, &scene.walk.token("orders:read")).refused(Reason::LogoutTokenInvalid);
    told(&scene, "").refused(Reason::LogoutTokenInvalid);
    told(&scene, &format!("{}&logout_token={}", good(), good())).refused(Reason::LogoutTokenInvalid);
    let plain = ask("POST", "/.portcullis/backchannel-logout").body(format!("logout_token={}", good()));
    scene.walk.send_tls(plain).refused(Reason::LogoutTokenInvalid);
    told(&scene, &"x".repeat(17_000)).refused(Reason::BodyTooLarge);
    scene.orders(&cookie).passed();

    let token = good();
    let outcome = told(&scene, &token);
    assert_eq!((outcome.response.status, outcome.header("cache-control")), (200, Some("no-store")));
    assert_eq!(outcome.response.text(), "");
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    // Once more, it would end the session that began since.
    let cookie = scene.sign_in();
    told(&scene, &token).refused(Reason::LogoutTokenInvalid);
    scene.orders(&cookie).passed();
    // By subject, all of them; without a type, as older providers send it.
    let other = scene.sign_in();
    let by_subject = scene
        .provider
        .logout_token(json!({ "typ": null }), json!({ "sid": null, "sub": "alice", "exp": null }));
    assert_eq!(told(&scene, &by_subject).response.status, 200);
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    scene.orders(&other).refused(Reason::SessionUnknown);
    // Somebody else's session goes on.
    scene.provider.id_token(json!({}), json!({ "sub": "bob", "sid": "sid-2" }));
    let bob = scene.sign_in();
    assert_eq!(told(&scene, &good()).response.status, 200);
    scene.orders(&bob).passed();
}

#[test]
fn what_ends_at_one_gateway_ends_at_the_other_within_a_second() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    scene.orders(&cookie).passed();
    // Another process has the same store.
    let keys = Keys::of(&scene.walk);
    let id = cookie.split_once('=').unwrap().1;
    let id = portcullis_domain::Secret::new(id.as_bytes().to_vec());
    done(portcullis_domain::SessionStore::end_session(keys.store(), &id));
    scene.clock.advance(Duration::from_millis(1000));
    scene.orders(&cookie).refused(Reason::SessionUnknown);
}

#[test]
fn a_session_that_ended_is_refused_by_every_worker_at_once() {
    let scene = Scene::with(json!({}), |setup| setup.policy(json!({ "workers": 2 })));
    let cookie = scene.sign_in();
    let request: Vec<u8> = get("/orders").with(format!("Cookie: {cookie}")).into();
    let mut clients: Vec<RawClient> = (0..4).map(|_| scene.walk.tls_client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&request).status, 200);
    }
    scene.walk.settle_events(4);
    let outcome = scene.send(log_out(), &cookie);
    assert_eq!(outcome.response.status, 200);
    for client in &mut clients {
        assert_eq!(client.ask(&request).status, 401);
    }
    scene.walk.settle_events(4);
}

#[test]
fn a_reload_and_a_restart_end_nobodys_session() {
    let mut scene = Scene::new();
    let cookie = scene.sign_in();
    scene.walk.rewrite(json!({ "limits": { "peer": [{ "rate": "90000/s" }] } }));
    scene.walk.gateway().reload().unwrap();
    scene.orders(&cookie).passed();
    scene.walk.restart();
    scene.orders(&cookie).passed();
    // A session of another scheme's settings is none of these.
    scene.walk.rewrite(json!({ "identity": { "customers": { "session": { "client": "another" } } } }));
    scene.walk.gateway().reload().unwrap();
    scene.provider.instead(Some(Answer::respond(500, &[], "")));
    assert!(cookie_of(&scene.orders(&cookie), "__Host-session").is_none());
}

/// Two gateways with one store, before one provider.
#[test]
fn gateways_that_share_a_store_share_sessions_their_renewal_and_their_end() {
    let shared = portcullis_testkit::Workspace::new();
    let store = json!({ "store": { "file": shared.path("store.db").to_str().unwrap() } });
    let scene = Scene::with(json!({}), |setup| setup.policy(store.clone()));
    let other = scene.beside(store);
    let orders = |cookie: &str| other.send_tls(get("/orders").with(format!("Cookie: {cookie}")));
    // The provider sends the user back to the other gateway.
    let begun = scene.begin("");
    let query = scene.provider.sign_in(&begun.location);
    let ask = get(&format!("/.portcullis/callback?{query}")).with(format!("Cookie: {}", begun.cookie));
    let cookie = cookie_of(&other.send_tls(ask.clone()), "__Host-session").unwrap();
    // Once is once, wherever.
    scene.walk.send_tls(ask.clone()).refused(Reason::LoginUnsolicited);
    other.send_tls(ask).refused(Reason::LoginUnsolicited);
    scene.orders(&cookie).passed();
    orders(&cookie).passed();
    scene.advance(280);
    scene.orders(&cookie).passed();
    orders(&cookie).passed();
    assert_eq!(scene.provider.forms("/token").len(), 2, "one login and one renewal");
    let token = scene.provider.logout_token(json!({}), json!({}));
    assert_eq!(told(&scene, &token).response.status, 200);
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    scene.advance(1);
    orders(&cookie).refused(Reason::SessionUnknown);
    other.send_tls(logout_form(&token)).refused(Reason::LogoutTokenInvalid);
}
