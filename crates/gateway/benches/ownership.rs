//! What it costs a request to tell whose an object is.
//!
//! Targets: an object that is remembered below 1 µs with both digests, one that SQLite is asked for below 150 µs.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Duration;

use divan::Bencher;
use portcullis_authz::ledger::{Decision, decide};
use portcullis_domain::{
    Authority, ChangeKind, ObjectChange, ObjectState, OwnedObject, OwnershipStore as _, Right, Secret,
    Timestamp,
};
use portcullis_gateway::ownership::hot::Hot;
use portcullis_store::{LedgerKey, Location, RootSecrets, Settings, Store};
use portcullis_testkit::Workspace;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

const OBJECTS: u32 = 100_000;
const ISSUER: &str = "https://id.example.com";

struct Scene {
    runtime: Runtime,
    store: Store,
    key: LedgerKey,
    hot: Hot,
    _folder: Workspace,
}

fn scene() -> Scene {
    let folder = Workspace::new();
    let settings = Settings {
        location: Location::File(folder.path("store.db")),
        secrets: RootSecrets::Given {
            newest: Secret::new(b"a root secret of 32 bytes or more".to_vec()),
            previous: Vec::new(),
        },
        poll: Duration::from_secs(1),
        grace: Duration::from_secs(30),
    };
    let store = Store::open(&settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let key = runtime.block_on(store.ledger_key()).unwrap();
    let hot = Hot::new(1_000_000);
    let at = Timestamp::from_seconds(1_800_000_000);
    for first in (0..OBJECTS).step_by(10_000) {
        let change = |number: u32| {
            let object = OwnedObject {
                owner: key.owner(ISSUER, &format!("user-{}", number % 1000)),
                authority: Authority::Create,
                state: ObjectState::Confirmed,
                version: 1,
                at,
                parent: None,
                grants: Default::default(),
            };
            let key = key.object("shop", "order", "", &number.to_string());
            hot.refresh(key, object.clone());
            ObjectChange { key, object, kind: ChangeKind::Created, grant: None, at, receipt: None }
        };
        runtime.block_on(store.keep_objects((first..first + 10_000).map(change).collect())).unwrap();
    }
    Scene { runtime, store, key, hot, _folder: folder }
}

/// Both digests, the look and the decision.
#[divan::bench]
fn remembered(bencher: Bencher) {
    let Scene { key, hot, .. } = scene();
    bencher.bench_local(|| {
        let caller = key.owner(black_box(ISSUER), black_box("user-7"));
        let object = hot.find(key.object("shop", "order", "", black_box("4007"))).unwrap().object;
        assert_eq!(decide(Some(&object), &[caller], Right::Read), Decision::Own);
    });
}

/// The same for one of which SQLite must be asked.
#[divan::bench]
fn asked_for(bencher: Bencher) {
    let Scene { runtime, store, key, _folder, .. } = scene();
    let mut number = 0;
    bencher.bench_local(|| {
        number = (number + 7919) % OBJECTS;
        let caller = key.owner(ISSUER, "user-7");
        let object = key.object("shop", "order", "", &number.to_string());
        let object = runtime.block_on(store.find_object(object)).unwrap();
        decide(object.as_ref(), &[caller], Right::Read)
    });
}
