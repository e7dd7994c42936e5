//! Verified tokens are remembered, and no longer than they may be.

use std::sync::Arc;

use portcullis_domain::Reason;
use portcullis_testkit::TokenIssuer;

use crate::scene::{ISSUER, Scene, wait_for, with};

fn scene(settings: &[&str]) -> Scene {
    Scene::of_file(TokenIssuer::new(ISSUER), settings)
}

#[test]
fn the_same_token_gives_the_same_principal_without_being_verified_again() {
    let scene = scene(&[]);
    let token = scene.token();
    let first = wait_for(scene.identify(&token)).unwrap();
    assert!(Arc::ptr_eq(&first, &wait_for(scene.identify(&token)).unwrap()));
}

#[test]
fn remembering_can_be_turned_off() {
    let scene = scene(&["token_cache: 0"]);
    let token = scene.token();
    let first = wait_for(scene.identify(&token)).unwrap();
    assert!(!Arc::ptr_eq(&first, &wait_for(scene.identify(&token)).unwrap()));
}

#[test]
fn a_token_is_not_remembered_beyond_its_end() {
    let scene = scene(&["clock_skew: 0s"]);
    let token = scene.token();
    scene.check(&token, Ok(()));
    scene.pass(299);
    scene.check(&token, Ok(()));
    scene.pass(1);
    scene.check(&token, Err(Reason::TokenExpired));
}

#[test]
fn within_the_skew_a_token_is_verified_anew() {
    let scene = scene(&[]);
    let token = scene.token();
    let first = wait_for(scene.identify(&token)).unwrap();
    scene.pass(301);
    assert!(!Arc::ptr_eq(&first, &wait_for(scene.identify(&token)).unwrap()));
    scene.pass(29);
    scene.check(&token, Err(Reason::TokenExpired));
}

#[test]
fn a_forged_token_is_never_remembered() {
    let scene = scene(&[]);
    let good = scene.token();
    scene.check(&good, Ok(()));
    let forged = TokenIssuer::new(ISSUER).token(&with(&scene.claims(), "sub", "mallory"));
    for _ in 0..3 {
        scene.check(&forged, Err(Reason::TokenSignatureInvalid));
    }
    // The claims of one token under the signature of another.
    let (input, _) = forged.rsplit_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    scene.check(&format!("{input}.{signature}"), Err(Reason::TokenSignatureInvalid));
    scene.check(&good, Ok(()));
}

#[test]
fn the_cache_is_bounded_and_large_tokens_count_for_more() {
    let scene = scene(&["token_cache: 16"]);
    let remembered = |tokens: &[String]| {
        tokens
            .iter()
            .filter(|token| {
                let (first, second) =
                    (wait_for(scene.identify(token)).unwrap(), wait_for(scene.identify(token)).unwrap());
                Arc::ptr_eq(&first, &second)
            })
            .count()
    };
    let token = |number: usize, padding: usize| {
        let claims = with(&with(&scene.claims(), "jti", format!("j{number}")), "pad", "x".repeat(padding));
        scene.issuer.token(&claims)
    };
    let small: Vec<_> = (0..1000).map(|number| token(number, 0)).collect();
    assert!(remembered(&small) > 0);
    let kept = |tokens: &[String], firsts: &[Arc<portcullis_domain::Principal>]| {
        tokens
            .iter()
            .zip(firsts)
            .filter(|(token, first)| Arc::ptr_eq(first, &wait_for(scene.identify(token)).unwrap()))
            .count()
    };
    let walk = |tokens: &[String]| -> Vec<_> {
        tokens.iter().map(|token| wait_for(scene.identify(token)).unwrap()).collect()
    };
    let firsts = walk(&small);
    assert!(kept(&small[984..], &firsts[984..]) <= 16);
    let large: Vec<_> = (0..16).map(|number| token(number, 4000)).collect();
    let firsts = walk(&large);
    assert!(kept(&large, &firsts) < 8, "sixteen tokens of six KiB are not sixteen entries");
}
