//! The script at a real server against the counters of this process: the same arrivals, the same answers.
//!
//! The server's clock cannot be set, so it is read: each answer says when it was given, and the local counter is then
//! asked at that very moment.

use std::time::Duration;

use portcullis_domain::{Now, Secret, Strength, Timestamp};
use portcullis_testkit::{Valkey, valkey};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::dial::{Dial, Live, Login, Stream};
use super::order::{Doing, Order};
use super::reply::{self, Outcome, Reply};
use crate::calendar::{Calendar, Every};
use crate::decision::{Charge, Visibility, is_refused, take};
use crate::key::Key;
use crate::limiter::Limiter;
use crate::quota::Quota;

const NOW: Now = Now { wall: Timestamp::from_seconds(1_000_000), mono: Duration::from_secs(10) };

struct Plain;

impl Dial for Plain {
    fn dial<'d>(
        &'d self,
        server: &'d str,
    ) -> futures_util::future::BoxFuture<'d, std::io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(server).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// A server and a connection to it.
struct Peer {
    _server: Valkey,
    live: Live,
    runtime: Runtime,
}

impl Peer {
    fn new() -> Self {
        let server = Valkey::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let password = Some(Secret::new(valkey::PASSWORD.into()));
        let login = Login { user: Some(valkey::USER.into()), password };
        let (live, _) = runtime.block_on(Live::new(&Plain, &server.address().to_string(), &login)).unwrap();
        Self { _server: server, live, runtime }
    }

    fn ask(&self, order: &Order) -> Reply {
        reply::read(&self.raw(order), order).unwrap()
    }

    fn raw(&self, order: &Order) -> Value {
        self.runtime.block_on(self.live.call(&order.command("portcullis", &self.live.sha))).unwrap()
    }
}

/// A key that nobody had before.
fn fresh() -> Key {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Key::named("parity", &NEXT.fetch_add(1, Ordering::Relaxed).to_string())
}

fn charge(limiter: &Limiter, key: Key, cost: u32) -> Charge<'_> {
    let (strength, visibility) = (Strength::Enforce, Visibility::Told);
    Charge { limiter, key, cost, strength, visibility, alert_at: None }
}

fn rolling(name: &str, count: u32, micros: u64, burst: u32) -> Quota {
    Quota::new(name, count, Duration::from_micros(micros), burst).unwrap()
}

fn charges<'l>(
    limiters: &'l [Limiter],
    quotas: &[(u32, u64, u32, Strength)],
    key: Key,
    cost: u32,
) -> Vec<Charge<'l>> {
    let of = |(limiter, quota): (&'l Limiter, &(u32, u64, u32, Strength))| Charge {
        strength: quota.3,
        ..charge(limiter, key, cost)
    };
    limiters.iter().zip(quotas).map(of).collect()
}

fn check(
    peer: &Peer,
    quotas: &[(u32, u64, u32, Strength)],
    arrivals: &[(u32, bool)],
) -> Result<(), TestCaseError> {
    // One set is a mirror that stays empty, so that the server knows all that it says by itself.
    let limiters = || -> Vec<Limiter> {
        let limiter = |(index, quota): (usize, &(u32, u64, u32, Strength))| {
            let (count, micros, burst, _) = *quota;
            Limiter::new(rolling(&format!("test-{index}"), count, micros, burst), 64)
        };
        quotas.iter().enumerate().map(limiter).collect()
    };
    let (local, mirror, key) = (limiters(), limiters(), fresh());
    for (cost, gives_back) in arrivals {
        let remote = charges(&mirror, quotas, key, *cost);
        let here = charges(&local, quotas, key, *cost);
        let reply = peer.ask(&Order::new(Doing::Take, &remote, NOW, |_| 0));
        let shared: Vec<_> = remote
            .iter()
            .zip(&reply.held)
            .map(|(charge, held)| charge.limiter.judge(*held, *cost, reply.now))
            .collect();
        let alone: Vec<_> = here.iter().map(|charge| charge.limiter.peek(key, *cost, reply.now)).collect();
        prop_assert_eq!(&shared, &alone);
        prop_assert_eq!(reply.outcome == Outcome::Refused, is_refused(&here, &alone));
        let taken = take(&here, reply.now);
        prop_assert_eq!(taken.is_err(), reply.outcome == Outcome::Refused);
        if *gives_back && taken.is_ok() {
            // What was in shadow and did not fit was not spent.
            let spent: Vec<Charge<'_>> = remote
                .iter()
                .zip(&alone)
                .filter(|(_, answer)| answer.is_ok())
                .map(|(charge, _)| *charge)
                .collect();
            peer.raw(&Order::new(Doing::GiveBack, &spent, NOW, |_| 0));
            for (charge, answer) in here.iter().zip(&alone) {
                if answer.is_ok() {
                    charge.limiter.refund(key, *cost, reply.now);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_server_answers_as_the_local_counter_does_to_the_nanosecond() {
    let peer = Peer::new();
    // Windows of milliseconds, so that time matters while the test runs; counts that divide nothing.
    let strength = prop_oneof![4 => Just(Strength::Enforce), 1 => Just(Strength::Shadow)];
    let quota = (1u32..60, 50u64..40_000, 1u32..40, strength);
    let arrivals = prop::collection::vec((0u32..5, prop::bool::weighted(0.1)), 1..60);
    let mut runner = TestRunner::new(Config { cases: 128, failure_persistence: None, ..Config::default() });
    runner
        .run(&(prop::collection::vec(quota, 1..4), arrivals), |(quotas, arrivals)| {
            check(&peer, &quotas, &arrivals)
        })
        .unwrap();
}

#[test]
fn quotas_that_come_back_over_decades_are_counted_to_the_nanosecond() {
    let peer = Peer::new();
    let century = Duration::from_secs(100 * 365 * 86_400);
    let quota = || Quota::new("century", 7, century, 7).unwrap();
    let (local, mirror, key) = (Limiter::new(quota(), 64), Limiter::new(quota(), 64), fresh());
    for _ in 0..9 {
        let reply = peer.ask(&Order::new(Doing::Take, [&charge(&mirror, key, 1)], NOW, |_| 0));
        assert_eq!(mirror.judge(reply.held[0], 1, reply.now), local.take(key, 1, reply.now));
    }
}

#[test]
fn a_day_is_counted_as_it_is_here_and_ends_by_the_servers_clock() {
    let peer = Peer::new();
    let quota = || Quota::fixed("daily", 5, Calendar::new(Every::Day, jiff::tz::TimeZone::UTC)).unwrap();
    let (local, mirror, key) = (Limiter::new(quota(), 64), Limiter::new(quota(), 64), fresh());
    let first = peer.ask(&Order::trial());
    for cost in [1, 3, 2, 0, 1, 1] {
        // By clocks that are hours apart, as long as they are less than a day.
        for skew in [-80_000i64, 80_000] {
            let wall = Timestamp::from_seconds(first.now.wall.as_seconds().saturating_add_signed(skew));
            let skewed = Now { wall, mono: NOW.mono };
            let look = peer.ask(&Order::new(Doing::Take, [&charge(&mirror, key, 0)], skewed, |_| 0));
            assert_eq!(mirror.judge(look.held[0], 0, look.now), local.take(key, 0, look.now));
        }
        let reply = peer.ask(&Order::new(Doing::Take, [&charge(&mirror, key, cost)], first.now, |_| 0));
        assert_eq!(mirror.judge(reply.held[0], cost, reply.now), local.take(key, cost, reply.now));
    }
}

#[test]
fn what_cannot_be_refused_is_spent_as_far_as_there_is_enough() {
    let peer = Peer::new();
    let (limiter, key) = (Limiter::new(rolling("test", 10, 3_600_000_000, 10), 64), fresh());
    peer.raw(&Order::new(Doing::Charge, [&charge(&limiter, key, 8)], NOW, |_| 0));
    let look = || {
        let reply = peer.ask(&Order::new(Doing::Take, [&charge(&limiter, key, 0)], NOW, |_| 0));
        limiter.judge(reply.held[0], 0, reply.now).unwrap().remaining
    };
    assert_eq!(look(), 2);
    peer.raw(&Order::new(Doing::Charge, [&charge(&limiter, key, 8)], NOW, |_| 0));
    assert_eq!(look(), 0);
    peer.raw(&Order::new(Doing::GiveBack, [&charge(&limiter, key, 4)], NOW, |_| 0));
    assert_eq!(look(), 4);
}
