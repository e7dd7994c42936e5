//! Where a token may sit, and that it is taken away from there.

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_authn::{QueryToken, without_query_token};
use portcullis_domain::Reason;
use portcullis_testkit::TokenIssuer;

use crate::scene::{ISSUER, Scene, check_answer, wait_for};

/// What `take_token` found: a token or none, a refusal.
type Expected<'t> = Result<(Option<&'t str>, QueryToken), Reason>;

#[track_caller]
fn check(fields: &[&str], query: Option<&str>, expected: Expected<'_>) {
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &[]);
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(field.as_bytes()).unwrap());
    }
    let answer = scene.authenticator.take_token(&mut headers, query, &scene.accepted);
    let is_bearer = |field: &&HeaderValue| field.as_bytes().to_ascii_lowercase().starts_with(b"bearer ");
    let left: Vec<_> = headers.values().filter(is_bearer).collect();
    assert!(left.is_empty(), "a token was left in the head: {left:?}");
    match (answer, expected) {
        (Ok(taken), Ok((token, query))) => {
            let found = taken.token.as_ref().map(|token| token.expose());
            assert_eq!((found, taken.query), (token.map(str::as_bytes), query));
        }
        (Err(denial), Err(reason)) => {
            check_answer(&denial);
            assert_eq!(denial.reason(), reason);
        }
        (answer, expected) => panic!("{answer:?} instead of {expected:?}"),
    }
}

const NONE: Expected<'_> = Ok((None, QueryToken::Absent));

// proves: AUTHN-03
#[test]
fn a_token_is_read_from_the_authorization_header_whatever_the_case_of_the_scheme() {
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        check(&[&format!("{scheme} abc.def-_~+/==")], None, Ok((Some("abc.def-_~+/=="), QueryToken::Absent)));
    }
    check(&["Bearer    abc"], None, Ok((Some("abc"), QueryToken::Absent)));
    check(&[], None, NONE);
}

#[test]
fn another_scheme_is_no_bearer_credential_and_stays_where_it_is() {
    for field in
        ["Basic YWxpY2U6", "DPoPabc", "Bearerabc", "Bear abc", "", "abc", "Digest username=\"Bearer\""]
    {
        check(&[field], None, NONE);
    }
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &[]);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic YWxpY2U6"));
    scene.authenticator.take_token(&mut headers, None, &scene.accepted).unwrap();
    assert_eq!(headers.len(), 1);
}

#[test]
fn what_is_no_b64token_is_refused_unread() {
    for field in [
        "Bearer",
        "Bearer ",
        "Bearer =",
        "Bearer a=b",
        "Bearer a b",
        "Bearer\tabc",
        "Bearer a\tb",
        "Bearer \"a\"",
    ] {
        check(&[field], None, Err(Reason::CredentialMalformed));
    }
    check(&["Bearer t\u{f6}ken"], None, Err(Reason::CredentialMalformed));
}

// proves: AUTHN-05
#[test]
fn two_credentials_are_refused_with_invalid_request() {
    check(&["Bearer a", "Bearer b"], None, Err(Reason::CredentialAmbiguous));
    check(&["Bearer a", "Bearer a"], None, Err(Reason::CredentialAmbiguous));
    check(&["Bearer a", "Basic b"], None, Err(Reason::CredentialAmbiguous));
    check(&["Basic a", "Bearer b"], None, Err(Reason::CredentialAmbiguous));
    check(&["Bearer a, Bearer b"], None, Err(Reason::CredentialAmbiguous));
    check(&["Bearer a"], Some("access_token=b"), Err(Reason::CredentialAmbiguous));
    check(&["Bearer a"], Some("x=1&access_token=a"), Err(Reason::CredentialAmbiguous));
}

// proves-part: AUTHN-04 (that the gateway forwards and records only the stripped query)
#[test]
fn a_token_in_the_query_is_no_credential_and_is_flagged() {
    let ignored = Ok((None, QueryToken::Ignored));
    for query in [
        "access_token=abc",
        "a=1&access_token=abc",
        "access_token",
        "access%5Ftoken=abc",
        "ACCESS_TOKEN=abc",
        "%61ccess_token=abc",
        "a=1;access_token=abc",
    ] {
        check(&[], Some(query), ignored);
    }
    for query in
        ["", "access_tokens=abc", "token=access_token", "my_access_token=1", "access%5Gtoken=1", "access%5"]
    {
        check(&[], Some(query), NONE);
    }
}

#[test]
fn the_query_is_forwarded_without_its_token() {
    for (query, expected) in [
        ("access_token=abc", ""),
        ("a=1&access_token=abc", "a=1"),
        ("access_token=abc&b=2", "b=2"),
        ("a=1&access%5Ftoken=abc&b=2&Access_Token=d", "a=1&b=2"),
        ("a=1;access_token=abc;b=2", "a=1;b=2"),
        ("a=1&b=%2F&c", "a=1&b=%2F&c"),
        ("", ""),
    ] {
        assert_eq!(without_query_token(query), expected, "{query}");
    }
}

// proves: AUTHN-02
#[test]
fn a_missing_credential_is_challenged_without_an_error_code() {
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &[]);
    let denial = wait_for(scene.identify_nothing()).unwrap_err();
    assert_eq!(denial.reason(), Reason::CredentialMissing);
    assert_eq!(denial.reason().status(), 401);
    let challenges: Vec<_> = denial.challenges().iter().map(|challenge| challenge.header_value()).collect();
    assert_eq!(challenges, [r#"Bearer realm="shop""#]);
}

// proves: AUTHN-41
#[test]
fn an_oversized_token_is_refused_before_anything_is_parsed() {
    let at_bound = "a".repeat(8 * 1024);
    check(&[&format!("Bearer {at_bound}")], None, Ok((Some(&at_bound), QueryToken::Absent)));
    check(&[&format!("Bearer {at_bound}a")], None, Err(Reason::TokenTooLarge));
    check(&[&format!("Bearer {}", "a".repeat(1024 * 1024))], None, Err(Reason::TokenTooLarge));
    // The bound comes first: what is behind it is not looked at.
    check(&[&format!("Bearer {at_bound},")], None, Err(Reason::TokenTooLarge));
}

#[test]
fn nothing_of_a_token_is_shown_when_it_is_printed() {
    let scene = Scene::of_file(TokenIssuer::new(ISSUER), &[]);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer canary"));
    let taken = scene.authenticator.take_token(&mut headers, None, &scene.accepted).unwrap();
    assert!(!format!("{taken:?} {:?}", taken.token.as_ref().unwrap().digest()).contains("canary"));
}
