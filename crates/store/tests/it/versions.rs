//! Versions of the tables.

use portcullis_domain::{KeyId, KeyStore as _, Sequence, Timestamp};
use portcullis_store::{NEWEST, OpenError};

use crate::bench::Bench;

pub(crate) async fn a_newer_database_is_refused(bench: &Bench) {
    bench.run(&format!("INSERT INTO portcullis_schema (version) VALUES ({})", NEWEST + 1));
    let refused = bench.again().err();
    assert!(
        matches!(refused, Some(OpenError::Newer { found, known }) if found == NEWEST + 1 && known == NEWEST),
        "{refused:?}"
    );
}

pub(crate) async fn opening_twice_changes_nothing(bench: &Bench) {
    // At once, as replicas start.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bench.again().unwrap());
        }
    });
    bench.store.revoke_key(KeyId(1), Timestamp::default()).await.unwrap();
    let changes = bench.store.keys_changed_since(Sequence::default()).await.unwrap();
    assert_eq!(changes.sequence, Sequence::default(), "the counter was set up twice");
}
