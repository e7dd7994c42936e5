//! Revocations.

use portcullis_domain::{Revocation, RevocationKind, RevocationStore, Sequence, Timestamp};

use crate::bench::Bench;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(NOW.as_seconds() + seconds)
}

fn of(kind: RevocationKind, value: &str) -> Revocation {
    Revocation {
        kind,
        issuer: "https://id.example".into(),
        value: value.into(),
        issued_before: None,
        revoked_at: NOW,
        forget_at: at(3600),
        cause: "stolen laptop".into(),
    }
}

pub(crate) async fn a_revocation_survives_a_restart(bench: &Bench) {
    let mut made = Vec::new();
    for kind in RevocationKind::ALL {
        let mut revocation = of(kind, "alice");
        revocation.issued_before = (kind == RevocationKind::Issuer).then_some(at(7));
        bench.store.revoke(revocation.clone()).await.unwrap();
        made.push(revocation);
    }
    let read = bench.again().unwrap().revoked_since(Sequence::default(), 100).await.unwrap();
    assert_eq!(read.made, made);
    assert_eq!(read.sequence, Sequence(6));
}

pub(crate) async fn the_wider_bound_and_the_later_end_hold(bench: &Bench) {
    let bounded = |bound: Option<u64>, forget: u64| Revocation {
        issued_before: bound.map(at),
        forget_at: at(forget),
        ..of(RevocationKind::Subject, "alice")
    };
    let mut since = Sequence::default();
    for (revocation, bound, forget) in [
        (bounded(Some(10), 100), Some(at(10)), 100),
        (bounded(Some(5), 300), Some(at(10)), 300),
        (bounded(None, 200), None, 300),
        (bounded(Some(20), 50), None, 300),
    ] {
        bench.store.revoke(revocation).await.unwrap();
        let read = bench.store.revoked_since(since, 10).await.unwrap();
        since = read.sequence;
        assert_eq!(read.made.len(), 1);
        assert_eq!((read.made[0].issued_before, read.made[0].forget_at), (bound, at(forget)));
    }
}

pub(crate) async fn what_has_ended_is_forgotten(bench: &Bench) {
    bench.store.revoke(of(RevocationKind::Token, "one")).await.unwrap();
    let long = Revocation { forget_at: at(7200), ..of(RevocationKind::Token, "two") };
    bench.store.revoke(long).await.unwrap();
    assert_eq!(bench.store.forget_revocations(at(3599)).await, Ok(0));
    assert_eq!(bench.store.forget_revocations(at(3600)).await, Ok(1));
    let left = bench.store.revoked_since(Sequence::default(), 10).await.unwrap();
    assert_eq!(left.made.iter().map(|one| &*one.value).collect::<Vec<_>>(), ["two"]);
}

pub(crate) async fn a_long_list_is_read_in_parts(bench: &Bench) {
    for number in 0..7 {
        bench.store.revoke(of(RevocationKind::Token, &number.to_string())).await.unwrap();
    }
    let mut since = Sequence::default();
    let mut seen = Vec::new();
    loop {
        let part = bench.store.revoked_since(since, 3).await.unwrap();
        if part.made.is_empty() {
            break;
        }
        assert!(part.made.len() <= 3);
        since = part.sequence;
        seen.extend(part.made.into_iter().map(|one| one.value));
    }
    assert_eq!(seen.concat(), "0123456");
}

pub(crate) async fn what_one_process_revokes_another_one_sees(bench: &Bench) {
    let other = bench.again().unwrap();
    let before = other.revoked_since(Sequence::default(), 10).await.unwrap().sequence;
    bench.store.revoke(of(RevocationKind::Session, "s-1")).await.unwrap();
    let seen = other.revoked_since(before, 10).await.unwrap();
    assert_eq!((seen.made.len(), seen.made[0].kind), (1, RevocationKind::Session));
}
