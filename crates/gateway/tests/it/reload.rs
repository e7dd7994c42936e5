//! Changing the policy while requests are under way (GW-15).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, RawClient, Upstream, wait};
use serde_json::json;

use crate::walk::{Setup, Walk, get};

fn pseudonym(name: &str) -> serde_json::Value {
    json!({ "pseudonym": name })
}

fn via(walk: &Walk) -> String {
    let outcome = walk.send(get("/public"));
    outcome.passed().header("via").unwrap().to_owned()
}

// proves: GW-15
#[test]
fn a_good_change_is_in_force_for_the_next_request_and_recorded() {
    let walk = Setup::new().policy(pseudonym("before")).start();
    assert_eq!(via(&walk), "1.1 before");
    walk.rewrite(pseudonym("after"));
    walk.gateway().reload().expect("a good file");
    assert_eq!(via(&walk), "1.1 after");
    walk.record.wait_until("the new policy is recorded", |event| event["event"] == "sys_policy_loaded");
}

// proves: GW-15
#[test]
fn a_broken_change_changes_nothing_and_is_recorded() {
    let walk = Setup::new().policy(pseudonym("before")).start();
    for content in ["", "listen: [", "\0\u{1}\u{2}", "listen: []\nnonsense: true\n", "apis: 7"] {
        walk.workspace.file("portcullis.yaml", content);
        walk.gateway().reload().expect_err(content);
        assert_eq!(via(&walk), "1.1 before", "{content:?}");
    }
    walk.workspace.file("portcullis.yaml", "{}");
    walk.workspace.remove("portcullis.yaml");
    walk.gateway().reload().expect_err("no file");
    assert_eq!(via(&walk), "1.1 before");
    walk.record.wait_until("the refusal is recorded", |event| event["event"] == "sys_policy_refused");
}

// proves: GW-15
#[test]
fn a_broken_contract_changes_nothing() {
    let walk = Setup::new().policy(pseudonym("before")).start();
    walk.rewrite(pseudonym("after"));
    walk.workspace.file("openapi.json", "{");
    walk.gateway().reload().expect_err("a broken contract");
    assert_eq!(via(&walk), "1.1 before");
}

// proves: GW-15
#[test]
fn without_apis_everything_is_denied() {
    let walk = Setup::new().policy(json!({ "apis": { "shop": null } })).start();
    for path in ["/", "/public", "/orders", "/health", "/metrics"] {
        walk.send(get(path)).refused(Reason::AuthorityUnknown);
    }
}

#[test]
fn the_gateway_notices_a_changed_file_by_itself() {
    let walk = Setup::new().policy(pseudonym("before")).watching().start();
    assert_eq!(via(&walk), "1.1 before");
    walk.rewrite(pseudonym("after"));
    wait::until("the change is noticed", || via(&walk) == "1.1 after");
}

#[test]
fn a_request_under_way_keeps_its_policy_and_its_connection() {
    let (answer, feeder) = Answer::fed(&[]);
    let walk = Setup::new().upstream(Upstream::in_turn(vec![answer, Answer::ok("next")])).start();
    let mut client = walk.client();
    client.send(Vec::from(get("/public")));
    let _ = client.response_head().unwrap();
    walk.rewrite(json!({ "apis": { "shop": { "hosts": ["elsewhere.test"] } } }));
    walk.gateway().reload().expect("a good file");
    feeder.give("still here");
    assert_eq!(client.chunk().unwrap(), portcullis_testkit::wire::Chunk::Content(b"still here".to_vec()));
    drop(feeder);
    assert!(matches!(client.chunk().unwrap(), portcullis_testkit::wire::Chunk::Last(_)));
    // The next request on the same connection meets the new policy.
    let response = client.ask(Vec::from(get("/public")));
    assert_eq!(response.status, 421);
    walk.settle_events(2);
}

#[test]
fn eight_reloads_under_load_lose_no_request_and_close_no_connection() {
    let walk = Setup::new().policy(pseudonym("gate-0")).start();
    let address = walk.address(0);
    let over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut client = RawClient::connect(address);
                let request: Vec<u8> = get("/public").into();
                while !over.load(Ordering::SeqCst) {
                    // `ask` ends the thread with a panic if the connection is closed.
                    assert_eq!(client.ask(&request).status, 200);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 1..=8 {
        let before = answered.load(Ordering::SeqCst);
        walk.rewrite(pseudonym(&format!("gate-{round}")));
        walk.gateway().reload().expect("a good file");
        wait::until("requests go on", || answered.load(Ordering::SeqCst) > before + 20);
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("no request was lost");
    }
    walk.account_for_stray_events();
}

#[test]
fn a_gateway_that_stops_finishes_what_it_has_begun() {
    let (answer, feeder) = Answer::fed(&[]);
    let mut walk = Setup::new().answering(answer).policy(json!({ "timeouts": { "drain": "10s" } })).start();
    let mut client = walk.client();
    let mut idle = walk.client();
    client.send(Vec::from(get("/public")));
    let _ = client.response_head().unwrap();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| {
            idle.expect_closed();
            feeder.give("the end");
            drop(feeder);
            assert_eq!(
                client.chunk().unwrap(),
                portcullis_testkit::wire::Chunk::Content(b"the end".to_vec())
            );
            assert!(matches!(client.chunk().unwrap(), portcullis_testkit::wire::Chunk::Last(_)));
        });
        walk.stop();
        stopping.join().unwrap();
    });
    walk.account_for_stray_events();
}
