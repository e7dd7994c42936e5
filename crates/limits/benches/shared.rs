//! What a decision costs that is made together with other gateways, beside the bare round trip that it is made of.
//!
//! Needs a server: `scripts/valkey start` first, and `scripts/valkey stop` afterwards. The goal is at most 1.2 times the
//! bare round trip for a decision of one quota (issue 7), and no round trip at all for a key that is leased.

#![expect(clippy::expect_used, reason = "a benchmark may stop")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use futures_util::future::BoxFuture;
use portcullis_domain::{Clock, Secret, Strength};
use portcullis_limits::shared::{Dial, Login, Settings, Shared, Stream, WhenLost};
use portcullis_limits::{Charge, Counters, Key, Limiter, Quota, Visibility};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const SERVER: &str = "127.0.0.1:54330";
const PASSWORD: &str = "only-for-tests";

fn main() {
    divan::main();
}

struct Plain;

impl Dial for Plain {
    fn dial<'d>(&'d self, server: &'d str) -> BoxFuture<'d, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(server).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Counters that are connected, kept by `runtime`.
fn counters(runtime: &Runtime, lease: u32) -> Counters {
    let settings = Settings {
        servers: vec![SERVER.into()],
        dial: Arc::new(Plain),
        login: Login { user: None, password: Some(Secret::new(PASSWORD.into())) },
        key_secret: [7; 16],
        prefix: "portcullis-bench".into(),
        timeout: Duration::from_secs(1),
        replicas: 2,
        when_lost: WhenLost::CountAlone,
        lease,
    };
    let shared = Arc::new(Shared::new(settings, 1));
    runtime.spawn({
        let shared = Arc::clone(&shared);
        async move { shared.keep(0, |_| {}).await }
    });
    runtime.block_on(async {
        while shared.connections() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    Counters::Shared(shared)
}

fn limiters(count: usize) -> Vec<Limiter> {
    let quota =
        |index| Quota::new(&format!("bench-{index}"), 1_000_000_000, Duration::from_secs(60), 1_000_000_000);
    (0..count).map(|index| Limiter::new(quota(index).expect("a quota"), 1_024)).collect()
}

fn take(bencher: Bencher<'_, '_>, quotas: usize, lease: u32) {
    let runtime = runtime();
    let (counters, limiters, clock) = (counters(&runtime, lease), limiters(quotas), Clock::machine());
    let charge = |limiter| Charge {
        limiter,
        key: Key::subject("https://id.example", "alice"),
        cost: 1,
        strength: Strength::Enforce,
        visibility: Visibility::Told,
        alert_at: None,
    };
    let charges: Vec<Charge<'_>> = limiters.iter().map(charge).collect();
    bencher.bench_local(|| {
        runtime
            .block_on(counters.take(&charges, clock.now()))
            .map(drop)
            .map_err(drop)
            .expect("plenty is left")
    });
}

/// What nothing can be cheaper than: the same connection, the smallest question.
#[divan::bench]
fn bare_round_trip(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let connection = runtime.block_on(async {
        let stream = Plain.dial(SERVER).await.expect("a server: run scripts/valkey start");
        let info = RedisConnectionInfo::default().set_password(PASSWORD).set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config).await.expect("a login");
        tokio::spawn(driver);
        connection
    });
    bencher.bench_local(|| {
        let mut connection = connection.clone();
        runtime
            .block_on(async move { connection.send_packed_command(&redis::cmd("PING")).await })
            .expect("a pong")
    });
}

#[divan::bench]
fn one_quota(bencher: Bencher<'_, '_>) {
    take(bencher, 1, 0);
}

#[divan::bench]
fn four_quotas(bencher: Bencher<'_, '_>) {
    take(bencher, 4, 0);
}

#[divan::bench]
fn one_quota_of_a_busy_key_with_leases(bencher: Bencher<'_, '_>) {
    take(bencher, 1, 100);
}
