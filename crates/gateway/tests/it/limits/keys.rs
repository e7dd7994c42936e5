//! Whose budget a request spends.

use portcullis_domain::Reason;
use serde_json::json;

use super::{admitted, behind_a_proxy, from, keyed, left};
use crate::walk::{Setup, ask, get, post_json};

// proves: LIM-06
#[test]
fn a_network_is_one_budget_and_users_behind_one_address_have_their_own() {
    let walk = behind_a_proxy().policy(json!({ "limits": { "peer": [{ "rate": "999/1h" }] } })).start();
    let mut client = walk.client();
    for host in 0..999 {
        let response = client.ask(Vec::from(from(&format!("2001:db8:1:2::{host:x}"), get("/public"))));
        assert_eq!(response.status, 200, "{host}: {response:#?}");
    }
    walk.settle_events(999);
    walk.send(from("2001:db8:1:2:ffff::1", get("/public"))).refused(Reason::PeerRateExceeded);
    walk.send(from("2001:db8:1:3::1", get("/public"))).passed();

    let walk = behind_a_proxy().api(json!({ "limits": { "caller": [{ "rate": "2/1h" }] } })).start();
    for user in ["alice", "bob"] {
        let ask = from("192.0.2.1", get("/orders").bearer(&walk.token_of(user, "orders:read")));
        assert_eq!(admitted(&walk, &ask), 2, "{user}");
    }
    assert_eq!(admitted(&walk, &from("192.0.2.1", get("/public"))), 2);
}

#[test]
fn every_part_of_a_request_can_be_a_key() {
    let by = |key: serde_json::Value| {
        behind_a_proxy()
            .contract(json!({ "paths": { "/orders/{name}": { "get": { "parameters": [
                { "name": "X-Shop", "in": "header", "schema": { "type": "string", "maxLength": 20 } },
            ] } } } }))
            .api(json!({ "overrides": {
                "GET /orders/{name}": keyed(json!([key]), "2/1h"),
            } }))
            .start()
    };
    let walk = by(json!("address"));
    let token = walk.token("orders:read");
    for address in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(admitted(&walk, &from(address, get("/orders/1").bearer(&token))), 2);
    }
    let walk = by(json!({ "path": "name" }));
    for user in ["alice", "bob"] {
        walk.send(get("/orders/7").bearer(&walk.token_of(user, "orders:read"))).passed();
    }
    // One spelling, however it is written.
    let outcome = walk.send(get("/orders/%37").bearer(&walk.token_of("carol", "orders:read")));
    outcome.refused(Reason::CallerRateExceeded);
    assert_eq!(admitted(&walk, &get("/orders/8").bearer(&walk.token("orders:read"))), 2);

    let walk = by(json!({ "header": "X-Shop" }));
    let token = walk.token("orders:read");
    for shop in ["north", "south"] {
        assert_eq!(admitted(&walk, &get("/orders/1").bearer(&token).with(format!("X-Shop: {shop}"))), 2);
    }
    let walk = by(json!({ "claim": "tenant" }));
    let of = |tenant: &str, user: &str| {
        let claims = json!({ "sub": user, "tenant": tenant, "scope": "orders:read" });
        get("/orders/1").bearer(&walk.token_with(claims))
    };
    walk.send(of("blue", "alice")).passed();
    walk.send(of("blue", "bob")).passed();
    walk.send(of("blue", "carol")).refused(Reason::CallerRateExceeded);
    walk.send(of("red", "carol")).passed();

    let walk = by(json!("client"));
    let of = |client: &str, user: &str| {
        let claims = json!({ "sub": user, "client_id": client, "scope": "orders:read" });
        get("/orders/1").bearer(&walk.token_with(claims))
    };
    walk.send(of("app", "alice")).passed();
    walk.send(of("app", "bob")).passed();
    walk.send(of("app", "carol")).refused(Reason::CallerRateExceeded);
    walk.send(of("shop", "carol")).passed();
}

#[test]
fn a_member_of_the_body_is_a_key_once_it_is_found_valid() {
    let walk = Setup::new()
        .api(json!({ "overrides": { "POST /notes": keyed(json!([{ "body": "/text" }]), "1/1h") } }))
        .start();
    // What breaks the contract spends nothing.
    walk.send(post_json("/notes", r#"{"text":7}"#)).refused(Reason::RequestInvalid);
    walk.send(post_json("/notes", r#"{"text":"Alice"}"#)).passed();
    walk.send(post_json("/notes", r#"{"text":"  aLICE "}"#)).refused(Reason::CallerRateExceeded);
    walk.send(post_json("/notes", r#"{"text":"bob"}"#)).passed();
}

#[test]
fn parts_make_one_key_together() {
    let key = json!(["caller", { "path": "name" }]);
    let walk = Setup::new().api(json!({ "overrides": { "GET /orders/{name}": keyed(key, "1/1h") } })).start();
    let (alice, bob) = (walk.token_of("alice", "orders:read"), walk.token_of("bob", "orders:read"));
    walk.send(get("/orders/7").bearer(&alice)).passed();
    walk.send(get("/orders/7").bearer(&alice)).refused(Reason::CallerRateExceeded);
    walk.send(get("/orders/8").bearer(&alice)).passed();
    walk.send(get("/orders/7").bearer(&bob)).passed();
}

#[test]
fn each_operation_has_a_budget_where_the_operation_is_a_part() {
    let walk = Setup::new().api(keyed(json!(["caller", "operation"]), "1/1h")).start();
    let token = walk.token("orders:read");
    walk.send(get("/orders").bearer(&token)).passed();
    walk.send(get("/orders").bearer(&token)).refused(Reason::CallerRateExceeded);
    walk.send(get("/me").bearer(&token)).passed();
}

// proves: LIM-21
#[test]
fn who_is_not_believed_neither_sees_nor_spends_anybodys_quota() {
    let walk = behind_a_proxy()
        .api(json!({ "limits": {
            "caller": [{ "name": "own", "rate": "5/1h" }],
            "keyed": [{ "by": [{ "claim": "tenant" }], "quotas": [{ "name": "tenants", "rate": "9/1h" }] }],
        } }))
        .start();
    let alice = walk.token("orders:read");
    assert_eq!(left(&walk.send(from("192.0.2.1", get("/orders").bearer(&alice)))), 4);
    for _ in 0..3 {
        let forged = walk.token_with(json!({ "sub": "alice", "exp": 1_000_000_000 }));
        let outcome = walk.send(from("192.0.2.66", get("/orders").bearer(&forged)));
        outcome.refused(Reason::TokenExpired);
        assert_eq!(outcome.header("ratelimit"), None);
        assert_eq!(outcome.header("ratelimit-policy"), None);
        // Anonymous calls spend the address's own budget.
        walk.send(from("192.0.2.66", get("/public"))).passed();
    }
    let outcome = walk.send(from("192.0.2.1", get("/orders").bearer(&alice)));
    assert_eq!(left(&outcome), 3);
    // What others spend of as well is told to nobody, neither while it lasts nor at its end.
    assert_eq!(outcome.header("ratelimit-policy"), Some("\"own\";q=5;w=3600"));
    for user in ["bob", "carol", "dave"] {
        walk.send(from("192.0.2.1", get("/orders").bearer(&walk.token_of(user, "orders:read")))).passed();
    }
    let spent = walk.send(from("192.0.2.1", get("/orders").bearer(&walk.token_of("eve", "orders:read"))));
    assert_eq!(spent.response.status, 200);
    let refused = walk.send(from("192.0.2.1", get("/orders").bearer(&walk.token_of("eve", "orders:read"))));
    refused.refused(Reason::CallerRateExceeded);
    assert_eq!(refused.header("ratelimit"), None);
}

#[test]
fn a_partition_key_is_shown_where_the_operator_wants_it_and_tells_nobodys_name() {
    let walk = behind_a_proxy()
        .policy(json!({ "limits": { "partition_keys": "shown" } }))
        .api(json!({ "limits": { "caller": [{ "rate": "9/1h" }] } }))
        .start();
    let key = |user: &str| {
        let outcome =
            walk.send(from("192.0.2.1", get("/orders").bearer(&walk.token_of(user, "orders:read"))));
        outcome.passed();
        let field = outcome.header("ratelimit").unwrap().to_owned();
        field.split_once(";pk=:").expect("a partition key").1.trim_end_matches(':').to_owned()
    };
    assert_eq!(key("alice"), key("alice"));
    assert_ne!(key("alice"), key("bob"));
    assert_eq!(key("alice").len(), 12);
}

#[test]
fn a_limit_that_cannot_hold_is_a_mistake() {
    for (limits, code) in [
        (
            json!({ "limits": { "keyed": [{ "by": [{ "path": "nosuch" }], "quotas": [{ "rate": "1/s" }] }] } }),
            "C0510",
        ),
        (
            json!({ "limits": { "keyed": [{ "by": [], "on": ["GET /nosuch"], "quotas": [{ "rate": "1/s" }] }] } }),
            "C0510",
        ),
        (
            json!({ "limits": { "keyed": [
                { "by": [{ "query": "q" }], "on": ["GET /orders"], "quotas": [{ "rate": "1/s" }] },
            ] } }),
            "C0509",
        ),
        (json!({ "limits": { "class": "authentication" } }), "C0511"),
        (
            json!({ "overrides": { "POST /notes": { "limits": { "attempts": { "account": { "body": "text" } } } } } }),
            "C0509",
        ),
        (json!({ "limits": { "peer": [{ "rate": "1/s", "mode": "shadow" }] } }), "C0508"),
    ] {
        let portcullis_gateway::StartError::Configuration(mistakes) =
            Setup::new().api(limits.clone()).try_start().err().expect("a mistake")
        else {
            panic!("{limits}")
        };
        let codes: Vec<_> = mistakes.errors().map(|mistake| mistake.code().0).collect();
        assert_eq!(codes, [code], "{limits}");
    }
}

#[test]
fn an_options_of_another_method_is_not_limited_by_what_it_lacks() {
    // A limit by a parameter holds where the parameter is, and nowhere else.
    let walk = Setup::new().api(keyed(json!([{ "path": "name" }]), "1/1h")).start();
    for _ in 0..3 {
        walk.send(get("/public")).passed();
    }
    walk.send(get("/open/x")).passed();
    walk.send(get("/open/x")).refused(Reason::CallerRateExceeded);
    walk.send(ask("GET", "/open/y")).passed();
}
