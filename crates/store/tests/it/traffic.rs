//! Counts of traffic.

use portcullis_domain::{
    BatchId, CallEnds, Consumer, ConsumerKind, Learnt, MemberPlace, StoreError, Stray, StrayMember,
    Timestamp, Usage, UsageBatch, UsageBounds, UsageStore, UsedOperation,
};

use crate::bench::Bench;

const DAY: u64 = 86_400;
/// Some noon.
const NOW: Timestamp = Timestamp::from_seconds(20_000 * DAY + DAY / 2);
const ALWAYS: Timestamp = Timestamp::from_seconds(0);

fn days_ago(days: u64) -> Timestamp {
    Timestamp::from_seconds(NOW.as_seconds() - days * DAY)
}

fn operation(name: &str) -> UsedOperation {
    UsedOperation { api: "shop".into(), version: "1".into(), operation: name.into() }
}

fn consumer(subject: &str) -> Consumer {
    Consumer {
        kind: ConsumerKind::User,
        issuer: "https://id.example".into(),
        subject: subject.into(),
        client: "app".into(),
    }
}

fn used(name: &str, subject: &str, served: u64, at: Timestamp) -> Usage {
    Usage {
        operation: operation(name),
        consumer: consumer(subject),
        ends: CallEnds::of([served, 0, 0, 0, 0]),
        first_at: at,
        last_at: at,
        peak: u32::try_from(served).unwrap(),
    }
}

fn batch(id: u8, at: Timestamp, used: Vec<Usage>) -> UsageBatch {
    UsageBatch {
        id: BatchId([id; 16]),
        at,
        used,
        strays: Vec::new(),
        members: Vec::new(),
        observed: vec![("shop".into(), "1".into())],
        lost_at: None,
    }
}

fn stray(template: &str, refused: u64, at: Timestamp) -> Stray {
    Stray {
        api: "shop".into(),
        version: "1".into(),
        method: "GET".into(),
        template: template.into(),
        refused,
        answered: 1,
        first_at: at,
        last_at: at,
    }
}

pub(crate) async fn what_several_gateways_count_adds_up(bench: &Bench) {
    let other = bench.again().unwrap();
    let first = used("getOrder", "alice", 3, days_ago(2));
    let mut second = used("getOrder", "alice", 4, NOW);
    second.ends = CallEnds::of([4, 1, 2, 3, 5]);
    bench.store.add_usage(batch(1, days_ago(2), vec![first, used("getOrder", "bob", 1, NOW)])).await.unwrap();
    other.add_usage(batch(2, NOW, vec![second.clone()])).await.unwrap();
    other.add_usage(batch(3, NOW, vec![second])).await.unwrap();

    let found = bench.store.usage_since(ALWAYS).await.unwrap();
    let alice = &found[0];
    assert_eq!((alice.consumer.clone(), alice.ends), (consumer("alice"), CallEnds::of([11, 2, 4, 6, 10])));
    assert_eq!((alice.first_at, alice.last_at), (days_ago(2), NOW));
    assert_eq!((found.len(), found[1].ends.total()), (2, 1));
    let today = bench.store.usage_since(NOW).await.unwrap();
    assert_eq!(today[0].ends, CallEnds::of([8, 2, 4, 6, 10]), "what was before is counted too");
}

pub(crate) async fn a_batch_that_comes_twice_is_counted_once(bench: &Bench) {
    let batch = batch(1, NOW, vec![used("getOrder", "alice", 3, NOW)]);
    for _ in 0..3 {
        bench.store.add_usage(batch.clone()).await.unwrap();
    }
    assert_eq!(bench.store.usage_since(ALWAYS).await.unwrap()[0].ends.total(), 3);
}

pub(crate) async fn gateways_that_write_the_same_rows_do_not_wait_for_each_other(bench: &Bench) {
    let stores: Vec<_> = (0..3).map(|_| bench.again().unwrap()).collect();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for round in 0..5 {
        let adding = stores.iter().enumerate().map(|(index, store)| {
            let mut rows: Vec<_> = names.iter().map(|name| used(name, "alice", 1, NOW)).collect();
            rows.rotate_left(index * 3);
            store.add_usage(batch(round * 3 + u8::try_from(index).unwrap(), NOW, rows))
        });
        for added in futures_util::future::join_all(adding).await {
            added.unwrap();
        }
    }
    let found = bench.store.usage_since(ALWAYS).await.unwrap();
    assert_eq!(found.iter().map(|usage| usage.ends.total()).collect::<Vec<_>>(), [15; 8]);
}

pub(crate) async fn observation_begins_once_and_says_when_counts_were_lost(bench: &Bench) {
    assert_eq!(bench.store.observations().await, Ok(Vec::new()));
    bench.store.add_usage(batch(1, days_ago(3), Vec::new())).await.unwrap();
    let lossy = UsageBatch { lost_at: Some(days_ago(1)), ..batch(2, days_ago(1), Vec::new()) };
    bench.store.add_usage(lossy).await.unwrap();
    bench.store.add_usage(batch(3, NOW, Vec::new())).await.unwrap();
    let observed = bench.store.observations().await.unwrap();
    assert_eq!((observed.len(), &*observed[0].api, &*observed[0].version), (1, "shop", "1"));
    assert_eq!((observed[0].began_at, observed[0].last_at), (days_ago(3), NOW));
    assert_eq!(observed[0].lost_at, Some(days_ago(1)));
}

pub(crate) async fn what_is_old_is_forgotten_and_observation_begins_later(bench: &Bench) {
    for (id, days) in [(1, 9), (2, 8), (3, 1), (4, 0)] {
        let at = days_ago(days);
        let rows = vec![used("getOrder", "alice", 1, at), used("getOrder", "bob", 1, at)];
        let strays = vec![stray(&format!("/x{days}"), 1, at)];
        bench.store.add_usage(UsageBatch { strays, ..batch(id, at, rows) }).await.unwrap();
    }
    let began = async || bench.store.observations().await.unwrap()[0].began_at;
    let bounds = UsageBounds { since: days_ago(8), rows: 100 };
    // Two rows of calls, and one of what is not declared.
    assert_eq!(bench.store.forget_usage(NOW, bounds).await, Ok(3));
    assert_eq!(began().await, Timestamp::from_seconds((20_000 - 8) * DAY));
    assert_eq!(bench.store.usage_since(ALWAYS).await.unwrap()[0].ends.total(), 3);

    // Room for three rows: the days of which all rows fit are one.
    assert_eq!(bench.store.forget_usage(NOW, UsageBounds { rows: 3, ..bounds }).await, Ok(4));
    assert_eq!(began().await, Timestamp::from_seconds(20_000 * DAY));
    // The day that is not over is never forgotten.
    assert_eq!(bench.store.forget_usage(NOW, UsageBounds { rows: 0, ..bounds }).await, Ok(0));
    assert_eq!(bench.store.usage_since(ALWAYS).await.unwrap().len(), 2);
}

pub(crate) async fn what_is_not_declared_is_kept_within_bounds(bench: &Bench) {
    let first = UsageBatch { strays: vec![stray("/honest", 20, NOW)], ..batch(0, NOW, Vec::new()) };
    bench.store.add_usage(first).await.unwrap();
    for part in 0..3u8 {
        let strays = (0..500).map(|number| stray(&format!("/x{part}-{number}"), 1, NOW)).collect();
        bench.store.add_usage(UsageBatch { strays, ..batch(part + 1, NOW, Vec::new()) }).await.unwrap();
    }
    let again = UsageBatch { strays: vec![stray("/honest", 5, NOW)], ..batch(9, NOW, Vec::new()) };
    bench.store.add_usage(again).await.unwrap();
    let found = bench.store.strays_since(ALWAYS).await.unwrap();
    assert_eq!(found.len(), 1000);
    let honest = found.iter().find(|stray| &*stray.template == "/honest").expect("it was pushed out");
    assert_eq!((honest.refused, honest.answered), (25, 2));

    let member = |name: String| StrayMember {
        operation: operation("getOrder"),
        place: MemberPlace::Body,
        name: name.into(),
        times: 2,
        first_at: NOW,
        last_at: NOW,
    };
    let members = (0..150).map(|number| member(format!("/m{number:03}"))).collect();
    bench.store.add_usage(UsageBatch { members, ..batch(10, NOW, Vec::new()) }).await.unwrap();
    let members = vec![member("/m000".to_owned()), member("/m149".to_owned())];
    bench.store.add_usage(UsageBatch { members, ..batch(11, NOW, Vec::new()) }).await.unwrap();
    let found = bench.store.stray_members_since(ALWAYS).await.unwrap();
    assert_eq!((found.len(), &*found[0].name, found[0].times), (100, "/m000", 4));
    assert_eq!(
        bench.store.stray_members_since(Timestamp::from_seconds(u64::MAX / 2000)).await,
        Ok(Vec::new())
    );
}

pub(crate) async fn hostile_names_poison_no_batch(bench: &Bench) {
    let long = "x\0'; DROP TABLE call_count; --é".repeat(500);
    let mut usage = used(&long, &long, 1, NOW);
    usage.consumer.issuer = long.clone().into();
    usage.consumer.client = long.clone().into();
    usage.operation.api = long.clone().into();
    usage.operation.version = long.into();
    bench.store.add_usage(batch(1, NOW, vec![usage])).await.unwrap();
    let found = bench.store.usage_since(ALWAYS).await.unwrap();
    let subject = &found[0].consumer.subject;
    assert!(subject.len() <= 255 && subject.starts_with("x\u{FFFD}'; DROP") && subject.ends_with('…'));
}

pub(crate) async fn what_was_learnt_is_changed_by_those_who_know_the_latest(bench: &Bench) {
    let content = |text: &str, revision| Learnt { revision, content: text.as_bytes().to_vec() };
    assert_eq!(bench.store.find_learnt("shop").await, Ok(None));
    bench.store.keep_learnt("shop", content("one", 0)).await.unwrap();
    assert_eq!(bench.store.keep_learnt("shop", content("stale", 0)).await, Err(StoreError::Conflict));
    assert_eq!(bench.store.find_learnt("shop").await, Ok(Some(content("one", 1))));
    bench.store.keep_learnt("shop", content("two", 1)).await.unwrap();
    assert_eq!(bench.store.keep_learnt("shop", content("stale", 1)).await, Err(StoreError::Conflict));
    assert_eq!(bench.store.find_learnt("shop").await, Ok(Some(content("two", 2))));
}
