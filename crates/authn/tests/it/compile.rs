//! What is refused or warned of when the policy is loaded.

use portcullis_config::{Color, Diagnostics};
use portcullis_domain::Clock;
use portcullis_testkit::{TokenIssuer, Workspace};

use crate::fake_fetch::FakeFetch;
use crate::scene::{ISSUER, START, compiled, policy_text};

fn diagnostics_of(policy: &str) -> (bool, Diagnostics) {
    let workspace = Workspace::new();
    workspace.file("jwks.json", TokenIssuer::new(ISSUER).jwks());
    workspace.secret("web.secret", "s3cret");
    let identity = portcullis_testkit::Authority::new().server(&["web.test"]);
    workspace.secret("web.pem", identity.key_pem());
    workspace.file("empty.json", r#"{"keys":[]}"#);
    workspace.file("text.json", r#"["keys"]"#);
    workspace.file("huge.json", format!(r#"{{"keys":[],"pad":"{}"}}"#, "x".repeat(300_000)));
    let (authenticator, diagnostics) =
        compiled(policy, &workspace, &FakeFetch::new(), &Clock::manual(START), None);
    assert_eq!(authenticator.is_none(), diagnostics.has_errors(), "{diagnostics:?}");
    (authenticator.is_some(), diagnostics)
}

#[track_caller]
fn check(settings: &[&str], errors: &[&str], warnings: &[&str]) {
    let (_, diagnostics) = diagnostics_of(&policy_text(ISSUER, settings));
    let found: Vec<_> = diagnostics.errors().map(|error| error.code().0).collect();
    assert_eq!(found, errors, "{}", diagnostics.render(Color::Never));
    let found: Vec<_> = diagnostics.warnings().map(|warning| warning.code().0).collect();
    assert_eq!(found, warnings, "{}", diagnostics.render(Color::Never));
}

const FILE: &str = "jwks: { file: jwks.json }";

#[test]
fn the_smallest_useful_issuer_is_fine() {
    check(&[], &[], &[]);
    check(&[FILE], &[], &[]);
}

// proves: AUTHN-12
#[test]
fn an_issuer_without_audience_is_refused_with_help() {
    let (is_compiled, diagnostics) =
        diagnostics_of(&format!("identity:\n  customers:\n    issuer: {ISSUER}\n"));
    assert!(!is_compiled);
    let text = diagnostics.render(Color::Never);
    for expected in [
        "C0201",
        "audience is not set for issuer `https://id.example.com`",
        "tokens minted for any other service would be accepted here",
        "RFC 8725 §3.9",
        "portcullis.yaml:3",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    check(&["audience: []"], &["C0201"], &[]);
    check(&["audience: ''"], &["C0201"], &[]);
    check(&["audience: [a, '']"], &["C0201"], &[]);
}

// proves: JWT-03
#[test]
fn shared_secrets_and_unsigned_tokens_are_refused_at_load() {
    for name in ["HS256", "HS384", "HS512", "none", "None"] {
        check(&[&format!("algorithms: [ES256, {name}]")], &["C0208"], &[]);
    }
    check(&["algorithms: [ES256K]"], &["C0209"], &[]);
    check(&["algorithms: [rs256]"], &["C0209"], &[]);
    check(&["algorithms: []"], &["C0209"], &[]);
    check(&["algorithms: [HS256, none, XS1]"], &["C0208", "C0208", "C0209"], &[]);
    check(&["algorithms: [RS384, PS512, ES512, EdDSA, Ed25519]"], &[], &[]);
}

#[test]
fn deviations_are_warned_of() {
    check(&["token_types: [at+jwt, JWT]"], &[], &["C0210"]);
    check(&["token_types: [absent]"], &[], &["C0210"]);
    check(&["token_types: []"], &[], &["C0210"]);
    check(&["token_types: [application/at+jwt]"], &[], &[]);
    check(&["required_claims: [iss, exp, aud, sub]"], &[], &["C0214"]);
    check(&["required_claims: [iss, exp, aud, sub, client_id, iat, jti, tenant]"], &[], &[]);
    check(&["clock_skew: 45s"], &[], &["C0212"]);
    check(&["allow_private_network: true"], &[], &["C0215"]);
}

#[test]
fn what_cannot_hold_is_refused() {
    check(&["required_claims: [iss, exp, sub]"], &["C0213"], &[]);
    check(&["required_claims: []"], &["C0213"], &[]);
    check(&["clock_skew: 60s"], &[], &["C0212"]);
    check(&["clock_skew: 61s"], &["C0211"], &[]);
    check(&["keys: { cooldown: 0s }"], &["C0216"], &[]);
    check(&["keys: { refresh: 0s, timeout: 0ms, size: 0 }"], &["C0216", "C0216", "C0216"], &[]);
    check(&["maximum_lifetime: 0s"], &["C0216"], &[]);
}

#[test]
fn the_place_of_the_keys_must_be_clear_and_safe() {
    check(&["jwks: { file: jwks.json, url: 'https://id.example.com/jwks' }"], &["C0204"], &[]);
    check(&["jwks: {}"], &["C0204"], &[]);
    check(&["jwks: { url: 'http://id.example.com/jwks' }"], &["C0205"], &[]);
    check(&["jwks: { url: 'http://127.0.0.1:8080/jwks' }"], &["C0205"], &[]);
    check(&["jwks: { url: 'http://127.0.0.1:8080/jwks' }", "allow_private_network: true"], &[], &["C0215"]);
    check(&["jwks: { url: jwks.json }"], &["C0205"], &[]);
    let (_, diagnostics) = diagnostics_of(&policy_text("shop-issuer", &[]));
    assert_eq!(diagnostics.errors().map(|error| error.code().0).collect::<Vec<_>>(), ["C0203"]);
    let (_, diagnostics) = diagnostics_of(&policy_text("''", &[FILE]));
    assert_eq!(diagnostics.errors().map(|error| error.code().0).collect::<Vec<_>>(), ["C0202"]);
}

#[test]
fn a_key_file_that_cannot_serve_is_refused() {
    check(&["jwks: { file: missing.json }"], &["C0001"], &[]);
    check(&["jwks: { file: empty.json }"], &["C0206"], &[]);
    check(&["jwks: { file: text.json }"], &["C0206"], &[]);
    check(&["jwks: { file: huge.json }"], &["C0002"], &[]);
    check(&[FILE, "algorithms: [RS256]"], &["C0206"], &["C0207"]);
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let (_, diagnostics) = diagnostics_of(
        "identity:\n  a: { issuer: '', algorithms: [none] }\n  b: { issuer: 'https://b.example', audience: x, clock_skew: 2m }\n",
    );
    let codes: Vec<_> = diagnostics.errors().map(|error| error.code().0).collect();
    for code in ["C0202", "C0201", "C0208", "C0211"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
}

#[test]
fn unknown_keys_and_wrong_types_are_refused() {
    for setting in
        ["audiences: x", "jwks: { path: x }", "keys: { ttl: 5m }", "clock_skew: soon", "token_cache: -1"]
    {
        let (is_compiled, _) = diagnostics_of(&policy_text(ISSUER, &[setting]));
        assert!(!is_compiled, "{setting}");
    }
}

#[test]
fn more_issuers_than_bits_are_refused() {
    let mut policy = "identity:\n".to_owned();
    for number in 0..64 {
        policy.push_str(&format!("  i{number}: {{ issuer: 'https://i{number}.example', audience: x }}\n"));
    }
    assert!(diagnostics_of(&policy).0);
    policy.push_str("  i64: { issuer: 'https://i64.example', audience: x }\n");
    let (_, diagnostics) = diagnostics_of(&policy);
    assert_eq!(diagnostics.errors().map(|error| error.code().0).collect::<Vec<_>>(), ["C0217"]);
}

#[test]
fn a_login_needs_a_client_that_can_show_who_it_is() {
    let session = |settings: &str| format!("session: {{ client: web, {settings} }}");
    check(&[&session("secret: '${file:web.secret}'")], &[], &[]);
    check(&["session: { client: web }"], &["C0224"], &[]);
    check(&[&session("secret: '${file:web.secret}', key: '${file:web.pem}'")], &["C0224"], &[]);
    check(&[&session("key: '${file:web.pem}', key_id: k1")], &[], &[]);
    check(&[&session("key: '${file:web.secret}'")], &["C0224"], &[]);
}

#[test]
fn sessions_that_browsers_could_not_keep_safe_are_refused() {
    for settings in [
        "scopes: [profile]",
        "scopes: [openid, 'a b']",
        "scopes: [openid], acr: ['']",
        "path: portcullis",
        "path: /",
        "path: /a/../b",
        "path: /a//b",
        "path: /a/",
        "cookie: session",
        "cookie: __Secure-session",
        "cookie: __Host-",
        "cookie: __Host-login",
        "cookie: '__Host-a;b'",
        "after_login: //evil.test",
        "after_logout: https://evil.test/",
        "idle: 0s",
        "absolute: 30m",
        "login: 0s",
        "timeout: 0s",
    ] {
        let session = format!("session: {{ client: web, secret: '${{file:web.secret}}', {settings} }}");
        check(&[&session], &["C0225"], &[]);
    }
}

#[test]
fn a_login_needs_an_issuer_with_an_address() {
    let settings = [FILE, "session: { client: web, secret: '${file:web.secret}' }"];
    let (_, diagnostics) = diagnostics_of(&policy_text("urn:example:issuer", &settings));
    let found: Vec<_> = diagnostics.errors().map(|error| error.code().0).collect();
    assert_eq!(found, ["C0226"], "{}", diagnostics.render(Color::Never));
}
