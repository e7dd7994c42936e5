//! Other people's corpora of HTTP/1 requests, against the real listener (`/work/shared/vectors/http1`).
//!
//! Each case is refused, or forwarded in one unambiguous form: what reaches the upstream is well-formed by
//! its strict reader, and there are never more requests than the corpus counts. The corpora know no Host
//! and paths of ours, so the policy serves every host and declares every path and method that they use.

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

/// Every origin-form target of the corpora becomes a declared path, for every method that OpenAPI knows.
fn declared_paths(cases: &[Value]) -> Value {
    let mut paths = BTreeSet::new();
    for case in cases {
        for line in String::from_utf8_lossy(&bytes(case)).split("\r\n") {
            let mut words = line.split(' ');
            if let (Some(_), Some(target), Some(version)) = (words.next(), words.next(), words.next())
                && version.starts_with("HTTP/")
                && target.starts_with('/')
            {
                paths.insert(target.split(['?', '#']).next().unwrap().to_owned());
            }
        }
    }
    let operation =
        json!({ "x-portcullis-access": "public", "responses": { "200": { "description": "Done." } } });
    let anything = json!({ "requestBody": { "content": { "*/*": {} } } });
    let mut declared = json!({});
    for path in paths.iter().filter(|path| !path.contains(['{', '}', '%', ';'])) {
        for method in ["get", "head", "options", "delete", "post", "put", "patch"] {
            declared[path][method] = operation.clone();
            if matches!(method, "post" | "put" | "patch") {
                declared[path][method]["requestBody"] = anything["requestBody"].clone();
            }
        }
    }
    declared
}

fn walk(cases: &[Value]) -> Walk {
    Setup::new()
        .answering(Answer::ok("hello"))
        .api(json!({ "hosts": ["*"] }))
        .contract(json!({ "paths": declared_paths(cases) }))
        .start()
}

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
    client.send(raw).finish_sending();
    let mut statuses = Vec::new();
    loop {
        match client.response() {
            Ok(response) => statuses.push(response.status),
            Err(Broken::Ended(left) | Broken::Failed(_, left)) if left.is_empty() => break,
            // The answer to a HEAD has a length and no body; whatever the case, what came is in order.
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
    for case in &cases {
        let taken = take(&walk, &bytes(case));
        let id = case["id"].as_str().unwrap();
        let rejects = case["expect"] == "reject" && case["non_default_config"] == false;
        if rejects && taken.statuses.last().is_some_and(|status| *status < 400) {
            mistakes.push(format!("{id}: to be refused, answered {:?}", taken.statuses));
        }
        judge(&mut mistakes, id, &taken);
    }
    walk.account_for_stray_events();
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
    for case in &requests {
        let id = case["id"].as_str().unwrap();
        let raw = bytes(case);
        // Once as it is, and once with the Host that most lack, so that this alone does not refuse them.
        for raw in [with_host(&raw), raw] {
            let taken = take(&walk, &raw);
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
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

fn judge(mistakes: &mut Vec<String>, id: &str, taken: &Taken) {
    let answered = taken.statuses.iter().filter(|status| **status < 300).count();
    if answered != taken.forwarded {
        mistakes.push(format!("{id}: {} forwarded, answered {:?}", taken.forwarded, taken.statuses));
    }
    if !taken.strange.is_empty() {
        mistakes.push(format!("{id}: the upstream saw {:?}", taken.strange));
    }
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
