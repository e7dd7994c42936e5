//! Several issuers under one roof: nothing of one counts for another.

use std::sync::Arc;

use portcullis_authn::SchemesRefused;
use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{TokenIssuer, Workspace};
use serde_json::json;

use crate::fake_fetch::FakeFetch;
use crate::scene::{START, Scene, compiled, wait_for, with};

const A: &str = "https://a.example";
const B: &str = "https://b.example";

/// Two issuers with the same key identifiers, the same subjects, and different audiences, and a
/// third entry for the first issuer with an audience of its own.
fn two_issuers() -> (Scene, TokenIssuer) {
    let (a, b, workspace) = (TokenIssuer::new(A), TokenIssuer::new(B), Workspace::new());
    workspace.file("a.json", a.jwks());
    workspace.file("b.json", b.jwks());
    let policy = format!(
        "identity:\n  a: {{ issuer: '{A}', audience: api-a, jwks: {{ file: a.json }} }}\n  \
         b: {{ issuer: '{B}', audience: api-b, jwks: {{ file: b.json }} }}\n  \
         other: {{ issuer: '{A}', audience: api-other, jwks: {{ file: a.json }} }}\n"
    );
    let (clock, fetch) = (Clock::manual(START), FakeFetch::new());
    let (authenticator, diagnostics) = compiled(&policy, &workspace, &fetch, &clock, None);
    let authenticator = Arc::new(authenticator.unwrap_or_else(|| panic!("{diagnostics:?}")));
    let accepted = authenticator.accept(["a", "b"], "shop").unwrap();
    (Scene { issuer: a, authenticator, accepted, clock, fetch, workspace }, b)
}

// proves: AUTHN-16
#[test]
fn keys_and_audiences_of_one_issuer_do_not_count_for_another() {
    let (scene, b) = two_issuers();
    let (a, now) = (&scene.issuer, scene.clock.now().wall);
    scene.check(&a.token(&a.claims("api-a", now)), Ok(()));
    scene.check(&b.token(&b.claims("api-b", now)), Ok(()));
    // Each claims to be the other; the key identifiers are the same.
    assert_eq!(a.kid(), b.kid());
    scene.check(&b.token(&a.claims("api-a", now)), Err(Reason::TokenSignatureInvalid));
    scene.check(&a.token(&b.claims("api-b", now)), Err(Reason::TokenSignatureInvalid));
    // Each asks for the other's audience.
    scene.check(&a.token(&a.claims("api-b", now)), Err(Reason::TokenAudienceMismatch));
    scene.check(&b.token(&b.claims("api-a", now)), Err(Reason::TokenAudienceMismatch));
}

// proves: AUTHN-17
#[test]
fn the_same_subject_at_two_issuers_is_two_principals() {
    let (scene, b) = two_issuers();
    let (a, now) = (&scene.issuer, scene.clock.now().wall);
    let email = json!("alice@example.com");
    let at_a =
        wait_for(scene.identify(&a.token(&with(&a.claims("api-a", now), "email", email.clone())))).unwrap();
    let at_b = wait_for(scene.identify(&b.token(&with(&b.claims("api-b", now), "email", email)))).unwrap();
    assert_eq!(at_a.subject, at_b.subject);
    assert_ne!((&at_a.issuer, &at_a.subject), (&at_b.issuer, &at_b.subject));
    assert_eq!((&*at_a.scheme, &*at_b.scheme), ("a", "b"));
}

#[test]
fn an_issuer_that_an_operation_does_not_accept_is_unknown_to_it() {
    let (scene, b) = two_issuers();
    let (a, now) = (&scene.issuer, scene.clock.now().wall);
    let only_b = scene.authenticator.accept(["b"], "shop").unwrap();
    let denial = wait_for(scene.identify_accepting(&a.token(&a.claims("api-a", now)), &only_b)).unwrap_err();
    assert_eq!(denial.reason(), Reason::TokenIssuerUnknown);
    let nothing = scene.authenticator.accept([], "shop").unwrap();
    assert!(nothing.is_empty());
    let denial = wait_for(scene.identify_accepting(&b.token(&b.claims("api-b", now)), &nothing)).unwrap_err();
    assert_eq!(denial.reason(), Reason::TokenIssuerUnknown);
}

#[test]
fn two_schemes_of_one_issuer_are_told_apart_by_audience_with_and_without_the_cache() {
    let (scene, _) = two_issuers();
    let (a, now) = (&scene.issuer, scene.clock.now().wall);
    let accept = |schemes: &[&str]| scene.authenticator.accept(schemes.iter().copied(), "shop").unwrap();
    let both = a.token(&with(&a.claims("", now), "aud", json!(["api-a", "api-other"])));
    let only_other = a.token(&a.claims("api-other", now));
    // Twice each, so that the second answer comes from the cache.
    for _ in 0..2 {
        let scheme = |token: &str, accepted: &[&str]| {
            wait_for(scene.identify_accepting(token, &accept(accepted)))
                .map(|principal| principal.scheme.to_string())
        };
        assert_eq!(scheme(&both, &["other"]).unwrap(), "other");
        assert_eq!(scheme(&both, &["a"]).unwrap(), "a");
        assert_eq!(scheme(&both, &["other", "a"]).unwrap(), "a");
        assert_eq!(scheme(&only_other, &["a", "other"]).unwrap(), "other");
        assert_eq!(scheme(&only_other, &["a"]).unwrap_err().reason(), Reason::TokenAudienceMismatch);
    }
}

#[test]
fn a_scheme_without_issuer_is_named() {
    let (scene, _) = two_issuers();
    let unknown = scene.authenticator.accept(["a", "partners"], "shop").unwrap_err();
    assert_eq!(unknown, SchemesRefused::Unknown("partners".into()));
    assert_eq!(scene.authenticator.schemes().collect::<Vec<_>>(), ["a", "b", "other"]);
}

// proves-part: AUTHN-40 (one connection with two requests is a walk test of the gateway)
#[test]
fn nothing_is_remembered_of_who_called_before() {
    let (scene, _) = two_issuers();
    let a = &scene.issuer;
    scene.check(&a.token(&a.claims("api-a", scene.clock.now().wall)), Ok(()));
    let denial = wait_for(scene.identify_nothing()).unwrap_err();
    assert_eq!(denial.reason(), Reason::CredentialMissing);
}
