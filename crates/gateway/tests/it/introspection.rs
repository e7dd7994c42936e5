//! Tokens that only their issuer can judge, as it shows on the wire (AUTHN-21, 22).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, ClosedPort, Upstream};
use serde_json::{Value, json};

use crate::walk::{ISSUER, Outcome, SUBJECT, Setup, Walk, get};

const TOKEN: &str = "opaque-token-1";

/// An issuer's introspection endpoint, and what it says.
struct Endpoint {
    server: Upstream,
    says: Arc<Mutex<Answer>>,
}

impl Endpoint {
    fn new(answer: Value) -> Self {
        let says = Arc::new(Mutex::new(Answer::json(&answer.to_string())));
        let answers = Arc::clone(&says);
        Self { server: Upstream::start(move |_| answers.lock().unwrap().clone()), says }
    }

    fn say(&self, answer: Answer) {
        *self.says.lock().unwrap() = answer;
    }

    fn tell(&self, answer: Value) {
        self.say(Answer::json(&answer.to_string()));
    }
}

pub(crate) fn asking(url: &str, more: Value) -> Walk {
    let mut introspection =
        json!({ "url": url, "client": "shop-gateway", "secret": "${file:client.secret}" });
    crate::walk::merge(&mut introspection, more);
    Setup::new()
        .clock(Clock::manual(Clock::machine().now().wall))
        .secret("client.secret", "s3cret")
        .policy(json!({ "identity": { "customers": {
            "allow_private_network": true, "introspection": introspection,
        } } }))
        .start()
}

fn walk_with(endpoint: &Endpoint) -> Walk {
    asking(&format!("{}/introspect", endpoint.server.url()), json!({}))
}

/// What an issuer says of a good token.
fn good() -> Value {
    let exp = Clock::machine().now().wall.as_seconds() + 300;
    json!({
        "active": true, "iss": ISSUER, "aud": "shop-api", "sub": SUBJECT, "client_id": "shop-app",
        "scope": "orders:read", "exp": exp,
    })
}

fn but(change: Value) -> Value {
    let mut answer = good();
    crate::walk::merge(&mut answer, change);
    answer
}

fn orders(walk: &Walk) -> Outcome {
    walk.send(get("/orders").bearer(TOKEN))
}

// proves: AUTHN-21
#[test]
fn an_opaque_token_is_believed_when_its_issuer_says_so() {
    let endpoint = Endpoint::new(good());
    let walk = walk_with(&endpoint);
    let outcome = orders(&walk);
    assert_eq!(outcome.passed().header("x-auth-subject"), Some(SUBJECT));
    let asked = endpoint.server.only();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/introspect"));
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    // base64 of `shop-gateway:s3cret`
    assert_eq!(asked.header("authorization"), Some("Basic c2hvcC1nYXRld2F5OnMzY3JldA=="));
    assert_eq!(asked.text(), format!("token={TOKEN}&token_type_hint=access_token"));
    assert!(!walk.record.text().contains(TOKEN) && !walk.record.text().contains("s3cret"));
    // A scope that the issuer did not name is missing here too.
    walk.send(get("/admin/x").bearer(TOKEN)).refused(Reason::ScopeInsufficient);
}

// proves: AUTHN-21
#[test]
fn whatever_is_not_plainly_good_is_refused() {
    for (answer, reason) in [
        (json!({ "active": false }), Reason::TokenInactive),
        (json!({}), Reason::TokenInactive),
        (but(json!({ "active": "true" })), Reason::TokenInactive),
        (but(json!({ "active": 1 })), Reason::TokenInactive),
        (but(json!({ "active": null })), Reason::TokenInactive),
        (but(json!({ "aud": "other-api" })), Reason::TokenAudienceMismatch),
        (but(json!({ "aud": null })), Reason::TokenClaimMalformed),
        (but(json!({ "exp": 1_000_000_000 })), Reason::TokenExpired),
        (but(json!({ "exp": null })), Reason::TokenClaimMalformed),
        (but(json!({ "exp": "soon" })), Reason::TokenClaimMalformed),
        (but(json!({ "iss": "https://id.test.evil" })), Reason::TokenIssuerUnknown),
        (but(json!({ "sub": null, "client_id": null })), Reason::TokenClaimMalformed),
        (but(json!({ "cnf": { "jkt": "x" } })), Reason::TokenBindingUnproven),
    ] {
        let endpoint = Endpoint::new(answer.clone());
        let walk = walk_with(&endpoint);
        let outcome = orders(&walk);
        outcome.refused(reason);
        let challenge = outcome.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{answer}: {challenge}");
        // Asked again at once, the issuer is left alone.
        orders(&walk).refused(reason);
        assert_eq!(endpoint.server.count(), 1, "{answer}");
    }
}

// proves: AUTHN-22
#[test]
fn a_revocation_is_noticed_within_the_configured_time() {
    let endpoint = Endpoint::new(good());
    let walk = walk_with(&endpoint);
    orders(&walk).passed();
    endpoint.tell(json!({ "active": false }));
    walk.clock.advance(Duration::from_secs(29));
    orders(&walk).passed();
    assert_eq!(endpoint.server.count(), 1);
    walk.clock.advance(Duration::from_secs(1));
    orders(&walk).refused(Reason::TokenInactive);
    // A refusal is remembered for five seconds.
    endpoint.tell(good());
    walk.clock.advance(Duration::from_secs(4));
    orders(&walk).refused(Reason::TokenInactive);
    walk.clock.advance(Duration::from_secs(1));
    orders(&walk).passed();
    assert_eq!(endpoint.server.count(), 3);
}

// proves: AUTHN-22
#[test]
fn an_answer_is_not_believed_for_longer_than_the_token_lives() {
    let now = Clock::machine().now().wall.as_seconds();
    let endpoint = Endpoint::new(but(json!({ "exp": now + 10 })));
    let walk = walk_with(&endpoint);
    orders(&walk).passed();
    walk.clock.advance(Duration::from_secs(12));
    let _ = orders(&walk);
    assert_eq!(endpoint.server.count(), 2, "the issuer was not asked again");
}

#[test]
fn when_the_issuer_cannot_be_asked_nobody_is_let_in() {
    let closed = ClosedPort::new();
    let walk = asking(&format!("http://127.0.0.1:{}/", closed.address().port()), json!({}));
    let outcome = orders(&walk);
    outcome.refused(Reason::IntrospectionUnavailable);
    assert!(outcome.header("retry-after").is_some());
    assert_eq!(outcome.header("www-authenticate"), None);
    // JWTs of the same issuer need nobody's answer.
    walk.send(get("/orders").bearer(&walk.token("orders:read"))).passed();

    for answer in [
        Answer::respond(401, &[], "{}"),
        Answer::respond(500, &[], ""),
        Answer::respond(302, &[("Location", "http://127.0.0.1/")], ""),
        Answer::ok("no json"),
        Answer::json(r#"{"active":true,"active":false}"#),
        Answer::json(&format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(70_000))),
    ] {
        let endpoint = Endpoint::new(json!({}));
        endpoint.say(answer);
        let walk = walk_with(&endpoint);
        orders(&walk).refused(Reason::IntrospectionUnavailable);
        endpoint.tell(good());
        // Not at once, so that a sick issuer is not asked by everybody; but soon.
        orders(&walk).refused(Reason::IntrospectionUnavailable);
        walk.clock.advance(Duration::from_secs(1));
        orders(&walk).passed();
    }
}

#[test]
fn a_jwt_is_shown_to_nobody_unless_the_issuer_wants_to_be_asked_about_all() {
    let endpoint = Endpoint::new(json!({ "active": false }));
    let walk = walk_with(&endpoint);
    let token = walk.token("orders:read");
    walk.send(get("/orders").bearer(&token)).passed();
    walk.send(get("/orders").bearer(&walk.token_with_header(json!({ "alg": "none" }))))
        .refused(Reason::TokenAlgorithmRefused);
    assert_eq!(endpoint.server.count(), 0);

    let url = format!("{}/introspect", endpoint.server.url());
    let walk = asking(&url, json!({ "tokens": "all" }));
    let token = walk.token("orders:read");
    walk.send(get("/orders").bearer(&token)).refused(Reason::TokenInactive);
    assert_eq!(endpoint.server.count(), 1);
}
