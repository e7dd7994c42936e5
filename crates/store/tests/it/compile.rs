//! The `store` section as written.

use std::path::Path;

use portcullis_config::{Diagnostics, Document, Environment, Limits, decode};
use portcullis_store::config::StoreConfig;
use portcullis_store::{Location, RootSecrets, Settings, compile};
use portcullis_testkit::Authority;

const STRONG: &str = "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C";

fn compiled(text: &str) -> (Option<Settings>, Vec<String>) {
    let document = Document::parse("portcullis.yaml", text.as_bytes(), &Limits::default()).unwrap();
    let mut diagnostics = Diagnostics::new();
    let config: StoreConfig = decode(&document, &mut diagnostics).unwrap();
    let environment = Environment::fixed([
        ("STRONG", STRONG),
        ("OTHER", "Zq8p1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8D"),
        ("WEAK", "your-256-bit-secret-your-256-bit-secret"),
        ("URL", "postgresql://portcullis:hunter2@db.example/portcullis"),
        ("NO_URL", "db.example hunter2"),
    ])
    .with_base("/etc/portcullis");
    let settings = compile(
        &config,
        &document.at(""),
        Path::new("/var/lib/portcullis"),
        &environment,
        &crate::bench::tls(&Authority::new()),
        &mut diagnostics,
    );
    assert!(!diagnostics.render(portcullis_config::Color::Never).contains("hunter2"));
    (settings, diagnostics.errors().map(|mistake| mistake.code().to_string()).collect())
}

#[test]
fn nothing_written_is_a_file_in_the_state_folder() {
    let (settings, mistakes) = compiled("{}");
    let settings = settings.unwrap();
    assert!(mistakes.is_empty());
    let Location::File(file) = settings.location else { panic!("a file") };
    assert_eq!(file, Path::new("/var/lib/portcullis/store.db"));
    let RootSecrets::File(file) = settings.secrets else { panic!("a file") };
    assert_eq!(file, Path::new("/var/lib/portcullis/store.key"));
}

#[test]
fn every_mistake_is_named() {
    for (text, code) in [
        ("{file: a.db, postgresql: '${env:URL}', secret: '${env:STRONG}'}", "C0701"),
        ("{postgresql: '${env:NO_URL}', secret: '${env:STRONG}'}", "C0702"),
        ("{postgresql: '${env:URL}'}", "C0703"),
        ("{previous_secrets: ['${env:STRONG}']}", "C0703"),
        ("{secret: '${env:WEAK}'}", "C0704"),
        ("{secret: '${env:STRONG}', previous_secrets: ['${env:STRONG}']}", "C0705"),
        ("{poll: 5s}", "C0706"),
        ("{poll: 1ms}", "C0706"),
    ] {
        let (settings, mistakes) = compiled(text);
        assert!(settings.is_none(), "{text}");
        assert_eq!(mistakes, [code], "{text}");
    }
}

#[test]
fn a_shared_store_is_configured_in_full() {
    let (settings, mistakes) = compiled(
        "{postgresql: '${env:URL}', secret: '${env:STRONG}', previous_secrets: ['${env:OTHER}'], poll: 100ms}",
    );
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let settings = settings.unwrap();
    assert!(matches!(settings.location, Location::Postgres { .. }));
    assert!(matches!(settings.secrets, RootSecrets::Given { previous, .. } if previous.len() == 1));
}
