//! Whose objects are.

use portcullis_domain::ownership::GrantChange;
use portcullis_domain::{
    Authority, ChangeKind, Coverage, Grant, Keeping, KeyStore as _, ObjectChange, ObjectKey, ObjectState,
    OwnedObject, OwnerKey, OwnershipBounds, OwnershipStore, Right, Timestamp,
};

use crate::bench::Bench;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ALICE: OwnerKey = OwnerKey(11);
const BOB: OwnerKey = OwnerKey(12);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(NOW.as_seconds() + seconds)
}

fn key(number: u32) -> ObjectKey {
    let mut key = [7; 12];
    // Digests are spread like this; rows must not come in order.
    key[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    ObjectKey(key)
}

fn owned(owner: OwnerKey, seconds: u64) -> OwnedObject {
    OwnedObject {
        owner,
        authority: Authority::Create,
        state: ObjectState::Confirmed,
        version: 1,
        at: at(seconds),
        parent: None,
        grants: Default::default(),
    }
}

fn change(number: u32, kind: ChangeKind, object: OwnedObject) -> ObjectChange {
    ObjectChange { key: key(number), at: object.at, object, kind, grant: None, receipt: None }
}

async fn keep(store: &dyn OwnershipStore, change: ObjectChange) -> Keeping {
    store.keep_objects(vec![change]).await.unwrap()[0]
}

pub(crate) async fn an_owner_survives_a_restart(bench: &Bench) {
    let object = OwnedObject { parent: Some(42), ..owned(ALICE, 0) };
    assert_eq!(keep(&bench.store, change(1, ChangeKind::Created, object.clone())).await, Keeping::Kept);
    let again = bench.again().unwrap();
    assert_eq!(again.find_object(key(1)).await, Ok(Some(object)));
    assert_eq!(again.find_object(key(2)).await, Ok(None));
}

pub(crate) async fn the_first_writer_wins_whoever_writes_first(bench: &Bench) {
    let (first, second) = (owned(ALICE, 0), owned(BOB, 1));
    for (number, order) in [(1, [&first, &second]), (2, [&second, &first])] {
        for object in order {
            keep(&bench.store, change(number, ChangeKind::Created, object.clone())).await;
        }
        let kept = bench.store.find_object(key(number)).await.unwrap().unwrap();
        assert_eq!(kept.owner, ALICE, "{number}");
    }
}

pub(crate) async fn two_gateways_that_write_at_once_leave_one_owner(bench: &Bench) {
    let other = bench.again().unwrap();
    let story = |owner, seconds| {
        (0..50).map(|number| change(number, ChangeKind::Created, owned(owner, seconds))).collect()
    };
    let (one, two) =
        tokio::join!(bench.store.keep_objects(story(ALICE, 3)), other.keep_objects(story(BOB, 2)),);
    assert!(two.unwrap().contains(&Keeping::Kept));
    one.unwrap();
    for number in 0..50 {
        assert_eq!(other.find_object(key(number)).await.unwrap().unwrap().owner, BOB);
    }
}

pub(crate) async fn what_is_shared_ends_with_the_version(bench: &Bench) {
    let object = owned(ALICE, 0);
    keep(&bench.store, change(1, ChangeKind::Created, object.clone())).await;
    let grant = |right, seconds| ObjectChange {
        grant: Some(GrantChange { to: BOB, right }),
        at: at(seconds),
        ..change(1, ChangeKind::Shared, object.clone())
    };
    keep(&bench.store, grant(Some(Right::Read), 1)).await;
    let found = || async { bench.store.find_object(key(1)).await.unwrap().unwrap().grants.to_vec() };
    assert_eq!(found().await, [Grant { to: BOB, right: Right::Read }]);
    keep(&bench.store, grant(None, 3)).await;
    // The latest word holds, also if an earlier one comes later.
    keep(&bench.store, grant(Some(Right::Write), 2)).await;
    assert!(found().await.is_empty());
    keep(&bench.store, grant(Some(Right::Write), 4)).await;
    let given = OwnedObject { version: 2, ..owned(OwnerKey(13), 5) };
    keep(&bench.store, change(1, ChangeKind::Transferred, given)).await;
    assert!(found().await.is_empty());
}

pub(crate) async fn changes_are_told_to_other_gateways_and_first_owners_are_not(bench: &Bench) {
    let before = bench.store.latest_change().await.unwrap();
    keep(&bench.store, change(1, ChangeKind::Created, owned(ALICE, 0))).await;
    keep(&bench.store, change(2, ChangeKind::Created, owned(ALICE, 0))).await;
    assert_eq!(bench.store.objects_changed_since(before, 10).await.unwrap().keys, Vec::<ObjectKey>::new());
    let gone = |number| {
        change(number, ChangeKind::Deleted, OwnedObject { state: ObjectState::Tombstone, ..owned(ALICE, 9) })
    };
    bench.store.keep_objects(vec![gone(2), gone(1)]).await.unwrap();
    let other = bench.again().unwrap();
    let told = other.objects_changed_since(before, 10).await.unwrap();
    let mut keys = told.keys.clone();
    keys.sort();
    assert_eq!(keys, {
        let mut both = [key(1), key(2)];
        both.sort();
        both
    });
    assert_eq!(other.objects_changed_since(told.sequence, 10).await.unwrap().keys, Vec::<ObjectKey>::new());
    // What is outranked never happened.
    keep(&bench.store, change(1, ChangeKind::Transferred, owned(BOB, 1))).await;
    let history = bench.store.object_history(key(1)).await.unwrap();
    assert_eq!(history.iter().map(|past| past.kind).collect::<Vec<_>>(), [ChangeKind::Deleted]);
}

pub(crate) async fn what_is_old_is_forgotten_and_owners_are_not(bench: &Bench) {
    let dead = OwnedObject { state: ObjectState::Tombstone, ..owned(ALICE, 10) };
    let seen =
        OwnedObject { state: ObjectState::Claimed, authority: Authority::Observation, ..owned(BOB, 20) };
    keep(&bench.store, change(1, ChangeKind::Created, owned(ALICE, 0))).await;
    keep(&bench.store, change(2, ChangeKind::Deleted, dead)).await;
    keep(&bench.store, change(3, ChangeKind::Observed, seen)).await;
    let bounds = |seconds| OwnershipBounds {
        tombstones: at(seconds),
        observations: at(seconds),
        history: at(seconds),
    };
    assert_eq!(bench.store.forget_objects(bounds(10)).await, Ok(0));
    // The tombstone and its line of history.
    assert_eq!(bench.store.forget_objects(bounds(11)).await, Ok(2));
    assert_eq!(bench.store.forget_objects(bounds(30)).await, Ok(1));
    let left = bench.store.list_objects(None, 10).await.unwrap();
    assert_eq!(left, [(key(1), owned(ALICE, 0))]);
}

pub(crate) async fn counts_of_several_gateways_add_up(bench: &Bench) {
    let counts = Coverage {
        realm: "shop".into(),
        kind: "order".into(),
        own: 5,
        granted: 4,
        foreign: 3,
        unknown: 2,
        contradictions: 1,
        began_at: at(0),
        last_at: at(1),
    };
    bench.store.add_coverage(vec![counts.clone()]).await.unwrap();
    let later = Coverage { began_at: at(5), last_at: at(6), ..counts.clone() };
    bench.again().unwrap().add_coverage(vec![later]).await.unwrap();
    let sum =
        Coverage { own: 10, granted: 8, foreign: 6, unknown: 4, contradictions: 2, last_at: at(6), ..counts };
    assert_eq!(bench.store.coverage().await.unwrap(), [sum]);
    assert_eq!(bench.store.settle_contradictions("shop", "order").await, Ok(true));
    assert_eq!(bench.store.settle_contradictions("shop", "book").await, Ok(false));
    assert_eq!(bench.store.coverage().await.unwrap()[0].contradictions, 0);
}

pub(crate) async fn digests_are_the_same_after_a_restart(bench: &Bench) {
    let (one, two) = tokio::join!(bench.store.ledger_key(), bench.store.ledger_key());
    let (one, two) = (one.unwrap(), two.unwrap());
    let again = bench.again().unwrap().ledger_key().await.unwrap();
    let object = |key: &portcullis_store::LedgerKey| key.object("shop", "order", "", "7");
    assert_eq!(object(&one), object(&two));
    assert_eq!(object(&one), object(&again));
}

/// Measured with a hundred thousand: what each takes hardly depends on how many there are.
pub(crate) async fn ten_million_objects_fit_into_a_gibibyte(bench: &Bench) {
    const OBJECTS: u32 = 100_000;
    for first in (0..OBJECTS).step_by(10_000) {
        let batch = (first..first + 10_000)
            .map(|number| {
                let owner = OwnerKey(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1);
                change(number, ChangeKind::Created, owned(owner, u64::from(number)))
            })
            .collect();
        bench.store.keep_objects(batch).await.unwrap();
    }
    let bytes = bench.size_of("owned_object");
    let each = bytes / u64::from(OBJECTS);
    println!("{each} bytes for each of {OBJECTS} objects");
    assert!(each * 10_000_000 < 1 << 30, "{each} bytes");
}
