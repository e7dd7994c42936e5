//! Other people's corpora of HTTP/1 requests, against the real listener (`/work/shared/vectors/http1`).
//!
//! Each case is refused, or forwarded in one unambiguous form: what reaches the upstream is well-formed by
//! its strict reader, and there are never more requests than the corpus counts. The corpora know no host
//! and path of ours, so the policy serves every host and declares every path and method that they use.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use portcullis_testkit::wire::Broken;
use portcullis_testkit::{Answer, RawClient};
use serde_json::{Value, json};

use crate::walk::{Setup, Walk};

/// Where the corpora are: `PORTCULLIS_VECTORS` at build time, or beside the repository.
fn corpus(name: &str) -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let folder = option_env!("PORTCULLIS_VECTORS").map_or(beside, PathBuf::from);
    let path = folder.join("http1").join(name);
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: {} is absent", path.display());
        return None;
    };
    let corpus: Value = serde_json::from_slice(&text).unwrap();
    Some(corpus["tests"].as_array().unwrap().clone())
}

fn bytes(case: &Value) -> Vec<u8> {
    let text = case["raw_b64"].as_str().unwrap();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// A policy in which everything is declared that the corpora may ask for: any path and query, any body,
/// every method that they use.
fn walk(cases: &[Value]) -> Walk {
    let mut methods = BTreeSet::new();
    for case in cases {
        for line in String::from_utf8_lossy(&bytes(case)).split("\r\n") {
            let method = line.split(' ').next().unwrap_or_default();
            if line.contains(" HTTP/") && method.bytes().all(|byte| byte.is_ascii_uppercase()) {
                methods.insert(method.to_owned());
            }
        }
    }
    let declared = |(method, path): (&String, &str)| json!({ "method": method, "path": path, "access": "public", "body": "any" });
    let served = methods.iter().filter(|method| !matches!(method.as_str(), "TRACE" | "CONNECT" | ""));
    let operations: Vec<Value> =
        served.flat_map(|method| [(method, "/"), (method, "/{*rest}")]).map(declared).collect();
    Setup::new()
        .answering(Answer::ok("hello"))
        .api(json!({ "hosts": ["*"], "contract": null, "operations": operations }))
        .policy(
            json!({ "timeouts": { "head": "50ms", "body": "50ms", "whole_body": "50ms", "idle": "50ms" } }),
        )
        .start()
}

/// A test in which next to nothing is forwarded would show nothing.
const LEAST: usize = 15;

/// What the gateway made of one case.
struct Taken {
    statuses: Vec<u16>,
    forwarded: usize,
    /// Upstream requests that are not whole and well-formed.
    strange: Vec<String>,
}

fn take(walk: &Walk, raw: &[u8]) -> Taken {
    let before = walk.upstream.count();
    let strange_before = walk.upstream.strange().len();
    let mut client = RawClient::connect(walk.address(0));
    // Not closed behind it: a gateway may take that for a client that has left. What is incomplete ends
    // with a timeout.
    client.send(raw);
    let mut statuses = Vec::new();
    loop {
        match client.response() {
            Ok(response) => statuses.push(response.status),
            Err(Broken::Ended(left) | Broken::Failed(_, left)) if left.is_empty() => break,
            // SETTINGS: the corpus holds a preface of HTTP/2, which this listener speaks.
            Err(Broken::Ended(left) | Broken::Failed(_, left)) if left.starts_with(&[0, 0]) => break,
            Err(Broken::Ended(left)) => panic!("half an answer: {}", left.escape_ascii()),
            Err(broken) => panic!("{broken}"),
        }
    }
    let strange = walk.upstream.strange()[strange_before..].to_vec();
    Taken { statuses, forwarded: walk.upstream.count() - before, strange }
}

/// Accepted requests in the parser's event trace.
fn messages(log: &str) -> usize {
    log.lines().filter(|line| line.contains("message complete")).count()
}

// proves-part: HTTP-02, HTTP-03, HTTP-05, HTTP-07, HTTP-08, HTTP-09 (the corpora's cases of them)
#[test]
fn the_gunicorn_corpus_is_refused_or_forwarded_in_one_form() {
    let Some(cases) = corpus("gunicorn.dev.json") else { return };
    let walk = walk(&cases);
    let mut mistakes = Vec::new();
    let mut forwarded = 0;
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let raw = bytes(case);
        // Once as it is, and once with the Host that some lack, so that this alone does not refuse them.
        for raw in [with_host(&raw), raw] {
            let taken = take(&walk, &raw);
            forwarded += taken.forwarded;
            let rejects =
                case["expect"] == "reject" && case["non_default_config"] == false && !is_a_choice(case);
            if rejects && taken.statuses.last().is_some_and(|status| *status < 400) {
                mistakes.push(format!("{id}: to be refused, answered {:?}", taken.statuses));
            }
            judge(&mut mistakes, id, &taken);
        }
    }
    walk.account_for_stray_events();
    println!("{forwarded} requests forwarded");
    assert!(forwarded >= LEAST, "only {forwarded} requests were forwarded: what does this test show?");
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

// proves-part: HTTP-02, HTTP-03, HTTP-05, HTTP-07, HTTP-08, HTTP-09 (the corpora's cases of them)
#[test]
fn the_llhttp_corpus_is_refused_or_forwarded_in_one_form() {
    let Some(cases) = corpus("llhttp.dev.json") else { return };
    let requests: Vec<Value> = cases
        .into_iter()
        .filter(|case| case["meta"]["type"].as_str().is_some_and(|kind| kind == "request"))
        .collect();
    let walk = walk(&requests);
    let mut mistakes = Vec::new();
    let mut forwarded = 0;
    for case in &requests {
        let id = case["id"].as_str().unwrap();
        let raw = bytes(case);
        // Once as it is, and once with the Host that most lack, so that this alone does not refuse them.
        for raw in [with_host(&raw), raw] {
            let taken = take(&walk, &raw);
            forwarded += taken.forwarded;
            let complete = messages(case["log"].as_str().unwrap_or_default());
            if taken.forwarded > complete {
                mistakes.push(format!("{id}: {complete} requests in it, {} forwarded", taken.forwarded));
            }
            let all_accepted = taken.statuses.iter().all(|status| *status < 400);
            if case["expect"] == "reject" && all_accepted && taken.statuses.len() > complete {
                mistakes.push(format!("{id}: to be refused, answered {:?}", taken.statuses));
            }
            judge(&mut mistakes, id, &taken);
        }
    }
    walk.account_for_stray_events();
    println!("{forwarded} requests forwarded");
    assert!(forwarded >= LEAST, "only {forwarded} requests were forwarded: what does this test show?");
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

/// Refusals of gunicorn that are its choice: its own bounds on lines, and trailers that we drop (HTTP-06).
fn is_a_choice(case: &Value) -> bool {
    let error = case["error"].as_str().unwrap_or_default();
    let id = case["id"].as_str().unwrap_or_default();
    error.starts_with("LimitRequest") || id.contains("trailer_forbidden")
}

fn judge(mistakes: &mut Vec<String>, id: &str, taken: &Taken) {
    // The upstream always says 200; what the gateway says itself (to `OPTIONS *`) is 204.
    let answered = taken.statuses.iter().filter(|status| **status == 200).count();
    if answered != taken.forwarded {
        mistakes.push(format!("{id}: {} forwarded, answered {:?}", taken.forwarded, taken.statuses));
    }
    // A body that is shorter than announced is broken off towards the upstream as well: no request.
    let malformed = taken.strange.iter().filter(|strange| !strange.starts_with("the connection ended"));
    mistakes.extend(malformed.map(|strange| format!("{id}: the upstream saw {strange}")));
    if taken.statuses.iter().any(|status| *status >= 500 && !matches!(status, 501 | 505)) {
        mistakes.push(format!("{id}: answered {:?}", taken.statuses));
    }
}

/// The same bytes with a Host after each request line that has none.
fn with_host(raw: &[u8]) -> Vec<u8> {
    let has_host = raw.to_ascii_lowercase().windows(7).any(|window| window == b"\r\nhost:");
    let Some(end) = raw.windows(2).position(|window| window == b"\r\n") else { return raw.to_vec() };
    if has_host {
        return raw.to_vec();
    }
    [&raw[..end], b"\r\nHost: api.test", &raw[end..]].concat()
}
