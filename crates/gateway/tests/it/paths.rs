//! Which operation a path means, once and for all (GW-01 to GW-05, GW-07, GW-23).

use portcullis_domain::Reason;
use serde_json::json;

use crate::walk::{HOST, Setup, Walk, ask, get, post_json};

// proves: GW-01
#[test]
fn only_declared_pairs_of_method_and_path_are_forwarded() {
    let walk = Walk::new();
    for path in [
        "/",
        "/nowhere",
        "/publi",
        "/public/",
        "/public/x",
        "/PUBLIC",
        "/open",
        "/open/",
        "/a",
        "/openapi.json",
    ] {
        walk.send(get(path)).refused(Reason::OperationUnknown);
    }
    for (method, path, allow) in [
        ("POST", "/public", "GET, HEAD, OPTIONS"),
        ("DELETE", "/notes", "POST"),
        ("GET", "/notes", "POST"),
        ("PATCH", "/orders", "GET, POST"),
        ("BREW", "/public", "GET, HEAD, OPTIONS"),
        ("get", "/public", "GET, HEAD, OPTIONS"),
    ] {
        let outcome = walk.send(ask(method, path));
        outcome.refused(Reason::MethodUndeclared);
        let mut have: Vec<_> = outcome.header("allow").unwrap().split(", ").collect();
        have.sort_unstable();
        for declared in allow.split(", ") {
            assert!(have.contains(&declared), "{declared} not in {have:?}");
        }
        assert!(!have.contains(&method), "{have:?}");
    }
    walk.send(get("/public")).passed();
}

// proves: GW-02
#[test]
fn a_path_is_made_canonical_once_and_forwarded_in_that_form() {
    let walk = Walk::new();
    for (path, expected) in [
        ("/a/b", "/a/b"),
        ("/a/./b", "/a/b"),
        ("/a/%62", "/a/b"),
        ("/%61/b", "/a/b"),
        ("/%61/./%62?x=%61", "/a/b?x=%61"),
        ("/open/a%7eb", "/open/a~b"),
        ("/open/a%20b", "/open/a%20b"),
        ("/open/caf%c3%a9", "/open/caf%C3%A9"),
        ("/open/x?", "/open/x?"),
    ] {
        let outcome = walk.send(get(path));
        assert_eq!(outcome.passed().target, expected, "{path}");
    }
}

// proves: GW-03
#[test]
fn a_path_that_can_be_read_in_two_ways_is_refused() {
    let walk = Walk::new();
    for path in [
        "/orders%2f1",
        "/orders%2F1",
        "/orders%5c1",
        "/orders/%00",
        "/orders/a%00b",
        "/orders/%252e",
        "/orders/%252f1",
        "/orders/..",
        "/orders/../admin/x",
        "/orders/%2e%2e/admin/x",
        "/orders/.%2e/admin/x",
        "/orders/1;x=1",
        "/orders;x=1/1",
        "//orders",
        "/orders//1",
        "/orders/1//",
        "/orders/%0a",
        "/orders/%0d%0aX-Evil:1",
        "/..",
        "/.",
    ] {
        println!("{path}");
        let outcome = walk.send(get(path));
        // `/.` is the root in its canonical form, which no operation has.
        let expected = if path == "/." { Reason::OperationUnknown } else { Reason::PathAmbiguous };
        outcome.refused(expected);
    }
    for path in [
        "/orders/%c3%28",
        "/orders/%ff",
        "/orders/%",
        "/orders/%4",
        "/orders/%zz",
        "/orders\\1",
        "/orders/#x",
        "/orders#",
        "/orders/\u{e9}",
    ] {
        println!("{path}");
        let outcome = walk.send(get(path));
        assert_eq!(outcome.response.status, 400, "{path}: {:#?}", outcome.response);
        outcome.refused(Reason::from_code(&outcome.code()).unwrap());
    }
}

// proves: GW-04
#[test]
fn policy_is_judged_on_the_path_that_is_forwarded() {
    let walk = Setup::new().api(json!({ "mount": "/api" })).start();
    assert_eq!(walk.send(get("/api/public")).passed().target, "/public");
    walk.send(get("/public")).refused(Reason::OperationUnknown);
    walk.send(get("/apipublic")).refused(Reason::OperationUnknown);
    walk.send(get("/api/admin/x")).refused(Reason::CredentialMissing);
    for path in [
        "/api%2e/admin/x",
        "/api/../admin/x",
        "/api/%2e%2e/admin/x",
        "/api/./admin/x",
        "/api//admin/x",
        "/%61pi/admin/x",
        "/api%2fadmin/x",
    ] {
        println!("{path}");
        let outcome = walk.send(get(path));
        outcome.refused(match outcome.response.status {
            401 => Reason::CredentialMissing,
            404 => Reason::OperationUnknown,
            _ => Reason::PathAmbiguous,
        });
    }
}

// proves: GW-05
#[test]
fn no_client_can_speak_with_the_gateways_voice() {
    let walk = Walk::new();
    let spoofs = [
        "X-Auth-Subject",
        "x_auth_subject",
        "X-AUTH-SUBJECT",
        "X-Auth_Subject",
        "X-Auth-Issuer",
        "X-Auth-Client",
        "X-Auth-Scopes",
        "X-Auth-Roles",
        "Client-Cert",
        "client_cert",
        "Client-Cert-Chain",
        "X-Forwarded-Client-Cert",
        "X-Real-IP",
        "x_real_ip",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "Forwarded",
        "X-Forwarded-For",
        "x_forwarded_for",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Request-Id",
    ];
    let token = walk.token("orders:read");
    for name in spoofs {
        let outcome = walk.send(get("/orders").bearer(&token).with(format!("{name}: admin")));
        let seen = outcome.passed();
        let spoofed: Vec<_> = seen.headers.0.iter().filter(|(_, value)| value == "admin").collect();
        assert!(spoofed.is_empty(), "{name}: {spoofed:?}");
        assert_eq!(seen.headers.all("x-auth-subject"), [crate::walk::SUBJECT], "{name}");
        assert_eq!(seen.headers.all("x-forwarded-for"), ["127.0.0.1"], "{name}");
        let anonymous = walk.send(get("/public").with(format!("{name}: admin")));
        let seen = anonymous.passed();
        assert!(seen.headers.0.iter().all(|(_, value)| value != "admin"), "{name}: {:#?}", seen.headers);
        assert!(!seen.headers.has("x-auth-subject"), "{name}");
    }
}

// proves: GW-06
#[test]
fn an_untrusted_peer_cannot_choose_its_address() {
    let walk = Setup::new().policy(json!({ "limits": { "peer": [{ "rate": "2/1h" }] } })).start();
    let claiming = |address: &str| {
        get("/public").with(format!("X-Forwarded-For: {address}")).with(format!("Forwarded: for={address}"))
    };
    for address in ["10.0.0.1", "10.0.0.2"] {
        let outcome = walk.send(claiming(address));
        assert_eq!(outcome.passed().header("x-forwarded-for"), Some("127.0.0.1"));
        let event = outcome.only_event();
        assert_eq!((event["peer"].as_str(), event.get("client")), (Some("127.0.0.1"), None), "{event:#}");
    }
    walk.send(claiming("10.0.0.3")).refused(Reason::PeerRateExceeded);
}

// proves: GW-06
#[test]
fn a_trusted_proxy_is_believed_hop_by_hop_from_the_right() {
    let walk = Setup::new()
        .policy(json!({
            "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"],
            "limits": { "peer": [{ "rate": "1/1h" }] },
        }))
        .start();
    let through = |hops: &str| walk.send(get("/public").with(format!("X-Forwarded-For: {hops}")));
    for (hops, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("127.0.0.1, 203.0.113.8, 10.1.1.1", "203.0.113.8"),
        ("203.0.113.7, 203.0.113.9", "203.0.113.9"),
    ] {
        let outcome = through(hops);
        outcome.passed();
        assert_eq!(outcome.only_event()["client"], client);
    }
    through("1.1.1.1, 203.0.113.7").refused(Reason::PeerRateExceeded);
}

// proves: GW-07
#[test]
fn nothing_in_a_request_chooses_the_upstream() {
    let walk = Walk::new();
    let elsewhere = portcullis_testkit::Upstream::answering(portcullis_testkit::Answer::ok("elsewhere"));
    let address = elsewhere.address();
    for request in [
        get(&format!("/public?url=http://{address}/")),
        get("/public").with(format!("X-Upstream: {address}")),
        get("/public").with(format!("X-Forwarded-Host: {address}")),
        get("/public").with(format!("X-Original-URL: http://{address}/")),
        get("/public").with(format!("Forwarded: host={address}")),
        get("/public").host(&format!("{HOST}:{}", address.port())),
    ] {
        let outcome = walk.send(request);
        outcome.passed();
        assert_eq!(outcome.response.text(), "hello");
    }
    walk.send(get("/public").host(&address.to_string())).refused(Reason::AuthorityUnknown);
    walk.send(format!("GET http://{address}/public HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
        .refused(Reason::AuthorityUnknown);
    elsewhere.expect_none();
}

// proves: GW-23
#[test]
fn method_overrides_are_ignored_and_stripped() {
    let walk = Walk::new();
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override"] {
        let outcome = walk.send(post_json("/notes", r#"{"text":"x"}"#).with(format!("{name}: DELETE")));
        let seen = outcome.passed();
        assert_eq!(seen.method, "POST");
        assert!(seen.headers.0.iter().all(|(_, value)| value != "DELETE"), "{name}: {:#?}", seen.headers);
    }
    let token = walk.token("orders:read");
    for query in ["_method=DELETE", "_METHOD=DELETE", "%5fmethod=DELETE", "a=1&_method=DELETE"] {
        let outcome = walk.send(get(&format!("/orders/7?{query}")).bearer(&token));
        match outcome.response.status {
            200 => {
                let seen = outcome.passed();
                assert_eq!(seen.method, "GET");
                assert!(!seen.target.contains("DELETE"), "{}", seen.target);
            }
            _ => drop(outcome.refused(Reason::RequestInvalid)),
        }
    }
}
