//! Bearer tokens: raw bytes never prove anything, and what is signed proves only what it says once.
//!
//! The key is the issuer's own, so that the search reaches the claims; a signature that was not made here
//! cannot be guessed.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

#[path = "../token_scene.rs"]
mod token_scene;

use token_scene::{AUDIENCE, ISSUER, NOW, Scene, SigningKey};

static SCENE: LazyLock<(Scene, SigningKey)> = LazyLock::new(|| {
    let key = SigningKey::new();
    let scene = Scene::with_file(&key.jwks());
    (scene, key)
});

fuzz_target!(|bytes: &[u8]| {
    let (scene, key) = &*SCENE;
    assert!(scene.identify(bytes).is_none(), "accepted without our signature");
    // Header and claims on two lines: signed as they are.
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(header), Some(claims)) = (lines.next(), lines.next()) else { return };
    let Some(principal) = scene.identify(key.sign(header, claims).as_bytes()) else { return };

    let header: Map<String, Value> = serde_json::from_slice(header).expect("the header is one JSON object");
    assert_eq!(header["alg"], "ES256");
    assert!(!header.contains_key("crit") && !header.contains_key("b64"));
    let claims: Map<String, Value> = serde_json::from_slice(claims).expect("the claims are one JSON object");
    assert_eq!(claims["iss"], ISSUER);
    let audience = &claims["aud"];
    assert!(audience == AUDIENCE || audience.as_array().is_some_and(|list| list.iter().any(|item| item == AUDIENCE)));
    assert!(claims["exp"].as_u64().expect("whole seconds") + 30 > NOW);
    assert!(!claims.contains_key("cnf"));
    assert_eq!(claims["sub"], principal.subject.as_str());
});
