//! The JOSE envelope: what is no strict compact JWS, or would have us choose the wrong key or
//! algorithm.

use aws_lc_rs::hmac;
use portcullis_domain::Reason;
use portcullis_testkit::issuer::base64url;
use portcullis_testkit::{SigningAlgorithm, TokenIssuer};
use serde_json::{Map, Value, json};

use crate::scene::{ISSUER, Scene};

fn scene() -> Scene {
    Scene::of_file(TokenIssuer::new(ISSUER), &[])
}

/// A good token whose header is changed and which is signed anew.
fn with_header(scene: &Scene, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut header = scene.issuer.header();
    change(&mut header);
    scene.issuer.token_with_header(&header, &scene.claims())
}

#[track_caller]
fn check_header(change: impl FnOnce(&mut Map<String, Value>), expected: Result<(), Reason>) {
    let scene = scene();
    scene.check(&with_header(&scene, change), expected);
    assert_eq!(scene.fetch.count(), 0, "a header made us fetch something");
}

#[track_caller]
fn check_raw_header(header: impl AsRef<[u8]>, expected: Result<(), Reason>) {
    let scene = scene();
    let claims = serde_json::to_vec(&scene.claims()).unwrap();
    scene.check(&scene.issuer.sign(header.as_ref(), &claims), expected);
}

#[track_caller]
fn check_respelled(respell: impl FnOnce(&str, &str, &str) -> String, expected: Result<(), Reason>) {
    let scene = scene();
    let token = scene.token();
    let mut parts = token.split('.');
    let [header, payload, signature] = [(); 3].map(|()| parts.next().unwrap());
    scene.check(&respell(header, payload, signature), expected);
}

#[test]
fn a_good_token_of_every_default_algorithm_is_accepted() {
    for algorithm in
        [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::Ps256, SigningAlgorithm::EdDsa]
    {
        let scene = Scene::of_file(TokenIssuer::with_key(ISSUER, algorithm), &[]);
        scene.check(&scene.token(), Ok(()));
    }
}

// proves: JWT-01
#[test]
fn no_algorithm_is_accepted_unless_it_is_listed() {
    for name in
        ["none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "es256", "ES256K", "RS1", "Ed448"]
    {
        check_header(
            |header| {
                header.insert("alg".into(), name.into());
            },
            Err(Reason::TokenAlgorithmRefused),
        );
    }
    let scene =
        Scene::of_file(TokenIssuer::with_key(ISSUER, SigningAlgorithm::Es384), &["algorithms: [ES384]"]);
    scene.check(&scene.token(), Ok(()));
    let mut issuer = TokenIssuer::with_key(ISSUER, SigningAlgorithm::Es256);
    issuer.add_key(SigningAlgorithm::Es384);
    let scene = Scene::of_file(issuer, &[]);
    scene.check(&scene.token(), Err(Reason::TokenAlgorithmRefused));
}

#[test]
fn an_unsigned_token_is_refused_in_every_spelling() {
    for name in ["none", "nOnE", "ES256"] {
        let scene = scene();
        let header =
            base64url(json!({ "alg": name, "typ": "at+jwt", "kid": "key-1" }).to_string().as_bytes());
        let claims = base64url(&serde_json::to_vec(&scene.claims()).unwrap());
        scene.check(&format!("{header}.{claims}."), Err(Reason::TokenMalformed));
        scene.check(&format!("{header}.{claims}"), Err(Reason::TokenMalformed));
    }
}

// proves: JWT-02
#[test]
fn a_public_key_is_never_a_shared_secret_and_a_key_has_one_algorithm() {
    let scene = Scene::of_file(TokenIssuer::with_key(ISSUER, SigningAlgorithm::Rs256), &[]);
    let claims = base64url(&serde_json::to_vec(&scene.claims()).unwrap());
    let header = base64url(json!({ "alg": "HS256", "typ": "at+jwt", "kid": "key-1" }).to_string().as_bytes());
    let input = format!("{header}.{claims}");
    // The classic: the published key as the secret of a MAC.
    for secret in [scene.issuer.jwks(), scene.issuer.jwk_list()[0]["n"].as_str().unwrap().to_owned()] {
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), input.as_bytes());
        scene.check(&format!("{input}.{}", base64url(mac.as_ref())), Err(Reason::TokenAlgorithmRefused));
    }
    // An RS256 key and a header that says PS256, both listed.
    let mut header = scene.issuer.header();
    header.insert("alg".into(), "PS256".into());
    scene
        .check(&scene.issuer.token_with_header(&header, &scene.claims()), Err(Reason::TokenAlgorithmRefused));
}

// proves-part: JWT-02 (keys that name no algorithm themselves)
#[test]
fn an_rsa_key_without_alg_is_bound_to_the_first_rsa_algorithm_of_the_issuer() {
    let issuer = TokenIssuer::with_key(ISSUER, SigningAlgorithm::Ps256);
    let mut key = issuer.jwk_list().remove(0);
    key.as_object_mut().unwrap().remove("alg");
    for (setting, expected) in [
        ("algorithms: [RS256, PS256]", Err(Reason::TokenAlgorithmRefused)),
        ("algorithms: [ES256, PS256, RS256]", Ok(())),
    ] {
        let workspace = portcullis_testkit::Workspace::new();
        workspace.file("keys.json", json!({ "keys": [key] }).to_string());
        let issuer = TokenIssuer::with_key(ISSUER, SigningAlgorithm::Ps256);
        let scene = Scene::open(issuer, workspace, &["jwks: { file: keys.json }", setting]);
        // Signed by another key of the same kind: what matters is how far it comes.
        let expected = expected.and(Err(Reason::TokenSignatureInvalid));
        scene.check(&scene.token(), expected);
    }
}

// proves: JWT-04
#[test]
fn keys_in_the_header_are_ignored() {
    let scene = scene();
    let attacker = TokenIssuer::new(ISSUER);
    let jwk = attacker.jwk_list().remove(0);
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = attacker.header();
        header.insert(name.into(), value.clone());
        scene
            .check(&attacker.token_with_header(&header, &scene.claims()), Err(Reason::TokenSignatureInvalid));
        // In a token of the issuer itself they do no harm.
        scene.check(
            &with_header(&scene, |header| {
                header.insert(name.into(), value);
            }),
            Ok(()),
        );
    }
    assert_eq!(scene.fetch.count(), 0);
}

// No issuer can be configured to encrypt its tokens, so none is ever decrypted.
// proves: JWT-12
#[test]
fn an_encrypted_token_is_refused_without_a_look_inside() {
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &[]);
    let bomb = base64url(&vec![0; 5000]);
    for header in [
        json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAA", "p2c": 1_000_000_000 }),
        json!({ "alg": "RSA1_5", "enc": "A128CBC-HS256" }),
        json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF" }),
        json!({ "alg": "dir", "enc": "A256GCM", "cty": "JWT" }),
    ] {
        let header = base64url(header.to_string().as_bytes());
        scene.check(&format!("{header}.AAAA.AAAA.{bomb}.AAAA"), Err(Reason::TokenMalformed));
        // In three parts it is a signature by an algorithm that is none.
        scene.check(&format!("{header}.{bomb}.AAAA"), Err(Reason::TokenAlgorithmRefused));
    }
}

// proves: JWT-05
#[test]
fn a_kid_is_a_bounded_opaque_text() {
    for kid in [
        "../../etc/passwd",
        "' OR 1=1 --",
        "key-1\u{0}",
        "KEY-1",
        " key-1",
        "",
        "key-1 ",
        "|id",
        &"k".repeat(4096),
    ] {
        check_header(
            |header| {
                header.insert("kid".into(), kid.into());
            },
            Err(Reason::TokenKeyUnknown),
        );
    }
    for kid in [json!(1), json!(null), json!(["key-1"]), json!({})] {
        check_header(
            |header| {
                header.insert("kid".into(), kid);
            },
            Err(Reason::TokenMalformed),
        );
    }
}

#[test]
fn a_token_without_kid_is_verified_only_if_there_is_no_choice() {
    check_header(
        |header| {
            header.remove("kid");
        },
        Ok(()),
    );
    let mut issuer = TokenIssuer::new(ISSUER);
    issuer.add_key(SigningAlgorithm::Es256);
    let scene = Scene::of_file(issuer, &[]);
    scene.check(
        &with_header(&scene, |header| {
            header.remove("kid");
        }),
        Err(Reason::TokenKeyUnknown),
    );
    scene.check(&scene.token(), Ok(()));
}

// proves: JWT-06
#[test]
fn critical_extensions_and_unencoded_payloads_are_refused() {
    for crit in [json!(["x"]), json!(["b64"]), json!([]), json!(null), json!("exp"), json!(["exp"])] {
        check_header(
            |header| {
                header.insert("crit".into(), crit);
            },
            Err(Reason::TokenCriticalUnknown),
        );
    }
    for b64 in [json!(false), json!(true), json!(null)] {
        check_header(
            |header| {
                header.insert("b64".into(), b64);
            },
            Err(Reason::TokenCriticalUnknown),
        );
    }
}

#[test]
fn unknown_header_parameters_are_ignored() {
    check_header(
        |header| {
            header.insert("x-note".into(), json!({ "a": [1, 2] }));
        },
        Ok(()),
    );
    check_header(
        |header| {
            header.insert("cty".into(), json!("JWT"));
        },
        Ok(()),
    );
}

// proves: JWT-07
#[test]
fn only_the_strict_compact_form_is_read() {
    let malformed = Err(Reason::TokenMalformed);
    check_respelled(|header, payload, signature| format!("{header}.{payload}.{signature}"), Ok(()));
    check_respelled(|header, payload, signature| format!("{header}.{payload}.{signature}=="), malformed);
    check_respelled(
        |header, payload, signature| format!("{header}==.{payload}.{signature}"),
        Err(Reason::CredentialMalformed),
    );
    check_respelled(|header, payload, _| format!("{header}.{payload}"), malformed);
    check_respelled(|header, payload, signature| format!("{header}.{payload}.{signature}.x"), malformed);
    check_respelled(|header, payload, signature| format!("{header}.{payload}.{signature}.x.y"), malformed);
    check_respelled(|header, payload, signature| format!(".{header}.{payload}.{signature}"), malformed);
    check_respelled(|_, payload, signature| format!(".{payload}.{signature}"), malformed);
    check_respelled(|header, _, signature| format!("{header}..{signature}"), malformed);
    check_respelled(|header, payload, _| format!("{header}.{payload}."), malformed);
    check_respelled(|header, payload, signature| format!("{header}.{payload}.{signature}AAA"), malformed);
    check_respelled(|_, _, _| "..".into(), malformed);
    check_respelled(|_, _, _| "...".into(), malformed);
    // The alphabet of base64 instead of base64url.
    check_respelled(|header, payload, signature| format!("{header}.{payload}.+/{signature}"), malformed);
    // Whitespace and the JSON serialization do not even pass the grammar of the header field.
    let credential = Err(Reason::CredentialMalformed);
    check_respelled(|header, payload, signature| format!("{header}. {payload}.{signature}"), credential);
    check_respelled(
        |header, payload, signature| format!("{{\"payload\":\"{payload}\"}}{header}{signature}"),
        credential,
    );
}

// proves: JWT-07
#[test]
fn bits_that_no_value_needs_must_be_zero() {
    let scene = scene();
    let token = scene.token();
    // An ES256 signature of 64 bytes ends in a character of which only the upper two bits count.
    let last = token.chars().last().unwrap();
    assert!("AQgw".contains(last));
    let successor = char::from(u8::try_from(last).unwrap() + 1);
    scene.check(&format!("{}{successor}", &token[..token.len() - 1]), Err(Reason::TokenMalformed));
}

// proves: JWT-08
#[test]
fn ambiguous_json_is_refused_in_header_and_claims() {
    let malformed = Err(Reason::TokenMalformed);
    check_raw_header(r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#, Ok(()));
    check_raw_header(r#" { "alg" : "ES256" , "typ":"at+jwt","kid":"key-1"} "#, Ok(()));
    check_raw_header(r#"{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"key-1"}"#, malformed);
    check_raw_header(r#"{"alg":"ES256","\u0061lg":"ES256","typ":"at+jwt","kid":"key-1"}"#, malformed);
    check_raw_header(r#"{"alg":"ES256","x":1,"x":1,"typ":"at+jwt","kid":"key-1"}"#, malformed);
    check_raw_header("\u{feff}{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"key-1\"}", malformed);
    check_raw_header(r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}{}"#, malformed);
    check_raw_header(r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1",}"#, malformed);
    check_raw_header(b"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\xff\"}", malformed);
    for text in [
        "[]",
        "\"ES256\"",
        "null",
        "",
        "{}",
        r#"{"typ":"at+jwt"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":7}"#,
        r#"{"alg":["ES256"]}"#,
    ] {
        check_raw_header(text, malformed);
    }
    let utf16: Vec<u8> = r#"{"alg":"ES256"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_raw_header(utf16, malformed);

    let scene = scene();
    let header = serde_json::to_vec(&scene.issuer.header()).unwrap();
    let claims = serde_json::to_string(&scene.claims()).unwrap();
    let members = &claims[1..claims.len() - 1];
    scene.check(&scene.issuer.sign(&header, format!("{{{members}}}").as_bytes()), Ok(()));
    for claims in [
        format!("{{{members},\"aud\":\"other\"}}"),
        format!("{{\"aud\":\"shop-api\",{members}}}"),
        format!("{{{members},\"a\":{{\"b\":1,\"b\":2}}}}"),
        format!("\u{feff}{{{members}}}"),
        format!("{{{members}}} x"),
        format!("{{{members},\"a\":NaN}}"),
        format!("{{{members},\"a\":\"\\ud800\"}}"),
    ] {
        scene.check(&scene.issuer.sign(&header, claims.as_bytes()), malformed);
    }
}

// proves: AUTHN-41
#[test]
fn bottomless_json_is_refused() {
    let scene = scene();
    let header = serde_json::to_vec(&scene.issuer.header()).unwrap();
    let nested = format!("{}{}", "[".repeat(2500), "]".repeat(2500));
    scene.check(&scene.issuer.sign(&header, nested.as_bytes()), Err(Reason::TokenMalformed));
    scene.check(
        &scene.issuer.sign(format!("{{\"alg\":{nested}}}").as_bytes(), b"{}"),
        Err(Reason::TokenMalformed),
    );
}

// proves: JWT-09
#[test]
fn a_signature_has_one_length_and_numbers_in_range() {
    let scene = scene();
    let token = scene.token();
    let (input, _) = token.rsplit_once('.').unwrap();
    let good = scene.issuer.sign_input(input.as_bytes());
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    let invalid = Err(Reason::TokenSignatureInvalid);
    let sign = |signature: &[u8]| format!("{input}.{}", base64url(signature));
    scene.check(&sign(&good), Ok(()));
    for signature in [
        [zero, zero].concat(),
        [r, &zero].concat(),
        [&zero, s].concat(),
        [0xFF; 64].to_vec(),
        good[..63].to_vec(),
        [good.as_slice(), &[0]].concat(),
        [&[0], good.as_slice()].concat(),
        [&[0; 16], r, &[0; 16], s].concat(),
        der_form(r, s),
        vec![0],
    ] {
        scene.check(&sign(&signature), invalid);
    }
    // A key of another curve under the algorithm's name.
    let mut issuer = TokenIssuer::new(ISSUER);
    issuer.add_key(SigningAlgorithm::Es384);
    let scene = Scene::of_file(issuer, &["algorithms: [ES256, ES384]"]);
    scene.check(
        &with_header(&scene, |header| {
            header.insert("alg".into(), "ES256".into());
        }),
        Err(Reason::TokenAlgorithmRefused),
    );
}

/// An ECDSA signature as ASN.1 writes it.
fn der_form(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let padded = [&[0], number].concat();
        [&[0x02, u8::try_from(padded.len()).unwrap()], padded.as_slice()].concat()
    };
    let content = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

// proves: JWT-11
#[test]
fn both_names_of_ed25519_verify_and_ed448_does_not() {
    let scene = Scene::of_file(TokenIssuer::with_key(ISSUER, SigningAlgorithm::EdDsa), &[]);
    for (name, expected) in
        [("EdDSA", Ok(())), ("Ed25519", Ok(())), ("Ed448", Err(Reason::TokenAlgorithmRefused))]
    {
        scene.check(
            &with_header(&scene, |header| {
                header.insert("alg".into(), name.into());
            }),
            expected,
        );
    }
}

#[test]
fn an_encrypted_token_is_refused() {
    check_respelled(
        |_, payload, signature| {
            let header = base64url(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
            format!("{header}.{payload}.{payload}.{payload}.{signature}")
        },
        Err(Reason::TokenMalformed),
    );
    check_header(
        |header| {
            header.insert("alg".into(), "PBES2-HS256+A128KW".into());
        },
        Err(Reason::TokenAlgorithmRefused),
    );
}
