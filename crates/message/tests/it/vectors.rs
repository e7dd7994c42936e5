//! The request vectors of gunicorn and llhttp against the guard.
//!
//! Each case is refused, left unfinished, or accepted with one reading that httparse, a plain body
//! decoder and hyper share. llhttp's cases mostly name no host, for which alone they would be refused;
//! they are run a second time with one.

use std::path::PathBuf;

use base64::Engine as _;
use portcullis_message::{Bounds, FramingGuard};
use serde::Deserialize;

use crate::{hyper_agrees, properties};

#[derive(Deserialize)]
struct Suite {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    expect: Verdict,
    raw_b64: String,
    #[serde(default)]
    non_default_config: bool,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Accept,
    Reject,
}

#[derive(Deserialize, Default)]
struct Meta {
    #[serde(default)]
    r#type: String,
}

/// The cases of one file, and where the guard knowingly differs from their authors: id and reason. A
/// case that passes on purpose must still have one reading; an entry that is not needed fails the test.
struct Expectations {
    file: &'static str,
    passed_on_purpose: &'static [(&'static str, &'static str)],
    refused_on_purpose: &'static [(&'static str, &'static str)],
}

const FRAGMENT: &str = "a fragment is not part of a request target (RFC 9112 §3.2)";
const CODING: &str = "only `chunked` alone is taken (HTTP-02)";
const LINE_BOUND: &str = "a line above gunicorn's 8190 bytes and below our 16 KiB";
const DROPPED_TRAILER: &str = "`trailers::retain_safe` drops it (HTTP-06)";

const GUNICORN: Expectations = Expectations {
    file: "gunicorn.dev.json",
    passed_on_purpose: &[
        ("invalid/003c.http", "`-bl` is a token; the contract decides which methods exist"),
        ("invalid/007.http", LINE_BOUND),
        ("invalid/008.http", LINE_BOUND),
        ("invalid/017.http", LINE_BOUND),
        ("invalid/rfc9110_trailer_forbidden_host_01.http", DROPPED_TRAILER),
        ("invalid/rfc9110_trailer_forbidden_te_01.http", DROPPED_TRAILER),
    ],
    refused_on_purpose: &[
        ("valid/002.http", "`0.0.0.0=5000` is no host"),
        ("valid/005.http", FRAGMENT),
        ("valid/009.http", FRAGMENT),
        ("valid/014.http", "quotes belong in no target (RFC 3986 §2)"),
        ("valid/025_line.http", CODING),
        ("valid/027.http", "bytes beyond ASCII belong in no target (RFC 3986 §2)"),
        ("valid/029.http", CODING),
        ("valid/rfc9112_smuggle_te_identity_chunked_01.http", CODING),
    ],
};

const LLHTTP: Expectations = Expectations {
    file: "llhttp.dev.json",
    passed_on_purpose: &[(
        "request/connection.md#No restart when keep-alive is off (1.0)",
        "hyper closes after the first request and never reads the second; `hyper_agrees` sees to that",
    )],
    refused_on_purpose: &[
        (
            "request/method.md#CONNECT request",
            "the tunnel's bytes are no request; no tunnel is opened (HTTP-19)",
        ),
        ("request/method.md#M-SEARCH request", "`*` is for OPTIONS (RFC 9112 §3.2.4)"),
        ("request/method.md#SOURCE request with ICE", "not HTTP"),
        ("request/method.md#ANNOUNCE request with RTSP", "not HTTP"),
        ("request/method.md#PRI request HTTP2", "`*` is for OPTIONS (RFC 9112 §3.2.4)"),
        ("request/transfer-encoding.md#POST with `chunked` as last transfer-encoding", FRAGMENT),
        ("request/uri.md#`host:port` and basic auth", "user information in a target (RFC 9110 §4.2.4)"),
    ],
};

/// The folder of the vectors; `None` if this machine does not have it.
fn folder() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test's way to find its data")]
    let variable = |name| std::env::var(name).ok();
    let shared = variable("PORTCULLIS_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = shared.join("vectors/http1");
    if folder.is_dir() {
        return Some(folder);
    }
    let missing = format!("{} is missing: the HTTP/1 vectors were NOT run", folder.display());
    assert!(variable("CI").as_deref() != Some("true"), "{missing}");
    println!("{missing}");
    None
}

fn cases(file: &str) -> Vec<(String, Verdict, Vec<u8>)> {
    let Some(folder) = folder() else { return Vec::new() };
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let suite: Suite = serde_json::from_str(&text).unwrap();
    suite
        .tests
        .into_iter()
        .filter(|case| !case.non_default_config && !case.meta.r#type.starts_with("response"))
        .map(|case| {
            let raw = base64::engine::general_purpose::STANDARD.decode(case.raw_b64).unwrap();
            // A lenient flag of the parser says nothing about what a strict one should do.
            let expect = if case.meta.r#type.contains("lenient") { Verdict::Reject } else { case.expect };
            (case.id, expect, raw)
        })
        .collect()
}

/// The same requests, each with a host.
fn with_host(raw: &[u8]) -> Vec<u8> {
    let has_host = raw.to_ascii_lowercase().windows(7).any(|window| window == b"\r\nhost:");
    if has_host {
        return raw.to_vec();
    }
    let mut rest = raw;
    let mut out = Vec::new();
    while let Some(at) = rest.windows(10).position(|window| window == b"HTTP/1.1\r\n") {
        out.extend_from_slice(&rest[..at + 10]);
        out.extend_from_slice(b"Host: vector.example\r\n");
        rest = &rest[at + 10..];
    }
    [out.as_slice(), rest].concat()
}

fn run(expectations: &Expectations) {
    let Expectations { file, passed_on_purpose, refused_on_purpose } = *expectations;
    let mut surprises = Vec::new();
    let mut unused: Vec<&str> =
        passed_on_purpose.iter().chain(refused_on_purpose).map(|(id, _)| *id).collect();
    let (mut passed, mut stopped) = (0, 0);
    let cases = cases(file);
    for (id, expect, raw) in &cases {
        let raw = with_host(raw);
        let inspection = FramingGuard::new(Bounds::default()).inspect(&raw);
        properties::check_against_reference(&raw);
        hyper_agrees::check(&raw);
        let is_whole = inspection.refusal.is_none() && inspection.released == raw.len();
        if is_whole {
            passed += 1
        } else {
            stopped += 1
        }
        let (differs, excuses) = match expect {
            Verdict::Reject => (is_whole, passed_on_purpose),
            Verdict::Accept => (inspection.refusal.is_some(), refused_on_purpose),
        };
        if differs {
            unused.retain(|own| own != id);
            if !excuses.iter().any(|(own, _)| own == id) {
                surprises
                    .push(format!("{expect:?} {id}: {inspection:?} {:?}", String::from_utf8_lossy(&raw)));
            }
        }
    }
    println!("{file}: {passed} passed whole, {stopped} refused or unfinished");
    assert!(surprises.is_empty(), "\n{}", surprises.join("\n"));
    assert!(cases.is_empty() || unused.is_empty(), "no longer needed: {unused:?}");
}

#[test]
fn gunicorns_requests_are_refused_or_read_in_one_way() {
    run(&GUNICORN);
}

#[test]
fn llhttps_requests_are_refused_or_read_in_one_way() {
    run(&LLHTTP);
}

#[test]
fn requests_without_host_are_refused_for_that_alone() {
    for (id, _, raw) in cases(LLHTTP.file) {
        let inspection = FramingGuard::new(Bounds::default()).inspect(&raw);
        if with_host(&raw) != raw && inspection.released > 0 {
            // An HTTP/1.0 request may come first.
            assert!(raw.windows(8).any(|window| window == b"HTTP/1.0"), "{id}");
        }
    }
}
