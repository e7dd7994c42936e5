//! Several versions of one API side by side (VER-07, VER-08).

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use crate::walk::{Outcome, Setup, Walk, ask, get, post_json};

/// A configuration in which the usual API is version `v1`, and there is a second, `v2`, with its own upstream.
fn versions(second: &Upstream, group: Value, places: [Value; 2]) -> Value {
    let [mut one, mut two] = places;
    crate::walk::merge(&mut one, json!({ "version": { "of": "shop", "name": "v1" } }));
    crate::walk::merge(
        &mut two,
        json!({
            "version": { "of": "shop", "name": "v2" },
            "contract": "openapi.json",
            "upstream": { "addresses": [second.url()] },
        }),
    );
    if two.get("hosts").is_none() {
        two["hosts"] = json!(["api.test"]);
    }
    json!({ "versions": { "shop": group }, "apis": { "shop": one, "shop-v2": two } })
}

/// Two versions, and which of them a request reached.
struct Pair {
    walk: Walk,
    second: Upstream,
    seen: std::cell::Cell<usize>,
}

impl Pair {
    #[track_caller]
    fn start(group: Value, places: [Value; 2]) -> Self {
        let second = Upstream::answering(Answer::ok("two"));
        let walk = Setup::new().answering(Answer::ok("one")).policy(versions(&second, group, places)).start();
        Self { walk, second, seen: std::cell::Cell::default() }
    }

    /// Both at one place.
    #[track_caller]
    fn together(group: Value) -> Self {
        Self::start(group, [json!({}), json!({})])
    }

    #[track_caller]
    fn apart(group: Value) -> Self {
        Self::start(group, [json!({ "mount": "/v1" }), json!({ "mount": "/v2" })])
    }

    #[track_caller]
    fn send(&self, request: impl Into<Vec<u8>>) -> Outcome {
        let outcome = self.walk.send(request);
        let seen = self.second.count();
        assert!(seen - self.seen.replace(seen) + outcome.seen.len() <= 1, "seen twice");
        outcome
    }

    /// Sends it, and it must reach the version with this answer.
    #[track_caller]
    fn reaches(&self, request: impl Into<Vec<u8>>, answer: &str) {
        let before = self.second.count();
        let outcome = self.send(request);
        assert_eq!(outcome.response.status, 200, "{:#?}", outcome.response);
        assert_eq!(outcome.response.text(), answer);
        assert_eq!(
            (outcome.seen.len(), self.second.count() - before),
            match answer {
                "one" => (1, 0),
                _ => (0, 1),
            }
        );
        assert_eq!(outcome.only_event()["api"], if answer == "one" { "shop" } else { "shop-v2" });
    }

    #[track_caller]
    fn refuses(&self, request: impl Into<Vec<u8>>, reason: Reason) -> Outcome {
        let before = self.second.count();
        let outcome = self.send(request);
        outcome.refused(reason);
        assert_eq!(self.second.count(), before, "the other version saw it");
        outcome
    }
}

// proves: VER-07
#[test]
fn a_header_chooses_and_nothing_is_guessed() {
    let pair = Pair::together(json!({ "by": { "header": "X-API-Version" } }));
    pair.reaches(get("/public").with("X-API-Version: v1"), "one");
    pair.reaches(get("/public").with("X-API-Version: 2"), "two");
    pair.refuses(get("/public").with("X-API-Version: 3"), Reason::VersionUnknown);
    pair.refuses(get("/public").with("X-API-Version: v2, v1"), Reason::VersionUnknown);
    pair.refuses(get("/public"), Reason::VersionMissing);
    // No cache may give one version's answer to who asks for another.
    let answer = pair.send(get("/public").with("X-API-Version: v1"));
    assert_eq!(answer.header("vary"), Some("x-api-version"));
    let twice = get("/public").with("X-API-Version: v1").with("X-API-Version: v2");
    pair.refuses(twice, Reason::VersionAmbiguous);
    // A path that only the other version would have is not looked for there.
    pair.refuses(get("/nowhere").with("X-API-Version: 2"), Reason::OperationUnknown);

    // A browser's first question cannot name one.
    let cors = json!({ "cors": { "origins": ["https://app.example"], "headers": ["x-api-version"] } });
    let asking = Pair::start(json!({ "by": { "header": "X-API-Version" } }), [cors.clone(), cors]);
    let preflight = ask("OPTIONS", "/public")
        .with("Origin: https://app.example")
        .with("Access-Control-Request-Method: GET")
        .with("Access-Control-Request-Headers: x-api-version");
    let permitted = asking.send(preflight);
    assert_eq!(permitted.response.status, 204, "{:#?}", permitted.response);

    let pair = Pair::together(json!({ "by": { "header": "X-API-Version" }, "default": "v2" }));
    pair.reaches(get("/public"), "two");
    pair.refuses(get("/public").with("X-API-Version: 3"), Reason::VersionUnknown);
}

#[test]
fn a_media_type_chooses() {
    let by = json!({ "media_type": "version", "vendor": "application/vnd.shop.{version}+json" });
    let pair = Pair::together(json!({ "by": by, "default": "v1" }));
    pair.reaches(get("/public"), "one");
    pair.reaches(get("/public").with("Accept: application/json; version=2"), "two");
    pair.reaches(get("/public").with("Accept: application/vnd.shop.v2+json"), "two");
    pair.refuses(get("/public").with("Accept: application/json; version=3"), Reason::VersionUnacceptable);
    pair.refuses(get("/public").with("Accept: application/vnd.shop.v3+json"), Reason::VersionUnacceptable);
    let both = get("/public").with("Accept: application/vnd.shop.v1+json, application/vnd.shop.v2+json");
    pair.refuses(both, Reason::VersionAmbiguous);
    let note = ask("POST", "/notes").with("Content-Type: application/json;version=2").body(r#"{"text":"x"}"#);
    pair.reaches(note, "two");
}

#[test]
fn a_path_chooses_and_must_not_be_contradicted() {
    let pair = Pair::apart(json!({ "by": { "header": "X-API-Version" } }));
    pair.reaches(get("/v1/public"), "one");
    pair.reaches(get("/v2/public"), "two");
    pair.reaches(get("/v2/public").with("X-API-Version: 2"), "two");
    pair.refuses(get("/v2/public").with("X-API-Version: 1"), Reason::VersionAmbiguous);
    pair.refuses(get("/v1/public").with("X-API-Version: 2"), Reason::VersionAmbiguous);
    pair.refuses(get("/v1/public").with("X-API-Version: 9"), Reason::VersionUnknown);
    pair.refuses(get("/v3/public"), Reason::OperationUnknown);
    pair.refuses(get("/public"), Reason::OperationUnknown);
}

#[test]
fn a_host_chooses() {
    let places = [json!({ "hosts": ["v1.test"] }), json!({ "hosts": ["v2.test"] })];
    let pair = Pair::start(json!({ "by": { "header": "X-API-Version" } }), places);
    pair.reaches(get("/public").host("v1.test"), "one");
    pair.reaches(get("/public").host("v2.test"), "two");
    pair.refuses(get("/public").host("v2.test").with("X-API-Version: 1"), Reason::VersionAmbiguous);
    pair.refuses(get("/public").host("v3.test"), Reason::AuthorityUnknown);
}

// proves-part: VER-02 (a version of which nothing is left)
#[test]
fn a_version_that_is_gone_needs_no_document_and_no_upstream() {
    let gone = json!({ "v0": { "mount": "/v0", "successor": "/v2", "since": "2026-01-01" } });
    let pair = Pair::apart(json!({ "by": { "header": "X-API-Version" }, "gone": gone }));
    for method in ["GET", "POST", "DELETE"] {
        let outcome = pair.refuses(ask(method, "/v0/whatever"), Reason::VersionRetired);
        assert_eq!(outcome.response.json()["successor"], "/v2");
        assert_eq!(outcome.header("link"), Some("</v2>; rel=\"successor-version\""));
    }
    pair.refuses(get("/v1/public").with("X-API-Version: v0"), Reason::VersionRetired);
    pair.reaches(get("/v1/public"), "one");
}

#[test]
fn versions_that_do_not_fit_together_are_no_configuration() {
    let header = json!({ "header": "X-API-Version" });
    let check = |group: Value, places: [Value; 2], code: &str| {
        let second = Upstream::answering(Answer::ok("two"));
        let error =
            Setup::new().policy(versions(&second, group, places)).try_start().err().expect("a mistake");
        let portcullis_gateway::StartError::Configuration(mistakes) = error else { panic!("{error}") };
        let codes: Vec<_> = mistakes.errors().map(|mistake| mistake.code().0).collect();
        assert_eq!(codes, [code], "{}", mistakes.render(portcullis_config::Color::Never));
    };
    // At one place, with nothing to tell them apart.
    check(json!({}), [json!({}), json!({})], "C0402");
    check(json!({ "by": header, "default": "v3" }), [json!({}), json!({})], "C0804");
    check(json!({ "by": header, "gone": { "v1": {} } }), [json!({}), json!({})], "C0804");
    let same = json!({ "version": { "name": "1" } });
    check(json!({ "by": header, "gone": { "1": {} } }), [json!({}), same], "C0804");
    check(json!({ "default": "v1" }), [json!({ "mount": "/v1" }), json!({ "mount": "/v2" })], "C0804");
}

/// What every version must refuse in the same way, and what it must let pass.
fn suite(walk: &Walk, path: &dyn Fn(&str) -> String) -> Vec<(&'static str, String, u16, String)> {
    let note = r#"{"text":"x"}"#;
    let token = walk.token("orders:read");
    let expired = walk.token_with(json!({ "exp": 1_000_000_000 }));
    let elsewhere = walk.token_with(json!({ "aud": "another-api" }));
    let requests: Vec<(&'static str, Vec<u8>)> = vec![
        ("no credential", get(&path("/orders")).into()),
        ("a bad token", get(&path("/orders")).bearer("a.b.c").into()),
        ("an expired token", get(&path("/orders")).bearer(&expired).into()),
        ("a token for another API", get(&path("/orders")).bearer(&elsewhere).into()),
        ("too few scopes", get(&path("/admin/x")).bearer(&token).into()),
        ("an unknown member", post_json(&path("/notes"), r#"{"text":"x","admin":true}"#).into()),
        ("no JSON", post_json(&path("/notes"), "{").into()),
        (
            "another media type",
            ask("POST", &path("/notes")).with("Content-Type: text/plain").body(note).into(),
        ),
        ("an undeclared parameter", get(&path("/public?evil=1")).into()),
        ("an undeclared method", ask("DELETE", &path("/public")).into()),
        ("an undeclared path", get(&path("/nowhere")).into()),
        ("an ambiguous path", get(&path("/orders%2f1")).into()),
        ("a good call", get(&path("/orders")).bearer(&token).into()),
        ("another", get(&path("/orders")).bearer(&token).into()),
        ("one too many", get(&path("/orders")).bearer(&token).into()),
    ];
    let mut answers = Vec::new();
    for (what, request) in requests {
        let outcome = walk.send(request);
        let event = outcome.only_event();
        let reason = event["reason"].as_str().unwrap_or("none").to_owned();
        let challenge = outcome.header("www-authenticate").unwrap_or_default().replace("shop-v2", "shop");
        answers.push((
            what,
            reason,
            outcome.response.status,
            challenge.split(" resource_metadata").next().unwrap().to_owned(),
        ));
    }
    answers
}

// proves: VER-08
#[test]
fn every_version_is_protected_alike() {
    let second = Upstream::answering(Answer::ok("hello"));
    let limit = json!({ "GET /orders": { "limits": { "caller": [{ "name": "orders", "rate": "2/h", "burst": 2 }] } } });
    let places = ["/v1", "/v2"].map(|mount| json!({ "mount": mount, "overrides": limit }));
    let walk = Setup::new().policy(versions(&second, json!({}), places)).start();
    let first = suite(&walk, &|path| format!("/v1{path}"));
    let other = suite(&walk, &|path| format!("/v2{path}"));
    assert_eq!(first, other);
    let reasons: Vec<&str> = first.iter().map(|(_, reason, _, _)| reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "credential_missing",
            "token_malformed",
            "token_expired",
            "token_audience_mismatch",
            "scope_insufficient",
            "request_invalid",
            "body_malformed",
            "media_type_unsupported",
            "request_invalid",
            "method_undeclared",
            "operation_unknown",
            "path_ambiguous",
            "none",
            "none",
            "caller_rate_exceeded",
        ]
    );
    assert_eq!(second.count(), 2, "only the good calls reached the second version");
}
