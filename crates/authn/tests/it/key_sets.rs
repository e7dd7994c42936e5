//! Which published keys are used, and that bad ones neither verify nor spoil the rest.

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{SigningAlgorithm, TokenIssuer, Workspace};
use serde_json::{Value, json};

use crate::fake_fetch::FakeFetch;
use crate::scene::{ISSUER, START, Scene, compiled, policy_text};

/// Publishes one good key beside the one under test; the good one must stay usable.
#[track_caller]
fn check_left_out(key: Value, complaint: &str) {
    let (issuer, workspace) = (TokenIssuer::with_key(ISSUER, SigningAlgorithm::EdDsa), Workspace::new());
    let good = with_member(&issuer.jwk_list()[0], "kid", json!("good"));
    workspace.file("keys.json", json!({ "keys": [key, good] }).to_string());
    let policy = policy_text(ISSUER, &["jwks: { file: keys.json }"]);
    let (authenticator, diagnostics) =
        compiled(&policy, &workspace, &FakeFetch::new(), &Clock::manual(START), None);
    let warnings: Vec<_> =
        diagnostics.warnings().map(|warning| (warning.code().0, warning.message())).collect();
    assert!(authenticator.is_some(), "{diagnostics:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].0, "C0207");
    assert!(warnings[0].1.contains(complaint), "{warnings:?}");
}

fn with_member(key: &Value, name: &str, value: Value) -> Value {
    let mut changed = key.clone();
    changed[name] = value;
    changed
}

fn key(algorithm: SigningAlgorithm) -> Value {
    TokenIssuer::with_key(ISSUER, algorithm).jwk_list().remove(0)
}

// proves: JWT-10
#[test]
fn unfit_keys_are_left_out_with_a_warning_and_the_rest_serves() {
    let ec = key(SigningAlgorithm::Es256);
    let rsa = key(SigningAlgorithm::Rs256);
    let ed = key(SigningAlgorithm::EdDsa);
    let small = "rJBIp6T1YK-RtPyvYqFFlcucqewSAA_IReSFchE8qyiQrbARqRlXWkB2DR8j_pJQnIpYELbQWZC5Cd0PTGAU8rMbar2AW6zpmBbi7aQf17lUBdt8XI9M9rq7FPVQ1dDdUXm1SVH_9qqWhvMPR422SbfHBEzCAtzK0ANDRo6qz78";
    for (key, complaint) in [
        (json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "x" }), "symmetric"),
        (json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }), "symmetric"),
        (with_member(&ec, "d", json!("AA")), "private"),
        (with_member(&rsa, "qi", json!("AA")), "private"),
        (with_member(&rsa, "k", json!("AA")), "private"),
        (with_member(&ec, "use", json!("enc")), "encryption"),
        (with_member(&ec, "use", json!(7)), "`use`"),
        (with_member(&ec, "key_ops", json!(["sign"])), "`verify`"),
        (with_member(&ec, "key_ops", json!([])), "`verify`"),
        (with_member(&ec, "key_ops", json!("verify")), "`key_ops`"),
        (with_member(&rsa, "n", json!(small)), "1024 bits"),
        (with_member(&rsa, "n", json!("AQAB")), "17 bits"),
        (with_member(&rsa, "n", json!(format!("{}w", "_".repeat(1366)))), "8200 bits"),
        (with_member(&rsa, "e", json!("AQ")), "exponent"),
        (with_member(&rsa, "e", json!("Aw")), "exponent"),
        (with_member(&rsa, "e", json!("AQAA")), "exponent"),
        (with_member(&rsa, "e", json!("AAEAAQ")), "`e`"),
        (with_member(&rsa, "n", json!(rsa["n"].as_str().unwrap().to_owned() + "=")), "`n`"),
        (with_member(&rsa, "n", json!(null)), "`n`"),
        (with_member(&ec, "alg", json!("ES384")), "does not go with"),
        (with_member(&ec, "alg", json!("RS256")), "does not go with"),
        (with_member(&rsa, "alg", json!("ES256")), "does not go with"),
        (with_member(&ec, "alg", json!("ECDH-ES")), "no signature algorithm"),
        (with_member(&rsa, "alg", json!("RSA-OAEP")), "no signature algorithm"),
        (with_member(&rsa, "alg", json!("HS256")), "no signature algorithm"),
        (with_member(&rsa, "alg", json!("RS512")), "list none"),
        (with_member(&ec, "crv", json!("secp256k1")), "not supported"),
        (with_member(&ec, "crv", json!("P-384")), "does not go with"),
        (with_member(&ed, "crv", json!("Ed448")), "not supported"),
        (with_member(&ed, "crv", json!("X25519")), "not supported"),
        (with_member(&ec, "kty", json!("RSA")), "not supported"),
        (with_member(&ec, "kty", json!(null)), "`kty`"),
        (with_member(&ec, "y", ec["x"].clone()), "do not form a public key"),
        (with_member(&ec, "x", json!("AA")), "`x`"),
        (with_member(&ed, "x", json!("AA")), "`x`"),
        (with_member(&ec, "kid", json!(7)), "`kid`"),
        (with_member(&ec, "kid", json!("k".repeat(300))), "`kid`"),
        (json!("key"), "no JSON object"),
    ] {
        check_left_out(key, complaint);
    }
}

#[track_caller]
fn check_set(keys: Value, expected: Result<(), Reason>) {
    let issuer = TokenIssuer::new(ISSUER);
    let own = issuer.jwk_list().remove(0);
    let keys = serde_json::from_str::<Value>(&keys.to_string().replace("\"own\"", &own.to_string())).unwrap();
    let workspace = Workspace::new();
    workspace.file("keys.json", keys.to_string());
    let scene = Scene::open(issuer, workspace, &["jwks: { file: keys.json }"]);
    scene.check(&scene.token(), expected);
}

#[test]
fn keys_that_share_an_identifier_are_told_apart_or_not_used() {
    let stranger = key(SigningAlgorithm::Es256);
    let other = with_member(&key(SigningAlgorithm::EdDsa), "kid", json!("other"));
    check_set(json!({ "keys": ["own"] }), Ok(()));
    check_set(json!({ "keys": ["own", "own"] }), Ok(()));
    // Which of the two is meant cannot be told: neither is used.
    check_set(json!({ "keys": ["own", stranger, other] }), Err(Reason::TokenKeyUnknown));
    check_set(json!({ "keys": [stranger, "own", other] }), Err(Reason::TokenKeyUnknown));
    // An encryption key of the same name does no harm.
    check_set(json!({ "keys": [with_member(&stranger, "use", json!("enc")), "own"] }), Ok(()));
}

#[test]
fn members_that_nobody_needs_are_ignored() {
    let issuer = TokenIssuer::new(ISSUER);
    let workspace = Workspace::new();
    let mut key = issuer.jwk_list().remove(0);
    for (name, value) in
        [("x5c", json!(["MIIB"])), ("x5t#S256", json!("x")), ("exp", json!(1)), ("issuer", json!("x"))]
    {
        key[name] = value;
    }
    key["key_ops"] = json!(["verify"]);
    workspace.file("keys.json", json!({ "keys": [key], "note": 1 }).to_string());
    let scene = Scene::open(issuer, workspace, &["jwks: { file: keys.json }"]);
    scene.check(&scene.token(), Ok(()));
}
