//! The guide on brute force: its configuration is taken as it is written, and its exchanges end as it says.

use std::time::Duration;

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use super::{behind_a_proxy, from, wait};
use crate::guides::{blocks, settings};
use crate::walk::{Ask, Walk, post_json};

const GUIDE: &str = "limits-that-stop-brute-force";

/// The operations that the guide speaks of.
fn contract() -> Value {
    let text = json!({ "type": "string", "maxLength": 100 });
    let fields = json!({ "username": text, "password": text, "code": text });
    let public = json!({
        "x-portcullis-access": "public",
        "requestBody": { "content": { "application/json": { "schema": { "type": "object", "properties": fields } } } },
        "responses": { "200": { "description": "Yes." }, "401": { "description": "No." } },
    });
    let login = json!([{ "name": "login", "in": "path", "required": true, "schema": text }]);
    json!({ "paths": {
        "/login": { "post": public },
        "/password-reset": { "post": public },
        "/codes/{login}": { "post": public, "parameters": login },
        "/reports": { "get": { "security": [{ "customers": [] }], "responses": { "200": { "description": "Yes." } } } },
    } })
}

// proves: LIM-07
#[test]
fn what_the_guide_shows_is_what_happens() {
    let accounts = Upstream::start(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        match (seen.target.as_str(), asked["password"].as_str()) {
            ("/login", Some("right")) | ("/password-reset" | "/codes/a1" | "/codes/b2", _) => {
                Answer::ok("yes")
            }
            (_, _) => Answer::respond(401, &[], "no"),
        }
    });
    let setup = settings(GUIDE)
        .into_iter()
        .fold(behind_a_proxy().upstream(accounts).contract(contract()), |setup, block| setup.policy(block));
    let walk = setup.start();
    let mut exchanges = 0;
    for block in blocks(GUIDE, "http") {
        let mut last = None;
        for exchange in block.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
            let lines: Vec<&str> = exchange.lines().collect();
            match lines[..] {
                [line] if line.starts_with("wait ") => {
                    walk.clock.advance(Duration::from_secs(line["wait ".len()..].parse().unwrap()));
                }
                [line] if line.starts_with("repeat ") => {
                    let (ask, expected): &(Ask, &str) = last.as_ref().expect("something to repeat");
                    for _ in 0..line["repeat ".len()..].parse().unwrap() {
                        happens(&walk, ask, expected);
                    }
                }
                [head, body, expected] => {
                    let (target, address) = head
                        .strip_prefix("POST ")
                        .and_then(|head| head.split_once(" from "))
                        .expect("a request");
                    let ask = from(address, post_json(target, body));
                    happens(&walk, &ask, expected);
                    last = Some((ask, expected));
                    exchanges += 1;
                }
                _ => panic!("what is this: {exchange}"),
            }
        }
    }
    assert!(exchanges >= 10, "the guide shows {exchanges} exchanges");
}

fn happens(walk: &Walk, ask: &Ask, expected: &str) {
    let outcome = walk.send(ask.clone());
    match expected.split_once(' ') {
        None => {
            assert_eq!(outcome.response.status.to_string(), expected, "{ask:?}");
            outcome.forwarded();
        }
        Some((_, rest)) => {
            let (code, seconds) = rest.split_once(", again in ").expect("a wait");
            outcome.refused(Reason::from_code(code).expect("a code of ours"));
            assert_eq!(wait(&outcome).to_string(), seconds, "{ask:?}");
        }
    }
}
