//! Asking an issuer about tokens, without a gateway around it.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use portcullis_authn::{FetchError, Reach};
use portcullis_domain::Reason;
use portcullis_testkit::{TokenIssuer, Workspace};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::fake_fetch::Behavior;
use crate::scene::{AUDIENCE, ISSUER, Scene, wait_for};

const URL: &str = "https://id.example.com/introspect";

fn scene(settings: &str) -> Scene {
    scene_with("client.secret", "s3cret", &format!("secret: '${{file:client.secret}}'{settings}"))
}

fn scene_with(file: &str, content: &str, settings: &str) -> Scene {
    let workspace = Workspace::new();
    workspace.secret(file, content);
    let introspection = format!("introspection: {{ url: {URL}, client: shop, {settings} }}");
    let issuer = TokenIssuer::new(ISSUER);
    workspace.file("jwks.json", issuer.jwks());
    Scene::open(issuer, workspace, &["jwks: { file: jwks.json }", &introspection])
}

fn good(scene: &Scene) -> Value {
    let exp = scene.clock.now().wall.as_seconds() + 300;
    json!({ "active": true, "aud": AUDIENCE, "sub": "alice", "client_id": "app", "exp": exp })
}

// proves: AUTHN-22
#[test]
fn one_question_serves_everybody_who_shows_the_token_and_the_token_is_kept_nowhere() {
    let scene = Arc::new(scene(""));
    scene.fetch.serve(URL, good(&scene).to_string());
    let answers = wait_for(async {
        let asking: Vec<_> = (0..100)
            .map(|_| {
                let scene = Arc::clone(&scene);
                tokio::spawn(async move { scene.identify("opaque-canary").await.is_ok() })
            })
            .collect();
        let mut answers = Vec::new();
        for answer in asking {
            answers.push(answer.await.unwrap());
        }
        answers
    });
    assert!(answers.into_iter().all(|is_ok| is_ok));
    assert_eq!(scene.fetch.count(), 1);
    let (body, authorization) = scene.fetch.posted().remove(0);
    assert_eq!(body, "token=opaque-canary&token_type_hint=access_token");
    assert_eq!(authorization, "Basic c2hvcDpzM2NyZXQ=");
    let dump = format!("{:?}", scene.authenticator);
    assert!(!dump.contains("canary") && !dump.contains("s3cret"), "{dump}");
    assert_eq!(scene.fetch.last_bounds().reach, Reach::PublicOnly);
}

#[test]
fn whoever_goes_away_while_asking_leaves_the_turn_to_the_next() {
    let scene = scene("");
    scene.fetch.set(URL, Behavior::Hangs);
    wait_for(async {
        let impatient =
            tokio::time::timeout(std::time::Duration::from_millis(20), scene.identify("opaque")).await;
        assert!(impatient.is_err());
        scene.fetch.serve(URL, good(&scene).to_string());
        scene.identify("opaque").await.unwrap();
    });
}

#[test]
fn every_fault_of_the_question_is_a_refusal_that_says_when_to_come_back() {
    for fault in [
        FetchError::AddressRefused,
        FetchError::NameUnknown,
        FetchError::Unreachable,
        FetchError::Untrusted,
        FetchError::Redirected,
        FetchError::TimedOut,
        FetchError::TooLarge,
        FetchError::Malformed,
    ] {
        let scene = scene("");
        scene.fetch.set(URL, Behavior::Fails(fault));
        let denial = wait_for(scene.identify("opaque")).unwrap_err();
        assert_eq!(denial.reason(), Reason::IntrospectionUnavailable);
        assert!(denial.retry_after().is_some());
        // Everybody else is told at once.
        assert_eq!(wait_for(scene.refused("another")), Reason::IntrospectionUnavailable);
        assert_eq!(scene.fetch.count(), 1);
    }
}

#[test]
fn strangers_cannot_push_good_answers_out() {
    let scene = scene(", entries: 16");
    scene.fetch.serve(URL, good(&scene).to_string());
    wait_for(scene.identify("good")).unwrap();
    scene.fetch.serve(URL, json!({ "active": false }).to_string());
    for index in 0..200 {
        assert_eq!(wait_for(scene.refused(&format!("bad{index}"))), Reason::TokenInactive);
    }
    wait_for(scene.identify("good")).unwrap();
    assert_eq!(scene.fetch.count(), 201);
}

// proves: AUTHN-21
#[test]
fn a_key_of_ours_signs_who_asks() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pair.to_pkcs8v1().unwrap().as_ref())
    );
    let scene = scene_with("client.key", &pem, "key: '${file:client.key}', key_id: k1");
    scene.fetch.serve(URL, good(&scene).to_string());
    wait_for(scene.identify("opaque")).unwrap();
    let (body, authorization) = scene.fetch.posted().remove(0);
    assert_eq!(authorization, "");
    let form: HashMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!((form["token"].as_str(), form["client_id"].as_str()), ("opaque", "shop"));
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let (input, signature) = form["client_assertion"].rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key());
    public.verify(input.as_bytes(), &signature).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(input.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    // RFC 7523 §3: from us, about us, for the issuer.
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (&json!("shop"), &json!("shop"), &json!(ISSUER))
    );
}
