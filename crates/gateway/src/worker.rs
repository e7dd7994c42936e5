//! One worker: a thread, a single-threaded runtime, and everything that belongs to it alone.
//!
//! Workers share nothing on the request path but the policy, the counters of limits and metrics, and the
//! state of upstreams. Each has its own listeners (`SO_REUSEPORT`), its own upstream connections and its
//! own pen for the record, so the steady state takes no lock that another worker holds (decision 0001).

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::TcpListener;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::rt::Executor;
use portcullis_audit::alert::Alerts;
use portcullis_audit::detect::Lookout;
use portcullis_audit::metrics::OperationMetrics;
use portcullis_audit::{Metrics, Pen, Recorder};
use portcullis_domain::{Clock, Now, ReceiptId};
use portcullis_limits::shared::Shared as SharedLimits;
use rand::RngExt as _;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, watch};

use crate::detect::Witness;
use crate::forward::Pool;
use crate::journal::Journal;
use crate::limits::keeper::Keeper;
use crate::listen::{self, ListenerPlan, PeerConnections};
use crate::observe::{Observatory, Observer};
use crate::policy::Policy;
use crate::shared_limits::keep;
use crate::together::Crowd;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) policy: ArcSwap<Policy>,
    /// Counts the policies so far; tells workers that theirs is old without touching shared memory that
    /// other cores write.
    pub(crate) generation: AtomicU64,
    pub(crate) recorder: Arc<Recorder>,
    /// Where it is told what somebody should know now.
    pub(crate) alerts: Arc<Alerts>,
    pub(crate) metrics: Arc<Metrics>,
    /// Counts requests that found no API.
    pub(crate) unrouted: Arc<OperationMetrics>,
    pub(crate) clock: Clock,
    pub(crate) peers: PeerConnections,
    pub(crate) observatory: Arc<Observatory>,
    /// Who tells attacks from customers.
    pub(crate) lookout: Arc<Lookout>,
    /// Where decisions are kept for those who ask why.
    pub(crate) journal: Journal,
    /// Keeps what is spent of long quotas.
    pub(crate) counts: Arc<Keeper>,
    /// Limits that are counted together with other gateways.
    pub(crate) shared_limits: Option<Arc<SharedLimits>>,
}

impl Shared {
    /// Puts a policy in force for every request that arrives from now on.
    pub(crate) fn enact(&self, policy: Arc<Policy>) {
        self.policy.store(policy);
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// A worker's own things. Never leaves its thread.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Rc<Pool>,
    crowd: Crowd,
    pen: RefCell<Pen>,
    pub(crate) observer: Observer,
    pub(crate) witness: Witness,
    held: RefCell<Held>,
    draining: Cell<bool>,
    drain: Notify,
}

/// The policy as this worker last saw it. The inner count is its own, so that handing it to a request
/// touches no memory of another core.
struct Held {
    generation: u64,
    policy: Rc<InForce>,
}

/// A policy as one worker hands it out: counted on its own thread.
pub(crate) struct InForce(Arc<Policy>);

impl InForce {
    /// The policy for another thread.
    pub(crate) fn share(&self) -> Arc<Policy> {
        Arc::clone(&self.0)
    }
}

impl Deref for InForce {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.0
    }
}

impl Worker {
    fn new(shared: Arc<Shared>) -> Self {
        let generation = shared.generation.load(Ordering::Acquire);
        let policy = Rc::new(InForce(shared.policy.load_full()));
        let pen = RefCell::new(shared.recorder.pen());
        let crowd = Crowd::default();
        let observer = Observer::new(Arc::clone(&shared.observatory));
        let witness = Witness::new(Arc::clone(&shared.lookout));
        Self {
            shared,
            pool: Rc::new(Pool::new(crowd.clone())),
            crowd,
            pen,
            observer,
            witness,
            held: RefCell::new(Held { generation, policy }),
            draining: Cell::new(false),
            drain: Notify::new(),
        }
    }

    /// The policy in force. The request keeps the one it started with.
    pub(crate) fn policy(&self) -> Rc<InForce> {
        let mut held = self.held.borrow_mut();
        let generation = self.shared.generation.load(Ordering::Acquire);
        if held.generation != generation {
            *held = Held { generation, policy: Rc::new(InForce(self.shared.policy.load_full())) };
        }
        Rc::clone(&held.policy)
    }

    /// Whether connections should end once they are idle. A plain look: every connection asks at each turn.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Wakes whoever waits when draining begins; [`Worker::is_draining`] is true by then.
    pub(crate) const fn drain(&self) -> &Notify {
        &self.drain
    }

    /// The requests under way here.
    pub(crate) const fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// Both clocks.
    pub(crate) fn now(&self) -> Now {
        self.shared.clock.now()
    }

    /// The monotonic clock.
    pub(crate) fn mono(&self) -> Duration {
        self.shared.clock.mono()
    }

    /// An id for a request that arrives now.
    pub(crate) fn receipt(&self, now: Now) -> ReceiptId {
        let mut random = [0u8; 10];
        rand::rng().fill(&mut random);
        ReceiptId::new(now.wall, &random)
    }

    /// Writes into this worker's part of the record.
    pub(crate) fn write(&self, write: impl FnOnce(&mut Pen)) {
        write(&mut self.pen.borrow_mut());
    }
}

/// How far the process is on its way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Serving.
    Running,
    /// No new connections; requests under way finish.
    Draining,
}

/// Starts a worker with its listeners. The thread ends when it has drained.
pub(crate) fn start(
    index: usize,
    shared: Arc<Shared>,
    listeners: Vec<(TcpListener, Arc<ListenerPlan>)>,
    phase: watch::Receiver<Phase>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = move || {
        // Nobody else can report it: the worker's thread is where the runtime lives.
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime.block_on(run(index, shared, listeners, phase)),
            Err(error) => tracing::error!(%error, "worker could not start"),
        }
    };
    thread::Builder::new().name(format!("worker-{index}")).spawn(runtime)
}

async fn run(
    index: usize,
    shared: Arc<Shared>,
    listeners: Vec<(TcpListener, Arc<ListenerPlan>)>,
    mut phase: watch::Receiver<Phase>,
) {
    let worker = Rc::new(Worker::new(shared));
    let accepting: Vec<_> = listeners
        .into_iter()
        .filter_map(|(listener, plan)| match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => Some(tokio::task::spawn_local(listen::accept(
                listener,
                plan,
                Rc::clone(&worker),
                phase.clone(),
            ))),
            Err(error) => {
                tracing::error!(%error, "listener could not start");
                None
            }
        })
        .collect();
    let chores = tokio::task::spawn_local(chores(Rc::clone(&worker)));
    if let Some(shared_limits) = &worker.shared.shared_limits {
        // For as long as the thread lives: requests that finish while it drains are counted as well.
        tokio::task::spawn_local(keep(Arc::clone(shared_limits), index, Arc::clone(&worker.shared)));
    }
    // An error means that the sender is gone, which is a way of saying that it is over.
    let _ = phase.wait_for(|phase| *phase == Phase::Draining).await;
    worker.draining.set(true);
    worker.drain.notify_waiters();
    let drain = worker.policy().timeouts.drain;
    let _ = tokio::time::timeout(drain, async {
        for task in accepting {
            let _ = task.await;
        }
    })
    .await;
    chores.abort();
    worker.write(Pen::flush);
}

/// What must happen now and then, whether requests come or not.
async fn chores(worker: Rc<Worker>) {
    let mut tick = tokio::time::interval(CHORE_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tidied = Duration::ZERO;
    loop {
        tick.tick().await;
        worker.write(Pen::flush);
        worker.witness.hand_over();
        let now = worker.mono();
        if now.saturating_sub(tidied) >= TIDY_INTERVAL {
            tidied = now;
            worker.observer.hand_over_at(now);
            let patience = worker.policy().longest_idle_connection();
            poll_fn(|cx| {
                worker.pool.tidy(patience, now, cx);
                Poll::Ready(())
            })
            .await;
        }
    }
}

/// The record is handed over at least this often.
const CHORE_INTERVAL: Duration = Duration::from_millis(40);
const TIDY_INTERVAL: Duration = Duration::from_secs(1);

/// Lets hyper start tasks on the worker's own runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        drop(tokio::task::spawn_local(async move {
            future.await;
        }));
    }
}
