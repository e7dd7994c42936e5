//! The gateway before a real identity provider: `oidc-provider`, which nobody here wrote.

use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Authority, IdentityProvider, Prover};
use serde_json::{Value, json};

use crate::walk::{Setup, Walk, get, post_json};

/// A walk that knows of the provider what an operator would write: its name, and what we are called there.
fn believing(provider: &IdentityProvider, authority: &Authority, clock: Clock) -> Walk {
    let introspection = json!({
        "url": format!("{}/token/introspection", provider.issuer()),
        "client": "gateway",
        "secret": "${file:introspection.secret}",
    });
    let customers = json!({
        "issuer": provider.issuer(), "audience": "shop-api", "jwks": Value::Null, "allow_private_network": true,
        "introspection": introspection,
    });
    Setup::new()
        .clock(clock)
        .public_authority(authority)
        .secret("introspection.secret", "gateway-secret-that-nobody-may-reuse")
        .policy(json!({ "identity": { "customers": customers } }))
        .start()
}

#[track_caller]
fn passes(walk: &Walk, token: &str) {
    walk.send(get("/orders").bearer(token)).passed();
}

#[test]
fn tokens_of_a_real_provider_are_believed_for_what_they_say() {
    let authority = Authority::named("the public");
    let provider = IdentityProvider::start(&authority);
    let walk = believing(&provider, &authority, Clock::machine());
    let reader = provider.token("orders:read");
    let outcome = walk.send(get("/orders").bearer(&reader));
    let seen = outcome.passed();
    assert_eq!(seen.header("x-auth-subject"), Some("robot"));
    assert_eq!(seen.header("x-auth-issuer"), Some(provider.issuer()));
    assert_eq!(seen.header("authorization"), None);
    let write = || post_json("/orders", r#"{"text":"x"}"#);
    walk.send(write().bearer(&reader)).refused(Reason::ScopeInsufficient);
    walk.send(write().bearer(&provider.token("orders:read orders:write"))).passed();
    // Another provider's tokens are worth nothing here, though it says the same of itself.
    let stranger = IdentityProvider::start(&authority);
    walk.send(get("/orders").bearer(&stranger.token("orders:read"))).refused(Reason::TokenIssuerUnknown);
}

#[test]
fn a_provider_that_changes_its_keys_breaks_no_traffic() {
    let authority = Authority::named("the public");
    let mut provider = IdentityProvider::start(&authority);
    let clock = Clock::manual(Clock::machine().now().wall);
    let walk = believing(&provider, &authority, clock.clone());
    let old = provider.token("orders:read");
    passes(&walk, &old);

    // A key that we have not seen is fetched with the first token that names it.
    clock.advance(Duration::from_secs(31));
    provider.rotate();
    passes(&walk, &old);
    let new = provider.token("orders:read");
    assert_ne!(kid(&old), kid(&new));
    for _ in 0..3 {
        passes(&walk, &new);
        passes(&walk, &old);
    }

    // The old key goes: the new tokens never notice, and what the old one signed ends with it.
    clock.advance(Duration::from_secs(31));
    provider.retire();
    passes(&walk, &new);
    passes(&walk, &provider.token("orders:read"));
    provider.rotate();
    provider.retire();
    passes(&walk, &provider.token("orders:read"));
    walk.send(get("/orders").bearer(&old)).refused(Reason::TokenKeyUnknown);
}

fn kid(token: &str) -> String {
    use base64::Engine as _;
    let head = token.split('.').next().expect("a head");
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).expect("base64url");
    serde_json::from_slice::<Value>(&head).expect("JSON")["kid"].to_string()
}

// proves: AUTHN-21, AUTHN-22
#[test]
fn an_opaque_token_is_good_for_what_the_provider_says_until_it_takes_it_back() {
    let authority = Authority::named("the public");
    let provider = IdentityProvider::start(&authority);
    let clock = Clock::manual(Clock::machine().now().wall);
    let walk = believing(&provider, &authority, clock.clone());
    let token = provider.opaque_token("orders:read");
    assert!(!token.contains('.'), "{token}");
    let outcome = walk.send(get("/orders").bearer(&token));
    assert_eq!(outcome.passed().header("x-auth-subject"), Some("robot"));
    walk.send(post_json("/orders", r#"{"text":"x"}"#).bearer(&token)).refused(Reason::ScopeInsufficient);
    walk.send(get("/orders").bearer("nobody-made-this")).refused(Reason::TokenInactive);
    provider.revoke(&token);
    clock.advance(Duration::from_secs(31));
    walk.send(get("/orders").bearer(&token)).refused(Reason::TokenInactive);
}

#[test]
fn a_token_that_the_provider_bound_to_a_key_needs_a_proof_by_that_key() {
    let authority = Authority::named("the public");
    let provider = IdentityProvider::start(&authority);
    let walk = believing(&provider, &authority, Clock::machine());
    let (prover, thief) = (Prover::new(), Prover::new());
    let now = || walk.clock.now().wall;
    let token = provider.bound_token(&prover, "orders:read", now());
    let ask = |prover: &Prover, jti: &str| {
        let proof = prover.proof("GET", "http://api.test/orders", &token, jti, now());
        walk.send(get("/orders").with(format!("Authorization: DPoP {token}")).with(format!("DPoP: {proof}")))
    };
    assert_eq!(ask(&prover, "1").passed().header("x-auth-subject"), Some("robot"));
    ask(&prover, "1").refused(Reason::ProofReplayed);
    ask(&thief, "2").refused(Reason::TokenBindingUnproven);
    walk.send(get("/orders").bearer(&token)).refused(Reason::TokenBindingUnproven);
}
