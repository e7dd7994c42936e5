//! Observing: who calls which operation, and what is called that no contract declares.
//!
//! In: every entry of the record, when it is written. Out: counts in the store, which `portcullis versions`
//! and `portcullis inventory --traffic` read (VER-09, VER-10). A worker counts in tables of its own, without a
//! lock and, for pairs it knows, without memory; every few seconds and at its end it hands them over to the
//! control thread, which adds them to the store. No request ever waits for any of this. Nothing of a request
//! but names is kept: no path, no value.
//!
//! Of an API whose contract is to be learnt, some requests are overheard ([`learning`]), and what they have in
//! common is learnt ([`school`]).
//!
//! Without a store counts stay in this process, and end with it.

pub mod counts;
mod keeper;
mod learning;
mod names;
mod school;
mod strays;
mod view;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use portcullis_audit::{FindingKind, Verdict};
use portcullis_domain::{CallEnd, Reason, Timestamp, UsedOperation};
use portcullis_message::Target;
use tokio::sync::mpsc;

pub(crate) use counts::OperationId;
use counts::{Counted, Counts};
pub(crate) use keeper::Bounds;
use keeper::Keeper;
pub(crate) use learning::{Learning, Overheard};
use names::Names;
use school::School;
use strays::{StrayEnd, Strays};

use crate::arrival::Envelope;
use crate::lasting::Lasting;
use crate::policy::Api;
use crate::record::Entry;
use crate::trace::Trace;
use crate::worker::Shared;

/// How often a worker hands over.
const HAND_OVER: Duration = Duration::from_secs(5);
/// How many hand-overs may wait; a worker keeps what finds no room, and counts on.
const WAITING: usize = 256;

/// How many overheard requests may wait; more are not looked at.
const OVERHEARD: usize = 128;

/// What a worker counted.
#[derive(Debug)]
struct HandedOver {
    counted: Vec<Counted>,
    strays: Strays,
}

/// Where all workers hand over.
pub(crate) struct Observatory {
    names: Names,
    handed_over: mpsc::Sender<HandedOver>,
    overheard: mpsc::Sender<Box<Overheard>>,
    /// When counts were last lost, in milliseconds since the epoch; zero for never.
    lost_at: AtomicU64,
    keeper: tokio::sync::Mutex<Keeper>,
}

impl Observatory {
    pub(crate) fn new() -> Self {
        let (handed_over, inbox) = mpsc::channel(WAITING);
        let (overheard, heard) = mpsc::channel(OVERHEARD);
        Self {
            names: Names::default(),
            handed_over,
            overheard,
            lost_at: AtomicU64::new(0),
            keeper: tokio::sync::Mutex::new(Keeper::new(inbox, School::new(heard))),
        }
    }

    /// The number under which an operation is counted; the empty id stands for what the API does not declare.
    pub(crate) fn number(&self, api: &str, version: &str, operation: &str) -> OperationId {
        self.names.number(api, version, operation)
    }

    /// The operation that is counted under this number.
    pub(crate) fn name(&self, number: OperationId) -> Option<Arc<UsedOperation>> {
        self.names.of(number)
    }

    /// Adds what is handed over to the store for as long as the process lives.
    pub(crate) async fn follow(self: Arc<Self>, shared: Arc<Shared>, lasting: Arc<Lasting>) {
        let mut tick = tokio::time::interval(keeper::ROUND);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.round(&shared, &lasting).await;
        }
    }

    /// The last round: the workers are gone, and what they left is written.
    pub(crate) async fn finish(&self, shared: &Shared, lasting: &Lasting) {
        let mut keeper = self.keeper.lock().await;
        keeper.last_round(self, shared, lasting).await;
    }

    async fn round(&self, shared: &Shared, lasting: &Lasting) {
        self.keeper.lock().await.round(self, shared, lasting).await;
    }

    fn lose(&self, at: Timestamp) {
        self.lost_at.fetch_max(at.as_millis().max(1), Ordering::Relaxed);
    }

    fn take_loss(&self) -> Option<Timestamp> {
        match self.lost_at.swap(0, Ordering::Relaxed) {
            0 => None,
            millis => Some(Timestamp::from_millis(millis)),
        }
    }
}

/// What one worker observes.
pub(crate) struct Observer {
    observatory: Arc<Observatory>,
    counts: RefCell<Counts>,
    strays: RefCell<Strays>,
    handed_over: Cell<Duration>,
    /// The moment of the latest entry.
    latest: Cell<Timestamp>,
}

impl Observer {
    pub(crate) fn new(observatory: Arc<Observatory>) -> Self {
        Self {
            observatory,
            counts: RefCell::default(),
            strays: RefCell::default(),
            handed_over: Cell::default(),
            latest: Cell::default(),
        }
    }

    /// Counts the request of `entry`, which ended like this.
    pub(crate) fn note(&self, entry: &Entry, verdict: Verdict<'_>, status: StatusCode) {
        let Some(api) = entry.api() else { return };
        let at = entry.envelope.now.wall;
        self.latest.set(at);
        let Some(route) = entry.route() else {
            if is_gone(verdict) {
                self.counts.borrow_mut().note(api.observed.id, None, CallEnd::Gone, at);
            } else if is_undeclared(verdict) {
                let (method, path) = (entry.envelope.method.as_str(), api.observed.path(entry));
                self.strays.borrow_mut().call(api.observed.id, method, path, StrayEnd::Refused, at);
            }
            return;
        };
        if api.learning.is_some() {
            self.learn(entry, api, verdict, status, at);
        }
        let principal = entry.trace.principal.as_deref();
        self.counts.borrow_mut().note(route.observed, principal, end_of(verdict, status), at);
        if let Verdict::Denied(denial) = verdict
            && !denial.violations().is_empty()
        {
            self.strays.borrow_mut().members(route.observed, denial.violations(), at);
        }
        for finding in entry.trace.findings.iter().filter(|finding| finding.kind == FindingKind::Undeclared) {
            self.strays.borrow_mut().found(route.observed, &finding.places, at);
        }
        if let Some(denial) = &entry.trace.shadowed {
            self.strays.borrow_mut().members(route.observed, denial.violations(), at);
        }
    }

    /// Notes a call of an API that is learnt: what its upstream answers is there.
    fn learn(&self, entry: &Entry, api: &Api, verdict: Verdict<'_>, status: StatusCode, at: Timestamp) {
        let overheard = entry.trace.overheard.take();
        let is_answer = matches!(verdict, Verdict::Answered) && !status.is_server_error();
        if !is_answer || matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            return;
        }
        let method = entry.envelope.method.as_str();
        self.strays.borrow_mut().call(
            api.observed.id,
            method,
            api.observed.path(entry),
            StrayEnd::Answered,
            at,
        );
        if let Some(overheard) = overheard {
            // There are more than can be looked at: others will do.
            let _ = self.observatory.overheard.try_send(overheard);
        }
    }

    /// Hands over what was counted, if it is time.
    pub(crate) fn hand_over_at(&self, now: Duration) {
        if now.saturating_sub(self.handed_over.get()) >= HAND_OVER {
            self.handed_over.set(now);
            self.hand_over();
        }
    }

    fn hand_over(&self) {
        // Before anything is taken: what finds no room is counted on here.
        let Ok(place) = self.observatory.handed_over.try_reserve() else { return };
        let counted = self.counts.borrow_mut().take();
        let strays = self.strays.take();
        if !counted.is_empty() || !strays.is_empty() {
            place.send(HandedOver { counted, strays });
        }
    }
}

/// The worker is at its end, and so are all its requests.
impl Drop for Observer {
    fn drop(&mut self) {
        self.hand_over();
        if !self.counts.get_mut().take().is_empty() || !self.strays.get_mut().is_empty() {
            tracing::error!("counts of traffic were lost: too much waited to be written");
            self.observatory.lose(self.latest.get());
        }
    }
}

/// How an API is observed.
pub(crate) struct ObservedApi {
    /// What it does not declare.
    pub(crate) id: OperationId,
    /// Where it begins, without a final slash.
    pub(crate) mount: Box<str>,
}

impl ObservedApi {
    /// The path of a request within the API, as it came.
    fn path<'e>(&self, entry: &'e Entry) -> &'e str {
        let path = entry.envelope.raw_target.path();
        path.strip_prefix(&*self.mount).unwrap_or(path)
    }
}

/// Begins to overhear a request, if its API is to be learnt and this one is looked at.
pub(crate) fn listen(
    api: &Api,
    envelope: &Envelope,
    target: &Target,
    headers: &HeaderMap,
    trace: &mut Trace,
) {
    if let Some(learning) = &api.learning {
        let line = (envelope.method.as_str(), target.path(), target.query());
        trace.overheard.set(Overheard::begin(learning, &api.name, line, headers, envelope.now.mono));
    }
}

fn is_undeclared(verdict: Verdict<'_>) -> bool {
    matches!(verdict.reason(), Some(Reason::OperationUnknown | Reason::MethodUndeclared))
}

fn is_gone(verdict: Verdict<'_>) -> bool {
    matches!(verdict.reason(), Some(Reason::VersionRetired | Reason::VersionBrownout))
}

fn end_of(verdict: Verdict<'_>, status: StatusCode) -> CallEnd {
    match verdict {
        Verdict::Answered if status.is_client_error() => CallEnd::Rejected,
        Verdict::Answered if status.is_server_error() => CallEnd::Failed,
        Verdict::Answered => CallEnd::Served,
        Verdict::Denied(_) if is_gone(verdict) => CallEnd::Gone,
        Verdict::Denied(_) => CallEnd::Denied,
        Verdict::Failed(_) => CallEnd::Failed,
    }
}
