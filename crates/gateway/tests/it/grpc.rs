//! gRPC: calls are operations like any other, refusals in its own words (GW-25).

use portcullis_testkit::{Answer, H2Client, Response, Upstream};
use serde_json::json;

use crate::walk::{Setup, Walk};

/// A length-prefixed message of nothing.
const MESSAGE: [u8; 5] = [0; 5];

fn walk() -> Walk {
    let upstream = Upstream::start_h2(None, |_| {
        Answer::chunked(&[("content-type", "application/grpc")], &["\0\0\0\0\0"], &[("grpc-status", "0")])
    });
    let url = upstream.url();
    let call = |scope: &str| {
        json!({ "post": {
            "security": [{ "customers": [scope] }],
            "requestBody": { "content": { "application/grpc": {} } },
            "responses": { "200": { "description": "Done." } },
        } })
    };
    Setup::new()
        .upstream(upstream)
        .api(json!({
            "upstream": { "addresses": [url], "protocol": "http2" },
            "limits": { "caller": [{ "rate": "2/1h" }] },
        }))
        .contract(json!({ "paths": {
            "/shop.Orders/List": call("orders:read"), "/shop.Orders/Delete": call("orders:write"),
        } }))
        .start()
}

fn call(client: &mut H2Client, path: &str, token: Option<&str>) -> Response {
    let request = client
        .request("POST", path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(MESSAGE);
    let request = match token {
        Some(token) => request.header("authorization", &format!("Bearer {token}")),
        None => request,
    };
    client.ask(request).unwrap()
}

/// The status, in the trailers or, where there is nothing else, in the head ("Trailers-Only").
fn status(response: &Response) -> &str {
    assert_eq!(response.status, 200, "{response:#?}");
    assert_eq!(response.header("content-type"), Some("application/grpc"));
    response.trailers.first("grpc-status").or(response.header("grpc-status")).expect("a status")
}

// proves: GW-25
#[test]
fn each_method_has_its_policy_and_each_refusal_its_status() {
    let walk = walk();
    let token = walk.token("orders:read");
    let mut client = walk.h2();
    let mut expect = |path: &str, token: Option<&str>, expected: &str, reaches: bool| {
        let before = walk.upstream.count();
        let response = call(&mut client, path, token);
        assert_eq!(status(&response), expected, "{path} {response:#?}");
        assert_eq!(walk.upstream.count() - before, usize::from(reaches), "{path}");
    };
    expect("/shop.Orders/List", None, "16", false);
    expect("/shop.Orders/List", Some("garbage"), "16", false);
    expect("/shop.Orders/Delete", Some(&token), "7", false);
    expect("/shop.Orders/Nothing", Some(&token), "12", false);
    expect("/shop.Orders/List", Some(&token), "0", true);
    expect("/shop.Orders/List", Some(&token), "0", true);
    expect("/shop.Orders/List", Some(&token), "8", false);
    walk.settle_events(7);
}
