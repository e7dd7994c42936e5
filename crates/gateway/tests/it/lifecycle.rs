//! Deprecation, sunset and what lies between, as clients meet them (VER-02 to VER-06).

use std::time::Duration;

use portcullis_contract::moment;
use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use crate::walk::{HOST, Outcome, Setup, Walk, ask, get, post_json};

const POLICY: &str = "https://shop.example/ending";
const SUCCESSOR: &str = "/v2";

/// A life that ends on the first day of 2027.
fn ending() -> Value {
    json!({
        "deprecated_at": "2026-01-01", "sunset_at": "2027-01-01T00:00:00Z",
        "successor": SUCCESSOR, "policy": POLICY,
    })
}

/// The usual policy at this moment, for which nobody has certificates.
fn at(text: &str) -> Setup {
    let plaintext = json!([{ "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" }]);
    Setup::new().clock(Clock::manual(moment(text).unwrap())).policy(json!({ "listen": plaintext }))
}

const HOUR: Duration = Duration::from_secs(3600);

/// A structured field's item that is a date and nothing else (RFC 9651 §3.3.7, §4.2.9): `@`, then an integer of
/// at most fifteen digits, no parameters.
fn structured_date(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('@')?;
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let is_integer = (1..=15).contains(&unsigned.len()) && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    is_integer.then(|| digits.parse().ok())?
}

/// IMF-fixdate (RFC 9110 §5.6.7) and none of the obsolete forms.
fn fixed_date(text: &str) -> Option<std::time::SystemTime> {
    let time = httpdate::parse_http_date(text).ok()?;
    (httpdate::fmt_http_date(time) == text).then_some(time)
}

#[track_caller]
fn tells(outcome: &Outcome) {
    let deprecation = outcome.header("deprecation").expect("Deprecation");
    assert_eq!(structured_date(deprecation), Some(1_767_225_600), "{deprecation}");
    let sunset = outcome.header("sunset").expect("Sunset");
    let end = std::time::UNIX_EPOCH + Duration::from_secs(1_798_761_600);
    assert_eq!(fixed_date(sunset), Some(end), "{sunset}");
    let links: Vec<&str> = outcome.response.headers.all("link");
    let all = links.join(", ");
    for link in [
        format!("<{POLICY}>; rel=\"deprecation\""),
        format!("<{POLICY}>; rel=\"sunset\""),
        format!("<{SUCCESSOR}>; rel=\"successor-version\""),
    ] {
        assert!(all.contains(&link), "{all}");
    }
}

#[track_caller]
fn tells_nothing(outcome: &Outcome) {
    for name in ["deprecation", "sunset", "link"] {
        assert_eq!(outcome.header(name), None);
    }
}

// proves: VER-03, VER-05
#[test]
fn every_answer_of_a_deprecated_operation_says_so() {
    let upstream = Upstream::start(|seen| match seen.line().as_str() {
        line if line.contains("/orders") => Answer::respond(500, &[], "a trace"),
        _ => Answer::respond(
            200,
            &[("Link", "</page/2>; rel=\"next\""), ("Deprecation", "true"), ("Sunset", "never")],
            "hello",
        ),
    });
    let setup = at("2026-06-01").upstream(upstream);
    let walk = setup.api(json!({ "lifecycle": ending() })).start();
    let outcome = walk.send(get("/public"));
    outcome.passed();
    tells(&outcome);
    assert!(outcome.response.headers.all("link").contains(&"</page/2>; rel=\"next\""));
    assert_eq!(outcome.response.headers.all("deprecation").len(), 1, "the upstream's own gives way");
    assert_eq!(outcome.response.headers.all("sunset").len(), 1);

    let missing = walk.send(get("/orders"));
    tells(missing.refused(Reason::CredentialMissing));
    let wrong = walk.send(get("/orders").bearer("a.b.c"));
    wrong.refused(Reason::from_code("token_malformed").unwrap());
    tells(&wrong);
    let scope = walk.send(get("/orders").bearer(&walk.token("orders:write")));
    tells(scope.refused(Reason::ScopeInsufficient));
    let invalid = walk.send(post_json("/notes", r#"{"text":1}"#));
    tells(invalid.refused(Reason::RequestInvalid));
    tells(walk.send(ask("DELETE", "/public")).refused(Reason::MethodUndeclared));
    tells(walk.send(get("/nowhere")).refused(Reason::OperationUnknown));
    let failed = walk.send(get("/orders").bearer(&walk.token("orders:read")));
    failed.forwarded();
    tells(failed.ended(Reason::UpstreamFailed));
}

#[test]
fn the_document_says_it_too_and_only_of_what_it_says_it() {
    let operation = json!({
        "deprecated": true, "x-deprecated-at": "2026-01-01", "x-sunset-at": "2027-01-01",
        "x-portcullis-lifecycle": { "successor": SUCCESSOR, "policy": POLICY },
    });
    let walk = at("2026-06-01").contract(json!({ "paths": { "/public": { "get": operation } } })).start();
    let outcome = walk.send(get("/public"));
    outcome.passed();
    tells(&outcome);
    let other = walk.send(get("/a/b"));
    other.passed();
    tells_nothing(&other);
}

#[test]
fn the_configuration_says_it_of_an_operation_a_tag_or_all() {
    for selector in ["listPublic", "GET /public", "tag:old"] {
        let operation = json!({ "operationId": "listPublic", "tags": ["old"] });
        let walk = at("2026-06-01")
            .contract(json!({ "paths": { "/public": { "get": operation } } }))
            .api(json!({ "overrides": { selector: { "lifecycle": ending() } } }))
            .start();
        let outcome = walk.send(get("/public"));
        outcome.passed();
        tells(&outcome);
        let other = walk.send(get("/a/b"));
        other.passed();
        tells_nothing(&other);
    }
}

// proves: VER-04
#[test]
fn a_life_that_cannot_be_is_no_configuration() {
    let brownout = json!([{ "every": "day", "at": "10:00", "for": "30m" }]);
    for (lifecycle, code) in [
        (json!({ "deprecated_at": "2027-01-01", "sunset_at": "2026-01-01" }), "C0326"),
        (json!({ "deprecated_at": "soon" }), "C0801"),
        (json!({ "successor": "/v2>; rel=\"next\"" }), "C0801"),
        (json!({ "brownouts": brownout }), "C0803"),
        (json!({ "sunset_at": "2099-01-01", "brownouts": brownout }), "C0803"),
    ] {
        let setup = at("2026-06-01").api(json!({ "lifecycle": lifecycle }));
        let error = setup.try_start().err().expect("a mistake");
        let portcullis_gateway::StartError::Configuration(mistakes) = error else { panic!("{error}") };
        let codes: Vec<_> = mistakes.errors().map(|mistake| mistake.code().0).collect();
        assert_eq!(codes, [code], "{lifecycle}");
    }
    let walk = at("2026-06-01").api(json!({ "lifecycle": ending() })).start();
    let outcome = walk.send(get("/public"));
    outcome.passed();
    let deprecated = structured_date(outcome.header("deprecation").unwrap()).unwrap();
    let sunset = fixed_date(outcome.header("sunset").unwrap()).expect("IMF-fixdate");
    let sunset = sunset.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(u64::try_from(deprecated).unwrap() < sunset, "the warning comes first");
}

// proves: VER-06
#[test]
fn states_change_by_date_without_a_restart() {
    let mut life = ending();
    life["brownouts"] = json!([
        { "from": "2026-12-31T20:00:00Z", "until": "2026-12-31T21:00:00Z" },
        { "every": "week", "on": "thursday", "at": "22:30", "for": "30m" },
    ]);
    let walk = at("2026-12-31T19:30:00Z").api(json!({ "lifecycle": life })).start();
    walk.send(get("/public")).passed();

    walk.clock.advance(HOUR);
    let off = walk.send(get("/public"));
    tells(off.refused(Reason::VersionBrownout));
    assert_eq!(off.header("retry-after"), Some("1800"));
    let problem = off.response.json();
    assert_eq!(problem["successor"], SUCCESSOR);
    assert_eq!(problem["sunset"], "Fri, 01 Jan 2027 00:00:00 GMT");
    assert_eq!(problem["policy"], POLICY);
    // Nobody is asked who they are, and nobody's credential is judged.
    walk.send(get("/orders")).refused(Reason::VersionBrownout);
    walk.send(get("/nowhere")).refused(Reason::VersionBrownout);

    walk.clock.advance(HOUR);
    walk.send(get("/public")).passed();
    walk.clock.advance(HOUR + Duration::from_secs(600));
    let off = walk.send(get("/public"));
    off.refused(Reason::VersionBrownout);
    assert_eq!(off.header("retry-after"), Some("1200"));
    walk.clock.advance(Duration::from_secs(1200));
    walk.send(get("/public")).passed();

    walk.clock.advance(HOUR - Duration::from_secs(1));
    walk.send(get("/public")).passed();
    walk.clock.advance(Duration::from_secs(1));
    tells(walk.send(get("/public")).refused(Reason::VersionRetired));
}

// proves: VER-02
#[test]
fn a_retired_version_is_gone_for_every_method_path_and_caller() {
    let walk = at("2027-03-01")
        .api(json!({ "lifecycle": ending(), "cors": { "origins": ["https://app.example"] } }))
        .start();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        for path in ["/public", "/orders", "/orders/7", "/a/path/that/was/dropped"] {
            let outcome = walk.send(ask(method, path));
            if method == "HEAD" {
                assert_eq!(outcome.response.status, 410);
                assert!(outcome.seen.is_empty());
                outcome.only_event();
            } else {
                outcome.refused(Reason::VersionRetired);
                assert_eq!(outcome.response.json()["successor"], SUCCESSOR);
            }
            tells(&outcome);
        }
    }
    let preflight = ask("OPTIONS", "/orders").with("Origin: https://app.example");
    walk.send(preflight.with("Access-Control-Request-Method: GET")).refused(Reason::VersionRetired);
    // A good credential, a bad one and two of them make no difference.
    walk.send(get("/orders").bearer(&walk.token("orders:read"))).refused(Reason::VersionRetired);
    walk.send(get("/orders").bearer("a.b.c")).refused(Reason::VersionRetired);
    let two = get("/orders").bearer("a.b.c").with("Authorization: Bearer d.e.f");
    walk.send(two).refused(Reason::VersionRetired);
}

#[test]
fn one_operation_can_be_gone_while_the_others_stay() {
    let walk =
        at("2027-03-01").api(json!({ "overrides": { "GET /orders": { "lifecycle": ending() } } })).start();
    tells(walk.send(get("/orders")).refused(Reason::VersionRetired));
    walk.send(get("/public")).passed();
    tells_nothing(walk.send(ask("DELETE", "/public")).refused(Reason::MethodUndeclared));
}

#[test]
fn an_operation_that_stays_is_served_when_the_others_are_gone() {
    let mut life = ending();
    life["brownouts"] = json!([{ "every": "day", "at": "00:00", "for": "23h" }]);
    let walk = at("2026-06-01T10:00:00Z")
        .api(json!({
            "lifecycle": life,
            "overrides": { "GET /public": { "lifecycle": { "state": "active" } } },
        }))
        .start();
    let stays = |walk: &Walk| {
        let outcome = walk.send(get("/public"));
        outcome.passed();
        tells_nothing(&outcome);
    };
    stays(&walk);
    walk.send(get("/a/b")).refused(Reason::VersionBrownout);
    walk.clock.advance(365 * 24 * HOUR);
    stays(&walk);
    walk.send(format!("GET /a/b HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).refused(Reason::VersionRetired);
}

/// The fields that the guide shows are those that its settings make.
#[test]
fn the_guide_shows_what_clients_are_told() {
    let guide =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/retire-a-version.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let block = |fence: &str, contains: &str| {
        let blocks = guide.split(fence).skip(1).map(|rest| rest.split("```").next().unwrap());
        blocks.into_iter().find(|block| block.contains(contains)).expect("the guide shows it").to_owned()
    };
    let settings = block("```yaml\n", "deprecated_at");
    let settings = portcullis_config::Document::parse(
        "guide",
        settings.as_bytes(),
        &portcullis_config::Limits::default(),
    );
    let walk = at("2026-12-24").policy(settings.unwrap().value().clone()).start();
    let outcome = walk.send(get("/public"));
    outcome.passed();
    // A line that is indented goes on with the one before.
    let shown = block("```http\n", "Deprecation").replace("\n  ", " ");
    let shown: Vec<(&str, &str)> = shown.lines().filter_map(|line| line.split_once(": ")).collect();
    assert_eq!(shown.len(), 3);
    for (name, value) in shown {
        assert_eq!(outcome.header(name), Some(value), "{name}");
    }
}
