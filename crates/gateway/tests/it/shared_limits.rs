//! Limits that two gateways share at a real Valkey or Redis server: while it is there, while it is not, and after.

use portcullis_domain::Reason;
use portcullis_testkit::valkey::{PASSWORD, USER};
use portcullis_testkit::{Answer, Upstream, Valkey, wait};
use serde_json::{Value, json};

use crate::guides::{SEVERAL, blocks, settings};
use crate::metrics::scrape;
use crate::walk::{Ask, Setup, Walk, get, post_json};

/// A gateway that shares its limits at `server`, over TLS.
fn sharing(server: &Valkey) -> Setup {
    let login = json!({
        "x-portcullis-access": "public",
        "responses": { "200": { "description": "Welcome." }, "401": { "description": "No." } },
        "requestBody": { "content": { "application/json": { "schema": { "type": "object" } } } },
    });
    Setup::new()
        .contract(json!({ "paths": { "/login": { "post": login } } }))
        .upstream(Upstream::start(|seen| match seen.target.as_str() {
            "/login" => Answer::respond(401, &[], ""),
            _ => Answer::ok("hello"),
        }))
        .file("valkey.pem", std::fs::read(server.certificate()).unwrap())
        .secret("valkey.password", PASSWORD)
        .secret("limits.secret", "2f6b8a52c1d94e07a3b5f0c8e7d61942")
        .policy(json!({
            "admin": { "address": "127.0.0.1:0" },
            "workers": 2,
            "limits": {
                "caller": [{ "name": "hourly", "rate": "10/1h" }],
                "shared": {
                    "servers": [server.tls_address().to_string()],
                    "tls": { "authorities": "valkey.pem" },
                    "user": USER,
                    "password": "${file:valkey.password}",
                    "secret": "${file:limits.secret}",
                    "replicas": 2,
                    // Long, because build machines are busy.
                    "timeout": "1s",
                },
            },
        }))
        .api(json!({ "overrides": { "POST /login": { "limits": { "class": "authentication" } } } }))
}

/// Starts it and waits until each of its workers is connected.
#[track_caller]
fn connected(setup: Setup) -> Walk {
    let walk = setup.start();
    wait_for(&walk, "portcullis_shared_limit_connections 2");
    walk
}

#[track_caller]
fn wait_for(walk: &Walk, line: &str) {
    wait::until(line, || scrape(walk).lines().any(|told| told == line));
}

/// Asks as alice, who is known at both gateways.
fn order(walk: &Walk) -> Ask {
    get("/orders").bearer(&walk.token("orders:read"))
}

fn login() -> Ask {
    post_json("/login", &json!({ "username": "alice", "password": "guess" }).to_string())
}

#[track_caller]
fn fails(walk: &Walk) {
    let outcome = walk.send(login());
    assert_eq!(outcome.response.status, 401, "{:#?}", outcome.response);
    outcome.forwarded();
}

#[test]
fn what_a_caller_spends_at_one_gateway_is_missing_at_the_other() {
    let server = Valkey::new();
    let (first, second) = (connected(sharing(&server)), connected(sharing(&server)));
    for (number, walk) in [&first, &second].into_iter().cycle().take(10).enumerate() {
        let outcome = walk.send(order(walk));
        outcome.passed();
        let told = outcome.header("ratelimit").unwrap();
        assert!(told.starts_with(&format!("\"hourly\";r={};", 9 - number)), "{told}");
    }
    for walk in [&first, &second] {
        let refused = walk.send(order(walk));
        refused.refused(Reason::CallerRateExceeded);
        assert!(refused.header("retry-after").is_some());
        assert!(scrape(walk).contains("portcullis_shared_limit_decisions_total{by=\"alone\"} 0\n"));
    }
    // Five failed logins of an address, wherever.
    for walk in [&first, &second, &first, &second, &first] {
        fails(walk);
    }
    second.send(login()).refused(Reason::CallerRateExceeded);
}

// proves: LIM-12
#[test]
fn without_the_server_each_gateway_grants_its_part_and_no_guess_beyond_it_and_somebody_is_told() {
    let mut server = Valkey::new();
    let (first, second) = (connected(sharing(&server)), connected(sharing(&server)));
    first.send(order(&first)).passed();
    second.send(order(&second)).passed();
    server.kill();
    for walk in [&first, &second] {
        wait_for(walk, "portcullis_shared_limit_connections 0");
        // Of the eight that are left, as far as each gateway knows: half, or one more than that.
        let admitted = (0..20).take_while(|_| walk.send(order(walk)).response.status == 200).count();
        assert!((4..=5).contains(&admitted), "{admitted}");
        let told = walk.record.wait_until("an alarm", |event| event["event"] == "sys_limits_alone");
        assert_eq!(
            (&told["level"], &told["detector"]),
            (&json!("CRITICAL"), &json!("shared_limits")),
            "{told:#}"
        );
        walk.send(order(walk)).refused(Reason::CallerRateExceeded);
        // Of five guesses a minute: two, and then none, since nobody knows how many there were elsewhere.
        fails(walk);
        fails(walk);
        let refused = walk.send(login());
        refused.refused(Reason::LimitsUnavailable);
        assert_eq!(refused.response.status, 503);
        assert!(refused.header("retry-after").is_some());
        assert!(refused.header("ratelimit").is_none());
    }
    // The server is back, empty; what was used up stays used up, at the other gateway too.
    server.start();
    for walk in [&first, &second] {
        wait_for(walk, "portcullis_shared_limit_connections 2");
        walk.record.wait_until("the end", |event| event["event"] == "sys_limits_together");
        // One unit may be left that was not enough for two gateways.
        if walk.send(order(walk)).response.status == 200 {
            walk.send(order(walk)).refused(Reason::CallerRateExceeded);
        }
    }
}

#[test]
fn whoever_wants_nothing_uncounted_refuses_while_the_server_is_lost() {
    let server = Valkey::new();
    let strict = json!({ "limits": { "shared": { "when_lost": "refuse" } } });
    let walk = connected(sharing(&server).policy(strict));
    walk.send(order(&walk)).passed();
    server.freeze();
    let refused = walk.send(order(&walk));
    refused.refused(Reason::LimitsUnavailable);
    // What has no limit by caller needs no server.
    walk.send(get("/.well-known/none")).refused(Reason::OperationUnknown);
    server.thaw();
    wait_for(&walk, "portcullis_shared_limit_connections 2");
    walk.send(order(&walk)).passed();
}

#[test]
fn the_guide_works_as_it_is_written() {
    let server = Valkey::new();
    let shown = blocks(SEVERAL, "text");
    // What the server is told to let gateways do is what the server of these tests lets them do.
    let rights = shown[0].lines().find_map(|line| line.split_once("resetkeys ")).unwrap().1;
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/valkey");
    assert!(std::fs::read_to_string(script).unwrap().contains(rights), "{rights}");

    let at = |address: String| {
        let mut section = settings(SEVERAL).swap_remove(0);
        section["limits"]["shared"]["servers"] = json!([address]);
        section["limits"]["shared"]["timeout"] = json!("1s");
        Setup::new()
            .secret("valkey.password", PASSWORD)
            .secret("limits.secret", "2f6b8a52c1d94e07a3b5f0c8e7d61942")
            .policy(json!({ "admin": { "address": "127.0.0.1:0" }, "workers": 2 }))
            .policy(section)
    };
    let gateways = [(); 2].map(|()| connected(at(server.address().to_string())));
    for (walk, expected) in gateways.iter().zip(shown[1].lines()) {
        let outcome = walk.send(order(walk));
        outcome.passed();
        assert_eq!(format!("ratelimit: {}", outcome.header("ratelimit").unwrap()), expected);
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    let (server, other) = (Valkey::new(), Valkey::new());
    let walk = sharing(&server).file("valkey.pem", std::fs::read(other.certificate()).unwrap()).start();
    let told = walk.record.wait_until("an alarm", |event| event["event"] == "sys_limits_alone");
    assert!(told["summary"].as_str().unwrap().contains("permission denied"), "{told:#}");
    assert!(
        !server.run(&["INFO", "commandstats"]).contains("cmdstat_auth:calls=1,"),
        "no password was shown"
    );
    walk.send(order(&walk)).passed();
}

#[test]
fn a_changed_section_waits_for_the_next_start() {
    let server = Valkey::new();
    let walk = connected(sharing(&server));
    walk.rewrite(json!({ "limits": { "shared": { "timeout": "500ms" } } }));
    walk.gateway().reload().expect("a good file");
    walk.send(order(&walk)).passed();
    assert!(scrape(&walk).contains("portcullis_shared_limit_decisions_total{by=\"asked\"} 1\n"));
    walk.rewrite(json!({ "limits": { "shared": { "timeout": "2h" } } }));
    let mistakes = walk.gateway().reload().unwrap_err();
    assert_eq!(mistakes.errors().map(|mistake| mistake.code().0).collect::<Vec<_>>(), ["C0524"]);
}

#[test]
fn mistakes_in_the_section_are_shown_where_they_stand() {
    let server = Valkey::new();
    let wrong: [(Value, &str); 3] = [
        (json!({ "servers": ["cache.internal:6379"], "tls": null }), "C0521"),
        (json!({ "tls": { "authorities": "nowhere.pem" } }), "C0130"),
        (json!({ "secret": "${file:valkey.password}" }), "C0522"),
    ];
    for (patch, code) in wrong {
        let outcome = sharing(&server).policy(json!({ "limits": { "shared": patch } })).try_start();
        let Err(portcullis_gateway::StartError::Configuration(mistakes)) = outcome else { panic!("{code}") };
        let found: Vec<_> = mistakes.errors().map(|mistake| mistake.code().0).collect();
        assert!(found.contains(&code), "{found:?} without {code}");
    }
}
