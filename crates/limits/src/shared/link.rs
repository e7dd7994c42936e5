//! The connection of one worker, and how it is had again when it is lost.
//!
//! In: calls. Out: answers in time, or a [`Fault`] at once. A request never connects and never tries again: the first
//! call that fails takes the connection away for all that follow, which count alone until the keeper has made another one
//! and seen the script run over it. Between attempts the keeper waits longer and longer, by a random part, so that many
//! gateways do not fall upon a server that has just come back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rand::RngExt as _;
use redis::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::shared::dial::Live;
use crate::shared::fault::Fault;
use crate::shared::order::Order;
use crate::shared::reply;
use crate::shared::settings::Settings;

/// Orders that may wait to be sent for whom nobody waits.
const OWED: usize = 4_096;
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The shortest and the longest wait between attempts.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
/// How often it is looked whether the server is there.
const BEAT: Duration = Duration::from_secs(2);

/// The connection of one worker.
pub(crate) struct Link {
    live: ArcSwapOption<Live>,
    is_lost: Notify,
    why: Mutex<Option<Fault>>,
    owed: mpsc::Sender<Order>,
    /// How many of them the server never heard of.
    dropped: AtomicU64,
    /// Until the keeper takes it.
    owing: Mutex<Option<mpsc::Receiver<Order>>>,
}

/// Whether the server is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is, again or for the first time.
    Found,
    /// It is not: it is counted alone.
    Lost(Fault),
}

impl Link {
    pub(crate) fn new() -> Self {
        let (owed, owing) = mpsc::channel(OWED);
        Self {
            live: ArcSwapOption::empty(),
            is_lost: Notify::new(),
            why: Mutex::default(),
            owed,
            dropped: AtomicU64::new(0),
            owing: Mutex::new(Some(owing)),
        }
    }

    /// Whether there is a connection.
    pub(crate) fn is_up(&self) -> bool {
        self.live.load().is_some()
    }

    /// Sends one order and waits for the answer, no longer than is set.
    ///
    /// # Errors
    /// Why there is none. The connection is given up.
    pub(crate) async fn call(&self, order: &Order, settings: &Settings) -> Result<Value, Fault> {
        let Some(live) = self.live.load_full() else { return Err(Fault::Unconnected) };
        ask(&live, order, settings).await.inspect_err(|fault| self.lose(&live, fault))
    }

    /// Gives up the connection over which nonsense came.
    pub(crate) fn distrust(&self) {
        if let Some(live) = self.live.load_full() {
            self.lose(&live, &Fault::Nonsense);
        }
    }

    /// Has `order` sent when there is time for it. Waits for nobody.
    ///
    /// # Errors
    /// There are too many already, or nobody is there to send them.
    pub(crate) fn owe(&self, order: Order) -> Result<(), Fault> {
        let sent = match self.is_up() {
            true => self.owed.try_send(order).map_err(|_| Fault::Slow),
            false => Err(Fault::Unconnected),
        };
        sent.inspect_err(|_| self.drop_one())
    }

    /// How many orders for whom nobody waited the server never heard of.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn lose(&self, live: &Arc<Live>, fault: &Fault) {
        let current = self.live.load();
        // Of all who wait for one connection, the first one gives it up; and nobody gives up the next.
        if !current.as_ref().is_some_and(|current| current.is_same(live)) {
            return;
        }
        let before = self.live.compare_and_swap(&current, None);
        if before.as_ref().is_some_and(|before| before.is_same(live)) {
            *lock(&self.why) = Some(fault.clone());
            self.is_lost.notify_one();
        }
    }

    /// Makes connections for as long as it is polled, and tells of each change.
    pub(crate) async fn keep(&self, settings: &Settings, mut tell: impl FnMut(Change)) {
        let Some(mut owing) = lock(&self.owing).take() else { return };
        let mut wait = SHORTEST;
        let mut was_lost = false;
        loop {
            match connect(settings).await {
                Ok((live, ended)) => {
                    let live = Arc::new(live);
                    self.live.store(Some(Arc::clone(&live)));
                    tell(Change::Found);
                    let lasted = self.attend(&mut owing, &live, ended, settings).await;
                    let fault = lock(&self.why).take().unwrap_or(Fault::Unconnected);
                    tell(Change::Lost(fault));
                    was_lost = true;
                    // A connection that breaks at once is no better than none.
                    if lasted == Lasted::Long {
                        wait = SHORTEST;
                    }
                }
                Err(fault) => {
                    if !was_lost {
                        tell(Change::Lost(fault));
                        was_lost = true;
                    }
                }
            }
            let part = rand::rng().random_range(0.5..1.5);
            tokio::time::sleep(wait.mul_f64(part)).await;
            wait = (wait * 2).min(LONGEST);
        }
    }

    /// Sends what nobody waits for, and looks whether the server is there while nobody asks, until the connection is lost:
    /// no request has to be the first to find out.
    async fn attend(
        &self,
        owing: &mut mpsc::Receiver<Order>,
        live: &Arc<Live>,
        mut ended: JoinHandle<()>,
        settings: &Settings,
    ) -> Lasted {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one comes at once.
        beat.tick().await;
        let mut lasted = Lasted::Short;
        loop {
            tokio::select! {
                () = self.is_lost.notified() => return lasted,
                _ = &mut ended => {
                    self.lose(live, &Fault::Broken("it was closed".into()));
                    // Told by us or by a request that was quicker.
                    self.is_lost.notified().await;
                    return lasted;
                }
                _ = beat.tick() => {
                    lasted = Lasted::Long;
                    let pong = timeout(settings.timeout, live.call(&redis::cmd("PING"))).await;
                    if let Err(fault) = pong.unwrap_or(Err(Fault::Slow)) {
                        self.lose(live, &fault);
                    }
                }
                order = owing.recv() => {
                    let Some(order) = order else { continue };
                    if let Err(fault) = ask(live, &order, settings).await {
                        self.drop_one();
                        self.lose(live, &fault);
                    }
                }
            }
        }
    }
}

/// How long a connection lasted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasted {
    Short,
    Long,
}

/// The first of the servers over which the script runs. One that is a replica, is loading, is full, or has the keys'
/// slot elsewhere says so here.
async fn connect(settings: &Settings) -> Result<(Live, JoinHandle<()>), Fault> {
    let mut last = Fault::Unconnected;
    for server in &settings.servers {
        match timeout(CONNECT, attempt(settings, server)).await.unwrap_or(Err(Fault::Slow)) {
            Ok(made) => return Ok(made),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

async fn attempt(settings: &Settings, server: &str) -> Result<(Live, JoinHandle<()>), Fault> {
    let (live, ended) = Live::new(&*settings.dial, server, &settings.login).await?;
    let trial = Order::trial();
    // In the time that requests will have: a server that is too slow for them is none.
    reply::read(&ask(&live, &trial, settings).await?, &trial)?;
    Ok((live, ended))
}

async fn ask(live: &Live, order: &Order, settings: &Settings) -> Result<Value, Fault> {
    let command = order.command(&settings.prefix, &live.sha);
    timeout(settings.timeout, live.call(&command)).await.unwrap_or(Err(Fault::Slow))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
