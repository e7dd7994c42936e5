//! `portcullis inventory`.

use serde_json::{Value, json};

use crate::operator::{ISSUER, Operator};

// proves-part: KEY-13 (the alert of a running gateway before a certificate ends is shown with TLS-18)
#[test]
fn the_inventory_is_what_was_planted() {
    let operator = Operator::new();
    let text = operator.workspace.read("portcullis.yaml");
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    configuration["listen"] = json!([{
        "address": "127.0.0.1:0",
        "tls": { "certificates": [{ "chain": "server.pem", "key": "server.key" }] },
    }]);
    configuration["identity"] = json!({ "customers": {
        "issuer": ISSUER, "audience": "shop-api", "algorithms": ["ES256", "EdDSA"],
        "jwks": { "url": "https://id.test/jwks" },
    } });
    operator.workspace.file("portcullis.yaml", configuration.to_string());
    let kinds = |held: &Value| {
        let kinds = held.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(&operator.json(&["inventory"])), ["certificate", "issuer_keys"]);
    assert!(!operator.workspace.path(".portcullis/store.db").exists(), "looking made a store");

    let create = ["keys", "create", "--owner", "erp", "--api", "shop", "--lifetime", "10d"];
    let key = operator.well(&create).out;
    let revoked = operator.well(&create).out;
    let id = |key: &str| key.split('_').nth(2).unwrap().to_owned();
    operator.well(&["keys", "revoke", &id(&revoked)]);
    let held = operator.json(&["inventory"]);
    assert_eq!(kinds(&held), ["certificate", "issuer_keys", "api_key"], "{held:#}");
    assert_eq!(held[0]["algorithms"], json!(["ECDSA"]));
    assert!(held[0]["ends"].is_string() && held[0]["place"].as_str().unwrap().ends_with("server.pem"));
    assert_eq!((&held[1]["place"], &held[1]["algorithms"]), (&json!(ISSUER), &json!(["ES256", "EdDSA"])));
    assert_eq!((&held[2]["name"], &held[2]["place"]), (&json!(id(&key)), &json!("erp")));
    let soon = operator.run(&["inventory", "--ending-within", "14d"]);
    assert_eq!(soon.code, 2);
    assert!(soon.out.contains(&id(&key)) && !soon.out.contains("issuer_keys"), "{soon:?}");
    assert_eq!(operator.run(&["inventory", "--ending-within", "1d"]).code, 0);
}
