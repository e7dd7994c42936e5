//! Nothing is spoken in the clear where others listen, unless somebody said so (TLS-19).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use portcullis_config::Diagnostics;
use portcullis_domain::Reason;
use portcullis_gateway::StartError;
use serde_json::{Value, json};

use crate::walk::{Setup, Walk, get};

#[track_caller]
fn mistakes(setup: Setup) -> Diagnostics {
    match setup.try_start() {
        Err(StartError::Configuration(mistakes)) => mistakes,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}

#[track_caller]
fn is_refused_as(code: &str, patch: Value) {
    let found = mistakes(Setup::new().policy(patch));
    let codes: Vec<&str> = found.errors().map(|mistake| mistake.code().0).collect();
    assert_eq!(codes, [code], "{found:?}");
}

fn serving(address: &str, more: Value) -> Value {
    let mut listener = json!({ "address": address, "protocol": "plaintext", "plaintext": "serve" });
    crate::walk::merge(&mut listener, more);
    json!({ "listen": [listener] })
}

/// The same machine by an address that is not loopback's: what 0.0.0.0 listens on.
fn reachable(walk: &Walk) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), walk.address(0).port())
}

// proves: TLS-19
#[test]
fn an_api_is_served_in_the_clear_beyond_loopback_only_where_that_was_said() {
    let code = portcullis_config::codes::listener::PLAINTEXT_EXPOSED.0;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        is_refused_as(code, serving(address, json!({})));
        is_refused_as(code, serving(address, json!({ "exposed_plaintext": false })));
    }
    let walk = Setup::new().policy(serving("0.0.0.0:0", json!({ "exposed_plaintext": true }))).start();
    let client = portcullis_testkit::RawClient::connect(reachable(&walk));
    walk.send_on(client, get("/public")).passed();
    Setup::new().policy(serving("127.0.0.1:0", json!({}))).start().send(get("/public")).passed();
}

// proves: TLS-19
#[test]
fn metrics_and_administration_beyond_loopback_are_for_proven_operators_over_tls() {
    let code = portcullis_config::codes::listener::ADMIN_EXPOSED.0;
    let tls = json!({ "certificates": [{ "chain": "server.pem", "key": "server.key" }] });
    for admin in [json!({ "address": "0.0.0.0:0" }), json!({ "address": "0.0.0.0:0", "tls": tls })] {
        is_refused_as(code, json!({ "admin": admin }));
    }
    Setup::new().policy(json!({ "admin": { "address": "127.0.0.1:0" } })).start();
}

// The opt-in is for serving: a plaintext listener that guards needs none, and serves nothing.
#[test]
fn a_listener_that_guards_may_be_exposed_and_serves_nothing() {
    let walk = Setup::new()
        .policy(json!({ "listen": [
            { "address": "0.0.0.0:0", "protocol": "plaintext", "plaintext": "guard", "redirect_port": 8443 },
        ] }))
        .start();
    let client = || portcullis_testkit::RawClient::connect(reachable(&walk));
    let outcome = walk.send_on(client(), get("/public"));
    assert_eq!((outcome.response.status, outcome.seen.len()), (308, 0));
    walk.send_on(client(), get("/orders").bearer("a.b.c")).refused(Reason::PlaintextCredential);
}
