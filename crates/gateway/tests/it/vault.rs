//! Secrets that a vault keeps, as it shows on the wire (KEY-01).
//!
//! The vault is a double that speaks the HTTP API of Vault's key-value engine: no real server can be had
//! here from Debian, npm, PyPI or crates.io.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_config::Color;
use portcullis_domain::Clock;
use portcullis_gateway::StartError;
use portcullis_testkit::{Answer, ClosedPort, Seen, Upstream, wait};
use serde_json::{Value, json};

use crate::walk::{ISSUER, SUBJECT, Setup, Walk, get, merge};

/// What the double knows.
#[derive(Default)]
struct Contents {
    /// `PATH` to fields.
    secrets: BTreeMap<String, Value>,
    /// Tokens that it accepts.
    tokens: Vec<String>,
    /// Seconds that a token lives; zero is for ever.
    ttl: u64,
    logins: usize,
    renewals: usize,
}

struct Vault {
    server: Upstream,
    contents: Arc<Mutex<Contents>>,
}

impl Vault {
    fn new() -> Self {
        let contents = Contents { tokens: vec!["first-token".to_owned()], ..Contents::default() };
        let contents = Arc::new(Mutex::new(contents));
        let known = Arc::clone(&contents);
        Self { server: Upstream::start(move |seen| answer(&mut known.lock().unwrap(), seen)), contents }
    }

    fn put(&self, path: &str, fields: Value) {
        self.contents.lock().unwrap().secrets.insert(path.to_owned(), fields);
    }
}

fn answer(contents: &mut Contents, seen: &Seen) -> Answer {
    assert_eq!(seen.header("x-vault-request"), Some("true"));
    if seen.target == "/v1/auth/approle/login" {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        if body != json!({ "role_id": "gate", "secret_id": "s3cret-id" }) {
            return refusal(400);
        }
        contents.logins += 1;
        let token = format!("token-{}", contents.logins);
        contents.tokens = vec![token.clone()];
        return lease(&token, contents.ttl);
    }
    let shown = seen.header("x-vault-token").unwrap_or_default();
    if !contents.tokens.iter().any(|token| token == shown) {
        return refusal(403);
    }
    match seen.target.as_str() {
        "/v1/auth/token/lookup-self" => {
            Answer::json(&json!({ "data": { "ttl": contents.ttl, "renewable": true } }).to_string())
        }
        "/v1/auth/token/renew-self" => {
            contents.renewals += 1;
            lease(shown, contents.ttl)
        }
        target => match target.strip_prefix("/v1/secret/data/").and_then(|path| contents.secrets.get(path)) {
            Some(fields) => {
                Answer::json(&json!({ "data": { "data": fields, "metadata": { "version": 1 } } }).to_string())
            }
            None => refusal(404),
        },
    }
}

fn refusal(status: u16) -> Answer {
    Answer::respond(status, &[("content-type", "application/json")], r#"{"errors":[]}"#)
}

fn lease(token: &str, ttl: u64) -> Answer {
    let auth = json!({ "client_token": token, "lease_duration": ttl, "renewable": true });
    Answer::json(&json!({ "auth": auth }).to_string())
}

/// An issuer that says of every token that it is good, and remembers who asked.
pub(crate) fn issuer() -> Upstream {
    let exp = Clock::machine().now().wall.as_seconds() + 300;
    let good = json!({
        "active": true, "iss": ISSUER, "aud": "shop-api", "sub": SUBJECT, "client_id": "shop-app",
        "scope": "orders:read", "exp": exp,
    });
    Upstream::start(move |_| Answer::json(&good.to_string()))
}

pub(crate) fn setup(vault: &str, issuer: &Upstream, more: Value) -> Setup {
    let mut section = json!({ "address": vault, "refresh": "100ms", "token": "${file:vault.token}" });
    merge(&mut section, more);
    let introspection = json!({
        "url": format!("{}/introspect", issuer.url()), "client": "gate",
        "secret": "${vault:shop/introspection#secret}",
    });
    Setup::new()
        .secret("vault.token", "first-token")
        .secret("role.id", "gate")
        .secret("secret.id", "s3cret-id\n")
        .policy(json!({
            "vault": section,
            "identity": { "customers": { "allow_private_network": true, "introspection": introspection } },
        }))
}

fn role() -> Value {
    json!({ "token": null, "approle": { "role_id": "${file:role.id}", "secret_id": "${file:secret.id}" } })
}

/// What the gateway showed the issuer the last time.
fn shown(walk: &Walk, issuer: &Upstream, token: &str) -> String {
    walk.send(get("/orders").bearer(token)).passed();
    let asked = issuer.seen();
    asked.last().unwrap().header("authorization").unwrap().to_owned()
}

/// base64 of `gate:one`, `gate:two`.
const ONE: &str = "Basic Z2F0ZTpvbmU=";
const TWO: &str = "Basic Z2F0ZTp0d28=";

// proves: KEY-01
#[test]
fn a_secret_of_the_vault_is_used_and_taken_up_again_when_it_changes() {
    let (vault, issuer) = (Vault::new(), issuer());
    vault.put("shop/introspection", json!({ "secret": "one", "other": 7 }));
    let walk = setup(&vault.server.url(), &issuer, json!({})).start();
    assert_eq!(shown(&walk, &issuer, "opaque-1"), ONE);
    vault.put("shop/introspection", json!({ "secret": "two", "other": 7 }));
    walk.record.wait_until("the new secret is in force", |event| {
        event["event"] == "sys_policy_loaded" && event["actor"] == "changed secret"
    });
    assert_eq!(shown(&walk, &issuer, "opaque-2"), TWO);
    assert!(!walk.record.text().contains("first-token"));
}

#[test]
fn a_role_logs_in_and_again_when_its_token_was_taken_back() {
    let (vault, issuer) = (Vault::new(), issuer());
    vault.put("shop/introspection", json!({ "secret": "one" }));
    let walk = setup(&vault.server.url(), &issuer, role()).start();
    assert_eq!(shown(&walk, &issuer, "opaque-1"), ONE);
    vault.contents.lock().unwrap().tokens.clear();
    wait::until("the second login", || vault.contents.lock().unwrap().logins == 2);
    vault.put("shop/introspection", json!({ "secret": "two" }));
    walk.record.wait_until("the new secret is in force", |event| event["event"] == "sys_policy_loaded");
    assert_eq!(shown(&walk, &issuer, "opaque-2"), TWO);
}

#[test]
fn the_gateways_own_token_is_renewed_before_it_ends() {
    let (vault, issuer) = (Vault::new(), issuer());
    vault.put("shop/introspection", json!({ "secret": "one" }));
    vault.contents.lock().unwrap().ttl = 600;
    let clock = Clock::manual(Clock::machine().now().wall);
    let walk = setup(&vault.server.url(), &issuer, json!({})).clock(clock).start();
    let asked = vault.server.count();
    wait::until("a look that renews nothing", || vault.server.count() > asked + 1);
    assert_eq!(vault.contents.lock().unwrap().renewals, 0);
    walk.clock.advance(Duration::from_secs(301));
    wait::until("the renewal", || vault.contents.lock().unwrap().renewals > 0);
}

#[test]
fn a_vault_that_goes_away_leaves_the_secrets_in_use() {
    let (vault, issuer) = (Vault::new(), issuer());
    vault.put("shop/introspection", json!({ "secret": "one" }));
    let walk = setup(&vault.server.url(), &issuer, json!({})).start();
    vault.contents.lock().unwrap().tokens.clear();
    let asked = vault.server.count();
    wait::until("two looks in vain", || vault.server.count() > asked + 2);
    walk.gateway().reload().expect("the secrets that were read last");
    assert_eq!(shown(&walk, &issuer, "opaque-1"), ONE);
}

#[test]
fn what_the_vault_does_not_give_keeps_the_policy_from_being_taken() {
    let (vault, issuer) = (Vault::new(), issuer());
    let closed = ClosedPort::new();
    vault.put("shop/introspection", json!({ "other": "one" }));
    let gone = format!("http://{}", closed.address());
    for (address, more, cause) in [
        (gone, json!({}), "cannot be reached"),
        (vault.server.url(), json!({}), "no field `secret`"),
        (vault.server.url(), json!({ "mount": "elsewhere" }), "nothing there"),
        (vault.server.url(), json!({ "token": "${file:secret.id}" }), "status 403"),
    ] {
        let refused = setup(&address, &issuer, more).try_start().err().expect("a refusal");
        let StartError::Configuration(diagnostics) = refused else { panic!("{refused:?}") };
        let text = diagnostics.render(Color::Never);
        assert!(text.contains("C0037") && text.contains(cause), "{text}");
        assert!(!text.contains("first-token") && !text.contains("s3cret-id"), "{text}");
    }
    let without = setup(&vault.server.url(), &issuer, json!({})).policy(json!({ "vault": null }));
    let StartError::Configuration(diagnostics) = without.try_start().err().expect("a refusal") else {
        panic!("another error")
    };
    assert!(diagnostics.render(Color::Never).contains("C0036"));
}
