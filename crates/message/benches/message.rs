//! What one request costs in this crate: `cargo bench -p portcullis-message`.

#![expect(clippy::unwrap_used, reason = "a benchmark stops where its ground is not as expected")]

use divan::{Bencher, black_box};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request};
use portcullis_message::forwarded::{Assertion, Proto};
use portcullis_message::json::{self, JsonBounds};
use portcullis_message::{
    Authority, Bounds, FramingGuard, Http2Guard, Target, TrustedProxies, forwarded, hop_by_hop, spoofed,
};

fn main() {
    divan::main();
}

const CURL: &str = "GET /orders/42?expand=items HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";

const BROWSER: &str = "GET /orders/42?expand=items HTTP/1.1\r\n\
    Host: shop.example\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: application/json, text/plain, */*\r\n\
    Authorization: Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiNDIiLCJhdWQiOiJzaG9wLWFwaSJ9.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl\r\n\
    Referer: https://app.shop.example/orders\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\
    Cookie: theme=dark; session=0123456789abcdef0123456789abcdef\r\n\r\n";

#[divan::bench]
fn guard_of_curl(bencher: Bencher<'_, '_>) {
    let mut guard = FramingGuard::new(Bounds::default());
    bencher.bench_local(|| guard.inspect(black_box(CURL.as_bytes())));
}

#[divan::bench]
fn guard_of_browser(bencher: Bencher<'_, '_>) {
    let mut guard = FramingGuard::new(Bounds::default());
    bencher.bench_local(|| guard.inspect(black_box(BROWSER.as_bytes())));
}

/// A connection with this many GETs: method and scheme by index, a path as a literal, and the
/// fields that a client repeats in its table from the first request on.
fn http2_connection(requests: u32) -> Vec<u8> {
    let repeated: Vec<u8> = ["shop.example", "user-agent/8.5.0", "application/json"]
        .iter()
        .zip([0x41, 0x7a, 0x53])
        .flat_map(|(value, name)| {
            let length = u8::try_from(value.len()).unwrap();
            [&[name, length][..], value.as_bytes()].concat()
        })
        .collect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    for request in 0..requests {
        let fields: &[u8] = if request == 0 { &repeated } else { &[0xc0, 0xbf, 0xbe] };
        let plain = [&[0x82, 0x87, 0x04, 23][..], b"/orders/42?expand=items", fields].concat();
        bytes.extend_from_slice(&[0, 0, u8::try_from(plain.len()).unwrap(), 1, 0x5]);
        bytes.extend_from_slice(&(2 * request + 1).to_be_bytes());
        bytes.extend_from_slice(&plain);
    }
    bytes
}

#[divan::bench(args = [1, 100])]
fn guard_of_http2(bencher: Bencher<'_, '_>, requests: u32) {
    let bytes = http2_connection(requests);
    bencher
        .with_inputs(|| Http2Guard::new(&Bounds::default()))
        .bench_local_refs(|guard| assert_eq!(guard.inspect(black_box(&bytes)).released, bytes.len()));
}

#[divan::bench(args = ["/orders/42?expand=items", "/a%20b/%C3%A9?q=%2F", "/orders/./%34%32"])]
fn target(bencher: Bencher<'_, '_>, raw: &str) {
    let raw: PathAndQuery = raw.parse().unwrap();
    bencher.bench_local(|| Target::read(black_box(&Method::GET), black_box(&raw), &Bounds::default()));
}

#[divan::bench]
fn authority(bencher: Bencher<'_, '_>) {
    let (parts, ()) = Request::get("/").header("host", "shop.example:8443").body(()).unwrap().into_parts();
    bencher.bench_local(|| Authority::read(black_box(&parts)));
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(32);
    let lines = BROWSER.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    for (name, value) in lines {
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

/// Everything that is done to the headers of a GET on a connection that was used before.
#[divan::bench]
fn header_work(bencher: Bencher<'_, '_>) {
    let host = HeaderValue::from_static("shop.example");
    let assertion = Assertion::new([192, 0, 2, 1].into(), Proto::Https, Some(host));
    let own = ["x-auth-subject", "x-auth-scopes", "x-auth-client", "x-request-id"]
        .map(http::HeaderName::from_static);
    let trusted = TrustedProxies::default();
    bencher.with_inputs(headers).bench_local_refs(|headers| {
        let client = forwarded::client([192, 0, 2, 1].into(), headers, &trusted);
        let support = hop_by_hop::strip(headers, |name| spoofed::is_spoofed(name, &own));
        assertion.write(headers);
        (client, support)
    });
}

#[divan::bench]
fn strip_hop_by_hop(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(headers).bench_local_refs(|headers| hop_by_hop::strip(headers, |_| false));
}

fn one_kibibyte() -> String {
    let item = r#"{"sku":"A-1042","name":"Kettle, 1.7 l, steel","quantity":2,"price":{"amount":39.9,"currency":"EUR"},"tags":["kitchen","new"]}"#;
    let items = [item; 7].join(",");
    format!(r#"{{"customer":"42","note":"leave at the door \u2014 thanks","items":[{items}]}}"#)
}

#[divan::bench]
fn json_of_one_kibibyte(bencher: Bencher<'_, '_>) {
    let text = one_kibibyte();
    assert!(
        (900..1100).contains(&text.len()) && json::check(text.as_bytes(), &JsonBounds::default()).is_ok()
    );
    bencher.bench_local(|| json::check(black_box(text.as_bytes()), &JsonBounds::default()));
}

/// For comparison: what parsing the same costs.
#[divan::bench]
fn serde_json_of_one_kibibyte(bencher: Bencher<'_, '_>) {
    let text = one_kibibyte();
    bencher.bench_local(|| serde_json::from_slice::<serde_json::Value>(black_box(text.as_bytes())));
}

#[divan::bench]
fn make_assertion() -> Assertion {
    Assertion::new(
        black_box([192, 0, 2, 1].into()),
        Proto::Https,
        Some(HeaderValue::from_static("shop.example")),
    )
}
