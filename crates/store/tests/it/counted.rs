//! What was spent of long quotas: kept, replaced, told by place, forgotten when it is over.

use portcullis_domain::{CountStore as _, KeptCount, Timestamp};

use crate::bench::Bench;

fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_764_000_000 + second)
}

fn count(place: &str, key: u64, until: u64, spent: u32) -> KeptCount {
    KeptCount { place: place.into(), key, until: at(until), spent }
}

pub(crate) async fn what_was_spent_is_known_to_the_next_process(bench: &Bench) {
    // A key beyond the positive half of the database's integers.
    let daily =
        [count("shop/caller/daily", u64::MAX - 1, 500, u32::MAX), count("shop/caller/daily", 7, 900, 2)];
    bench.store.keep_counts(daily.to_vec()).await.unwrap();
    bench.store.keep_counts(vec![count("shop/caller/monthly", 7, 900, 40)]).await.unwrap();
    let again = bench.again().unwrap();
    let kept = again.kept_counts("shop/caller/daily", at(0), 10).await.unwrap();
    assert_eq!(kept, [daily[1].clone(), daily[0].clone()]);
    assert_eq!(again.kept_counts("shop/caller/daily", at(0), 1).await.unwrap(), [daily[1].clone()]);
    assert_eq!(again.kept_counts("shop/caller", at(0), 10).await.unwrap(), []);
}

pub(crate) async fn a_count_is_replaced_and_ends(bench: &Bench) {
    let place = "shop/keyed/0/tickets'; --";
    bench.store.keep_counts(vec![count(place, 1, 100, 1), count(place, 2, 50, 1)]).await.unwrap();
    bench.store.keep_counts(vec![count(place, 1, 100, 3)]).await.unwrap();
    let kept = |now| bench.store.kept_counts(place, at(now), 10);
    assert_eq!(kept(60).await.unwrap(), [count(place, 1, 100, 3)]);
    assert_eq!(bench.store.forget_counts(at(60)).await.unwrap(), 1);
    assert_eq!(kept(0).await.unwrap(), [count(place, 1, 100, 3)]);
    assert_eq!(bench.store.forget_counts(at(100)).await.unwrap(), 1);
    assert_eq!(kept(0).await.unwrap(), []);
}
