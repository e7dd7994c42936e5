//! Long quotas in the store: a day's or month's budget does not begin anew with the process (LIM-10).
//!
//! In: what the limiters of the policy in force say has changed. Out: rows of the store, and counts that are taken up
//! from there. Runs on the control thread; no request waits for it. What is spent is written every second, and when
//! the gateway stops: so a process that is killed gives back at most what was spent in its last second, and what a
//! store that is away has not taken, which is written once it is back.
//!
//! Keys are hashed with a secret in the state directory. Gateways with state directories of their own therefore keep
//! counts of their own, also in one database; counts that they share are in the shared store.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_domain::{Clock, CountStore, KeptCount, Now, StoreError};
use portcullis_limits::{Count, Limiter, Seeded, Span, Stock, secret, seed};
use portcullis_tls::StateDirectory;

use crate::lasting::Lasting;
use crate::worker::Shared;

/// The file in the state directory.
const FILE: &str = "limits.key";
/// How often what changed is written.
const ROUND: Duration = Duration::from_secs(1);
/// How often what is over is forgotten.
const FORGET: Duration = Duration::from_secs(3_600);
/// Rows of one write.
const BATCH: usize = 500;
/// Most rows that wait for a store that is away; beyond them the oldest knowledge of a key stays.
const WAITING: usize = 200_000;

/// What is kept, and what is on its way there.
#[derive(Default)]
pub(crate) struct Keeper {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Quotas whose kept counts were taken up.
    known: HashSet<Box<str>>,
    waiting: HashMap<(Box<str>, u64), KeptCount>,
    forgot: Option<Duration>,
    is_away: bool,
}

/// Makes the keys of this process the same as those of the one before it, if that kept its secret.
///
/// # Errors
/// If the secret is there and cannot be read.
pub(crate) fn adopt_secret(state: &Path) -> io::Result<()> {
    let Some(kept) = StateDirectory::new(state).read(FILE)? else { return Ok(()) };
    let kept = <[u8; 16]>::try_from(kept.as_slice())
        .map_err(|_| io::Error::other(format!("`{FILE}` in the state directory is damaged; remove it")))?;
    match seed(kept) {
        Seeded::Yes => {}
        // Another gateway in this process, as in tests, was first.
        Seeded::TooLate => tracing::debug!("the keys of limits are made with another secret"),
    }
    Ok(())
}

/// Keeps the secret of this process for the next one, unless one is kept already.
///
/// # Errors
/// If it cannot be kept.
pub(crate) fn keep_secret(state: &Path) -> io::Result<()> {
    let directory = StateDirectory::new(state);
    if directory.path(FILE).exists() { Ok(()) } else { directory.write(FILE, &secret()) }
}

impl Keeper {
    /// Takes up what is kept of the quotas in `stock`, of those that are not known yet.
    ///
    /// # Errors
    /// What the store says; they are tried again later.
    pub(crate) async fn take_up(
        &self,
        stock: &Stock,
        store: &dyn CountStore,
        now: Now,
    ) -> Result<(), StoreError> {
        for limiter in lasting(stock) {
            if self.lock().known.contains(limiter.place()) {
                continue;
            }
            let most = u32::try_from(WAITING).unwrap_or(u32::MAX);
            for KeptCount { key, until, spent, .. } in
                store.kept_counts(limiter.place(), now.wall, most).await?
            {
                limiter.restore(Count { key, until, spent }, now);
            }
            self.lock().known.insert(limiter.place().into());
        }
        Ok(())
    }

    /// Keeps what changes for as long as the process lives.
    pub(crate) async fn follow(self: Arc<Self>, shared: Arc<Shared>, lasting: Arc<Lasting>) {
        let mut tick = tokio::time::interval(ROUND);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.round(&shared, &lasting).await;
        }
    }

    /// Writes what changed, and takes up what a reload has added.
    pub(crate) async fn round(&self, shared: &Shared, lasting: &Lasting) {
        let Some(store) = lasting.counts() else { return };
        let (policy, now) = (shared.policy.load_full(), shared.clock.now());
        let outcome = async {
            self.take_up(&policy.limiters, &*store, now).await?;
            self.gather(&policy.limiters, now);
            self.write(&*store).await?;
            if self.is_time_to_forget(now) { store.forget_counts(now.wall).await.map(drop) } else { Ok(()) }
        };
        let outcome = outcome.await;
        let was_away = std::mem::replace(&mut self.lock().is_away, outcome.is_err());
        match (was_away, outcome) {
            (false, Err(error)) => {
                tracing::error!(%error, "what is spent of long quotas waits for the store")
            }
            (true, Ok(())) => tracing::info!("what is spent of long quotas is written again"),
            (_, _) => {}
        }
    }

    fn gather(&self, stock: &Stock, now: Now) {
        let mut state = self.lock();
        for limiter in lasting(stock) {
            limiter.changes(now, |Count { key, until, spent }| {
                let name = (Box::from(limiter.place()), key);
                if state.waiting.len() < WAITING || state.waiting.contains_key(&name) {
                    let count = KeptCount { place: name.0.clone(), key, until, spent };
                    state.waiting.insert(name, count);
                }
            });
        }
    }

    async fn write(&self, store: &dyn CountStore) -> Result<(), StoreError> {
        loop {
            let batch: Vec<KeptCount> = {
                let mut state = self.lock();
                let names: Vec<_> = state.waiting.keys().take(BATCH).cloned().collect();
                names.iter().filter_map(|name| state.waiting.remove(name)).collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            if let Err(error) = store.keep_counts(batch.clone()).await {
                let mut state = self.lock();
                for count in batch {
                    // Nothing newer was gathered meanwhile: this is the one task that gathers.
                    state.waiting.insert((count.place.clone(), count.key), count);
                }
                return Err(error);
            }
        }
    }

    fn is_time_to_forget(&self, now: Now) -> bool {
        let mut state = self.lock();
        let is_time = state.forgot.is_none_or(|last| now.mono.saturating_sub(last) >= FORGET);
        if is_time {
            state.forgot = Some(now.mono);
        }
        is_time
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes up what is kept before the first request is served. Blocks while it does so.
pub(crate) fn take_up_blocking(keeper: &Keeper, stock: &Stock, lasting: &Lasting, clock: &Clock) {
    let Some(store) = lasting.counts() else { return };
    let read = || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().map_err(|_| StoreError::Unavailable)?;
        runtime.block_on(keeper.take_up(stock, &*store, clock.now()))
    };
    // A thread of its own: who calls may run on a runtime, which must not wait within itself.
    let outcome = std::thread::scope(|scope| scope.spawn(read).join());
    if !matches!(outcome, Ok(Ok(()))) {
        tracing::error!("what was spent of long quotas is not known yet: the store does not say");
    }
}

fn lasting(stock: &Stock) -> impl Iterator<Item = &Arc<Limiter>> {
    stock.iter().filter(|limiter| limiter.span() == Span::Lasting)
}
