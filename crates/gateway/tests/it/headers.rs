//! What leaves with a response (GW-17, 18, 30).

use portcullis_testkit::{Answer, Upstream};

use crate::walk::{Setup, Walk, get, post_json};

const SAFE: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-site"),
];

// proves: GW-17
#[test]
fn every_response_carries_the_safe_headers() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    for request in [get("/public"), get("/nowhere"), get("/orders"), get("/orders").bearer(&token)] {
        let outcome = walk.send(request);
        for (name, value) in SAFE {
            assert_eq!(outcome.response.headers.all(name), [value], "{name}: {:#?}", outcome.response);
        }
    }
}

// proves: GW-17
#[test]
fn the_upstream_may_not_weaken_them() {
    let weak = Answer::respond(
        200,
        &[
            ("X-Content-Type-Options", "sniff"),
            ("Content-Security-Policy", "default-src *"),
            ("Referrer-Policy", "unsafe-url"),
            ("Cross-Origin-Resource-Policy", "cross-origin"),
            ("Cache-Control", "public, max-age=3600"),
        ],
        "hello",
    );
    let walk = Setup::new().answering(weak).start();
    let token = walk.token("orders:read");
    let outcome = walk.send(get("/orders").bearer(&token));
    for (name, value) in SAFE {
        assert_eq!(outcome.response.headers.all(name), [value], "{name}: {:#?}", outcome.response);
    }
    assert_eq!(outcome.response.headers.all("cache-control"), ["no-store"]);
    outcome.passed();
}

// proves: GW-17
#[test]
fn authenticated_responses_and_refusals_are_not_stored() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    for request in [get("/orders").bearer(&token), get("/orders"), get("/nowhere")] {
        let outcome = walk.send(request);
        assert_eq!(outcome.header("cache-control"), Some("no-store"), "{:#?}", outcome.response);
    }
}

// proves: GW-18
#[test]
fn version_banners_do_not_leave() {
    let banners = [
        ("Server", "nginx/1.2"),
        ("X-Powered-By", "PHP/5"),
        ("X-AspNet-Version", "4"),
        ("X-AspNetMvc-Version", "5"),
        ("X-Generator", "Drupal"),
        ("X-Runtime", "0.1"),
        ("Via", "1.1 internal-cache-7"),
    ];
    let walk = Setup::new().answering(Answer::respond(200, &banners, "hello")).start();
    for request in [get("/public"), get("/nowhere")] {
        let outcome = walk.send(request);
        for (name, value) in banners {
            assert!(!outcome.response.headers.all(name).contains(&value), "{name}: {:#?}", outcome.response);
        }
        for (name, value) in &outcome.response.headers.0 {
            let value = value.to_ascii_lowercase();
            assert!(!value.contains("hyper") && !value.contains("portcullis/"), "{name}: {value}");
        }
        assert_eq!(outcome.header("server"), None);
    }
}

// proves: HTTP-35
#[test]
fn nothing_is_compressed_on_the_way() {
    let upstream = Upstream::start(|seen| Answer::ok(&seen.target.repeat(100)));
    let walk = Setup::new().upstream(upstream).start();
    let token = walk.token("orders:read");
    for request in [get("/public?q=secret"), get("/orders").bearer(&token)] {
        let outcome = walk.send(request.with("Accept-Encoding: gzip, br, zstd"));
        outcome.passed();
        assert_eq!(outcome.header("content-encoding"), None);
        assert_eq!(outcome.response.text(), outcome.seen[0].target.repeat(100));
    }
}

// proves: GW-30
#[test]
fn every_body_of_the_gateway_says_what_it_is() {
    let walk = Walk::new();
    for request in [get("/nowhere"), get("/orders"), post_json("/notes", "{"), get("/a//b")] {
        let outcome = walk.send(request);
        assert_eq!(outcome.header("content-type"), Some("application/problem+json"));
        assert!(outcome.response.json().is_object());
    }
}

// proves: GW-30
#[test]
fn a_body_of_the_upstream_without_a_type_gets_the_dullest_one() {
    let upstream = Upstream::start(|seen| match seen.target.as_str() {
        "/public" => Answer::respond(200, &[], "<script>alert(1)</script>"),
        _ => Answer::respond(204, &[], ""),
    });
    let walk = Setup::new().upstream(upstream).start();
    assert_eq!(walk.send(get("/public")).header("content-type"), Some("application/octet-stream"));
    assert_eq!(walk.send(get("/a/b")).header("content-type"), None);
}
