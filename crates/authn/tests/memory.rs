//! What a hostile token makes us allocate (AUTHN-41). A binary of its own: it counts every allocation.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken expectation ends the test that made it; the scene is made for the other binary as well"
)]

#[path = "it/fake_fetch.rs"]
mod fake_fetch;
#[path = "it/scene.rs"]
mod scene;

use dhat::HeapStats;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_domain::Reason;
use portcullis_testkit::TokenIssuer;
use scene::{ISSUER, Scene, shown};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Why the token is refused, if it is, and how many bytes that took.
fn cost(scene: &Scene, runtime: &tokio::runtime::Runtime, token: &str) -> (Option<Reason>, u64) {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    let before = HeapStats::get().total_bytes;
    let answer = match scene.authenticator.take_token(&mut headers, None, &scene.accepted) {
        Ok(taken) => runtime
            .block_on(scene.authenticator.identify(&shown(&taken), &scene.accepted, scene.clock.now()))
            .map(drop),
        Err(denial) => Err(denial),
    };
    (answer.err().map(|denial| denial.reason()), HeapStats::get().total_bytes - before)
}

// proves: AUTHN-41
#[test]
fn a_token_that_is_too_large_or_too_deep_costs_less_than_a_good_one() {
    let _counting = dhat::Profiler::builder().testing().build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &["token_cache: 0"]);
    let (good, budget) = cost(&scene, &runtime, &scene.token());
    assert_eq!(good, None);

    let header = serde_json::to_vec(&scene.issuer.header()).unwrap();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    // As deep as a token within the default bound can be.
    let fitting = format!("{}{}", "[".repeat(2_500), "]".repeat(2_500));
    for (token, reason) in [
        ("a".repeat(1024 * 1024), Reason::TokenTooLarge),
        (scene.issuer.sign(&header, deep.as_bytes()), Reason::TokenTooLarge),
        (scene.issuer.sign(&header, fitting.as_bytes()), Reason::TokenMalformed),
        (scene.issuer.sign(format!("{{\"alg\":{fitting}}}").as_bytes(), b"{}"), Reason::TokenMalformed),
    ] {
        let (refusal, bytes) = cost(&scene, &runtime, &token);
        assert_eq!(refusal, Some(reason));
        // Decoding base64 is all that grows with the token, and only up to its bound.
        assert!(bytes <= budget + 8 * 1024, "{bytes} bytes for {reason}, {budget} for a good token");
    }
}
