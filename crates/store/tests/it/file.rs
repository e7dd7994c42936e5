//! What concerns files alone: modes, and the secret that is made beside the database.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use portcullis_domain::{Matching, Pepper as _};
use portcullis_store::{Location, OpenError, RootSecrets, Settings, Store};
use portcullis_testkit::Workspace;

use crate::bench::{Bench, secrets};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn beside(workspace: &Workspace) -> Settings {
    Settings {
        location: Location::File(workspace.path("data/store.db")),
        secrets: RootSecrets::File(workspace.path("data/store.key")),
        poll: std::time::Duration::from_millis(50),
        grace: std::time::Duration::from_secs(1),
    }
}

#[test]
fn what_is_made_is_for_its_owner_only() {
    let workspace = Workspace::new();
    let _store = Store::open(&beside(&workspace)).unwrap();
    assert_eq!(mode(&workspace.path("data")), 0o700);
    for name in ["store.db", "store.db-wal", "store.db-shm", "store.key"] {
        assert_eq!(mode(&workspace.path("data").join(name)), 0o600, "{name}");
    }
}

// proves-part: KEY-10 (key files of TLS, and secrets by reference, are shown elsewhere)
#[test]
fn files_that_others_may_read_are_refused() {
    for name in ["store.db", "store.key"] {
        let workspace = Workspace::new();
        drop(Store::open(&beside(&workspace)).unwrap());
        let path = workspace.path("data").join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Store::open(&beside(&workspace)).expect_err("refused").to_string();
        assert!(refused.contains("0644"), "{refused}");
    }
}

#[test]
fn the_secret_is_made_once_and_by_one_even_when_many_start() {
    let workspace = Workspace::new();
    let digests: Vec<_> = std::thread::scope(|scope| {
        let open = || Store::open(&beside(&workspace)).unwrap().pepper().digest(b"a key");
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let again = Store::open(&beside(&workspace)).unwrap();
    for digest in &digests {
        assert_eq!(again.pepper().compare(b"a key", digest), Matching::Same);
    }
    assert_eq!(std::fs::read_dir(workspace.path("data")).unwrap().count(), 4, "a draft was left behind");
}

#[test]
fn a_weak_secret_file_is_refused() {
    let workspace = Workspace::new();
    workspace.secret("data/store.key", "changeme");
    assert!(matches!(Store::open(&beside(&workspace)), Err(OpenError::SecretWeak(_))));
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let workspace = Workspace::new();
    workspace.secret("data/store.db", "this was never a database, but it was somebody's text");
    let settings = Settings { secrets: secrets(), ..beside(&workspace) };
    assert!(matches!(Store::open(&settings), Err(OpenError::Unusable { .. })));
    assert!(workspace.read("data/store.db").starts_with("this was never"));
}

#[test]
fn a_damaged_file_is_refused() {
    let bench = Bench::sqlite();
    let path = bench.workspace().path("data/store.db");
    drop(bench.again());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(100);
    bytes.extend([0xff; 8192]);
    let other = Workspace::new();
    other.secret("data/store.db", bytes);
    let settings = Settings { secrets: secrets(), ..beside(&other) };
    assert!(Store::open(&settings).is_err());
}
