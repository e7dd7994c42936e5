//! More than anybody should send.

use portcullis_domain::Reason;
use portcullis_testkit::raw_client::Rest;
use portcullis_testkit::wait;
use serde_json::json;

use super::{behind_a_proxy, from};
use crate::walk::{Setup, get};

// proves: LIM-13
#[test]
fn a_flood_of_garbage_tokens_costs_a_bounded_number_of_checks_and_others_are_served() {
    let walk = behind_a_proxy()
        .policy(json!({ "limits": {
            "peer": [{ "rate": "300/1m" }], "failures": { "peer": { "rate": "20/1m" } },
        } }))
        .start();
    let good = walk.token("orders:read");
    let (header, rest) = good.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    // Refusals that are all alike may be counted in the record instead of being written.
    walk.account_for_stray_events();
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    let (mut flood, mut served) = (walk.client(), walk.client());
    for number in 0..1_000 {
        // Each with a signature of its own, so that none is remembered as bad.
        let forged = format!("{header}.{claims}.{number:086}");
        let response = flood.ask(Vec::from(from("198.51.100.1", get("/orders").bearer(&forged))));
        *counts.entry(response.json()["code"].as_str().unwrap().to_owned()).or_default() += 1;
        if number % 100 == 99 {
            let response = served.ask(Vec::from(from("192.0.2.1", get("/orders").bearer(&good))));
            assert_eq!(response.status, 200, "{response:#?}");
        }
    }
    assert_eq!(walk.upstream.count(), 10, "nothing but what is good reached the upstream");
    // The clock stands still: a minute's worth of signatures is checked, a minute's worth of heads is read.
    let of = |reason: Reason| counts.get(reason.facts().public_code).copied().unwrap_or_default();
    assert_eq!(of(Reason::TokenSignatureInvalid), 20, "{counts:?}");
    assert_eq!(of(Reason::FailuresExceeded), 280, "{counts:?}");
    assert_eq!(of(Reason::PeerRateExceeded), 700, "{counts:?}");
}

// proves: LIM-14
#[test]
fn a_thousand_slow_sockets_are_closed_and_others_are_served_meanwhile() {
    let walk = Setup::new()
        .policy(json!({
            "limits": { "peer_connections": 64 },
            "timeouts": { "head": "300ms", "idle": "300ms" },
        }))
        .start();
    walk.account_for_stray_events();
    // One served connection first: it keeps its place.
    let mut good = walk.client();
    assert_eq!(good.ask(Vec::from(get("/public"))).status, 200);
    let mut slow = Vec::new();
    for number in 0..1_000 {
        let mut client = walk.client();
        // Half of a head, and no more; those beyond the limit are closed already.
        let _ = client.try_send(b"GET /public HTTP/1.1\r\nHost: api.test\r\nX-Slow: ");
        slow.push(client);
        if number % 100 == 0 {
            assert_eq!(good.ask(Vec::from(get("/public"))).status, 200, "after {number}");
        }
    }
    // None of them holds its place for longer than a head may take.
    for client in &mut slow {
        assert!(!matches!(client.rest(), Rest::Open(_)), "a slow sender keeps its place");
    }
    wait::until("room for newcomers", || {
        let mut client = walk.client();
        client.try_send(Vec::<u8>::from(get("/public"))).is_ok()
            && client.response().is_ok_and(|response| response.status == 200)
    });
}
