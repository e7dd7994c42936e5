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

/// What is known of the shop, with changes.
fn known(changes: &Value) -> Value {
    let mut known = json!({
        "owner": "team-shop", "environment": "production", "exposure": "public", "data_class": "confidential",
        "third_parties": [],
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(known.as_object_mut().unwrap().remove(name)),
            value => known[name] = value.clone(),
        }
    }
    known
}

fn configured(operator: &Operator, changes: impl FnOnce(&mut Value)) {
    operator.configure(&json!({}));
    let mut configuration: Value = serde_json::from_str(&operator.workspace.read("portcullis.yaml")).unwrap();
    changes(&mut configuration);
    operator.workspace.file("portcullis.yaml", configuration.to_string());
}

// proves: VER-01
#[test]
fn every_api_is_listed_with_what_is_known_of_it_and_a_gap_is_reported() {
    let operator = Operator::new();
    let checked = operator.well(&["check"]);
    assert!(checked.err.contains("C0806") && checked.err.contains("`owner`"), "{checked:?}");
    for gap in ["owner", "environment", "exposure", "data_class", "third_parties"] {
        configured(&operator, |configuration| {
            configuration["require_inventory"] = json!(true);
            configuration["apis"]["shop"]["inventory"] = known(&json!({ gap: null }));
        });
        let checked = operator.run(&["check"]);
        assert_eq!(checked.code, 3, "{gap}: {checked:?}");
        assert!(checked.err.contains("C0806") && checked.err.contains(&format!("`{gap}`")), "{checked:?}");
    }

    configured(&operator, |configuration| {
        configuration["require_inventory"] = json!(true);
        configuration["versions"] =
            json!({ "stock": { "gone": { "v0": { "mount": "/v0", "successor": "/v1" } } } });
        let shop = &mut configuration["apis"]["shop"];
        shop["inventory"] =
            known(&json!({ "third_parties": [{ "name": "payments.example", "data": "orders" }] }));
        shop["version"] = json!({ "of": "stock", "name": "v1" });
        shop["mount"] = json!("/v1");
        shop["hosts"] = json!(["api.shop.example"]);
        shop["lifecycle"] =
            json!({ "deprecated_at": "2020-01-01", "sunset_at": "2999-01-01", "successor": "/v2" });
        shop["overrides"] = json!({ "getStock": { "access": "public" } });
    });
    let listed = operator.json(&["inventory", "--apis"]);
    let [shop, gone] = listed.as_array().unwrap().as_slice() else { panic!("{listed:#}") };
    for (name, expected) in [
        ("name", json!("shop")),
        ("group", json!("stock")),
        ("version", json!("v1")),
        ("owner", json!("team-shop")),
        ("environment", json!("production")),
        ("exposure", json!("public")),
        ("data_class", json!("confidential")),
        ("third_parties", json!([{ "name": "payments.example", "data": "orders" }])),
        ("hosts", json!(["api.shop.example"])),
        ("mount", json!("/v1")),
        ("public_operations", json!(1)),
    ] {
        assert_eq!(shop[name], expected, "{name}: {shop:#}");
    }
    assert_eq!(shop["lifecycle"]["state"], "deprecated");
    assert_eq!(shop["lifecycle"]["successor"], "/v2");
    assert!(shop["lifecycle"]["sunset_at"].as_str().unwrap().starts_with("2999-01-01"));
    assert!(shop["upstreams"][0].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(shop["operations"][0]["address"], "GET /stock");
    assert_eq!((&gone["version"], &gone["lifecycle"]["state"]), (&json!("v0"), &json!("retired")));
    let text = operator.well(&["inventory", "--apis"]).out;
    for part in ["shop v1", "team-shop", "production", "deprecated", "payments.example", "1, 1 public"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

// proves: VER-13
#[test]
fn environments_are_kept_apart_and_data_flows_are_recorded() {
    let operator = Operator::new();
    let check = |hosts: &Value, inventory: &Value, code: Option<&str>| {
        configured(&operator, |configuration| {
            configuration["apis"]["shop"]["hosts"] = hosts.clone();
            configuration["apis"]["shop"]["inventory"] = inventory.clone();
        });
        let ran = operator.run(&["check"]);
        match code {
            Some(code) => assert!(ran.code == 3 && ran.err.contains(code), "{inventory}: {ran:?}"),
            None => assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{inventory}"),
        }
    };
    let hosts = json!(["api.shop.example"]);
    check(&hosts, &known(&json!({})), None);
    for environment in ["staging", "test", "development"] {
        check(&hosts, &known(&json!({ "environment": environment })), Some("C0807"));
        check(&hosts, &known(&json!({ "environment": environment, "data_class": "synthetic" })), None);
    }
    check(&json!(["test.shop.example"]), &known(&json!({})), Some("C0807"));
    check(
        &json!(["api-staging.shop.example"]),
        &known(&json!({ "data_class": "restricted" })),
        Some("C0807"),
    );

    // One upstream of two environments.
    configured(&operator, |configuration| {
        let apis = &mut configuration["apis"];
        apis["shop"]["hosts"] = hosts.clone();
        apis["shop"]["inventory"] = known(&json!({}));
        let mut other = apis["shop"].clone();
        other["hosts"] = json!(["test.shop.example"]);
        other["inventory"] = known(&json!({ "environment": "test", "data_class": "synthetic" }));
        apis["shop-test"] = other;
    });
    let ran = operator.run(&["check"]);
    assert!(ran.code == 3 && ran.err.contains("C0807") && ran.err.contains("share the upstream"), "{ran:?}");

    // Somebody else's upstream, before and after it is recorded.
    let elsewhere = |third_parties: Value| {
        configured(&operator, |configuration| {
            let shop = &mut configuration["apis"]["shop"];
            shop["hosts"] = hosts.clone();
            shop["upstream"] = json!("https://api.partner.example");
            shop["inventory"] = known(&json!({ "third_parties": third_parties }));
        });
        operator.well(&["check"]).err
    };
    let unlisted = elsewhere(json!([]));
    assert!(unlisted.contains("C0808") && unlisted.contains("api.partner.example"), "{unlisted}");
    assert_eq!(elsewhere(json!([{ "name": "partner.example", "data": "orders" }])), "");
}
