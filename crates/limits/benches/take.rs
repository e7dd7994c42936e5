//! What one decision costs.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use divan::Bencher;
use futures_util::FutureExt as _;
use jiff::tz::TimeZone;
use portcullis_domain::{Now, Strength, Timestamp};
use portcullis_limits::calendar::{Calendar, Every};
use portcullis_limits::{
    Charge, Concurrency, Counters, Failures, Key, Limiter, PartitionKeys, Purpose, Quota, Span, Standings,
    Visibility, ratelimit,
};
use smallvec::SmallVec;

fn main() {
    divan::main();
}

fn at(nanos: u64) -> Now {
    let mono = Duration::from_nanos(nanos);
    Now { wall: Timestamp::from_seconds(1_800_000_000).plus(mono), mono }
}

fn quota() -> Quota {
    Quota::new("bench", 1_000_000, Duration::from_secs(1), 1_000_000).expect("a sound quota")
}

fn keys(count: u32) -> Vec<Key> {
    (0..count).map(|number| Key::peer(IpAddr::V4(Ipv4Addr::from_bits(number)))).collect()
}

/// A limiter whose memory was touched, as that of a process that has run for a while.
fn warm(capacity: usize, keys_in_use: u32) -> (Limiter, Vec<Key>) {
    let (limiter, keys) = (Limiter::new(quota(), capacity), keys(keys_in_use));
    for key in &keys {
        limiter.take(*key, 1, at(1)).ok();
    }
    (limiter, keys)
}

/// The target: at most 40 ns.
#[divan::bench(args = [1, 1_000, 100_000], sample_size = 10_000)]
fn take(bencher: Bencher<'_, '_>, keys_in_use: u32) {
    let (limiter, keys) = warm(100_000, keys_in_use);
    let (mut next, mut now) = (0, 1_000_000);
    bencher.bench_local(|| {
        next = (next + 1) % keys.len();
        now += 1_000;
        limiter.take(black_box(keys[next]), 1, at(now))
    });
}

/// Every place in the table was used once, and every key is new.
#[divan::bench(sample_size = 10_000)]
fn take_for_strangers(bencher: Bencher<'_, '_>) {
    let (limiter, keys) = warm(10_000, 1_000_000);
    let (mut next, mut now) = (0, 1_000_000);
    bencher.bench_local(|| {
        next = (next + 1) % keys.len();
        now += 1_000;
        limiter.take(black_box(keys[next]), 1, at(now))
    });
}

/// Both cores on one key: the worst case for a lock.
#[divan::bench(threads = [1, 2])]
fn take_on_one_key(bencher: Bencher<'_, '_>) {
    let (limiter, key, now) = (Limiter::new(quota(), 100_000), keys(1)[0], AtomicU64::new(1_000));
    bencher.bench(|| {
        let now = now.fetch_add(1_000, Ordering::Relaxed);
        limiter.take(black_box(key), 1, at(now))
    });
}

/// A quota by the day, whose table tells what changed.
#[divan::bench(sample_size = 10_000)]
fn take_of_a_day(bencher: Bencher<'_, '_>) {
    let calendar = Calendar::new(Every::Day, TimeZone::UTC);
    let quota = Quota::fixed("bench", u32::MAX, calendar).expect("a sound quota");
    let limiter = Limiter::at("bench", quota, Purpose::Use, Span::Lasting, 100_000);
    let (keys, mut next) = (keys(1_000), 0);
    bencher.bench_local(|| {
        next = (next + 1) % keys.len();
        limiter.take(black_box(keys[next]), 1, at(1_000_000_000))
    });
}

/// All that one request spends, of three quotas. The target: below 150 ns, and below 400 ns with both cores on one key.
#[divan::bench(threads = [1, 2], args = [1, 3])]
fn decide(bencher: Bencher<'_, '_>, quotas: usize) {
    let limiters: Vec<Limiter> = (0..quotas).map(|_| Limiter::new(quota(), 100_000)).collect();
    let (key, now) = (keys(1)[0], AtomicU64::new(1_000));
    bencher.bench(|| {
        let now = at(now.fetch_add(1_000, Ordering::Relaxed));
        let charges: SmallVec<[Charge<'_>; 4]> = limiters
            .iter()
            .map(|limiter| Charge {
                limiter,
                key: black_box(key),
                cost: 1,
                strength: Strength::Enforce,
                visibility: Visibility::Told,
                alert_at: None,
            })
            .collect();
        Counters::Local.take(&charges, now).now_or_never().is_some_and(|taken| taken.is_ok())
    });
}

#[divan::bench]
fn key_of_an_ipv4_peer() -> Key {
    Key::peer(black_box(IpAddr::V4(Ipv4Addr::LOCALHOST)))
}

#[divan::bench]
fn key_of_an_ipv6_peer() -> Key {
    Key::peer(black_box(IpAddr::V6(Ipv6Addr::LOCALHOST)))
}

#[divan::bench]
fn key_of_a_subject() -> Key {
    Key::subject(black_box("https://id.example.com"), black_box("7b0c6f1e-5d2a-4f1b-9c3e-2a1d4c5b6a79"))
}

#[divan::bench]
fn check_of_failures(bencher: Bencher<'_, '_>) {
    let (failures, keys) = (Failures::new(quota(), quota(), 10_000), keys(2));
    bencher.bench_local(|| failures.check(black_box(keys[0]), black_box(keys[1]), at(1_000_000_000)));
}

#[divan::bench]
fn permit(bencher: Bencher<'_, '_>) {
    let (concurrency, key) = (Concurrency::new(100, 10_000), keys(1)[0]);
    bencher.bench_local(|| Arc::clone(&concurrency).acquire(black_box(key)).is_ok());
}

#[divan::bench]
fn header_field(bencher: Bencher<'_, '_>) {
    let limiter = Limiter::new(quota(), 10);
    let key = keys(1)[0];
    let standing = limiter.take(key, 1, at(1_000_000_000)).expect("a fresh budget");
    let standings = Standings { quota: limiter.quota(), key, standing };
    bencher.bench_local(|| ratelimit(black_box(&[standings]), PartitionKeys::Hidden));
}
