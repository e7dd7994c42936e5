//! Proofs of possession: raw bytes never prove anything, and what the token's key signs proves only what it
//! says about this request.
//!
//! Proofs are remembered, so that an input proves something once; the search does not mind.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

#[path = "../token_scene.rs"]
mod token_scene;

use token_scene::{NOW, Scene, SigningKey};

static SCENE: LazyLock<(Scene, SigningKey, String)> = LazyLock::new(|| {
    let key = SigningKey::new();
    let scene = Scene::with_file(&key.jwks());
    let token = key.bound_token();
    (scene, key, token)
});

fuzz_target!(|bytes: &[u8]| {
    let (scene, key, token) = &*SCENE;
    assert!(scene.identify(token.as_bytes()).is_none(), "a bound token passed as a plain one");
    assert!(scene.identify_with_proof(token, bytes).is_none(), "accepted without the key's signature");
    // Header and claims on two lines: signed as they are. `@` stands for the hash of the token, which the
    // search could not find.
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(header), Some(claims)) = (lines.next(), lines.next()) else { return };
    let claims: Vec<u8> =
        claims.iter().flat_map(|byte| if *byte == b'@' { hash.as_bytes() } else { std::slice::from_ref(byte) }).copied().collect();
    if scene.identify_with_proof(token, key.sign(header, &claims).as_bytes()).is_none() {
        return;
    }
    let header: Map<String, Value> = serde_json::from_slice(header).expect("the header is one JSON object");
    assert_eq!(header["alg"], "ES256");
    assert!(header["typ"].as_str().expect("a type").eq_ignore_ascii_case("dpop+jwt"));
    assert_eq!(header["jwk"]["x"], key.x());
    assert!(header["jwk"].get("d").is_none());
    let claims: Map<String, Value> = serde_json::from_slice(&claims).expect("the claims are one JSON object");
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["ath"], hash.as_str());
    let iat = claims["iat"].as_u64().expect("whole seconds");
    assert!((NOW - 60..=NOW + 5).contains(&iat));
    let url = url::Url::parse(claims["htu"].as_str().expect("an address")).expect("a URL");
    assert_eq!((url.scheme(), url.host_str()), ("https", Some("api.example.com")));
});
