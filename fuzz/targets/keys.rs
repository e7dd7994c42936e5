//! Key sets as an issuer might serve them: no answer panics, and a token passes only by the key that signed it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../token_scene.rs"]
mod token_scene;

use token_scene::{Scene, SigningKey};

static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::new);

fuzz_target!(|bytes: &[u8]| {
    let scene = Scene::with_served(bytes.to_vec());
    if scene.identify(KEY.good_token().as_bytes()).is_some() {
        let text = std::str::from_utf8(bytes).expect("a key set is UTF-8");
        assert!(text.contains(KEY.x()), "accepted by a key that is not in the set");
    }
});
