//! Keys that are fetched: rotation, floods, outages, and an address that hangs, lies, grows or
//! redirects.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use portcullis_authn::{Authenticator, FetchError, KeysHeld, Reach};
use portcullis_domain::Reason;
use portcullis_testkit::{SigningAlgorithm, TokenIssuer};

use crate::fake_fetch::Behavior;
use crate::scene::{ISSUER, JWKS_URL, Scene, compiled, policy_text, with};

fn scene() -> Scene {
    Scene::of_url(TokenIssuer::new(ISSUER), &[])
}

fn held(scene: &Scene) -> KeysHeld {
    scene.authenticator.key_status(scene.clock.now())[0].held
}

/// What a future answers when it is polled for the first time.
async fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

#[tokio::test]
async fn keys_are_fetched_once_when_first_needed_within_bounds() {
    let scene = scene();
    assert_eq!(held(&scene), KeysHeld::Unavailable);
    for _ in 0..3 {
        scene.identify(&scene.token()).await.unwrap();
    }
    assert_eq!(scene.fetch.asked(), [JWKS_URL]);
    assert_eq!(held(&scene), KeysHeld::Fresh);
    let bounds = scene.fetch.last_bounds();
    assert_eq!(
        (bounds.body, bounds.time, bounds.reach),
        (256 * 1024, Duration::from_secs(5), Reach::PublicOnly)
    );
}

#[tokio::test]
async fn many_first_tokens_at_once_make_one_fetch() {
    let scene = Arc::new(scene());
    let token = scene.token();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (scene, token) = (Arc::clone(&scene), token.clone());
            tokio::spawn(async move { scene.identify(&token).await.map(|_| ()) })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(scene.fetch.count(), 1);
}

// proves: AUTHN-19
#[tokio::test]
async fn a_thousand_random_kids_make_one_fetch() {
    let scene = Arc::new(scene());
    scene.identify(&scene.token()).await.unwrap();
    let before = scene.fetch.count();
    let calls: Vec<_> = (0..1000)
        .map(|number| {
            let header = with(&scene.issuer.header(), "kid", format!("random-{number}"));
            let token = scene.issuer.token_with_header(&header, &scene.claims());
            let scene = Arc::clone(&scene);
            tokio::spawn(async move { scene.refused(&token).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Reason::TokenKeyUnknown);
    }
    assert_eq!(scene.fetch.count() - before, 1);
    // One more per cooldown, and no more.
    for _ in 0..10 {
        scene.pass(31);
        for number in 0..10 {
            let header = with(&scene.issuer.header(), "kid", format!("again-{number}"));
            scene.refused(&scene.issuer.token_with_header(&header, &scene.claims())).await;
        }
    }
    assert!(scene.fetch.count() - before <= 11, "{}", scene.fetch.count());
}

// proves: AUTHN-19
#[tokio::test]
async fn a_rotation_breaks_no_traffic() {
    let mut scene = scene();
    let old = scene.token();
    scene.identify(&old).await.unwrap();
    // The issuer adds a key and signs with it at once.
    scene.issuer.add_key(SigningAlgorithm::Es256);
    scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
    scene.identify(&scene.token()).await.unwrap();
    scene.identify(&old).await.unwrap();
    assert_eq!(scene.fetch.count(), 2);
}

#[tokio::test]
async fn a_key_that_the_issuer_takes_back_proves_nothing_any_more_not_even_from_the_cache() {
    let mut scene = Scene::of_url(TokenIssuer::new(ISSUER), &["keys: { refresh: 60s }"]);
    let token = scene.token();
    scene.identify(&token).await.unwrap();
    scene.issuer.add_key(SigningAlgorithm::Es256);
    scene.issuer.retire("key-1");
    scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
    scene.identify(&token).await.unwrap();
    scene.pass(60);
    scene.authenticator.refresh_due().await;
    assert_eq!(scene.refused(&token).await, Reason::TokenKeyUnknown);
}

// proves: AUTHN-19
#[tokio::test]
async fn the_last_good_keys_serve_for_a_while_and_then_nobody_is_let_in() {
    let scene = scene();
    scene.identify(&scene.token()).await.unwrap();
    scene.fetch.set(JWKS_URL, Behavior::Fails(FetchError::Unreachable));
    for _ in 0..12 {
        scene.pass(300);
        scene.authenticator.refresh_due().await;
        scene.identify(&scene.token()).await.unwrap();
        assert_eq!(held(&scene), KeysHeld::Stale);
    }
    // refresh + stale_for = 3900 s since the last good answer.
    scene.pass(299);
    scene.identify(&scene.token()).await.unwrap();
    scene.pass(1);
    let denial = scene.identify(&scene.token()).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::KeysUnavailable);
    assert_eq!(denial.reason().status(), 503);
    assert!(denial.retry_after().is_some());
    assert_eq!(held(&scene), KeysHeld::Unavailable);
    // And the moment they are back, so is everybody.
    scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
    scene.pass(30);
    scene.identify(&scene.token()).await.unwrap();
    assert_eq!(held(&scene), KeysHeld::Fresh);
}

// proves-part: GW-14 (the key source; the other dependencies are their layers')
#[tokio::test]
async fn a_verified_token_is_not_remembered_beyond_the_keys() {
    let scene = Scene::of_url(TokenIssuer::new(ISSUER), &["keys: { refresh: 10s, stale_for: 10s }"]);
    let token = scene.token();
    scene.identify(&token).await.unwrap();
    scene.fetch.set(JWKS_URL, Behavior::Fails(FetchError::TimedOut));
    scene.pass(20);
    assert_eq!(scene.refused(&token).await, Reason::KeysUnavailable);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_asked_ever_less_often() {
    let scene = scene();
    scene.fetch.set(JWKS_URL, Behavior::Fails(FetchError::Unreachable));
    let token = scene.token();
    for _ in 0..120 {
        for _ in 0..10 {
            assert_eq!(scene.refused(&token).await, Reason::KeysUnavailable);
        }
        scene.pass(1);
    }
    // At 0, 1, 3, 7, 15, 31, 61 and 91 seconds.
    assert_eq!(scene.fetch.count(), 8);
}

// proves-part: GW-14 (the key source; the other dependencies are their layers')
#[tokio::test]
async fn a_kid_that_cannot_be_looked_up_is_undecided_and_not_wrong() {
    let mut scene = scene();
    let known = scene.token();
    scene.identify(&known).await.unwrap();
    scene.issuer.add_key(SigningAlgorithm::Es256);
    scene.fetch.set(JWKS_URL, Behavior::Fails(FetchError::Unreachable));
    for _ in 0..3 {
        let denial = scene.identify(&scene.token()).await.unwrap_err();
        assert_eq!(denial.reason(), Reason::KeysUnavailable);
        assert!(denial.retry_after().is_some());
    }
    scene.identify(&known).await.unwrap();
    assert_eq!(scene.fetch.count(), 2);
    scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
    scene.pass(30);
    scene.identify(&scene.token()).await.unwrap();
}

#[tokio::test]
async fn the_wait_that_is_named_is_the_wait_that_helps() {
    let scene = scene();
    scene.fetch.set(JWKS_URL, Behavior::Fails(FetchError::Unreachable));
    let token = scene.token();
    let denial = scene.identify(&token).await.unwrap_err();
    scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
    assert_eq!(scene.refused(&token).await, Reason::KeysUnavailable);
    scene.pass(denial.retry_after().unwrap().seconds());
    scene.identify(&token).await.unwrap();
}

/// A second answer that is no good must leave the keys of the first in place, and never let in what
/// it says.
async fn check_bad_answer(behavior: Behavior, complaint: &str) {
    let scene = Scene::of_url(TokenIssuer::new(ISSUER), &["keys: { timeout: 20ms, size: 4 KiB }"]);
    let token = scene.token();
    scene.identify(&token).await.unwrap();
    scene.fetch.set(JWKS_URL, behavior);
    scene.pass(300);
    scene.authenticator.refresh_due().await;
    assert_eq!(scene.fetch.count(), 2);
    scene.identify(&scene.token()).await.unwrap();
    let status = &scene.authenticator.key_status(scene.clock.now())[0];
    assert_eq!(status.held, KeysHeld::Stale);
    let fault = status.last_fault.as_deref().unwrap();
    assert!(fault.contains(complaint), "{fault}");
}

// proves-part: GW-08 (what is done with an answer; connecting is the gateway's guarded client)
#[tokio::test]
async fn an_address_that_hangs_lies_grows_or_redirects_changes_nothing() {
    let attacker = TokenIssuer::new(ISSUER).jwks();
    check_bad_answer(Behavior::Hangs, "too long").await;
    check_bad_answer(Behavior::Serves("<html>login</html>".into()), "no unambiguous JSON").await;
    check_bad_answer(Behavior::Serves(String::new()), "no unambiguous JSON").await;
    check_bad_answer(Behavior::Serves("[]".into()), "no JWK Set").await;
    check_bad_answer(Behavior::Serves(r#"{"keys":{}}"#.into()), "no JWK Set").await;
    check_bad_answer(Behavior::Serves(r#"{"keys":[],"keys":[]}"#.into()), "no unambiguous JSON").await;
    check_bad_answer(Behavior::Serves(format!("{}{attacker}", " ".repeat(5000))), "too large").await;
    check_bad_answer(Behavior::Serves(format!(r#"{{"keys":[{}1]}}"#, "1,".repeat(100))), "101 keys").await;
    check_bad_answer(Behavior::Answers(302, attacker.clone()), "status 302").await;
    check_bad_answer(Behavior::Answers(500, attacker.clone()), "status 500").await;
    check_bad_answer(Behavior::Answers(201, attacker), "status 201").await;
    for error in [
        FetchError::AddressRefused,
        FetchError::NameUnknown,
        FetchError::Untrusted,
        FetchError::Redirected,
        FetchError::TooLarge,
        FetchError::Malformed,
    ] {
        check_bad_answer(Behavior::Fails(error), &error.to_string()).await;
    }
}

#[tokio::test]
async fn an_issuer_that_takes_all_its_keys_back_is_obeyed() {
    let scene = scene();
    let token = scene.token();
    scene.identify(&token).await.unwrap();
    for empty in [r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"key-1"}]}"#] {
        scene.fetch.serve(JWKS_URL, empty);
        scene.pass(300);
        scene.authenticator.refresh_due().await;
        assert_eq!(scene.refused(&token).await, Reason::KeysUnavailable);
        scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
        scene.pass(30);
        scene.identify(&scene.token()).await.unwrap();
    }
}

#[tokio::test]
async fn tokens_with_known_keys_never_wait_for_a_fetch_that_hangs() {
    let scene = scene();
    scene.identify(&scene.token()).await.unwrap();
    scene.fetch.set(JWKS_URL, Behavior::Hangs);
    scene.pass(301);
    // Due, and started in the background by the first token: each of these is ready when first polled.
    for number in 0..10 {
        let token = scene.issuer.token(&with(&scene.claims(), "jti", format!("jti-{number}")));
        let call = scene.identify(&token);
        assert!(poll_once(&mut Box::pin(call)).await.is_ready());
    }
    tokio::task::yield_now().await;
    assert_eq!(scene.fetch.count(), 2);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_take_the_fetch_along() {
    let scene = scene();
    let token = scene.token();
    assert!(poll_once(&mut Box::pin(scene.identify(&token))).await.is_pending());
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(held(&scene), KeysHeld::Fresh);
    scene.identify(&token).await.unwrap();
    assert_eq!(scene.fetch.count(), 1);
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_a_fetch_leaves_nobody_waiting() {
    let scene = scene();
    scene.fetch.set(JWKS_URL, Behavior::Hangs);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (first, second, token) = (runtime(), runtime(), scene.token());
    // The first worker's request starts the fetch; the second worker's joins it.
    let mut starting = Box::pin(scene.identify(&token));
    assert!(first.block_on(poll_once(&mut starting)).is_pending());
    let mut joining = Box::pin(scene.identify(&token));
    assert!(second.block_on(poll_once(&mut joining)).is_pending());
    // The first worker goes away with its tasks; whoever waits on another is told.
    drop(first);
    assert_eq!(second.block_on(joining).unwrap_err().reason(), Reason::KeysUnavailable);
}

#[tokio::test]
async fn the_driver_renews_ahead_and_ends_with_its_policy() {
    let scene = scene();
    assert_eq!(scene.authenticator.refresh_due().await, Duration::from_secs(60));
    assert_eq!(scene.fetch.count(), 1);
    scene.pass(250);
    assert_eq!(scene.authenticator.refresh_due().await, Duration::from_secs(50));
    assert_eq!(scene.fetch.count(), 1);
    scene.pass(50);
    scene.authenticator.refresh_due().await;
    assert_eq!(scene.fetch.count(), 2);

    let gone = Arc::downgrade(&scene.authenticator);
    drop(scene);
    Authenticator::keep_fresh(gone).await;
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_issuers_that_did_not_change() {
    let scene = scene();
    let token = scene.token();
    scene.identify(&token).await.unwrap();
    scene.fetch.set(JWKS_URL, Behavior::Fails(FetchError::Unreachable));
    let reloaded = |settings: &[&str]| {
        let (authenticator, diagnostics) = compiled(
            &policy_text(ISSUER, settings),
            &scene.workspace,
            &scene.fetch,
            &scene.clock,
            Some(&scene.authenticator),
        );
        let authenticator = Arc::new(authenticator.unwrap_or_else(|| panic!("{diagnostics:?}")));
        let accepted = authenticator.accept(["customers"], "shop").unwrap();
        Scene {
            issuer: TokenIssuer::new(ISSUER),
            authenticator,
            accepted,
            clock: scene.clock.clone(),
            fetch: Arc::clone(&scene.fetch),
            workspace: portcullis_testkit::Workspace::new(),
        }
    };
    let url = "jwks: { url: https://id.example.com/jwks }";
    // The issuer is down, and a reload that only changes rules does not notice.
    reloaded(&[url]).identify(&token).await.unwrap();
    let stricter = reloaded(&[url, "maximum_lifetime: 1m"]);
    assert_eq!(stricter.refused(&token).await, Reason::TokenLifetimeExceeded);
    // What changes where keys come from, or which may be used, starts anew.
    for settings in [&[url, "algorithms: [ES256]"][..], &["jwks: { url: https://id.example.com/new }"]] {
        assert_eq!(reloaded(settings).refused(&token).await, Reason::KeysUnavailable);
    }
}
