//! Leases: how far a quota may be off, and never further.

use std::time::Duration;

use portcullis_limits::{Key, Purpose, Quota};
use portcullis_testkit::Valkey;

use crate::site::{Site, alice, hourly, settings};

const LEASE: u32 = 10;

async fn sites(server: &Valkey, quota: Quota) -> (Site, Site) {
    let site = async |quota| {
        let mut settings = settings(&[server.address()]);
        settings.lease = LEASE;
        let site = Site::with(settings, quota, Purpose::Use);
        site.connected().await;
        site
    };
    (site(quota.clone()).await, site(quota).await)
}

/// Takes one after the other, as a single busy client does, until `calls` were made.
async fn one_by_one(site: &Site, key: Key, calls: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..calls {
        admitted += usize::from(site.take(key).await.is_ok());
    }
    admitted
}

#[tokio::test]
async fn a_busy_key_far_below_its_limit_is_seldom_asked_for_and_never_exceeds_it() {
    let server = Valkey::new();
    let (first, second) = sites(&server, hourly(1_000)).await;
    let (one, other) = tokio::join!(one_by_one(&first, alice(), 1_000), one_by_one(&second, alice(), 1_000));
    // What is leased is spent already: never one more. What the other holds may be missing: both hold ten at most.
    assert!((980..=1_000).contains(&(one + other)), "{one} and {other}");
    let tally = [first.shared.tally(), second.shared.tally()];
    // Half of the quota by leases of ten and one that asks; the other half is asked for one by one.
    let leased: u64 = tally.iter().map(|tally| tally.leased).sum();
    assert!((400..=520).contains(&leased), "{leased}");
    assert!(tally.iter().all(|tally| tally.alone == 0));
}

#[tokio::test]
async fn the_numbers_told_fall_call_by_call_also_while_nobody_is_asked() {
    let server = Valkey::new();
    let (first, _second) = sites(&server, hourly(200)).await;
    let mut last = 200;
    for _ in 0..60 {
        let standing = first.take(alice()).await.unwrap().tightest.unwrap().standing;
        assert_eq!(standing.remaining, last - 1);
        last = standing.remaining;
    }
    assert!(first.shared.tally().leased > 0);
}

#[tokio::test]
async fn in_any_span_no_more_are_admitted_than_the_quota_the_burst_and_what_is_leased() {
    let server = Valkey::new();
    let (count, burst) = (2_000, 400);
    let (first, second) =
        sites(&server, Quota::new("quick", count, Duration::from_secs(1), burst).unwrap()).await;
    // When each admission was asked for, and when it had been had: at some moment between the two it was counted.
    let load = async |site: &Site| {
        let mut admissions = Vec::new();
        for _ in 0..2_500 {
            let asked = site.now().mono;
            if site.take(alice()).await.is_ok() {
                admissions.push((asked, site.now().mono));
            }
            // The other one's turn.
            tokio::task::yield_now().await;
        }
        admissions
    };
    let origin = first.now().mono;
    let (mut admissions, more) = tokio::join!(load(&first), load(&second));
    // Each clock counts from its own start; both are read here for one moment.
    let shift = second.now().mono.abs_diff(first.now().mono);
    assert!(shift < Duration::from_secs(1));
    admissions.extend(more);
    admissions.sort();
    assert!(first.shared.tally().leased + second.shared.tally().leased > 0);
    let ceiling = |span: Duration| {
        f64::from(burst) + f64::from(2 * LEASE) + (span + shift).as_secs_f64() * f64::from(count)
    };
    for (index, (from, _)) in admissions.iter().enumerate().step_by(7) {
        let mut within: Vec<Duration> = admissions[index..].iter().map(|(_, had)| *had).collect();
        within.sort();
        for (so_many, had) in within.iter().enumerate() {
            assert!(
                so_many as f64 <= ceiling(*had - *from),
                "{so_many} from {:?} to {had:?}",
                *from - origin
            );
        }
    }
}

#[tokio::test]
async fn whoever_is_seldom_seen_gets_no_lease_and_neither_do_guesses() {
    let server = Valkey::new();
    let (first, _second) = sites(&server, hourly(1_000)).await;
    for number in 0..200 {
        assert!(first.take(Key::named("tenant", &number.to_string())).await.is_ok());
    }
    assert_eq!((first.shared.tally().asked, first.shared.tally().leased), (200, 0));
    let mut settings = settings(&[server.address()]);
    settings.lease = LEASE;
    let guesses = Site::with(settings, hourly(1_000), Purpose::Guessing);
    guesses.connected().await;
    assert_eq!(one_by_one(&guesses, alice(), 50).await, 50);
    assert_eq!(guesses.shared.tally().leased, 0);
}
