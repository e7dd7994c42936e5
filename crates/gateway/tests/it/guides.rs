//! The settings that the guides on identity show are ones that the gateway takes.

use std::path::Path;

use portcullis_config::{Document, Limits};
use portcullis_testkit::Authority;
use serde_json::{Value, json};

use crate::walk::{Setup, merge};

const GUIDES: [&str; 6] = [
    "identity-provider",
    "bound-tokens",
    "step-up",
    "upstream-identity",
    "certificates-and-passwords",
    "what-answers-may-show",
];

/// The YAML blocks of a guide.
fn settings(guide: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/guides/{guide}.md"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let read = |block: &str| {
        Document::parse(guide, block.as_bytes(), &Limits::default())
            .unwrap_or_else(|mistakes| panic!("{guide}: {mistakes:?}\n{block}"))
            .value()
            .clone()
    };
    blocks.map(read).collect()
}

/// The operations that the guides speak of, beside the usual ones.
fn contract() -> Value {
    let operation = json!({
        "security": [{ "customers": [] }], "responses": { "200": { "description": "Done." } },
    });
    let id = json!([{
        "name": "id", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 36 },
    }]);
    json!({ "paths": {
        "/refunds": { "post": operation },
        "/payments": { "post": operation },
        "/users/{id}": { "parameters": id, "delete": operation },
    } })
}

#[test]
fn what_a_guide_shows_is_taken_as_it_is_written() {
    let hash = {
        use argon2::password_hash::PasswordHasher as _;
        argon2::Argon2::default().hash_password(b"secret").unwrap()
    };
    for guide in GUIDES {
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
                .file("clients.pem", Authority::named("clients").pem())
                .secret("users", format!("alice:{hash}\n"))
                .secret("introspection.secret", "s3cret")
                .secret("exchange.secret", "s3cret")
                .policy(block)
                .try_start();
            if let Err(error) = outcome {
                panic!("{guide}: {error:?}\n{shown:#}");
            }
        }
    }
}
