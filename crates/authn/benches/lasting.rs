//! What API keys and revocations cost a request.
//!
//! Targets: a key that is remembered below 5 µs, one that SQLite is asked for below 200 µs, a look at a million
//! revocations below 200 ns.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use portcullis_authn::api_key::{AcceptedKeys, ApiKeys, KeyContext, KeyHeaders, ShownKey, make, read};
use portcullis_authn::{Revocable, Revoked};
use portcullis_domain::{
    ApiKeyRecord, Assurance, Issuer, KeyId, KeyReach, KeyStore, Now, Pepper as _, Principal, PrincipalKind,
    Revocation, RevocationKind, Scopes, Secret, Subject, Timestamp,
};
use portcullis_store::{Location, RootSecrets, Settings, Store};
use portcullis_testkit::Workspace;
use serde_json::json;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

const HEADER: HeaderName = HeaderName::from_static("x-api-key");
const ISSUER: &str = "https://id.example.com";
const NOW: Now = Now { wall: Timestamp::from_seconds(1_800_000_000), mono: Duration::from_secs(1) };
const CONTEXT: KeyContext<'_> = KeyContext { api: "shop", address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)) };

struct Scene {
    runtime: Runtime,
    keys: ApiKeys,
    accepted: AcceptedKeys,
    shown: Vec<ShownKey>,
    ids: Vec<KeyId>,
    _folder: Workspace,
}

fn scene(count: usize) -> Scene {
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
    let store = Arc::new(Store::open(&settings).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut shown, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let made = make(&"live".parse().unwrap()).unwrap();
        let record = ApiKeyRecord {
            id: made.id,
            digest: store.pepper().digest(made.text.expose()),
            owner: "erp".into(),
            label: "".into(),
            scopes: Scopes::parse("orders:read"),
            reach: KeyReach::EveryApi,
            networks: [].into(),
            created_at: NOW.wall,
            expires_at: NOW.wall.plus(Duration::from_secs(3600)),
            revoked_at: None,
            successor: None,
            last_used_at: None,
        };
        runtime.block_on(store.add_key(record)).unwrap();
        let value = HeaderValue::from_bytes(made.text.expose()).unwrap();
        let mut head = HeaderMap::from_iter([(HEADER, value)]);
        shown.push(KeyHeaders::new([HEADER]).take(&mut head).unwrap().expect("a key"));
        ids.push(made.id);
    }
    let pepper = store.pepper();
    let keys = ApiKeys::new(store, pepper, Arc::new(Revoked::nothing()), 1_000_000);
    let accepted = AcceptedKeys::new(vec![(HEADER, "partners".into())], &"shop".into()).unwrap();
    Scene { runtime, keys, accepted, shown, ids, _folder: folder }
}

impl Scene {
    fn identify(&self, turn: usize) {
        let shown = self.shown.get(turn % self.shown.len()).expect("within");
        let identified = self.keys.identify(shown, &self.accepted, CONTEXT, NOW);
        black_box(self.runtime.block_on(identified)).expect("a good key");
    }
}

/// Remembered: reading, one digest, and the principal.
#[divan::bench(args = [1, 1_000])]
fn key_hit(bencher: Bencher<'_, '_>, count: usize) {
    let scene = scene(count);
    (0..count).for_each(|turn| scene.identify(turn));
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        scene.identify(turn);
    });
}

/// Forgotten: SQLite is asked.
#[divan::bench]
fn key_miss(bencher: Bencher<'_, '_>) {
    let scene = scene(1_000);
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        scene.keys.forget(scene.ids.get(turn % scene.ids.len()).map_or(&[], std::slice::from_ref));
        scene.identify(turn);
    });
}

/// A typing mistake or a guess: nothing is looked up.
#[divan::bench]
fn key_malformed() -> bool {
    read(black_box(b"pcl_live_0000000000B_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef000000")).is_err()
}

fn revoked(count: u64) -> Revoked {
    let revoked = Revoked::nothing();
    let entry = |number| Revocation {
        kind: RevocationKind::Token,
        issuer: ISSUER.into(),
        value: format!("token-{number}").into(),
        issued_before: None,
        revoked_at: NOW.wall,
        forget_at: NOW.wall.plus(Duration::from_secs(3600)),
        cause: "".into(),
    };
    revoked.add(&(0..count).map(entry).collect::<Vec<_>>());
    revoked
}

fn principals(first: u64, count: u64) -> Vec<Principal> {
    let principal = |number| Principal {
        issuer: Issuer::from(ISSUER),
        subject: Subject::from("alice"),
        kind: PrincipalKind::User,
        client: Some("shop-app".into()),
        scopes: Scopes::default(),
        roles: Scopes::default(),
        expires_at: None,
        claims: Arc::new(
            [("jti".to_owned(), json!(format!("token-{number}"))), ("iat".to_owned(), json!(1_800_000_000))]
                .into_iter()
                .collect(),
        ),
        scheme: "customers".into(),
        assurance: Assurance::default(),
    };
    (first..first + count).map(principal).collect()
}

fn look(bencher: Bencher<'_, '_>, count: u64, first: u64) {
    let (revoked, principals) = (revoked(count), principals(first, 1_000));
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        let principal = principals.get(turn % principals.len()).expect("within");
        black_box(revoked.find(&Revocable::by(principal, None), NOW.wall))
    });
}

/// The usual answer: no.
#[divan::bench(args = [0, 1_000, 1_000_000])]
fn not_revoked(bencher: Bencher<'_, '_>, count: u64) {
    look(bencher, count, 10_000_000);
}

/// The answer that matters.
#[divan::bench(args = [1_000, 1_000_000])]
fn is_revoked(bencher: Bencher<'_, '_>, count: u64) {
    look(bencher, count, 0);
}
