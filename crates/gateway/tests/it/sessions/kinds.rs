//! Each kind of token is good for one thing only (RFC 8725 §3.12).

use portcullis_authn::internal_token::TOKEN_TYPE;
use portcullis_domain::Reason;
use serde_json::json;

use super::ends::{logout_form, told};
use super::provider::Scene;

/// What other kinds of token call themselves.
const OTHERS: [&str; 6] =
    ["at+jwt", "dpop+jwt", "client-authentication+jwt", "secevent+jwt", "oauth-authz-req+jwt", TOKEN_TYPE];

// Together with its kin it fills the table: the slots of ID and logout tokens; those of access tokens and proofs are shown in `authn`.
// proves: JWT-13
#[test]
fn other_kinds_of_token_are_neither_id_tokens_nor_logout_tokens() {
    let scene = Scene::new();
    let cookie = scene.sign_in();
    // Each has everything else that the right one has, and the issuer's own signature.
    for typ in OTHERS.into_iter().chain(["logout+jwt"]) {
        scene.provider.id_token(json!({ "typ": typ }), json!({}));
        let begun = scene.begin("");
        let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
        outcome.refused(Reason::LoginUnproven);
    }
    for typ in OTHERS.into_iter().chain(["JWT"]) {
        let token = scene.provider.logout_token(json!({ "typ": typ }), json!({}));
        told(&scene, &token).refused(Reason::LogoutTokenInvalid);
    }
    // Where nobody says what it is, the claims do.
    let event = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    scene.provider.id_token(json!({ "typ": null }), json!({ "events": event }));
    let begun = scene.begin("");
    let outcome = scene.come_back(&begun.cookie, &scene.provider.sign_in(&begun.location));
    outcome.refused(Reason::LoginUnproven);
    for claims in [json!({ "nonce": "n", "events": null }), json!({ "nonce": "n" })] {
        told(&scene, &scene.provider.logout_token(json!({ "typ": null }), claims))
            .refused(Reason::LogoutTokenInvalid);
    }
    scene.walk.send_tls(logout_form(&scene.walk.token("orders:read"))).refused(Reason::LogoutTokenInvalid);
    scene.orders(&cookie).passed();
    // The right one is none of the others either: an ID token and a logout token open no operation.
    let good = scene.provider.logout_token(json!({}), json!({}));
    scene.walk.send_tls(crate::walk::get("/orders").bearer(&good)).refused(Reason::TokenTypeWrong);
}
