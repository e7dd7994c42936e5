//! What concerns a server alone: that it can be away.

use std::sync::Arc;

use portcullis_domain::{KeyId, KeyStore as _, Secret, StoreError, Timestamp};
use portcullis_store::{Location, OpenError, Settings, Store};
use portcullis_testkit::wait::PATIENCE;
use portcullis_testkit::{Authority, Database};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::bench::{Bench, location_at, secrets};

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be_and_used_again_when_it_is_back() {
    let bench = Bench::postgres();
    assert_eq!(bench.store.find_key(KeyId(1)).await, Ok(None));
    bench.database().close();
    // Each connection may have to notice for itself.
    let mut refused = 0;
    for _ in 0..20 {
        refused += usize::from(bench.store.find_key(KeyId(1)).await == Err(StoreError::Unavailable));
    }
    assert_eq!(refused, 20, "an answer came from nowhere");
    assert_eq!(bench.store.revoke_key(KeyId(1), Timestamp::default()).await, Err(StoreError::Unavailable));
    bench.database().open();
    let back = async {
        while bench.store.find_key(KeyId(1)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("it never came back");
}

#[test]
fn a_server_that_does_not_answer_is_an_error_without_the_password() {
    let closed = portcullis_testkit::ClosedPort::new();
    let url = format!("postgresql://portcullis:hunter2hunter2@127.0.0.1:{}/x", closed.address().port());
    let settings = Settings {
        location: location_at(&url),
        secrets: secrets(),
        poll: std::time::Duration::from_millis(50),
        grace: std::time::Duration::from_secs(1),
    };
    let refused = Store::open(&settings).expect_err("nobody listens there");
    assert!(matches!(refused, OpenError::Unusable { .. }));
    assert!(!format!("{refused} {refused:?} {settings:?}").contains("hunter2"));
}

fn over_tls(url: String, roots: RootCertStore) -> Settings {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Settings {
        location: Location::Postgres { url: Secret::new(url.into_bytes()), tls: Arc::new(tls) },
        secrets: secrets(),
        poll: std::time::Duration::from_millis(50),
        grace: std::time::Duration::from_secs(1),
    }
}

#[test]
fn the_connection_is_encrypted_and_only_with_a_server_that_is_trusted() {
    let database = Database::new();
    let url = format!("{}?sslmode=require", database.url());
    let certificate = CertificateDer::from_pem_slice(database.certificate().as_bytes()).unwrap();
    let mut trusting = RootCertStore::empty();
    trusting.add(certificate).unwrap();
    let _store = Store::open(&over_tls(url.clone(), trusting.clone())).unwrap();
    let encrypted = database.run(
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE datname = current_database() AND application_name = 'portcullis'",
    );
    assert_eq!(encrypted, "t");
    // Another authority, and another name than the certificate's.
    let stranger = (*Authority::named("somebody else").roots()).clone();
    assert!(matches!(Store::open(&over_tls(url.clone(), stranger)), Err(OpenError::Unusable { .. })));
    let elsewhere = url.replace("127.0.0.1", "127.0.0.2");
    assert!(matches!(Store::open(&over_tls(elsewhere, trusting)), Err(OpenError::Unusable { .. })));
}
