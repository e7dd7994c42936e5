//! Grants: opened, approved by others, closed, seen elsewhere, forgotten.

use portcullis_domain::{
    AccessGrant, Approved, GrantId, GrantState, GrantStore as _, Scopes, Sequence, Timestamp,
};

use crate::bench::Bench;

fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_764_000_000 + second)
}

fn grant(id: u64, needed: u8) -> AccessGrant {
    AccessGrant {
        id: GrantId(id),
        issuer: "https://id.test".into(),
        subject: "alice".into(),
        roles: Scopes::parse("admin support"),
        scopes: Scopes::parse("orders:write"),
        cause: "incident 42'; DROP TABLE access_grant; --".into(),
        opened_by: "carol".into(),
        opened_at: at(0),
        expires_at: at(3600),
        needed,
        approved_by: Vec::new(),
        closed: None,
        used_at: None,
    }
}

async fn all(bench: &Bench) -> Vec<AccessGrant> {
    bench.store.grants_changed_since(Sequence::default(), 100).await.unwrap().grants
}

pub(crate) async fn a_grant_is_kept_as_it_was_opened(bench: &Bench) {
    // An id beyond the positive half of the database's integers.
    let opened = grant(u64::MAX - 3, 0);
    bench.store.open_grant(opened.clone()).await.unwrap();
    let read = bench.again().unwrap().grants_changed_since(Sequence::default(), 10).await.unwrap();
    assert_eq!(read.grants, std::slice::from_ref(&opened));
    assert!(bench.store.open_grant(opened).await.is_err(), "an id is taken once");
}

pub(crate) async fn four_eyes_are_two_people(bench: &Bench) {
    bench.store.open_grant(grant(1, 2)).await.unwrap();
    let approve =
        async |by: &str, now: u64| bench.store.approve_grant(GrantId(1), by, at(now)).await.unwrap();
    assert_eq!(approve("carol", 1).await, Approved::NotAnother, "whoever opened it");
    assert_eq!(approve("bob", 1).await, Approved::Counted);
    assert_eq!(approve("bob", 2).await, Approved::NotAnother);
    assert_eq!(all(bench).await[0].state(at(3)), GrantState::Waiting);
    assert_eq!(approve("dave", 3).await, Approved::Counted);
    let approved = all(bench).await.remove(0);
    assert_eq!(approved.approved_by, ["bob".into(), "dave".into()]);
    assert_eq!(approved.state(at(3)), GrantState::Active);
    assert_eq!(approve("erin", 3600).await, Approved::Over);
    assert_eq!(bench.store.approve_grant(GrantId(9), "bob", at(1)).await.unwrap(), Approved::Over);
}

pub(crate) async fn a_grant_is_closed_once_and_for_all(bench: &Bench) {
    bench.store.open_grant(grant(1, 1)).await.unwrap();
    let close = async |by: &str, now: u64| bench.store.close_grant(GrantId(1), by, at(now)).await.unwrap();
    assert!(close("bob", 5).await);
    assert!(!close("dave", 6).await);
    let closed = all(bench).await.remove(0);
    assert_eq!(closed.closed, Some((at(5), "bob".into())));
    assert_eq!(bench.store.approve_grant(GrantId(1), "dave", at(7)).await.unwrap(), Approved::Over);
    assert!(!bench.store.close_grant(GrantId(2), "bob", at(1)).await.unwrap());
}

pub(crate) async fn what_changes_is_seen_by_other_gateways_and_first_use_stays(bench: &Bench) {
    let other = bench.again().unwrap();
    for id in 1..=5 {
        bench.store.open_grant(grant(id, 1)).await.unwrap();
    }
    let first = other.grants_changed_since(Sequence::default(), 3).await.unwrap();
    assert_eq!(first.grants.iter().map(|grant| grant.id.0).collect::<Vec<_>>(), [1, 2, 3]);
    let rest = other.grants_changed_since(first.sequence, 3).await.unwrap();
    assert_eq!(rest.grants.len(), 2);
    bench.store.approve_grant(GrantId(2), "bob", at(1)).await.unwrap();
    let changed = other.grants_changed_since(rest.sequence, 10).await.unwrap();
    assert_eq!(changed.grants.iter().map(|grant| grant.id.0).collect::<Vec<_>>(), [2]);
    bench.store.note_grant_used(GrantId(2), at(9)).await.unwrap();
    other.note_grant_used(GrantId(2), at(12)).await.unwrap();
    let used = all(bench).await.into_iter().find(|grant| grant.id.0 == 2).unwrap();
    assert_eq!(used.used_at, Some(at(9)));
}

pub(crate) async fn what_ended_long_ago_is_forgotten(bench: &Bench) {
    bench.store.open_grant(grant(1, 1)).await.unwrap();
    bench.store.approve_grant(GrantId(1), "bob", at(1)).await.unwrap();
    bench.store.open_grant(AccessGrant { expires_at: at(7200), ..grant(2, 0) }).await.unwrap();
    assert_eq!(bench.store.forget_grants(at(3600)).await, Ok(0));
    assert_eq!(bench.store.forget_grants(at(3601)).await, Ok(1));
    assert_eq!(all(bench).await.len(), 1);
}
