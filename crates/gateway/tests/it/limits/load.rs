//! More than can be done.

use std::collections::BTreeSet;

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, RawClient, Upstream};
use serde_json::json;

use super::wait;
use crate::walk::{Setup, Walk, get};

fn hold(walk: &Walk, count: usize, path: &str) -> Vec<RawClient> {
    (0..count)
        .map(|_| {
            let mut client = walk.client();
            client.send(Vec::from(get(path)));
            client
        })
        .collect()
}

// proves: LIM-20
#[test]
fn what_matters_least_gives_way_first() {
    let slow = Upstream::start(|seen| match seen.target.as_str() {
        "/a/b" => Answer::Stall,
        _ => Answer::ok("done"),
    });
    let priorities = json!({ "overrides": {
        "GET /open/{name}": { "limits": { "priority": "low" } },
        "GET /a/b": { "limits": { "priority": "critical" } },
        "HEAD /public": { "limits": { "priority": "critical" } },
    } });
    let walk = Setup::new()
        .upstream(slow)
        .policy(json!({ "limits": { "under_way": 20 }, "admin": { "address": "127.0.0.1:0" } }))
        .api(priorities)
        .start();
    // Thirteen under way, and one more is 70 percent.
    let mut held = hold(&walk, 13, "/a/b");
    walk.account_for_requests(13);
    walk.send(get("/open/x")).passed();
    held.extend(hold(&walk, 1, "/a/b"));
    walk.account_for_requests(1);
    let mut waits = BTreeSet::new();
    for _ in 0..30 {
        let outcome = walk.send(get("/open/x"));
        outcome.refused(Reason::Overloaded);
        waits.insert(wait(&outcome));
    }
    // Those who are sent away together are not told to come back together.
    assert!(waits.len() >= 3, "{waits:?}");
    walk.send(get("/public")).passed();
    held.extend(hold(&walk, 3, "/a/b"));
    walk.account_for_requests(3);
    walk.send(get("/public")).refused(Reason::Overloaded);
    walk.send(crate::walk::ask("HEAD", "/public")).passed();
    held.extend(hold(&walk, 3, "/a/b"));
    walk.account_for_requests(3);
    walk.send(crate::walk::ask("HEAD", "/public"));
    // The operator sees and steers it all the same.
    let address = walk.gateway().admin_address().unwrap();
    for path in ["/health/ready", "/health/live"] {
        assert_eq!(RawClient::connect(address).ask(Vec::from(get(path))).status, 200, "{path}");
    }
    assert!(crate::metrics::scrape(&walk).contains("overloaded"));
    drop(held);
    walk.account_for_stray_events();
}
