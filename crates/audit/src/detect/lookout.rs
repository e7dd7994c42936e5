//! Between the requests and the detectors: a bounded queue, and the thread behind it.
//!
//! In: observations, a batch at a time, which never waits for more than a moment's lock. Out: alerts. What finds no
//! room is dropped and counted: detection never holds a request up. The thread also wakes once a second, so that
//! minutes end although nobody calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use portcullis_domain::{Clock, Timestamp};

use super::engine::Engine;
use super::keys::DetectionKey;
use super::names::Names;
use super::observation::Observation;
use super::settings::DetectionSettings;
use super::standing::Standings;
use super::travel::Places;
use crate::alert::Alerts;

/// Most observations that wait: about a second of what one core can bring.
const ROOM: usize = 65_536;
/// How often the thread wakes in any case.
const ROUND: Duration = Duration::from_secs(1);

/// The process's lookout.
#[derive(Debug)]
pub struct Lookout {
    queue: Arc<Queue>,
    key: DetectionKey,
    names: Arc<Names>,
    standings: Arc<Standings>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
    lost: AtomicU64,
    seen: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Observation>,
    changes: Vec<Change>,
    is_closed: bool,
    is_busy: bool,
}

/// What else the detectors are told.
#[derive(Debug)]
enum Change {
    Settings(Arc<DetectionSettings>),
    Places(Option<Arc<Places>>),
    Deployment(Timestamp),
}

impl Lookout {
    /// One that sleeps until it is [started](Self::start): it knows names, and nobody stands out.
    #[must_use]
    pub fn new(key: DetectionKey) -> Self {
        Self {
            queue: Arc::default(),
            key,
            names: Arc::default(),
            standings: Arc::default(),
            thread: Mutex::default(),
        }
    }

    /// Starts the thread. Alerts are raised in `alerts`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        &self,
        settings: Arc<DetectionSettings>,
        alerts: Arc<Alerts>,
        clock: Clock,
    ) -> std::io::Result<()> {
        let (names, standings) = (Arc::clone(&self.names), Arc::clone(&self.standings));
        let engine = Engine::new(settings, names, standings, self.key);
        let queue = Arc::clone(&self.queue);
        let thread = std::thread::Builder::new()
            .name("detect".to_owned())
            .spawn(move || watch(engine, &queue, &alerts, &clock))?;
        *self.thread() = Some(thread);
        Ok(())
    }

    /// The key of all digests.
    #[must_use]
    pub const fn key(&self) -> &DetectionKey {
        &self.key
    }

    /// What digests stand for.
    #[must_use]
    pub const fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Where callers stand.
    #[must_use]
    pub const fn standings(&self) -> &Arc<Standings> {
        &self.standings
    }

    /// Hands over a batch and leaves it empty. Without room all of it is lost.
    pub fn hand_over(&self, batch: &mut Vec<Observation>) {
        if batch.is_empty() {
            return;
        }
        let mut state = self.queue.state();
        if state.is_closed || state.waiting.len() + batch.len() > ROOM {
            drop(state);
            self.queue.lost.fetch_add(batch.len() as u64, Ordering::Relaxed);
            batch.clear();
            return;
        }
        state.waiting.append(batch);
        drop(state);
        self.queue.filled.notify_one();
    }

    /// From now on these settings hold.
    pub fn set(&self, settings: Arc<DetectionSettings>) {
        self.change(Change::Settings(settings));
    }

    /// From now on it is known where addresses are.
    pub fn set_places(&self, places: Option<Arc<Places>>) {
        self.change(Change::Places(places));
    }

    /// Something was deployed: what fails in the next minutes is no attack.
    pub fn note_deployment(&self, at: Timestamp) {
        self.change(Change::Deployment(at));
    }

    /// Observations that found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.lost.load(Ordering::Relaxed)
    }

    /// Observations that were looked at.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.queue.seen.load(Ordering::Relaxed)
    }

    /// Waits until everything that was handed over so far was looked at. For tests and tools.
    pub fn settle(&self) {
        let mut state = self.queue.state();
        while !state.is_closed && (state.is_busy || !state.waiting.is_empty() || !state.changes.is_empty()) {
            state = self.queue.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Looks at what was handed over, and ends the thread.
    pub fn close(&self) {
        self.queue.state().is_closed = true;
        self.queue.filled.notify_one();
        self.queue.emptied.notify_all();
        let thread = self.thread().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that detects attacks panicked");
        }
    }

    fn change(&self, change: Change) {
        self.queue.state().changes.push(change);
        self.queue.filled.notify_one();
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(mut engine: Engine, queue: &Queue, alerts: &Alerts, clock: &Clock) {
    let (mut batch, mut raised) = (Vec::new(), Vec::new());
    loop {
        let mut state = queue.state();
        state.is_busy = false;
        queue.emptied.notify_all();
        if state.waiting.is_empty() && state.changes.is_empty() && !state.is_closed {
            state = queue.filled.wait_timeout(state, ROUND).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_busy = true;
        std::mem::swap(&mut batch, &mut state.waiting);
        let changes = std::mem::take(&mut state.changes);
        let is_over = state.is_closed && batch.is_empty();
        drop(state);
        for change in changes {
            match change {
                Change::Settings(settings) => engine.set(settings),
                Change::Places(places) => engine.set_places(places),
                Change::Deployment(at) => engine.note_deployment(at),
            }
        }
        queue.seen.fetch_add(batch.len() as u64, Ordering::Relaxed);
        for observation in batch.drain(..) {
            engine.observe(&observation, &mut raised);
        }
        engine.pass_time(clock.now().wall, &mut raised);
        for alert in raised.drain(..) {
            alerts.raise(&alert);
        }
        if is_over {
            return;
        }
    }
}
