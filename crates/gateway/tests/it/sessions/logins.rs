//! From the first page to the session.

use portcullis_domain::Reason;
use portcullis_testkit::Answer;
use serde_json::{Value, json};
use url::Url;

use super::provider::{CLIENT, Scene, cookie_of};
use crate::walk::{ask, get};

// proves: OIDC-11
#[test]
fn a_browser_that_logged_in_has_one_opaque_cookie_and_no_token() {
    let scene = Scene::new();
    let begun = scene.begin("?return_to=/orders%3Fpage%3D2");
    let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
    assert_eq!(outcome.response.status, 303);
    assert_eq!(outcome.header("location"), Some("/orders?page=2"));
    assert_eq!(outcome.header("cache-control"), Some("no-store"));
    assert!(outcome.seen.is_empty());
    let cookies = outcome.response.headers.all("set-cookie");
    let [session, login] = cookies[..] else { panic!("{cookies:?}") };
    let (name, rest) = session.split_once('=').unwrap();
    let (value, attributes) = rest.split_once("; ").unwrap();
    assert_eq!((name, value.len()), ("__Host-session", 43));
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(login, "__Host-login=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");

    let event = outcome.only_event();
    assert_eq!(
        (&event["event"], &event["subject"]),
        (&json!("authn_login_success"), &json!("alice")),
        "{event:#}"
    );

    let cookie = cookie_of(&outcome, "__Host-session").unwrap();
    let outcome = scene.orders(&cookie);
    let seen = outcome.passed();
    assert_eq!(seen.header("x-auth-subject"), Some("alice"));
    assert_eq!((seen.header("cookie"), seen.header("authorization")), (None, None));

    let who = scene.send(get("/.portcullis/session"), &cookie);
    assert_eq!((who.response.status, who.header("cache-control")), (200, Some("no-store")));
    let said = who.response.json();
    assert_eq!((&said["subject"], &said["profile"]["name"]), (&json!("alice"), &json!("Alice")));
    let token = scene.provider.forms("/token");
    assert_eq!(token.len(), 1);
    for hidden in ["ey", "refresh-", "hidden", "sid-1"] {
        assert!(!who.response.text().contains(hidden), "{said:#}");
    }
    // Neither do the record nor the store's file show any of it.
    let code = &token[0]["code"];
    let record = scene.walk.record.text();
    let store = std::fs::read(scene.walk.workspace.path(".portcullis/store.db")).unwrap();
    let log = std::fs::read(scene.walk.workspace.path(".portcullis/store.db-wal")).unwrap_or_default();
    for secret in [value, &token[0]["code_verifier"], "refresh-1", "web-s3cret", &format!("code={code}")] {
        assert!(!record.contains(secret), "{secret} in the record");
        for kept in [&store, &log] {
            assert!(
                !kept.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{secret} in the store"
            );
        }
    }
}

#[test]
fn the_cookie_can_be_kept_from_other_sites_altogether() {
    let scene = Scene::with(json!({ "same_site": "strict", "cookie": "__Host-shop" }), |setup| setup);
    let begun = scene.begin("");
    let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
    let cookies = outcome.response.headers.all("set-cookie");
    assert!(cookies[0].starts_with("__Host-shop=") && cookies[0].ends_with("SameSite=Strict"), "{cookies:?}");
    scene.orders(&cookie_of(&outcome, "__Host-shop").unwrap()).passed();
}

#[test]
fn the_provider_is_asked_as_openid_connect_has_it() {
    let scene = Scene::with(json!({ "acr": ["gold"], "max_age": "1h" }), |setup| setup);
    let begun = scene.begin("?max_age=7200");
    let url = Url::parse(&begun.location).unwrap();
    assert_eq!(url.path(), "/authorize");
    let asked: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("client_id", CLIENT),
        ("redirect_uri", "https://api.test/.portcullis/callback"),
        ("scope", "openid offline_access"),
        ("prompt", "consent"),
        ("resource", "urn:shop-api"),
        ("acr_values", "gold"),
        // Never longer than the operator wants.
        ("max_age", "3600"),
    ] {
        assert_eq!(asked[name], value);
    }
    assert!(
        asked["state"] != asked["nonce"] && asked["state"].len() == 43 && asked["code_challenge"].len() == 43
    );
    assert!(!begun.location.contains("web-s3cret"));
    scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
    let form = &scene.provider.forms("/token")[0];
    assert_eq!(form["redirect_uri"], asked["redirect_uri"]);
    let seen = scene.provider.server.seen();
    let token = seen.iter().find(|seen| seen.target == "/token").unwrap();
    // base64 of `shop-web:web-s3cret`
    assert_eq!(token.header("authorization"), Some("Basic c2hvcC13ZWI6d2ViLXMzY3JldA=="));
}

#[test]
fn where_the_provider_takes_them_requests_are_pushed() {
    let scene = Scene::new();
    let base = scene.provider.issuer().to_owned();
    scene.provider.metadata(json!({ "pushed_authorization_request_endpoint": format!("{base}/par") }));
    let begun = scene.begin("");
    let url = Url::parse(&begun.location).unwrap();
    let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
    scene.orders(&cookie_of(&outcome, "__Host-session").unwrap()).passed();
    assert_eq!(scene.provider.forms("/par")[0]["redirect_uri"], "https://api.test/.portcullis/callback");
}

// proves: OIDC-08
#[test]
fn a_login_belongs_to_one_browser_and_works_once() {
    let scene = Scene::new();
    let begun = scene.begin("");
    let other = scene.begin("");
    let query = scene.provider.sign_in(&begun.location);
    let code = |query: &str| query.split('&').next().unwrap().to_owned();
    let stateless = code(&query);
    for (cookies, query) in [
        ("", &query),
        (&*other.cookie, &query),
        ("__Host-login=made-up", &query),
        (&*format!("{}; {}", begun.cookie, other.cookie), &query),
        (&*begun.cookie, &stateless),
        (&*begun.cookie, &format!("{stateless}&state=made-up")),
        (&*begun.cookie, &format!("{query}&state=again")),
        (&*begun.cookie, &format!("{query}&code=again")),
        // A session is no login.
        (&*begun.cookie.replace("__Host-login", "__Host-session"), &query),
    ] {
        let outcome = scene.come_back(cookies, query);
        outcome.refused(Reason::LoginUnsolicited);
        assert_eq!(cookie_of(&outcome, "__Host-session"), None, "{cookies} {query}");
    }
    assert!(scene.provider.forms("/token").is_empty(), "a code was sent");
    let outcome = scene.come_back(&begun.cookie, &query);
    assert!(cookie_of(&outcome, "__Host-session").is_some());
    assert_eq!(scene.provider.forms("/token").len(), 1);
    // Once more: the state is used up, whatever the provider would say to the code.
    scene.come_back(&begun.cookie, &query).refused(Reason::LoginUnsolicited);
    assert_eq!(scene.provider.forms("/token").len(), 1);
    // The challenge of the request fits the verifier of the code, and each login has its own.
    let verifiers = scene.provider.forms("/token");
    assert_eq!(verifiers[0]["code_verifier"].len(), 43);
    // Too late.
    scene.advance(601);
    scene
        .come_back(&other.cookie, &scene.provider.sign_in(&other.location))
        .refused(Reason::LoginUnsolicited);
}

#[test]
fn a_login_that_failed_cannot_be_tried_again_with_its_state() {
    let scene = Scene::new();
    let begun = scene.begin("");
    let query = scene.provider.sign_in(&begun.location);
    let state = query.split('&').find(|pair| pair.starts_with("state=")).unwrap();
    let issuer = query.split('&').find(|pair| pair.starts_with("iss=")).unwrap();
    let refused = format!("error=access_denied&error_description=%3Cscript%3E&{state}&{issuer}");
    scene.come_back(&begun.cookie, &refused).refused(Reason::LoginUnproven);
    scene.come_back(&begun.cookie, &query).refused(Reason::LoginUnsolicited);
}

// proves: OIDC-10
#[test]
fn a_code_of_another_provider_goes_nowhere() {
    for swapped in ["https://evil.test", ""] {
        let scene = Scene::new();
        let begun = scene.begin("");
        let query = scene.provider.sign_in(&begun.location);
        let query = query.split('&').filter(|pair| !pair.starts_with("iss=")).collect::<Vec<_>>().join("&");
        let query = if swapped.is_empty() { query } else { format!("{query}&iss=https%3A%2F%2Fevil.test") };
        scene.come_back(&begun.cookie, &query).refused(Reason::LoginUnsolicited);
        assert!(scene.provider.forms("/token").is_empty(), "{swapped}: the code was sent");
    }
    // A provider that does not promise to say who it is need not; what it says must be true all the same.
    let scene = Scene::new();
    scene.provider.metadata(json!({ "authorization_response_iss_parameter_supported": null }));
    let begun = scene.begin("");
    let query = scene.provider.sign_in(&begun.location);
    let silent = query.split('&').filter(|pair| !pair.starts_with("iss=")).collect::<Vec<_>>().join("&");
    scene.come_back(&begun.cookie, &format!("{silent}&iss=x")).refused(Reason::LoginUnsolicited);
    let begun = scene.begin("");
    let query = scene.provider.sign_in(&begun.location);
    let silent = query.split('&').filter(|pair| !pair.starts_with("iss=")).collect::<Vec<_>>().join("&");
    assert_eq!(scene.come_back(&begun.cookie, &silent).response.status, 303);
}

// proves: OIDC-09
#[test]
fn an_id_token_that_is_not_wholly_right_makes_no_session() {
    let scene = Scene::with(json!({ "max_age": "1h" }), |setup| setup);
    let now = scene.clock.now().wall.as_seconds();
    let none = json!({});
    let wrong: Vec<(Value, Value)> = vec![
        (none.clone(), json!({ "aud": "another-client" })),
        (none.clone(), json!({ "aud": [] })),
        (none.clone(), json!({ "aud": [CLIENT, "another-client"] })),
        (none.clone(), json!({ "aud": [CLIENT, "another-client"], "azp": "another-client" })),
        (none.clone(), json!({ "aud": [CLIENT, 7], "azp": CLIENT })),
        (none.clone(), json!({ "azp": "another-client" })),
        (none.clone(), json!({ "nonce": "of another login" })),
        (none.clone(), json!({ "nonce": null })),
        (none.clone(), json!({ "iss": "https://evil.test" })),
        (none.clone(), json!({ "iss": null })),
        (none.clone(), json!({ "exp": now - 31 })),
        (none.clone(), json!({ "exp": null })),
        (none.clone(), json!({ "exp": "soon" })),
        (none.clone(), json!({ "iat": now + 31 })),
        (none.clone(), json!({ "iat": now - 331 })),
        (none.clone(), json!({ "iat": null })),
        (none.clone(), json!({ "auth_time": now - 3631 })),
        (none.clone(), json!({ "auth_time": null })),
        (none.clone(), json!({ "sub": null })),
        (none.clone(), json!({ "sub": "" })),
        (none.clone(), json!({ "sub": "a".repeat(256) })),
        (json!({ "alg": "none" }), none.clone()),
        (json!({ "alg": "HS256" }), none.clone()),
        (json!({ "alg": "RS256" }), none.clone()),
        (json!({ "typ": "at+jwt" }), none.clone()),
        (json!({ "typ": "logout+jwt" }), none.clone()),
        (json!({ "crit": ["exp"] }), none.clone()),
    ];
    for (header, claims) in wrong {
        scene.provider.id_token(header.clone(), claims.clone());
        let begun = scene.begin("");
        let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
        assert_eq!(outcome.response.status, 400, "{header} {claims}");
        outcome.refused(Reason::LoginUnproven);
        assert!(outcome.response.headers.all("set-cookie").is_empty(), "{header} {claims}");
    }
    for (header, claims) in [
        (json!({ "typ": "JWT" }), json!({})),
        (json!({}), json!({ "aud": [CLIENT, "another-client"], "azp": CLIENT })),
        (json!({}), json!({ "aud": [CLIENT] })),
    ] {
        scene.provider.id_token(header, claims);
        scene.orders(&scene.sign_in()).passed();
    }
    // No ID token at all, or an access token that is of another kind.
    for tokens in
        [json!({ "id_token": null }), json!({ "token_type": "DPoP" }), json!({ "access_token": "" })]
    {
        scene.provider.tokens(tokens);
        let begun = scene.begin("");
        let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
        outcome.refused(Reason::LoginUnproven);
    }
}

// proves: OIDC-16
#[test]
fn after_the_login_nobody_is_led_elsewhere() {
    let scene = Scene::new();
    for (wanted, got) in [
        ("%2Forders%3Fa%3Db", "/orders?a=b"),
        ("%2F%2Fevil.test", "/home"),
        ("%2F%5Cevil.test", "/home"),
        ("https%3A%2F%2Fevil.test%2F", "/home"),
        ("%2F%09%2Fevil.test", "/home"),
        ("%2F%0D%0ASet-Cookie%3A%20a%3Db", "/home"),
        ("javascript%3Aalert(1)", "/home"),
        ("", "/home"),
    ] {
        let begun = scene.begin(&format!("?return_to={wanted}"));
        let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
        assert_eq!(outcome.header("location"), Some(got), "{wanted}");
    }
}

// proves: OIDC-12
#[test]
fn a_login_makes_a_new_id_and_the_one_before_is_worth_nothing() {
    let scene = Scene::new();
    let before = scene.sign_in();
    scene.orders(&before).passed();
    // Again, as for an operation that wants more, with the old cookie still there; or one that somebody planted.
    let begun = scene.begin("?acr_values=gold");
    let query = scene.provider.sign_in(&begun.location);
    let outcome = scene.come_back(&format!("{}; {before}", begun.cookie), &query);
    let after = cookie_of(&outcome, "__Host-session").unwrap();
    assert_ne!(before, after);
    scene.orders(&before).refused(Reason::SessionUnknown);
    scene.orders(&after).passed();
    let planted = format!("__Host-session={}", "A".repeat(43));
    let begun = scene.begin("");
    let query = scene.provider.sign_in(&begun.location);
    let outcome = scene.come_back(&format!("{}; {planted}", begun.cookie), &query);
    assert_ne!(cookie_of(&outcome, "__Host-session").unwrap(), planted);
    scene.orders(&planted).refused(Reason::SessionUnknown);
}

#[test]
fn a_provider_that_is_not_there_is_an_outage_and_no_session() {
    let scene = Scene::new();
    let begun = scene.begin("");
    scene.provider.instead(Some(Answer::respond(500, &[], "")));
    let query = scene.provider.sign_in(&begun.location);
    scene.come_back(&begun.cookie, &query).refused(Reason::ProviderUnavailable);
    let other = Scene::new();
    other.provider.metadata(json!({ "issuer": "https://evil.test" }));
    other.walk.send_tls(get("/.portcullis/login")).refused(Reason::ProviderUnavailable);
    let weak = Scene::new();
    weak.provider.metadata(json!({ "code_challenge_methods_supported": ["plain"] }));
    weak.walk.send_tls(get("/.portcullis/login")).refused(Reason::ProviderUnavailable);
}

#[test]
fn logins_without_end_fill_no_more_than_their_room() {
    let scene = Scene::with(json!({ "logins": 2 }), |setup| setup);
    scene.begin("");
    scene.begin("");
    let outcome = scene.walk.send_tls(get("/.portcullis/login"));
    outcome.refused(Reason::LoginsSaturated);
    assert!(outcome.header("retry-after").is_some());
    scene.advance(601);
    scene.begin("");
}

#[test]
fn each_place_has_one_method() {
    let scene = Scene::new();
    for (method, place, allow) in [
        ("POST", "login", "GET"),
        ("POST", "callback", "GET"),
        ("GET", "logout", "POST"),
        ("DELETE", "session", "GET"),
        ("GET", "backchannel-logout", "POST"),
    ] {
        let outcome = scene.walk.send_tls(ask(method, &format!("/.portcullis/{place}")));
        outcome.refused(Reason::MethodUndeclared);
        assert_eq!(outcome.header("allow"), Some(allow));
    }
    scene.walk.send_tls(get("/.portcullis/other")).refused(Reason::OperationUnknown);
    scene.walk.send_tls(get("/.portcullis")).refused(Reason::OperationUnknown);
}

#[test]
fn below_a_mount_and_behind_a_proxy_the_login_is_where_the_browser_sees_it() {
    let scene = Scene::with(json!({}), |setup| {
        setup.policy(json!({ "trusted_proxies": ["127.0.0.1/32"] })).api(json!({ "mount": "/api" }))
    });
    let through = |ask: crate::walk::Ask| {
        // The proxy ends TLS and speaks plainly to us.
        scene
            .walk
            .send(ask.host("app.test").with("X-Forwarded-Proto: https").with("X-Forwarded-For: 192.0.2.7"))
    };
    through(get("/api/.portcullis/login")).refused(Reason::AuthorityUnknown);
    let through = |ask: crate::walk::Ask| {
        scene.walk.send(ask.with("X-Forwarded-Proto: https").with("X-Forwarded-For: 192.0.2.7"))
    };
    let outcome = through(get("/api/.portcullis/login"));
    let location = outcome.header("location").unwrap();
    let redirect = Url::parse(location).unwrap();
    let redirect = redirect.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    assert_eq!(redirect, "https://api.test/api/.portcullis/callback");
    let login = cookie_of(&outcome, "__Host-login").unwrap();
    let query = scene.provider.sign_in(location);
    let outcome =
        through(get(&format!("/api/.portcullis/callback?{query}")).with(format!("Cookie: {login}")));
    let cookie = format!("Cookie: {}", cookie_of(&outcome, "__Host-session").unwrap());
    through(get("/api/orders").with(cookie.clone())).passed();
    let post = crate::walk::post_json("/api/orders", r#"{"text":"x"}"#).with(cookie.clone());
    through(post.clone().with("Origin: https://api.test")).passed();
    through(post.with("Origin: http://api.test")).refused(Reason::CrossSiteRefused);
}

#[test]
fn an_api_has_one_kind_of_session() {
    let staff = json!({
        "issuer": "https://staff.test", "audience": "shop-api",
        "session": { "client": "web", "secret": "${file:client.secret}" },
    });
    let session = json!({ "client": "web", "secret": "${file:client.secret}" });
    let setup = crate::walk::Setup::new()
        .secret("client.secret", "s3cret")
        .policy(json!({ "identity": { "customers": { "session": session }, "staff": staff } }))
        .contract(json!({
            "paths": { "/staff": { "get": {
                "security": [{ "staff": [] }], "responses": { "200": { "description": "Done." } },
            } } },
            "components": { "securitySchemes": { "staff": { "type": "http", "scheme": "bearer" } } },
        }));
    let Err(portcullis_gateway::StartError::Configuration(mistakes)) = setup.try_start() else {
        panic!("it starts")
    };
    let codes: Vec<_> = mistakes.errors().map(|error| error.code().0).collect();
    assert_eq!(codes, ["C0227"]);
}
