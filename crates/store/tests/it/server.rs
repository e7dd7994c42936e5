//! What concerns a server alone: that it can be away.

use portcullis_domain::{KeyId, KeyStore as _, StoreError, Timestamp};
use portcullis_store::{OpenError, Settings, Store};
use portcullis_testkit::wait::PATIENCE;

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
