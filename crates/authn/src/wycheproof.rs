//! Project Wycheproof's JWS, JWK and JWE vectors: signatures, key sets and envelopes that have fooled others.
//!
//! In: `vectors/jose/wycheproof` of the shared folder, whose payloads are no claims; so the
//! envelope, the key set and the signature are judged here and nothing above them. Every vector is
//! judged as labelled, except those that [`refused_on_purpose`] names, and all encrypted ones.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::algorithm::{Algorithm, AllowedAlgorithms};
use crate::jws::Compact;
use crate::keys::{Found, KeySet};

/// The vectors, or `None` where the shared folder is not. CI must have it.
fn vectors(name: &str) -> Option<Value> {
    #[expect(clippy::disallowed_methods, reason = "a test's own inputs, not configuration of the product")]
    let (shared, is_ci) =
        (std::env::var("PORTCULLIS_SHARED"), std::env::var("CI").is_ok_and(|ci| ci == "true"));
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = shared.map_or(beside, PathBuf::from).join("vectors/jose/wycheproof").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) if is_ci => {
            panic!("{}: {error}; set PORTCULLIS_SHARED to the shared folder", path.display())
        }
        Err(error) => {
            println!("not run: {}: {error}; set PORTCULLIS_SHARED to the shared folder", path.display());
            None
        }
    }
}

/// Whether the envelope can be read, a key is found and the signature verifies.
fn is_accepted(jws: &str, keys: &Value) -> bool {
    let allowed = AllowedAlgorithms::new(Algorithm::ALL);
    let (keys, _) = KeySet::from_value(keys, &allowed, 64).unwrap();
    let Ok(token) = Compact::read(jws.as_bytes()) else { return false };
    match keys.find(token.header.kid.as_deref(), token.header.algorithm) {
        Found::Key(key) => key.verify(token.signing_input, &token.signature).is_ok(),
        Found::Unknown | Found::Refused(_) => false,
    }
}

/// Why a vector that is labelled valid is refused here, if it is.
fn refused_on_purpose(jws: &str, keys: &Value) -> Option<&'static str> {
    let Ok(token) = Compact::read(jws.as_bytes()) else {
        return Some("signed with a shared secret, which no external issuer may use (JWT-03)");
    };
    let bound = keys["keys"][0]["alg"].as_str()?;
    (bound != token.header.algorithm.name())
        .then_some("the key says another algorithm than the header, or none that is registered (JWT-02)")
}

struct Tally {
    accepted: usize,
    refused: usize,
    on_purpose: usize,
}

fn judge(document: &Value) -> Tally {
    let mut tally = Tally { accepted: 0, refused: 0, on_purpose: 0 };
    for group in document["testGroups"].as_array().unwrap() {
        // Groups with a shared secret have no public part; what they publish would be the secret.
        let published = group.get("public").unwrap_or(&group["private"]);
        let keys =
            if published.get("keys").is_some() { published.clone() } else { json!({ "keys": [published] }) };
        for test in group["tests"].as_array().unwrap() {
            let jws = match &test["jws"] {
                Value::String(compact) => compact.clone(),
                other => other.to_string(),
            };
            let name = format!("{} {} {}", test["tcId"], group["comment"], test["comment"]);
            match (is_accepted(&jws, &keys), test["result"].as_str().unwrap()) {
                (true, "valid") => tally.accepted += 1,
                (true, label) => panic!("{name} is labelled {label} and was accepted"),
                (false, "valid") => {
                    assert!(refused_on_purpose(&jws, &keys).is_some(), "{name} was refused");
                    tally.on_purpose += 1;
                }
                (false, _) => tally.refused += 1,
            }
        }
    }
    tally
}

// proves-part: JWT-09 (curves and lengths beyond the vectors: see the envelope tests)
#[test]
fn signatures_are_judged_as_labelled() {
    let Some(document) = vectors("json_web_signature_test.dev.json") else { return };
    let tally = judge(&document);
    assert_eq!(tally.accepted + tally.refused + tally.on_purpose, 206);
    // 7 with a shared secret; 2 whose key is bound to PS256 and 2 to the unregistered ES521.
    assert_eq!((tally.accepted, tally.on_purpose), (20, 11));
}

// proves-part: JWT-10 (each kind of unfit key has a case in the tests of key sets)
#[test]
fn key_sets_are_judged_as_labelled() {
    let Some(document) = vectors("json_web_key_test.json") else { return };
    let tally = judge(&document);
    assert_eq!(tally.accepted + tally.refused + tally.on_purpose, 26);
    // All four have a shared secret.
    assert_eq!((tally.accepted, tally.on_purpose), (1, 4));
}

/// All of them are left out on purpose: no issuer can be configured to encrypt its tokens, so what is valid
/// as a JWE is no token here, and nothing is ever decrypted.
// proves: JWT-12
#[test]
fn every_encrypted_token_is_refused_valid_or_not() {
    let Some(document) = vectors("json_web_encryption_test.json") else { return };
    let mut refused = 0;
    for group in document["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let jwe = match &test["jwe"] {
                Value::String(compact) => compact.clone(),
                other => other.to_string(),
            };
            assert!(Compact::read(jwe.as_bytes()).is_err(), "{} {}", test["tcId"], test["comment"]);
            refused += 1;
        }
    }
    assert_eq!(refused, 139);
}
