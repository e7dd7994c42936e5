//! What the guides show is what the gateway takes and does.

use std::path::Path;

use portcullis_config::{Document, Limits};
use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Authority};
use serde_json::{Value, json};

use crate::walk::{Setup, ask, get, merge};

const GUIDES: [&str; 17] = [
    "alerts",
    "break-glass",
    "external-decisions",
    "graphql-rights",
    "workflows",
    SEVERAL,
    "roles-and-attributes",
    "who-calls-what",
    "learn-a-contract",
    "retire-a-version",
    "identity-provider",
    "bound-tokens",
    "step-up",
    "upstream-identity",
    "certificates-and-passwords",
    ANSWERS,
    DOCUMENTS,
];
/// The one that also shows what a server lets gateways do.
pub(crate) const SEVERAL: &str = "several-gateways";
/// The one that shows who sees what of an answer.
const ANSWERS: &str = "what-answers-may-show";
/// The one guide that also shows a document, requests and what comes of them.
const DOCUMENTS: &str = "enforce-your-openapi-document";

/// The blocks of a guide that are fenced as `kind`.
pub(crate) fn blocks(guide: &str, kind: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/guides/{guide}.md"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let fence = format!("```{kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

fn read(guide: &str, block: &str) -> Value {
    Document::parse(guide, block.as_bytes(), &Limits::default())
        .unwrap_or_else(|mistakes| panic!("{guide}: {mistakes:?}\n{block}"))
        .value()
        .clone()
}

/// The settings that a guide shows.
pub(crate) fn settings(guide: &str) -> Vec<Value> {
    blocks(guide, "yaml").iter().map(|block| read(guide, block)).collect()
}

/// The document of a second version.
fn second_version() -> String {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "2" },
        "paths": { "/public": { "get": {
            "x-portcullis-access": "public", "responses": { "200": { "description": "Done." } },
        } } },
    })
    .to_string()
}

/// The operations that the guides speak of, beside the usual ones.
fn contract() -> Value {
    let operation = json!({
        "security": [{ "customers": [] }], "responses": { "200": { "description": "Done." } },
    });
    let id = json!([{
        "name": "id", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 36 },
    }]);
    let mut json_operation = operation.clone();
    merge(&mut json_operation, json!({ "requestBody": { "content": { "application/json": {} } } }));
    json!({ "paths": {
        "/refunds": { "post": operation },
        "/payments": { "post": operation },
        "/users/{id}": { "parameters": id, "delete": operation, "patch": json_operation },
        "/graphql": { "post": json_operation },
    } })
}

#[test]
fn what_a_guide_shows_is_taken_as_it_is_written() {
    let hash = {
        use argon2::password_hash::PasswordHasher as _;
        argon2::Argon2::default().hash_password(b"secret").unwrap()
    };
    for guide in GUIDES {
        let policies = blocks(guide, "cedar").concat();
        let blocks = settings(guide);
        assert!(!blocks.is_empty(), "{guide} shows nothing");
        for mut block in blocks {
            // Any free port instead of the one that is shown.
            if let Some(listener) = block.pointer_mut("/listen/0") {
                merge(listener, json!({ "address": "127.0.0.1:0" }));
            }
            // The usual issuer has its keys in a file; the one of the guide has them where its metadata say.
            let shown = block.clone();
            let outcome = Setup::new()
                .contract(contract())
                .file("openapi-v2.yaml", second_version())
                .file("clients.pem", Authority::named("clients").pem())
                .file("shop.cedar", &policies)
                .secret("users", format!("alice:{hash}\n"))
                .secret("introspection.secret", "s3cret")
                .secret("exchange.secret", "s3cret")
                .secret("hook.secret", "a-secret-of-more-than-24-bytes")
                .secret("routing.key", "R0UT1NG")
                .secret("slack.url", "https://hooks.example/services/T0/B0/x")
                .file("valkey.pem", Authority::named("ours").pem())
                .secret("valkey.password", "s3cret")
                .secret("limits.secret", "2f6b8a52c1d94e07a3b5f0c8e7d61942")
                .policy(block)
                .try_start();
            if let Err(error) = outcome {
                panic!("{guide}: {error:?}\n{shown:#}");
            }
        }
    }
}

/// Each block is a request line, a body if it has one, and what comes of it: a status, a code with the
/// violations, or what the upstream is asked for.
#[test]
fn the_guide_on_documents_tells_what_becomes_of_requests() {
    let mut setup = Setup::new();
    for block in blocks(DOCUMENTS, "yaml openapi") {
        setup = setup.contract(read(DOCUMENTS, &block));
    }
    let walk = setup.start();
    let exchanges = blocks(DOCUMENTS, "http");
    assert!(exchanges.len() >= 8, "the guide shows {} exchanges", exchanges.len());
    for exchange in exchanges {
        let lines: Vec<&str> = exchange.lines().collect();
        let (request, expected) = lines.split_at(lines.len() - 1);
        let (method, target) = request[0].split_once(' ').expect("a method and a target");
        let ask = match request.get(1) {
            Some(body) => ask(method, target).with("Content-Type: application/json").body(body),
            None => ask(method, target),
        };
        let outcome = walk.send(ask);
        let (status, told) = expected[0].split_once(' ').unwrap_or((expected[0], ""));
        if status == "200" {
            let seen = outcome.passed();
            assert!(told.is_empty() || seen.target == told, "{exchange}\n{}", seen.target);
            continue;
        }
        let (code, listed) = told.split_once(": ").unwrap_or((told, ""));
        let reason = Reason::from_code(code).expect("a code of ours");
        assert_eq!(status, reason.status().to_string(), "{exchange}");
        let problem = outcome.refused(reason).response.json();
        let violations = problem["violations"].as_array().map_or(&[][..], Vec::as_slice);
        let text = |violation: &Value, name: &str| violation[name].as_str().unwrap_or_default().to_owned();
        let found: Vec<String> = violations
            .iter()
            .map(|one| ["in", "at", "keyword"].map(|name| text(one, name)).join(" "))
            .collect();
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        let mut listed: Vec<&str> = listed.split(", ").filter(|violation| !violation.is_empty()).collect();
        found.sort_unstable();
        listed.sort_unstable();
        assert_eq!(found, listed, "{exchange}");
    }
}

/// The schema of the guide on answers, and what it says of it: who sees what.
#[test]
fn the_guide_on_answers_shows_each_caller_its_part() {
    let schema = read(ANSWERS, &blocks(ANSWERS, "json")[0]);
    let content = json!({ "application/json": { "schema": schema } });
    let answer = json!({
        "id": "alice", "email": "a@shop.example", "margin": 0.3, "card": "4111111111111111", "pin": "1234",
    });
    let walk = Setup::new()
        .contract(json!({ "paths": { "/orders": { "get": { "responses": {
            "200": { "description": "A user.", "content": content },
        } } } } }))
        .answering(Answer::json(&answer.to_string()))
        .start();
    let seen = |claims: Value| {
        let outcome = walk.send(get("/orders").bearer(&walk.token_with(claims)));
        outcome.passed();
        outcome.response.json()
    };
    let masked = "411111******1111";
    let card = "4111111111111111";
    for (claims, shown) in [
        (json!({ "sub": "alice" }), json!({ "id": "alice", "email": "a@shop.example", "card": masked })),
        (json!({ "sub": "bob" }), json!({ "id": "alice", "card": masked })),
        (
            json!({ "sub": "eve", "roles": ["support"] }),
            json!({ "id": "alice", "email": "a@shop.example", "card": masked }),
        ),
        (
            json!({ "sub": "bob", "scope": "orders:read costs:read cards:read" }),
            json!({ "id": "alice", "margin": 0.3, "card": card }),
        ),
    ] {
        let mut usual = json!({ "scope": "orders:read" });
        merge(&mut usual, claims.clone());
        assert_eq!(seen(usual), shown, "{claims}");
    }
}
