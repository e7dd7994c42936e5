//! The section in `portcullis.yaml`, and what is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use portcullis_config::{Diagnostics, Document, Environment, decode};
use portcullis_domain::Secret;
use portcullis_limits::shared::{Settings, SharedConfig, WhenLost, compile, key_secret};

use crate::site::Plain;

const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";

#[track_caller]
fn read(text: &str) -> Result<Settings, Vec<&'static str>> {
    let limits = portcullis_config::Limits::default();
    let document = Document::parse("shared.json", text.as_bytes(), &limits);
    let document = document.unwrap_or_else(|mistakes| panic!("{}", mistakes.len()));
    let environment = Environment::fixed([("SECRET", SECRET), ("SHORT", "abc"), ("PASSWORD", "p")]);
    let mut diagnostics = Diagnostics::new();
    let config: Option<SharedConfig> = decode(&document, &mut diagnostics);
    let settings = config.and_then(|config| {
        compile(&config, &document.at(""), &environment, Some(Arc::new(Plain)), &mut diagnostics)
    });
    assert_eq!(settings.is_none(), diagnostics.has_errors());
    settings.ok_or_else(|| diagnostics.iter().map(|mistake| mistake.code().0).collect())
}

#[test]
fn the_smallest_section_has_safe_defaults() {
    let text = r#"{"servers": ["127.0.0.1:6379"], "secret": "${env:SECRET}", "replicas": 2}"#;
    let settings = read(text).unwrap_or_else(|codes| panic!("{codes:?}"));
    assert_eq!(settings.timeout, Duration::from_millis(50));
    assert_eq!((&*settings.prefix, settings.replicas, settings.lease), ("portcullis", 2, 0));
    assert_eq!(settings.when_lost, WhenLost::CountAlone);
    assert_eq!(settings.key_secret, key_secret(&Secret::new(SECRET.into())));
}

#[test]
fn everything_said_is_used() {
    let text = r#"{"servers": ["cache-1.internal:6379", "[2001:db8::1]:6380"], "secret": "${env:SECRET}",
        "replicas": 3, "user": "portcullis", "password": "${env:PASSWORD}", "tls": {}, "prefix": "shop",
        "timeout": "20ms", "when_lost": "refuse", "lease": 20}"#;
    let settings = read(text).unwrap_or_else(|codes| panic!("{codes:?}"));
    assert_eq!(settings.servers.len(), 2);
    assert_eq!(settings.login.user.as_deref(), Some("portcullis"));
    assert_eq!((settings.when_lost, settings.lease), (WhenLost::Refuse, 20));
}

#[test]
fn every_mistake_is_shown_at_once() {
    let text = r#"{"servers": ["cache.internal:6379", "cache", "[::1]:6379"], "secret": "${env:SHORT}",
        "replicas": 1, "prefix": "a{b}", "timeout": "5s"}"#;
    assert_eq!(read(text).err(), Some(vec!["C0521", "C0520", "C0522", "C0523", "C0524"]));
    assert_eq!(
        read(r#"{"servers": [], "secret": "${env:SECRET}", "replicas": 1}"#).err(),
        Some(vec!["C0520"])
    );
}

#[test]
fn a_different_secret_names_keys_differently() {
    let of = |text: &str| key_secret(&Secret::new(text.into()));
    assert_ne!(of(SECRET), of(&SECRET.to_uppercase()));
}
