//! Keys, judged against a store that counts what it is asked.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use portcullis_domain::{
    ApiKeyRecord, Denial, KeyChanges, KeyId, KeyPage, KeyReach, KeyRevoked, KeyStore, Now, Pepper as _,
    PrincipalKind, Reason, Revocation, RevocationKind, Scopes, Secret, Sequence, StoreError, StoreFuture,
    Timestamp,
};
use portcullis_store::Keyring;

use super::{AcceptedKeys, ApiKeys, ISSUER, KeyContext, KeyHeaders, make};
use crate::authenticator::{Recognition, Recognized};
use crate::revoked::Revoked;

const HEADER: HeaderName = HeaderName::from_static("x-api-key");
const OTHER: HeaderName = HeaderName::from_static("x-other-key");
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn at(seconds: u64) -> Now {
    Now { wall: Timestamp::from_seconds(1_800_000_000 + seconds), mono: Duration::from_secs(1000 + seconds) }
}

/// Records in memory, and what was asked of them.
#[derive(Default)]
struct Fake {
    records: Mutex<HashMap<KeyId, ApiKeyRecord>>,
    asked: AtomicUsize,
    used: Mutex<Vec<(KeyId, Timestamp)>>,
    is_away: Mutex<bool>,
}

impl KeyStore for Fake {
    fn add_key(&self, record: ApiKeyRecord) -> StoreFuture<'_, ()> {
        self.records.lock().unwrap().insert(record.id, record);
        Box::pin(async { Ok(()) })
    }

    fn find_key(&self, id: KeyId) -> StoreFuture<'_, Option<ApiKeyRecord>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if *self.is_away.lock().unwrap() {
                return Err(StoreError::Unavailable);
            }
            Ok(self.records.lock().unwrap().get(&id).cloned())
        })
    }

    fn list_keys(&self, _: KeyPage) -> StoreFuture<'_, Vec<ApiKeyRecord>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn rotate_key(&self, _: KeyId, _: ApiKeyRecord, _: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn revoke_key(&self, id: KeyId, at: Timestamp) -> StoreFuture<'_, KeyRevoked> {
        if let Some(record) = self.records.lock().unwrap().get_mut(&id) {
            record.revoked_at = Some(at);
        }
        Box::pin(async { Ok(KeyRevoked::Now) })
    }

    fn note_keys_used(&self, used: Vec<(KeyId, Timestamp)>) -> StoreFuture<'_, ()> {
        self.used.lock().unwrap().extend(used);
        Box::pin(async { Ok(()) })
    }

    fn latest_change(&self) -> StoreFuture<'_, Sequence> {
        Box::pin(async { Ok(Sequence::default()) })
    }

    fn keys_changed_since(&self, sequence: Sequence) -> StoreFuture<'_, KeyChanges> {
        Box::pin(async move { Ok(KeyChanges { sequence, keys: Vec::new() }) })
    }
}

struct Scene {
    store: Arc<Fake>,
    pepper: Arc<Keyring>,
    revoked: Arc<Revoked>,
    keys: ApiKeys,
    accepted: AcceptedKeys,
}

impl Scene {
    fn new() -> Self {
        let store = Arc::new(Fake::default());
        let pepper = Arc::new(Keyring::new(&Secret::new(b"a root secret".to_vec()), &[]));
        let revoked = Arc::new(Revoked::nothing());
        let keys = ApiKeys::new(
            Arc::clone(&store) as Arc<dyn KeyStore>,
            Arc::clone(&pepper) as Arc<dyn portcullis_domain::Pepper>,
            Arc::clone(&revoked),
            1000,
        );
        let accepted = AcceptedKeys::new(vec![(HEADER, "partners".into())], &"shop".into()).unwrap();
        Self { store, pepper, revoked, keys, accepted }
    }

    fn key(&self, change: impl FnOnce(&mut ApiKeyRecord)) -> (KeyId, String) {
        let made = make(&"live".parse().unwrap()).unwrap();
        let mut record = ApiKeyRecord {
            id: made.id,
            digest: self.pepper.digest(made.text.expose()),
            owner: "erp".into(),
            label: "".into(),
            scopes: Scopes::parse("orders:read"),
            reach: KeyReach::EveryApi,
            networks: [].into(),
            created_at: at(0).wall,
            expires_at: at(3600).wall,
            revoked_at: None,
            successor: None,
            last_used_at: None,
        };
        change(&mut record);
        self.store.records.lock().unwrap().insert(made.id, record);
        (made.id, made.text.expose_text().unwrap().to_owned())
    }

    async fn show_in(&self, header: HeaderName, key: &str, now: Now) -> Result<Recognized, Denial> {
        let mut headers = HeaderMap::from_iter([(header, HeaderValue::from_str(key).unwrap())]);
        let shown = KeyHeaders::new([HEADER, OTHER]).take(&mut headers).unwrap().unwrap();
        let context = KeyContext { api: "shop", address: HERE };
        self.keys.identify(&shown, &self.accepted, context, now).await
    }

    async fn show(&self, key: &str, now: Now) -> Result<Recognized, Denial> {
        self.show_in(HEADER, key, now).await
    }

    #[track_caller]
    fn asked(&self, times: usize) {
        assert_eq!(self.store.asked.load(Ordering::SeqCst), times);
    }
}

#[track_caller]
fn refused(answer: Result<Recognized, Denial>, reason: Reason) {
    let denial = answer.expect_err("the key is refused");
    assert_eq!(denial.reason(), reason, "{:?}", denial.note());
    if reason.status() == 401 {
        assert_eq!(denial.challenges()[0].header_value(), CHALLENGE);
    }
}

const CHALLENGE: &str = "ApiKey realm=\"shop\", header=\"x-api-key\", error=\"invalid_key\"";

// proves-part: AUTHN-36 (key in the URL, key alone on a user's route)
#[tokio::test]
async fn a_good_key_is_its_application() {
    let scene = Scene::new();
    let (id, key) = scene.key(|_| {});
    let first = scene.show(&key, at(1)).await.unwrap();
    assert_eq!(first.by, Recognition::Verification);
    let principal = &first.principal;
    assert_eq!((principal.issuer.as_str(), principal.subject.as_str()), (ISSUER, "erp"));
    assert_eq!(principal.kind, PrincipalKind::Client);
    assert_eq!(principal.client.as_deref(), Some(id.to_string().as_str()));
    assert!(principal.scopes.contains("orders:read"));
    assert_eq!(&*principal.scheme, "partners");
    assert_eq!(principal.expires_at, Some(at(3600).wall));
    assert_eq!(scene.show(&key, at(2)).await.unwrap().by, Recognition::Memory);
    scene.asked(1);
}

#[tokio::test]
async fn a_typing_mistake_is_refused_without_a_lookup() {
    let scene = Scene::new();
    let (_, key) = scene.key(|_| {});
    for typo in [key.replace("pcl_live", "pcl_test"), key[..key.len() - 1].to_owned(), "secret".to_owned()] {
        refused(scene.show(&typo, at(1)).await, Reason::KeyMalformed);
    }
    scene.asked(0);
}

#[tokio::test]
async fn an_unknown_id_and_a_wrong_secret_are_the_same_to_the_client() {
    let scene = Scene::new();
    let stranger = make(&"live".parse().unwrap()).unwrap();
    let stranger = stranger.text.expose_text().unwrap();
    refused(scene.show(stranger, at(1)).await, Reason::KeyUnknown);
    // The id of another key, with a secret and checksum of its own.
    let (id, _) = scene.key(|_| {});
    let made = make(&"live".parse().unwrap()).unwrap();
    let record = scene.store.records.lock().unwrap()[&id].clone();
    scene.store.records.lock().unwrap().insert(made.id, ApiKeyRecord { id: made.id, ..record });
    refused(scene.show(made.text.expose_text().unwrap(), at(1)).await, Reason::KeyUnknown);
}

// proves-part: KEY-04 (an owner for other credentials; the list that shows the last use; out of scope)
#[tokio::test]
async fn a_key_that_has_ended_is_refused_also_when_it_is_remembered() {
    let scene = Scene::new();
    let (_, key) = scene.key(|_| {});
    scene.show(&key, at(3599)).await.unwrap();
    refused(scene.show(&key, at(3600)).await, Reason::KeyExpired);
    scene.asked(1);
}

#[tokio::test]
async fn a_revoked_key_is_refused_as_soon_as_the_change_is_known() {
    let scene = Scene::new();
    let (id, key) = scene.key(|_| {});
    scene.show(&key, at(1)).await.unwrap();
    scene.store.revoke_key(id, at(2).wall).await.unwrap();
    scene.keys.forget(&[id]);
    refused(scene.show(&key, at(3)).await, Reason::KeyRevoked);
    refused(scene.show(&key, at(4)).await, Reason::KeyRevoked);
    scene.asked(2);
}

#[tokio::test]
async fn a_key_is_good_only_where_its_record_says() {
    let scene = Scene::new();
    let (_, elsewhere) = scene.key(|record| record.reach = KeyReach::Apis(["stock".into()].into()));
    refused(scene.show(&elsewhere, at(1)).await, Reason::KeyMisplaced);
    let (_, here) = scene.key(|record| record.reach = KeyReach::Apis(["stock".into(), "shop".into()].into()));
    scene.show(&here, at(1)).await.unwrap();
    let (_, far) = scene.key(|record| record.networks = ["198.51.100.0/24".parse().unwrap()].into());
    refused(scene.show(&far, at(1)).await, Reason::KeyMisplaced);
    let (_, near) = scene.key(|record| record.networks = ["192.0.2.0/24".parse().unwrap()].into());
    scene.show(&near, at(1)).await.unwrap();
    refused(scene.show_in(OTHER, &near, at(1)).await, Reason::KeyMisplaced);
}

#[tokio::test]
async fn a_store_that_is_away_lets_nobody_in_who_is_not_remembered() {
    let scene = Scene::new();
    let (_, known) = scene.key(|_| {});
    let (_, unknown) = scene.key(|_| {});
    scene.show(&known, at(1)).await.unwrap();
    *scene.store.is_away.lock().unwrap() = true;
    scene.show(&known, at(2)).await.unwrap();
    refused(scene.show(&unknown, at(2)).await, Reason::StoreUnavailable);
    // Nor anybody at all once it is not known what was revoked meanwhile.
    scene.revoked.rely_until(at(3).mono);
    refused(scene.show(&known, at(3)).await, Reason::StoreUnavailable);
}

#[tokio::test]
async fn all_keys_of_an_application_can_be_revoked_at_once() {
    let scene = Scene::new();
    let (_, one) = scene.key(|_| {});
    let (_, other) = scene.key(|record| record.owner = "shipping".into());
    scene.show(&one, at(1)).await.unwrap();
    scene.revoked.add(&[Revocation {
        kind: RevocationKind::Subject,
        issuer: ISSUER.into(),
        value: "erp".into(),
        issued_before: None,
        revoked_at: at(1).wall,
        forget_at: at(9000).wall,
        cause: "".into(),
    }]);
    refused(scene.show(&one, at(2)).await, Reason::TokenRevoked);
    scene.show(&other, at(2)).await.unwrap();
}

#[tokio::test]
async fn use_is_noted_once_in_a_while_and_written_in_one_batch() {
    let scene = Scene::new();
    let (id, key) = scene.key(|_| {});
    let (other, other_key) = scene.key(|_| {});
    for second in 0..200 {
        scene.show(&key, at(second)).await.unwrap();
    }
    scene.show(&other_key, at(5)).await.unwrap();
    assert!(scene.store.used.lock().unwrap().is_empty(), "a request wrote");
    scene.keys.write_uses().await.unwrap();
    let mut used = std::mem::take(&mut *scene.store.used.lock().unwrap());
    used.sort();
    let mut expected = vec![(id, at(0).wall), (other, at(5).wall)];
    expected.sort();
    assert_eq!(used, expected);
    scene.show(&key, at(300)).await.unwrap();
    scene.keys.write_uses().await.unwrap();
    assert_eq!(*scene.store.used.lock().unwrap(), [(id, at(300).wall)]);
}

#[tokio::test]
async fn a_record_that_was_read_before_a_change_is_not_kept_after_it() {
    let scene = Scene::new();
    let (id, key) = scene.key(|_| {});
    let old = scene.store.records.lock().unwrap()[&id].clone();
    let before = scene.keys.hot().before();
    // Revoked and told of it while the old record is on its way.
    scene.store.revoke_key(id, at(1).wall).await.unwrap();
    scene.keys.forget(&[id]);
    scene.keys.hot().keep(old, before);
    refused(scene.show(&key, at(2)).await, Reason::KeyRevoked);
}

#[test]
fn a_million_keys_take_less_than_150_bytes_each() {
    const COUNT: usize = 1_000_000;
    let hot = super::hot::HotKeys::new(COUNT);
    let scene = Scene::new();
    let (id, _) = scene.key(|_| {});
    let record = scene.store.records.lock().unwrap()[&id].clone();
    for number in 0..COUNT as u64 {
        let before = hot.before();
        hot.keep(
            ApiKeyRecord { id: KeyId(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)), ..record.clone() },
            before,
        );
    }
    let each = hot.memory() / COUNT;
    assert!(each < 150, "{each} bytes");
}

#[test]
fn the_cache_is_bounded() {
    let hot = super::hot::HotKeys::new(100);
    let scene = Scene::new();
    let (id, _) = scene.key(|_| {});
    let record = scene.store.records.lock().unwrap()[&id].clone();
    for number in 0..10_000 {
        let before = hot.before();
        hot.keep(ApiKeyRecord { id: KeyId(number), ..record.clone() }, before);
    }
    let kept = (0..10_000).filter(|number| hot.find(KeyId(*number)).is_some()).count();
    assert!(kept <= 100, "{kept}");
}
