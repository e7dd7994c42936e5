//! Issuers that are configured by their identifier alone.

use portcullis_authn::KeysHeld;
use portcullis_domain::Reason;
use portcullis_testkit::{SigningAlgorithm, TokenIssuer, Workspace};
use serde_json::json;

use crate::fake_fetch::Behavior;
use crate::scene::{ISSUER, JWKS_URL, Scene};

const OPENID: &str = "https://id.example.com/.well-known/openid-configuration";
const OAUTH: &str = "https://id.example.com/.well-known/oauth-authorization-server";

fn scene() -> Scene {
    let scene = Scene::open(TokenIssuer::new(ISSUER), Workspace::new(), &[]);
    scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
    scene
}

#[tokio::test]
async fn keys_are_found_through_openid_metadata() {
    let scene = scene();
    scene.fetch.serve(OPENID, scene.issuer.metadata(JWKS_URL));
    scene.identify(&scene.token()).await.unwrap();
    assert_eq!(scene.fetch.asked(), [OPENID, JWKS_URL]);
}

#[tokio::test]
async fn keys_are_found_through_oauth_metadata_where_there_is_no_other() {
    let scene = scene();
    scene.fetch.serve(OAUTH, scene.issuer.metadata(JWKS_URL));
    scene.identify(&scene.token()).await.unwrap();
    assert_eq!(scene.fetch.asked(), [OPENID, OAUTH, JWKS_URL]);
}

async fn check_disabled(metadata: Behavior, complaint: &str) {
    let scene = scene();
    scene.fetch.set(OPENID, metadata);
    scene.fetch.serve("https://evil.example/jwks", scene.issuer.jwks());
    assert_eq!(scene.refused(&scene.token()).await, Reason::KeysUnavailable);
    let status = scene.authenticator.key_status(scene.clock.now()).remove(0);
    assert_eq!(status.held, KeysHeld::Unavailable);
    let fault = status.last_fault.unwrap();
    assert!(fault.contains(complaint), "{fault}");
    assert!(!scene.fetch.asked().iter().any(|url| url.contains("jwks")), "{:?}", scene.fetch.asked());
}

// proves: AUTHN-20
#[tokio::test]
async fn metadata_of_another_issuer_disables_this_one() {
    for issuer in ["https://id.example.com/", "https://evil.example", "https://ID.example.com", ""] {
        let metadata = TokenIssuer::new(issuer).metadata(JWKS_URL);
        check_disabled(Behavior::Serves(metadata), "another issuer").await;
    }
    // Not even the second document is asked for then.
    let scene = scene();
    scene.fetch.serve(OPENID, TokenIssuer::new("https://evil.example").metadata(JWKS_URL));
    scene.fetch.serve(OAUTH, scene.issuer.metadata(JWKS_URL));
    assert_eq!(scene.refused(&scene.token()).await, Reason::KeysUnavailable);
    assert_eq!(scene.fetch.asked(), [OPENID]);
}

// proves-part: GW-08 (addresses that metadata names; what they resolve to is the guarded client's)
#[tokio::test]
async fn metadata_cannot_point_anywhere_but_to_https() {
    let issuer = TokenIssuer::new(ISSUER);
    for address in [
        "http://id.example.com/jwks",
        "http://127.0.0.1/jwks",
        "http://169.254.169.254/jwks",
        "file:///jwks",
        "https://user@id.example.com/jwks",
        "jwks",
        "",
    ] {
        check_disabled(Behavior::Serves(issuer.metadata(address)), "`jwks_uri`").await;
    }
}

#[tokio::test]
async fn malformed_metadata_disables_the_issuer() {
    for metadata in [
        "<html>".to_owned(),
        "[]".to_owned(),
        json!({ "issuer": ISSUER }).to_string(),
        json!({ "issuer": [ISSUER], "jwks_uri": JWKS_URL }).to_string(),
        format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS_URL}","jwks_uri":"https://evil.example/jwks"}}"#),
    ] {
        check_disabled(Behavior::Serves(metadata), "metadata").await;
    }
    check_disabled(Behavior::Answers(302, String::new()), "302").await;
    check_disabled(Behavior::Answers(500, String::new()), "500").await;
}

#[tokio::test]
async fn a_renewal_is_one_fetch_and_a_move_of_the_keys_is_followed() {
    let mut scene = scene();
    scene.fetch.serve(OPENID, scene.issuer.metadata(JWKS_URL));
    scene.identify(&scene.token()).await.unwrap();
    scene.issuer.add_key(SigningAlgorithm::Es256);
    scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
    scene.identify(&scene.token()).await.unwrap();
    assert_eq!(scene.fetch.asked(), [OPENID, JWKS_URL, JWKS_URL]);
    // The set moves: the first renewal fails, the next one reads the metadata again.
    let moved = "https://keys.example.com/";
    scene.fetch.serve(OPENID, scene.issuer.metadata(moved));
    scene.fetch.serve(moved, scene.issuer.jwks());
    scene.fetch.set(JWKS_URL, Behavior::Answers(404, String::new()));
    scene.pass(300);
    scene.authenticator.refresh_due().await;
    scene.identify(&scene.token()).await.unwrap();
    scene.pass(1);
    scene.authenticator.refresh_due().await;
    assert_eq!(scene.fetch.asked()[3..], [JWKS_URL, OPENID, moved]);
    assert_eq!(scene.authenticator.key_status(scene.clock.now())[0].held, KeysHeld::Fresh);
}
