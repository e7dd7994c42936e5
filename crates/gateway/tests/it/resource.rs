//! An API as a protected resource, and challenges that lead to its description (AUTHN-35; RFC 9728).

use portcullis_domain::Reason;
use serde_json::{Value, json};

use crate::walk::{Setup, Walk, get};

/// What is published at `path`; no upstream is asked for it.
fn published(walk: &Walk, path: &str) -> Value {
    let outcome = walk.send(get(path));
    assert_eq!(outcome.response.status, 200, "{:#?}", outcome.response);
    assert!(outcome.seen.is_empty());
    assert_eq!(outcome.header("content-type"), Some("application/json"));
    assert_eq!(outcome.header("x-content-type-options"), Some("nosniff"));
    outcome.only_event();
    outcome.response.json()
}

// proves: AUTHN-35
#[test]
fn a_resource_describes_itself_where_the_challenge_says() {
    for (mount, path) in [(Value::Null, ""), (json!("/shop/v1"), "/shop/v1")] {
        let walk = Setup::new().api(json!({ "mount": mount })).start();
        let place = format!("/.well-known/oauth-protected-resource{path}");
        let description = published(&walk, &place);
        assert_eq!(description["resource"], format!("http://api.test{path}"));
        assert_eq!(description["authorization_servers"], json!(["https://id.test"]));
        assert_eq!(description["bearer_methods_supported"], json!(["header"]));
        assert_eq!(description["scopes_supported"], json!(["admin", "orders:read", "orders:write"]));
        assert_eq!(description["dpop_signing_alg_values_supported"][0], "ES256");
        assert_eq!(description["tls_client_certificate_bound_access_tokens"], true);

        let named = format!("resource_metadata=\"http://api.test{place}\"");
        let orders = format!("{path}/orders");
        let missing = walk.send(get(&orders));
        missing.refused(Reason::CredentialMissing);
        let bad = walk.send(get(&orders).bearer("garbage"));
        bad.refused(Reason::TokenMalformed);
        for outcome in [missing, bad] {
            let challenge = outcome.header("www-authenticate").unwrap().to_owned();
            assert!(challenge.contains(&named), "{challenge}");
        }
    }
}

// proves: AUTHN-35
#[test]
fn a_description_is_about_the_resource_whose_path_was_inserted() {
    let walk = Setup::new().api(json!({ "mount": "/shop" })).start();
    for elsewhere in ["", "/", "/shop/", "/other", "/shopping"] {
        let path = format!("/.well-known/oauth-protected-resource{elsewhere}");
        walk.send(get(&path)).refused(Reason::OperationUnknown);
    }
    // Over TLS the address is another one, and so is the resource.
    let outcome = walk.send_tls(get("/.well-known/oauth-protected-resource/shop"));
    assert_eq!(outcome.response.json()["resource"], "https://api.test/shop");
}
