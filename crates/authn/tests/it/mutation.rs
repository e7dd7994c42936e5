//! No change of a token, however small, is let through.

use std::sync::LazyLock;

use portcullis_testkit::TokenIssuer;
use proptest::prelude::*;

use crate::scene::{ISSUER, Scene, wait_for};

static SCENE: LazyLock<(Scene, String)> = LazyLock::new(|| {
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &[]);
    let token = scene.token();
    wait_for(scene.identify(&token)).unwrap();
    (scene, token)
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_with_one_byte_changed_is_refused(at in any::<prop::sample::Index>(), byte in 0x21_u8..0x7F) {
        let (scene, token) = &*SCENE;
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(wait_for(scene.identify(&changed)).is_err(), "{at}: {byte}");
    }

    #[test]
    fn a_token_with_one_byte_more_or_less_is_refused(at in any::<prop::sample::Index>(), byte in 0x21_u8..0x7F) {
        let (scene, token) = &*SCENE;
        let at = at.index(token.len());
        let mut longer = token.clone();
        longer.insert(at, char::from(byte));
        prop_assert!(wait_for(scene.identify(&longer)).is_err(), "{at}: {byte}");
        let mut shorter = token.clone();
        shorter.remove(at);
        prop_assert!(wait_for(scene.identify(&shorter)).is_err(), "{at}");
    }

    #[test]
    fn no_text_at_all_is_a_token(text in "[A-Za-z0-9_.~+/-]{0,300}=*") {
        let (scene, _) = &*SCENE;
        prop_assert!(wait_for(scene.identify(&text)).is_err());
    }
}
