//! API keys.

use portcullis_domain::{
    ApiKeyRecord, KeyId, KeyPage, KeyReach, KeyRevoked, KeyState, KeyStore, Matching, Pepper, Scopes,
    Sequence, StoreError, Timestamp,
};

use crate::bench::Bench;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(NOW.as_seconds() + seconds)
}

fn record(bench: &Bench, id: u64, owner: &str) -> ApiKeyRecord {
    ApiKeyRecord {
        id: KeyId(id),
        digest: bench.store.pepper().digest(b"the whole key"),
        owner: owner.into(),
        label: "nightly import".into(),
        scopes: Scopes::parse("orders:read orders:write"),
        reach: KeyReach::Apis(["shop".into(), "stock".into()].into()),
        networks: ["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()].into(),
        created_at: NOW,
        expires_at: at(90 * 86_400),
        revoked_at: None,
        successor: None,
        last_used_at: None,
    }
}

pub(crate) async fn a_key_is_found_as_it_was_kept(bench: &Bench) {
    let mut everywhere = record(bench, 7, "erp");
    everywhere.reach = KeyReach::EveryApi;
    everywhere.networks = [].into();
    everywhere.scopes = Scopes::default();
    for kept in [record(bench, u64::MAX, "erp"), everywhere] {
        bench.store.add_key(kept.clone()).await.unwrap();
        assert_eq!(bench.store.find_key(kept.id).await.unwrap(), Some(kept));
    }
    assert_eq!(bench.store.find_key(KeyId(1)).await.unwrap(), None);
}

pub(crate) async fn an_id_is_taken_once(bench: &Bench) {
    bench.store.add_key(record(bench, 1, "erp")).await.unwrap();
    assert_eq!(bench.store.add_key(record(bench, 1, "other")).await, Err(StoreError::Conflict));
    assert_eq!(&*bench.store.find_key(KeyId(1)).await.unwrap().unwrap().owner, "erp");
}

pub(crate) async fn a_rotated_key_ends_with_the_overlap(bench: &Bench) {
    bench.store.add_key(record(bench, 1, "erp")).await.unwrap();
    bench.store.rotate_key(KeyId(1), record(bench, 2, "erp"), at(3600)).await.unwrap();
    let old = bench.store.find_key(KeyId(1)).await.unwrap().unwrap();
    let new = bench.store.find_key(KeyId(2)).await.unwrap().unwrap();
    assert_eq!(old.successor, Some(KeyId(2)));
    assert_eq!((old.state(at(3599)), new.state(at(3599))), (KeyState::Replaced, KeyState::Active));
    assert_eq!((old.state(at(3600)), new.state(at(3600))), (KeyState::Expired, KeyState::Active));
    // An overlap never lets a key live longer than it would have.
    bench.store.rotate_key(KeyId(2), record(bench, 3, "erp"), at(900 * 86_400)).await.unwrap();
    assert_eq!(bench.store.find_key(KeyId(2)).await.unwrap().unwrap().expires_at, at(90 * 86_400));
}

pub(crate) async fn a_key_is_rotated_once(bench: &Bench) {
    bench.store.add_key(record(bench, 1, "erp")).await.unwrap();
    bench.store.rotate_key(KeyId(1), record(bench, 2, "erp"), at(60)).await.unwrap();
    let again = bench.store.rotate_key(KeyId(1), record(bench, 3, "erp"), at(60)).await;
    assert_eq!(again, Err(StoreError::Conflict));
    assert_eq!(bench.store.find_key(KeyId(3)).await.unwrap(), None, "half of a rotation was kept");
    bench.store.revoke_key(KeyId(2), NOW).await.unwrap();
    let revoked = bench.store.rotate_key(KeyId(2), record(bench, 4, "erp"), at(60)).await;
    assert_eq!(revoked, Err(StoreError::Conflict));
}

pub(crate) async fn a_revoked_key_stays_revoked(bench: &Bench) {
    bench.store.add_key(record(bench, 1, "erp")).await.unwrap();
    assert_eq!(bench.store.revoke_key(KeyId(1), at(5)).await, Ok(KeyRevoked::Now));
    assert_eq!(bench.store.revoke_key(KeyId(1), at(9)).await, Ok(KeyRevoked::Before));
    assert_eq!(bench.store.revoke_key(KeyId(2), at(9)).await, Ok(KeyRevoked::Unknown));
    let restarted = bench.again().unwrap();
    let found = restarted.find_key(KeyId(1)).await.unwrap().unwrap();
    assert_eq!((found.revoked_at, found.state(at(6))), (Some(at(5)), KeyState::Revoked));
}

pub(crate) async fn keys_are_listed_in_pages_and_by_owner(bench: &Bench) {
    // The second half of the ids is negative where they are signed.
    let ids = [3, 1, u64::MAX, u64::MAX - 1, 2];
    for (index, id) in ids.into_iter().enumerate() {
        let owner = if index % 2 == 0 { "even" } else { "odd" };
        bench.store.add_key(record(bench, id, owner)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = KeyPage { owner: None, after, limit: 2 };
        let keys = bench.store.list_keys(page).await.unwrap();
        let Some(last) = keys.last() else { break };
        after = Some(last.id);
        seen.extend(keys.iter().map(|key| key.id.0));
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3, u64::MAX - 1, u64::MAX]);
    let odd = KeyPage { owner: Some("odd".into()), after: None, limit: 100 };
    assert_eq!(bench.store.list_keys(odd).await.unwrap().len(), 2);
}

pub(crate) async fn use_is_noted_and_never_moves_back(bench: &Bench) {
    bench.store.add_key(record(bench, 1, "erp")).await.unwrap();
    bench.store.note_keys_used(vec![(KeyId(1), at(60)), (KeyId(99), at(60))]).await.unwrap();
    bench.store.note_keys_used(vec![(KeyId(1), at(30))]).await.unwrap();
    bench.store.note_keys_used(Vec::new()).await.unwrap();
    assert_eq!(bench.store.find_key(KeyId(1)).await.unwrap().unwrap().last_used_at, Some(at(60)));
    // Use is no change: otherwise every use would empty the caches of all replicas.
    let changes = bench.store.keys_changed_since(Sequence(1)).await.unwrap();
    assert_eq!(changes.keys, []);
}

pub(crate) async fn changes_are_told_once_and_in_order(bench: &Bench) {
    let start = bench.store.keys_changed_since(Sequence::default()).await.unwrap();
    assert_eq!((start.sequence, start.keys.len()), (Sequence(0), 0));
    bench.store.add_key(record(bench, 1, "erp")).await.unwrap();
    bench.store.add_key(record(bench, 2, "erp")).await.unwrap();
    let added = bench.store.keys_changed_since(start.sequence).await.unwrap();
    assert_eq!(added.keys, [KeyId(1), KeyId(2)]);
    bench.again().unwrap().revoke_key(KeyId(1), NOW).await.unwrap();
    let revoked = bench.store.keys_changed_since(added.sequence).await.unwrap();
    assert_eq!(revoked.keys, [KeyId(1)]);
    // A refused change takes no place, so that nobody waits for it.
    bench.store.add_key(record(bench, 1, "erp")).await.unwrap_err();
    assert_eq!(bench.store.latest_change().await, Ok(revoked.sequence));
    let nothing = bench.store.keys_changed_since(revoked.sequence).await.unwrap();
    assert_eq!((nothing.keys, nothing.sequence), (Vec::new(), revoked.sequence));
}

// proves-part: KEY-02 (that the reply to creation is the only copy)
#[tokio::test]
async fn either_database_holds_no_usable_key() {
    holds_no_usable_key(&Bench::sqlite()).await;
    holds_no_usable_key(&Bench::postgres()).await;
}

async fn holds_no_usable_key(bench: &Bench) {
    let key = b"pcl_live_0000000000B_1234567890abcdefghijklmnopqrstuvABCDEF";
    let mut kept = record(bench, 1, "erp");
    kept.digest = bench.store.pepper().digest(key);
    bench.store.add_key(kept.clone()).await.unwrap();
    assert!(bench.holds(b"nightly import"), "the dump is not what it should be");
    assert!(!bench.holds(key));
    assert!(!bench.holds(&key[21..]));
    // With the dump alone nothing can be guessed: another pepper gives another digest.
    let found = bench.store.find_key(KeyId(1)).await.unwrap().unwrap();
    assert_eq!(bench.store.pepper().compare(key, &found.digest), Matching::Same);
    let stranger = portcullis_store::Keyring::new(&portcullis_domain::Secret::new(vec![7; 32]), &[]);
    assert_ne!(stranger.digest(key).bytes, found.digest.bytes);
}

pub(crate) async fn hostile_text_is_kept_as_text(bench: &Bench) {
    let hostile = "x'); DROP TABLE api_key; --\u{202e}$1 \\ \"";
    let mut kept = record(bench, 1, hostile);
    kept.label = hostile.into();
    bench.store.add_key(kept).await.unwrap();
    bench.store.add_key(record(bench, 2, "erp")).await.unwrap();
    let page = KeyPage { owner: Some(hostile.into()), after: None, limit: 10 };
    let found = bench.store.list_keys(page).await.unwrap();
    assert_eq!((found.len(), &*found[0].label), (1, hostile));
}
