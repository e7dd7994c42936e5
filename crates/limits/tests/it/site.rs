//! One gateway's part in shared counts.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use portcullis_domain::{Clock, Now, Secret, Strength};
use portcullis_limits::shared::{Change, Dial, Login, Settings, Shared, Stream, WhenLost};
use portcullis_limits::{Charge, Counters, Key, Limiter, Purpose, Quota, Span, Taken, Violated, Visibility};
use portcullis_testkit::valkey::{PASSWORD, USER, Valkey};
use portcullis_testkit::wait::PATIENCE;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// A gateway: its counters, and a quota that it counts.
pub(crate) struct Site {
    pub(crate) counters: Counters,
    pub(crate) shared: Arc<Shared>,
    pub(crate) limiter: Limiter,
    changes: watch::Receiver<Vec<Change>>,
    clock: Clock,
    keeper: AbortHandle,
}

/// Opens streams without TLS.
pub(crate) struct Plain;

impl Dial for Plain {
    fn dial<'d>(&'d self, server: &'d str) -> BoxFuture<'d, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(server).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// So many in an hour: nothing of it comes back while a test runs.
pub(crate) fn hourly(count: u32) -> Quota {
    Quota::new("hourly", count, Duration::from_secs(3_600), count).unwrap()
}

pub(crate) fn settings(servers: &[SocketAddr]) -> Settings {
    Settings {
        servers: servers.iter().map(|server| server.to_string().into()).collect(),
        dial: Arc::new(Plain),
        login: Login { user: Some(USER.into()), password: Some(Secret::new(PASSWORD.into())) },
        key_secret: [7; 16],
        prefix: "portcullis".into(),
        // Long, because build machines are busy: a healthy server must never be taken for a lost one here.
        timeout: Duration::from_secs(2),
        replicas: 2,
        when_lost: WhenLost::CountAlone,
        lease: 0,
    }
}

impl Site {
    /// One that counts `quota` at `server`, connected.
    pub(crate) async fn at(server: &Valkey, quota: Quota) -> Self {
        let site = Self::with(settings(&[server.address()]), quota, Purpose::Use);
        site.connected().await;
        site
    }

    /// One with these settings, which is not connected yet.
    pub(crate) fn with(settings: Settings, quota: Quota, purpose: Purpose) -> Self {
        let shared = Arc::new(Shared::new(settings, 1));
        let (tell, changes) = watch::channel(Vec::new());
        let tell = Arc::new(Mutex::new(tell));
        let keeper = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                shared
                    .keep(0, move |change| tell.lock().unwrap().send_modify(|changes| changes.push(change)))
                    .await;
            }
        })
        .abort_handle();
        let limiter = Limiter::at("shop/caller/test", quota, purpose, Span::Process, 1_000);
        let counters = Counters::Shared(Arc::clone(&shared));
        Self { counters, shared, limiter, changes, clock: Clock::machine(), keeper }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(crate) fn charge(&self, key: Key, cost: u32) -> Charge<'_> {
        let (strength, visibility) = (Strength::Enforce, Visibility::Told);
        Charge { limiter: &self.limiter, key, cost, strength, visibility, alert_at: None }
    }

    /// Spends one unit of `key`'s.
    pub(crate) async fn take(&self, key: Key) -> Result<Taken<'_>, Violated<'_>> {
        self.counters.take(&[self.charge(key, 1)], self.now()).await
    }

    /// How many of `calls` are admitted that come all at once.
    pub(crate) async fn admitted(&self, key: Key, calls: usize) -> usize {
        let calls = (0..calls).map(|_| self.take(key));
        futures_util::future::join_all(calls).await.iter().filter(|call| call.is_ok()).count()
    }

    /// How many of `calls` are admitted that come ten at a time.
    pub(crate) async fn admitted_by_tens(&self, key: Key, calls: usize) -> usize {
        let mut admitted = 0;
        for _ in 0..calls / 10 {
            admitted += self.admitted(key, 10).await;
        }
        admitted
    }

    /// Waits until there is a connection.
    pub(crate) async fn connected(&self) {
        let wait = async {
            while self.shared.connections() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a connection to the server");
    }

    /// Waits until so much was told of the server, and gives it.
    pub(crate) async fn told(&self, count: usize) -> Vec<Change> {
        let mut changes = self.changes.clone();
        let told = changes.wait_for(|changes| changes.len() >= count);
        tokio::time::timeout(PATIENCE, told).await.expect("a change").expect("a keeper").clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// A key that nobody else has.
pub(crate) fn alice() -> Key {
    Key::subject("https://id.example", "alice")
}
