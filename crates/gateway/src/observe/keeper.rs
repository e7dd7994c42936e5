//! From the workers' counts to the store, on the control thread.
//!
//! What is handed over is merged by consumer, operation and day, and written in batches. A batch that the
//! store did not take is sent again under its name, so that it is counted once. While the store is away
//! counts wait here; they are bounded, since equal ones are added up, and beyond the bound consumers are no
//! longer told apart. What a process that ends could not write is lost, and said to be.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use portcullis_contract::learn::{Leaf, PathTree};
use portcullis_domain::{
    BatchId, CallEnd, Consumer, ConsumerKind, Now, Stray, StrayMember, Timestamp, Usage, UsageBatch,
    UsageBounds, UsageStore, UsedOperation,
};
use rand::RngExt as _;
use tokio::sync::mpsc;

use super::counts::{Counted, OperationId, Tally};
use super::school::School;
use super::strays::{Member, OTHERS, Sightings, StrayCall, StrayTally};
use super::{HandedOver, Observatory};
use crate::lasting::Lasting;
use crate::worker::Shared;

/// How often it is looked whether something was handed over.
pub(super) const ROUND: Duration = Duration::from_secs(1);
/// How often the store hears that somebody counts, called or not.
const PRESENCE: Duration = Duration::from_secs(60);
/// How often the store hears what was learnt.
const LEARN: Duration = Duration::from_secs(10);
/// How often what is old is forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// Rows of one batch.
const BATCH: usize = 500;
/// Most consumers and operations that are told apart in a day by one gateway; others beyond them.
const PAIRS_A_DAY: usize = 50_000;
/// Most members that wait.
const MEMBERS: usize = 5_000;
const DAY: u64 = 86_400_000;
const MINUTE: u64 = 60_000;
/// From how many calls on an undeclared path is one of its own, and no other one's sibling.
const ESTABLISHED: u64 = 20;

/// How long counts are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) retention: Duration,
    pub(crate) rows: u32,
}

impl Bounds {
    fn at(self, now: Timestamp) -> UsageBounds {
        let retention = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX);
        UsageBounds {
            since: Timestamp::from_millis(now.as_millis().saturating_sub(retention)),
            rows: self.rows,
        }
    }
}

type Calls = (OperationId, Arc<Consumer>, u64);

/// Counts on their way.
pub(super) struct Keeper {
    inbox: mpsc::Receiver<HandedOver>,
    school: School,
    calls: BTreeMap<Calls, Tally>,
    strays: HashMap<StrayCall, StrayTally, RandomState>,
    members: HashMap<Member, Sightings, RandomState>,
    paths: HashMap<OperationId, PathTree<Tried>, RandomState>,
    today: Today,
    /// Sent, and not known to be added.
    sent: Option<UsageBatch>,
    schooled: Option<Duration>,
    present: Option<Duration>,
    forgot: Option<Duration>,
    lost_at: Option<Timestamp>,
    is_away: bool,
}

/// Who was seen today, and how often in the minute in which it was last.
#[derive(Default)]
struct Today {
    day: u64,
    pairs: HashMap<(OperationId, Arc<Consumer>), Minute, RandomState>,
}

/// Calls in one minute, of all workers.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    number: u64,
    calls: u32,
}

/// How often a path was tried.
#[derive(Clone, Copy, Debug, Default)]
struct Tried(u64);

impl Leaf for Tried {
    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0 < ESTABLISHED && other.0 < ESTABLISHED
    }
}

impl Keeper {
    pub(super) fn new(inbox: mpsc::Receiver<HandedOver>, school: School) -> Self {
        Self {
            inbox,
            school,
            calls: BTreeMap::new(),
            strays: HashMap::default(),
            members: HashMap::default(),
            paths: HashMap::default(),
            today: Today::default(),
            sent: None,
            schooled: None,
            present: None,
            forgot: None,
            lost_at: None,
            is_away: false,
        }
    }

    /// Takes in what was handed over, and writes it if there is a store.
    pub(super) async fn round(&mut self, observatory: &Observatory, shared: &Shared, lasting: &Lasting) {
        self.take_in();
        let now = shared.clock.now();
        let Some(store) = lasting.usage() else { return };
        if self.schooled.is_none_or(|last| now.mono.saturating_sub(last) >= LEARN) {
            self.schooled = Some(now.mono);
            self.school.write(&*store).await;
        }
        let is_present = self.present.is_some_and(|last| now.mono.saturating_sub(last) < PRESENCE);
        if self.is_empty() && is_present {
            return;
        }
        self.write(&*store, observatory, shared, now).await;
        let bounds = shared.policy.load().observed.at(now.wall);
        if self.forgot.is_none_or(|last| now.mono.saturating_sub(last) >= FORGET) {
            self.forgot = Some(now.mono);
            if let Err(error) = store.forget_usage(now.wall, bounds).await {
                tracing::warn!(%error, "old counts of traffic were not forgotten");
            }
        }
    }

    /// The same for the last time.
    pub(super) async fn last_round(&mut self, observatory: &Observatory, shared: &Shared, lasting: &Lasting) {
        self.take_in();
        let Some(store) = lasting.usage() else { return };
        self.school.write(&*store).await;
        self.write(&*store, observatory, shared, shared.clock.now()).await;
        if !self.is_empty() {
            let calls: u64 = self.calls.values().map(|tally| tally.ends.total()).sum();
            tracing::error!(calls, "counts of traffic were lost: the store did not take them");
        }
    }

    /// What is in no store, with what is handed over by now.
    pub(super) fn waiting(&mut self, observatory: &Observatory) -> Vec<Usage> {
        self.take_in();
        let sent = self.sent.iter().flat_map(|batch| batch.used.iter().cloned());
        let calls = self.calls.iter().filter_map(|((operation, consumer, _), tally)| {
            observatory.names.of(*operation).map(|operation| usage(&operation, consumer, *tally))
        });
        sent.chain(calls).collect()
    }

    fn is_empty(&self) -> bool {
        self.sent.is_none() && self.calls.is_empty() && self.strays.is_empty() && self.members.is_empty()
    }

    fn take_in(&mut self) {
        self.school.learn();
        while let Ok(HandedOver { counted, strays }) = self.inbox.try_recv() {
            counted.into_iter().for_each(|counted| self.take_calls(counted));
            for (call, tally) in strays.calls {
                self.take_stray(call, tally);
            }
            for (member, seen) in strays.members {
                if self.members.len() < MEMBERS || self.members.contains_key(&member) {
                    self.members.entry(member).and_modify(|known| known.add(&seen)).or_insert(seen);
                }
            }
        }
    }

    fn take_calls(&mut self, mut counted: Counted) {
        let day = counted.tally.last_at.as_millis() / DAY;
        let mut pair = (counted.operation, counted.consumer);
        if !self.today.has_room_for(&pair, day) {
            pair.1 = Arc::new(Consumer::nameless(ConsumerKind::Others));
        }
        counted.tally.peak = self.today.count_minute(&pair, &counted.tally);
        let calls = (pair.0, pair.1, day);
        self.calls.entry(calls).and_modify(|tally| tally.add(&counted.tally)).or_insert(counted.tally);
    }

    fn take_stray(&mut self, mut call: StrayCall, tally: StrayTally) {
        let tried = Tried(tally.refused + tally.answered);
        let paths = self.paths.entry(call.api).or_default();
        if &*call.template != OTHERS && paths.note(call.method, &call.template, tried).is_err() {
            call.template = OTHERS.into();
        }
        self.strays.entry(call).and_modify(|known| known.add(&tally)).or_insert(tally);
    }

    /// Names the paths that wait as they are known by now, beside all others.
    fn settle_strays(&mut self) {
        for (mut call, tally) in std::mem::take(&mut self.strays) {
            if let Some(paths) = self.paths.get(&call.api)
                && &*call.template != OTHERS
            {
                call.template = paths.template_of(&call.template).into();
            }
            self.strays.entry(call).and_modify(|known| known.add(&tally)).or_insert(tally);
        }
    }

    async fn write(&mut self, store: &dyn UsageStore, observatory: &Observatory, shared: &Shared, now: Now) {
        self.lost_at = self.lost_at.max(observatory.take_loss());
        self.settle_strays();
        let mut is_first = true;
        loop {
            let batch = match self.sent.take() {
                Some(batch) => batch,
                None if is_first || !self.is_empty() => {
                    is_first = false;
                    self.batch(observatory, shared, now.wall)
                }
                None => break,
            };
            match store.add_usage(batch.clone()).await {
                Ok(()) => {
                    if std::mem::take(&mut self.is_away) {
                        tracing::info!("counts of traffic are written again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_away, true) {
                        tracing::error!(%error, "counts of traffic wait: the store does not take them");
                    }
                    self.sent = Some(batch);
                    return;
                }
            }
        }
        self.present = Some(now.mono);
    }

    /// The next part of what waits, and that somebody counts.
    fn batch(&mut self, observatory: &Observatory, shared: &Shared, at: Timestamp) -> UsageBatch {
        let name = |id| observatory.names.of(id);
        let mut used = Vec::new();
        while used.len() < BATCH
            && let Some(((operation, consumer, _), tally)) = self.calls.pop_first()
        {
            used.extend(name(operation).map(|operation| usage(&operation, &consumer, tally)));
        }
        let mut id = [0; 16];
        rand::rng().fill(&mut id);
        UsageBatch {
            id: BatchId(id),
            at,
            used,
            strays: take(&mut self.strays)
                .into_iter()
                .filter_map(|(call, tally)| name(call.api).map(|api| stray(&api, &call, tally)))
                .collect(),
            members: take(&mut self.members)
                .into_iter()
                .filter_map(|(member, seen)| {
                    name(member.operation).map(|operation| stray_member(&operation, &member, seen))
                })
                .collect(),
            observed: shared
                .policy
                .load()
                .apis
                .iter()
                .filter_map(|api| name(api.observed.id))
                .map(|name| (name.api.clone(), name.version.clone()))
                .collect(),
            lost_at: self.lost_at.take(),
        }
    }
}

impl Today {
    /// Whether a pair can be told apart: it was already, or there is room.
    fn has_room_for(&mut self, pair: &(OperationId, Arc<Consumer>), day: u64) -> bool {
        if day > self.day {
            self.day = day;
            self.pairs.clear();
        }
        if self.pairs.contains_key(pair) {
            return true;
        }
        self.pairs.len() < PAIRS_A_DAY && self.pairs.insert(pair.clone(), Minute::default()).is_none()
    }

    /// How many calls there were in the minute of these, with them. Workers hand over every few seconds: what
    /// came just before a minute's end may count for the next one.
    fn count_minute(&mut self, pair: &(OperationId, Arc<Consumer>), tally: &Tally) -> u32 {
        // Those for whom there is no room are many together: no one's rate.
        let Some(minute) = self.pairs.get_mut(pair) else { return 0 };
        let number = tally.last_at.as_millis() / MINUTE;
        if minute.number != number {
            *minute = Minute { number, calls: 0 };
        }
        let let_pass = [CallEnd::Served, CallEnd::Rejected, CallEnd::Failed].map(|end| tally.ends.ended(end));
        let calls = u32::try_from(let_pass.iter().sum::<u64>()).unwrap_or(u32::MAX);
        minute.calls = minute.calls.saturating_add(calls);
        minute.calls
    }
}

/// Some of what waits in `map`.
fn take<K: Clone + Eq + std::hash::Hash, V>(map: &mut HashMap<K, V, RandomState>) -> Vec<(K, V)> {
    let mut taken = 0;
    map.extract_if(|_, _| {
        taken += 1;
        taken <= BATCH
    })
    .collect()
}

fn usage(operation: &UsedOperation, consumer: &Consumer, tally: Tally) -> Usage {
    let Tally { ends, first_at, last_at, peak } = tally;
    Usage { operation: operation.clone(), consumer: consumer.clone(), ends, first_at, last_at, peak }
}

fn stray(api: &UsedOperation, call: &StrayCall, tally: StrayTally) -> Stray {
    let StrayTally { refused, answered, first_at, last_at } = tally;
    Stray {
        api: api.api.clone(),
        version: api.version.clone(),
        method: call.method.into(),
        template: call.template.clone(),
        refused,
        answered,
        first_at,
        last_at,
    }
}

fn stray_member(operation: &UsedOperation, member: &Member, seen: Sightings) -> StrayMember {
    let Sightings { times, first_at, last_at } = seen;
    StrayMember {
        operation: operation.clone(),
        place: member.place,
        name: member.name.clone(),
        times,
        first_at,
        last_at,
    }
}
