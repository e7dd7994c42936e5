//! Who calls what.

use std::time::Duration;

use portcullis_domain::{Clock, ConsumerKind, Timestamp, UsageStore as _};
use portcullis_testkit::Answer;
use serde_json::json;

use super::{ALWAYS, done, ends, keeping, store, used};
use crate::walk::{Setup, get, post_json};

/// Numbers that look drawn by lot and are the same each time.
fn dice(seed: &mut u64, sides: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % sides
}

// proves: VER-09
#[test]
fn counts_of_a_replay_are_exact_by_consumer_and_operation() {
    let now = Clock::machine().now().wall;
    let mut walk = keeping()
        .clock(Clock::manual(now))
        .policy(json!({ "workers": 3 }))
        .contract(json!({ "paths": { "/orders/{name}": { "get": { "deprecated": true } } } }))
        .start();
    let (mut seed, mut expected) = (7, std::collections::BTreeMap::<(&str, &str), (u64, u64)>::new());
    let tokens = ["alice", "bob", "carol"].map(|subject| (subject, walk.token_of(subject, "orders:read")));
    for _ in 0..120 {
        let (operation, path) = [
            ("GET /orders", "/orders"),
            ("GET /orders/{name}", "/orders/17"),
            ("GET /public", "/public"),
            // Read scopes do not let anybody delete.
            ("DELETE /orders/{name}", "/orders/17"),
        ][usize::try_from(dice(&mut seed, 4)).unwrap()];
        let method = operation.split(' ').next().unwrap();
        let (subject, token) = &tokens[usize::try_from(dice(&mut seed, 3)).unwrap()];
        let outcome = walk.send(crate::walk::ask(method, path).bearer(token));
        // Nobody asks who calls what everybody may.
        let subject = if operation == "GET /public" { "" } else { subject };
        let count = expected.entry((operation, subject)).or_default();
        match outcome.response.status {
            200 => count.0 += 1,
            403 => count.1 += 1,
            status => panic!("{operation}: {status}"),
        }
        walk.clock.advance(Duration::from_millis(700));
    }
    let used = used(&mut walk);
    assert_eq!(used.len(), expected.len());
    for ((operation, subject), (served, denied)) in expected {
        let counts = [("served", served), ("denied", denied)].into_iter().filter(|(_, count)| *count > 0);
        let counts: serde_json::Map<_, _> =
            counts.map(|(end, count)| (end.to_owned(), json!(count))).collect();
        assert_eq!(ends(&used, operation, subject), json!(counts), "{operation} {subject}");
    }
    let whole = used.iter().fold((Timestamp::from_millis(u64::MAX), ALWAYS), |(first, last), usage| {
        (first.min(usage.first_at), last.max(usage.last_at))
    });
    assert_eq!(whole, (now, now.plus(Duration::from_millis(700 * 119))));
    let alice = used.iter().find(|usage| &*usage.consumer.subject == "alice").unwrap();
    assert_eq!((alice.consumer.kind, &*alice.consumer.issuer), (ConsumerKind::User, crate::walk::ISSUER));
    assert_eq!((&*alice.operation.api, &*alice.operation.version), ("shop", "1"));
}

#[test]
fn every_end_is_counted_as_what_it_is() {
    let answers = |seen: &portcullis_testkit::Seen| match seen.line().as_str() {
        line if line.contains("/missing") => Answer::respond(404, &[], "no"),
        line if line.contains("/broken") => Answer::respond(500, &[], "no"),
        _ => Answer::ok("hello"),
    };
    let mut walk = keeping()
        .upstream(portcullis_testkit::Upstream::start(answers))
        .contract(json!({ "paths": { "/admin/x": { "get": {
            "x-portcullis-lifecycle": { "state": "retired", "successor": "/v2" },
        } } } }))
        .start();
    for path in
        ["/open/found", "/open/missing", "/open/broken", "/open/broken", "/admin/x", "/admin/x", "/me"]
    {
        walk.send(get(path));
    }
    walk.send(post_json("/notes", r#"{"text":"x","isAdmin":true}"#));
    let used = used(&mut walk);
    assert_eq!(ends(&used, "GET /open/{name}", ""), json!({ "served": 1, "rejected": 1, "failed": 2 }));
    assert_eq!(ends(&used, "GET /admin/x", ""), json!({ "gone": 2 }), "of what is retired");
    assert_eq!(ends(&used, "GET /me", ""), json!({ "denied": 1 }));
    assert_eq!(ends(&used, "POST /notes", ""), json!({ "denied": 1 }));
}

#[test]
fn counts_go_on_after_a_reload_and_a_restart() {
    let mut walk = keeping().start();
    for round in 0..3 {
        walk.send(get("/public"));
        // Another document: the operation has another place in it.
        walk.workspace.file("openapi.json", {
            let mut contract = json!({ "paths": { "/aaa": { "get": { "x-portcullis-access": "public",
                "responses": { "200": { "description": "Done." } } } } } });
            crate::walk::merge(&mut contract, crate::walk::contract());
            if round == 1 {
                contract["info"]["version"] = json!("2")
            }
            contract.to_string()
        });
        walk.gateway().reload().unwrap();
        walk.send(get("/public"));
        walk.restart();
    }
    let used = used(&mut walk);
    let of = |version: &str| {
        let of_version = used.iter().filter(|usage| &*usage.operation.version == version);
        of_version.map(|usage| usage.ends.total()).sum::<u64>()
    };
    assert_eq!((of("1"), of("2")), (4, 2), "{used:#?}");
}

#[test]
fn observation_is_noted_though_nobody_calls() {
    let mut walk = keeping().start();
    walk.stop();
    let observed = done(store(&walk).observations()).unwrap();
    assert_eq!((&*observed[0].api, &*observed[0].version), ("shop", "1"));
}

#[test]
fn without_a_store_counts_are_in_memory_and_the_operator_sees_them_there() {
    let mut walk = Setup::new()
        .clock(Clock::manual(Clock::machine().now().wall))
        .policy(json!({ "admin": { "address": "127.0.0.1:0" } }))
        .start();
    walk.send(get("/public")).passed();
    walk.send(get("/public")).passed();
    // Workers hand over every few seconds.
    walk.clock.advance(Duration::from_secs(6));
    let secret = walk.gateway().admin_secret().unwrap().expose_text().unwrap().to_owned();
    let shown = portcullis_testkit::wait::until_some("counts", || {
        let request =
            format!("GET /traffic HTTP/1.1\r\nHost: admin\r\nAuthorization: Bearer {secret}\r\n\r\n");
        let mut client = portcullis_testkit::RawClient::connect(walk.gateway().admin_address().unwrap());
        let shown = client.ask(request.as_bytes()).json();
        shown.as_array().is_some_and(|counts| !counts.is_empty()).then_some(shown)
    });
    assert_eq!((&shown[0]["operation"], &shown[0]["ends"]["served"]), (&json!("GET /public"), &json!(2)));
    let request = b"GET /traffic HTTP/1.1\r\nHost: admin\r\n\r\n";
    let mut stranger = portcullis_testkit::RawClient::connect(walk.gateway().admin_address().unwrap());
    assert_eq!(stranger.ask(request).status, 401);
    walk.stop();
    assert!(!walk.workspace.path(".portcullis/store.db").exists(), "a store that nobody asked for");
}

#[test]
fn a_store_that_is_away_keeps_nobody_waiting_and_gets_all_counts_when_it_is_back() {
    let database = portcullis_testkit::Database::new();
    let mut walk = Setup::new()
        .secret("url", database.url())
        .secret("root", super::SECRET)
        .policy(json!({ "store": { "postgresql": "${file:url}", "secret": "${file:root}", "grace": "1h" } }))
        .start();
    walk.send(get("/public")).passed();
    database.close();
    walk.send(get("/public")).passed();
    walk.send(get("/public")).passed();
    database.open();
    walk.stop();
    assert_eq!(database.run("SELECT sum(served) FROM call_count"), "3");
}
