//! Passwords, without a gateway around them.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_authn::password::{Passwords, ShownPassword, read_users};
use portcullis_domain::{Clock, Reason, Secret};

use crate::scene::START;

fn passwords() -> Arc<Passwords> {
    let hash = Argon2::default().hash_password(b"right").unwrap();
    let users = read_users(&Secret::new(format!("alice:{hash}").into_bytes())).unwrap();
    Arc::new(Passwords::new("legacy".into(), users, Duration::from_secs(60)).unwrap())
}

fn shown(pair: &str) -> ShownPassword {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("bAsIc {encoded}")).unwrap());
    let shown = ShownPassword::take(&mut headers).unwrap().expect("a Basic credential");
    assert!(headers.is_empty());
    shown
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn a_good_password_is_remembered_for_a_while_and_printed_never() {
    let (passwords, clock) = (passwords(), Clock::manual(START));
    let ask = |pair: &str| wait_for(passwords.identify(&shown(pair), "shop", clock.now()));
    assert_eq!(ask("alice:right").unwrap().subject.as_str(), "alice");
    assert_eq!(ask("alice:right").unwrap().issuer.as_str(), "passwords:legacy");
    assert_eq!(ask("alice:wrong").unwrap_err().reason(), Reason::PasswordInvalid);
    assert_eq!(ask("mallory:right").unwrap_err().reason(), Reason::PasswordInvalid);
    clock.advance(Duration::from_secs(61));
    ask("alice:right").unwrap();
    assert_eq!(format!("{:?}", shown("alice:right")), "ShownPassword(redacted)");
    assert!(!format!("{passwords:?}").contains("alice"));
}

#[test]
fn what_cannot_be_checked_soon_is_refused() {
    let (passwords, clock) = (passwords(), Clock::manual(START));
    let reasons = wait_for(async {
        let asking: Vec<_> = (0..100)
            .map(|index| {
                let (passwords, now) = (Arc::clone(&passwords), clock.now());
                tokio::spawn(async move {
                    let shown = shown(&format!("alice:{index}"));
                    passwords.identify(&shown, "shop", now).await.unwrap_err().reason()
                })
            })
            .collect();
        let mut reasons = Vec::new();
        for answer in asking {
            reasons.push(answer.await.unwrap());
        }
        reasons
    });
    let saturated = reasons.iter().filter(|reason| **reason == Reason::PasswordsSaturated).count();
    assert_eq!(saturated, 100 - 64);
}
