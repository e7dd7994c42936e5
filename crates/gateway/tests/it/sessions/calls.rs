//! Calls of a page that has a session.

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::json;

use super::provider::{Scene, cookie_of};
use crate::walk::{ask, get, post_json};

const NOTE: &str = r#"{"text":"x"}"#;

#[test]
fn a_call_without_a_session_is_told_so_and_led_nowhere() {
    let scene = Scene::new();
    let made_up = format!("__Host-session={}", "x".repeat(43));
    let page = get("/orders").with("Accept: text/html").with("Sec-Fetch-Mode: navigate");
    let outcome = scene.walk.send_tls(page.clone());
    outcome.refused(Reason::CredentialMissing);
    for cookie in [&*made_up, "__Host-session=short", "__Host-session="] {
        let outcome = scene.send(page.clone(), cookie);
        outcome.refused(Reason::SessionUnknown);
        assert_eq!(outcome.header("location"), None);
        assert!(outcome.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    scene.send(get("/.portcullis/session"), &made_up).refused(Reason::SessionUnknown);
    scene.walk.send_tls(get("/.portcullis/session")).refused(Reason::SessionUnknown);
    // A public operation asks nobody.
    scene.send(get("/public"), &made_up).passed();
}

// proves: GW-22
#[test]
fn a_call_that_changes_something_must_come_from_a_page_of_ours() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    let post = || post_json("/orders", NOTE);
    for lines in [
        &[][..],
        &["Origin: https://evil.test"],
        &["Origin: null"],
        &["Origin: http://api.test"],
        &["Origin: https://api.test:8443"],
        &["Origin: https://api.test.evil.test"],
        &["Sec-Fetch-Site: cross-site"],
        &["Sec-Fetch-Site: same-site"],
        &["Sec-Fetch-Site: none"],
        &["Sec-Fetch-Site: cross-site", "Origin: https://api.test"],
        &["Sec-Fetch-Site: same-origin", "Origin: https://evil.test"],
        &["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-origin"],
    ] {
        let asked = lines.iter().fold(post(), |ask, line| ask.with(*line));
        scene.send(asked, &cookie).refused(Reason::CrossSiteRefused);
    }
    scene.send(ask("DELETE", "/orders/1"), &cookie).refused(Reason::CrossSiteRefused);
    scene.send(ask("POST", "/.portcullis/logout"), &cookie).refused(Reason::CrossSiteRefused);
    for lines in [
        &["Origin: https://api.test"][..],
        &["Sec-Fetch-Site: same-origin"],
        &["Sec-Fetch-Site: same-origin", "Origin: https://api.test"],
    ] {
        let asked = lines.iter().fold(post(), |ask, line| ask.with(*line));
        scene.send(asked, &cookie).passed();
    }
    // What changes nothing may come from anywhere; the page there cannot read it.
    scene.send(get("/orders").with("Sec-Fetch-Site: cross-site"), &cookie).passed();
    // A bearer token is sent by nobody unasked.
    scene.provider.forms("/token");
}

#[test]
fn an_origin_that_may_call_with_credentials_may_change_things() {
    for (credentials, may) in [(true, true), (false, false)] {
        let cors = json!({ "cors": { "origins": ["https://app.test"], "credentials": credentials } });
        let scene = Scene::with(json!({}), |setup| setup.api(cors));
        let cookie = scene.sign_in();
        let post =
            post_json("/orders", NOTE).with("Origin: https://app.test").with("Sec-Fetch-Site: same-site");
        let outcome = scene.send(post, &cookie);
        if may {
            outcome.passed();
        } else {
            outcome.refused(Reason::CrossSiteRefused);
        }
    }
}

#[test]
fn a_session_is_a_credential_like_any_other_and_there_is_one() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    for line in ["Authorization: Bearer abc", "Authorization: Basic YTpi", "Authorization: DPoP abc"] {
        scene.send(get("/orders").with(line), &cookie).refused(Reason::CredentialAmbiguous);
    }
    scene.send(get("/orders?access_token=abc"), &cookie).refused(Reason::CredentialAmbiguous);
    let twice = format!("{cookie}; {}", scene.sign_in());
    scene.orders(&twice).refused(Reason::CredentialAmbiguous);
    // What its token does not permit, the session does not.
    scene.send(get("/admin/x"), &cookie).refused(Reason::ScopeInsufficient);
}

#[test]
fn no_upstream_sees_or_plants_the_cookie() {
    let planting = [
        ("Set-Cookie", "__Host-session=evil; Path=/; Secure"),
        ("Set-Cookie", "__Host-login=evil; Path=/; Secure"),
        ("Set-Cookie", "theme=dark"),
    ];
    let upstream = Upstream::answering(Answer::respond(200, &planting, "hello"));
    let scene = Scene::with(json!({}), |setup| setup.upstream(upstream));
    let cookie = scene.sign_in();
    for path in ["/orders", "/public"] {
        let outcome = scene.send(get(path), &format!("theme=light; {cookie}; __Host-login=x; lang=de"));
        assert_eq!(outcome.passed().header("cookie"), Some("theme=light; lang=de"));
        assert_eq!(outcome.response.headers.all("set-cookie"), ["theme=dark"]);
    }
}

#[test]
fn the_token_goes_on_only_where_the_operator_wants_it() {
    let scene = Scene::with(json!({}), |setup| setup.api(json!({ "credential": "pass" })));
    let cookie = scene.sign_in();
    let outcome = scene.orders(&cookie);
    let seen = outcome.passed();
    assert!(seen.header("authorization").unwrap().starts_with("Bearer ey"));
    assert_eq!(seen.header("cookie"), None);
}

// proves: OIDC-13
#[test]
fn a_session_ends_when_it_is_not_used_and_in_any_case_after_a_day() {
    let scene = Scene::with(json!({ "idle": "15m", "absolute": "12h" }), |setup| setup);
    let cookie = scene.sign_in();
    scene.advance(14 * 60);
    scene.orders(&cookie).passed();
    scene.advance(14 * 60);
    scene.orders(&cookie).passed();
    // Asking who is signed in is no use of the session.
    scene.advance(8 * 60);
    assert_eq!(scene.send(get("/.portcullis/session"), &cookie).response.status, 200);
    scene.advance(7 * 60 + 1);
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    scene.orders(&cookie).refused(Reason::SessionUnknown);

    // Activity never moves the absolute end.
    let cookie = scene.sign_in();
    for _ in 0..(12 * 6 - 1) {
        scene.advance(600);
        scene.orders(&cookie).passed();
    }
    scene.advance(599);
    scene.orders(&cookie).passed();
    scene.advance(1);
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    // Logging in again makes another one.
    let again = scene.sign_in();
    assert_ne!(cookie, again);
    scene.orders(&again).passed();
}

#[test]
fn the_usual_limits_are_an_hour_and_a_day() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    let who = scene.send(get("/.portcullis/session"), &cookie).response.json();
    let at = |name: &str| who[name].as_u64().unwrap();
    assert_eq!(at("idle_at") - at("signed_in_at"), 3600);
    assert_eq!(at("ends_at") - at("signed_in_at"), 24 * 3600);
}

#[test]
fn tokens_are_renewed_before_they_end_and_each_refresh_token_is_used_once() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    scene.orders(&cookie).passed();
    assert_eq!(scene.provider.forms("/token").len(), 1);
    scene.advance(280);
    scene.orders(&cookie).passed();
    scene.orders(&cookie).passed();
    scene.advance(280);
    scene.orders(&cookie).passed();
    let forms = scene.provider.forms("/token");
    let shown: Vec<_> = forms.iter().filter_map(|form| form.get("refresh_token")).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_ne!(shown[0], shown[1]);
    assert_eq!(forms[1]["grant_type"], "refresh_token");
    // A gateway that was started anew goes on with what was kept.
    let mut scene = scene;
    scene.walk.restart();
    scene.advance(280);
    scene.orders(&cookie).passed();
    assert_eq!(scene.provider.forms("/token").len(), 4);
}

#[test]
fn a_refused_renewal_ends_the_session_and_an_outage_does_not() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    scene.provider.instead(Some(Answer::respond(502, &[], "")));
    // The old token still holds for a while.
    scene.advance(280);
    scene.orders(&cookie).passed();
    scene.advance(30);
    let outcome = scene.orders(&cookie);
    outcome.refused(Reason::ProviderUnavailable);
    assert!(outcome.header("retry-after").is_some());
    scene.advance(2);
    scene.provider.instead(None);
    scene.orders(&cookie).passed();

    scene.advance(310);
    let no = json!({ "error": "invalid_grant" }).to_string();
    scene.provider.instead(Some(Answer::respond(400, &[("Content-Type", "application/json")], no)));
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    scene.provider.instead(None);
    let asked = scene.provider.forms("/token").len();
    scene.orders(&cookie).refused(Reason::SessionUnknown);
    assert_eq!(scene.provider.forms("/token").len(), asked);
}

#[test]
fn without_a_refresh_token_the_session_ends_with_its_token() {
    let scene = Scene::new();
    scene.provider.tokens(json!({ "refresh_token": null }));
    let cookie = scene.sign_in();
    scene.advance(299);
    scene.orders(&cookie).passed();
    scene.advance(1);
    scene.orders(&cookie).refused(Reason::SessionUnknown);
}

#[test]
fn a_renewed_id_token_about_somebody_else_ends_the_session() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    scene.provider.id_token(json!({}), json!({ "sub": "mallory" }));
    scene.advance(280);
    scene.orders(&cookie).refused(Reason::LoginUnproven);
    scene.orders(&cookie).refused(Reason::SessionUnknown);
}

#[test]
fn many_calls_at_once_renew_once() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    scene.advance(280);
    let mut clients: Vec<_> = (0..8).map(|_| scene.walk.tls_client()).collect();
    for client in &mut clients {
        let request: Vec<u8> = get("/orders").with(format!("Cookie: {cookie}")).into();
        client.send(request);
    }
    for client in &mut clients {
        assert_eq!(client.response().unwrap().status, 200);
    }
    scene.walk.settle_events(8);
    assert_eq!(scene.provider.forms("/token").len(), 2);
}

#[test]
fn a_session_can_be_revoked_by_hand() {
    let scene = Scene::new();
    let begun = scene.begin("");
    let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
    let cookie = cookie_of(&outcome, "__Host-session").unwrap();
    scene.orders(&cookie).passed();
    super::ends::revoke_sid(&scene, "sid-1");
    scene.orders(&cookie).refused(Reason::TokenRevoked);
}

#[test]
fn an_operation_that_wants_a_stronger_login_says_so_and_gets_it() {
    let scene = Scene::with(json!({}), |setup| setup.api(json!({ "require": { "max_age": "10m" } })));
    let now = scene.clock.now().wall.as_seconds();
    scene.provider.access_token(json!({ "auth_time": now - 3600 }));
    let cookie = scene.sign_in();
    let outcome = scene.orders(&cookie);
    outcome.refused(Reason::AuthenticationInsufficient);
    let challenge = outcome.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_user_authentication") && challenge.contains("max_age=\"600\""),
        "{challenge}"
    );
    let begun = scene.begin("?max_age=600");
    assert!(begun.location.contains("max_age=600"), "{}", begun.location);
    scene.provider.access_token(json!({ "auth_time": now }));
    let query = scene.provider.sign_in(&begun.location);
    let outcome = scene.come_back(&format!("{}; {cookie}", begun.cookie), &query);
    scene.orders(&cookie_of(&outcome, "__Host-session").unwrap()).passed();
    scene.orders(&cookie).refused(Reason::SessionUnknown);
}

#[test]
fn a_renewal_that_another_gateway_has_begun_is_left_to_it_until_its_time_is_over() {
    use portcullis_domain::{Issuer, Secret, Session, SessionStore as _, Subject};

    let scene = Scene::new();
    let cookie = scene.sign_in();
    scene.advance(280);
    let id = cookie.split_once('=').unwrap().1;
    let now = scene.clock.now().wall;
    let ends_at = now.plus(std::time::Duration::from_secs(10));
    let lease = Session {
        subject: Subject::from("customers"),
        issuer: Issuer::from("urn:portcullis:refresh"),
        sid: None,
        created_at: now,
        idle_at: ends_at,
        ends_at,
        content: Secret::new(Vec::new()),
    };
    let keys = crate::api_keys::Keys::of(&scene.walk);
    let name = Secret::new(format!("refresh.{id}").into_bytes());
    crate::api_keys::done(keys.store().begin_session(&name, lease));
    // The old token still holds.
    scene.orders(&cookie).passed();
    assert_eq!(scene.provider.forms("/token").len(), 1);
    // Now it does not, and the other one has not come back.
    scene.advance(25);
    scene.orders(&cookie).passed();
    assert_eq!(scene.provider.forms("/token").len(), 2);
}

#[test]
fn a_page_that_shows_an_ended_session_again_and_again_is_no_guesser() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    scene.advance(3600);
    for _ in 0..50 {
        scene.orders(&cookie).refused(Reason::SessionUnknown);
    }
    // Nobody at the same address is locked out for it.
    scene.orders(&scene.sign_in()).passed();
    // Who makes ids up is, in time.
    let guess = |number: u32| format!("__Host-session={number:0>43}");
    let refused = (0..500).find(|number| scene.orders(&guess(*number)).response.status == 429);
    assert!(refused.is_some());
}
