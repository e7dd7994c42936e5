//! Whose objects are, as a running gateway knows it.
//!
//! In: keys of objects that requests name, and what answers teach. Out: what is known of an object, from memory
//! or from the store. One for the process: a bounded set of objects is remembered ([`hot`]); what is learned
//! holds here at once and reaches the store behind the answer ([`keeper`]), so that no answer waits for it.
//!
//! What is remembered may be old. It never refuses anybody by itself: before an object is called somebody
//! else's, the store is asked, and its word counts unless what was learned here is still on its way there. So
//! what another gateway has changed a moment ago can make an object unknown here, and never foreign (decision
//! 0023).

mod ahead;
mod answer;
mod ear;
pub mod hot;
mod keeper;
mod operate;
mod places;
mod rules;
mod stake;
mod tally;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_authz::ledger::{self, Decision, Event, Learned};
use portcullis_domain::{
    Clock, Grant, ObjectKey, ObjectState, OwnedObject, OwnerKey, OwnershipStore, ReceiptId, Right,
    StoreError, Timestamp,
};
use portcullis_store::LedgerKey;
use tokio::sync::mpsc;

use crate::config::OwnershipConfig;
use crate::lasting::Lasting;
pub(crate) use ear::Ear;
use hot::{Hot, Remembered};
use keeper::{Keeper, Retention};
pub use operate::{OwnedType, import_owners};
pub(crate) use places::{Content, Named, Reading, at as value_at, given_to, value_of};
pub(crate) use rules::{
    Binding, Creation, Effect, List, ListOf, Lying, Mode, NewId, ObjectType, OnForeign, OnRoute, OnUnknown,
    OwnedBy, Place, Pointer, RouteObjects, Tenant, TenantPlaces, Visibility,
};
pub(crate) use stake::{Met, Stake, Touched};
pub(crate) use tally::Tally;

/// How many lessons may wait for the store; what finds no room is learned here and lost at the next start.
const WAITING: usize = 65_536;

/// Something that an answer taught of one object.
#[derive(Clone, Debug)]
pub(crate) struct Lesson {
    pub(crate) key: ObjectKey,
    pub(crate) event: Event,
    pub(crate) parent: Option<u64>,
    pub(crate) at: Timestamp,
    pub(crate) receipt: Option<ReceiptId>,
    pub(crate) tally: Arc<Tally>,
    /// What was known when the request was judged; [`Known::Nothing`] for an object that it did not name.
    pub(crate) known: Known,
}

/// Where ids of a type are told apart, and what it is called.
type TypeName = (Box<str>, Box<str>);

/// What is known of owners.
pub(crate) struct Ownership {
    lasting: Arc<Lasting>,
    clock: Clock,
    hot: Hot,
    retention: Retention,
    lessons: mpsc::Sender<Lesson>,
    lost: AtomicU64,
    keeper: tokio::sync::Mutex<Keeper>,
    tallies: Mutex<BTreeMap<TypeName, Arc<Tally>>>,
}

/// The store of owners, and the key of its digests.
#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) store: Arc<dyn OwnershipStore>,
    pub(crate) key: LedgerKey,
}

impl Ownership {
    pub(crate) fn new(lasting: Arc<Lasting>, clock: Clock, config: &OwnershipConfig) -> Self {
        let (lessons, inbox) = mpsc::channel(WAITING);
        Self {
            lasting,
            clock,
            hot: Hot::new(config.remembered as usize),
            retention: Retention { deletions: config.deletions.0, history: config.history.0 },
            lessons,
            lost: AtomicU64::new(0),
            keeper: tokio::sync::Mutex::new(Keeper::new(inbox)),
            tallies: Mutex::default(),
        }
    }

    /// The counts of one type; the same for as long as the process lives.
    pub(crate) fn tally(&self, realm: &str, kind: &str) -> Arc<Tally> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tallies.entry((realm.into(), kind.into())).or_default())
    }

    fn tallies(&self) -> Vec<(TypeName, Arc<Tally>)> {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().map(|(name, tally)| (name.clone(), Arc::clone(tally))).collect()
    }

    /// The digests; `None` without a store, where nothing is known of anything.
    pub(crate) fn key(&self) -> Option<&LedgerKey> {
        self.lasting.ledger().map(|ledger| &ledger.key)
    }

    /// What whoever asks may do with an object. `lies_in` is the object in which the request says that it lies: one
    /// that is known to lie in another is not there.
    pub(crate) async fn judge(
        &self,
        key: ObjectKey,
        asker: Asker<'_>,
        need: Right,
        lies_in: Option<u64>,
    ) -> Judged {
        let remembered = self.hot.find(key);
        let judged = |object: &OwnedObject| decided(object, asker, need, lies_in);
        if let Some(remembered) = &remembered
            && let decision @ (Decision::Own | Decision::Granted) = judged(&remembered.object)
        {
            return Judged { decision, known: Known::Something, parent: remembered.object.parent };
        }
        // Not remembered, or about to be refused: the store may know better.
        let kept = match self.find(key).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(%error, "it cannot be told whose an object is: the store does not answer");
                return Judged { decision: Decision::Unknown, known: Known::Away, parent: None };
            }
        };
        let holds = match (&kept, &remembered) {
            // What was learned here is on its way to the store, unless the store has a story that outranks it; an
            // end of before is none.
            (Some(kept), Some(Remembered { object, pending: 1.. }))
                if kept.precedence() > object.precedence()
                    && !(kept.state == ObjectState::Tombstone && kept.at <= object.at) =>
            {
                Some(kept)
            }
            (_, Some(Remembered { object, pending: 1.. })) => Some(object),
            (Some(kept), _) => Some(kept),
            (None, _) => None,
        };
        let decision = holds.map_or(Decision::Unknown, judged);
        let parent = holds.and_then(|object| object.parent);
        let known = match (&kept, &remembered) {
            (None, None) => Known::Nothing,
            (Some(_), _) | (_, Some(_)) => Known::Something,
        };
        if let Some(kept) = kept {
            self.hot.refresh(key, kept);
        }
        Judged { decision, known, parent }
    }

    async fn find(&self, key: ObjectKey) -> Result<Option<OwnedObject>, StoreError> {
        match self.lasting.ledger() {
            Some(ledger) => ledger.store.find_object(key).await,
            None => Err(StoreError::Unavailable),
        }
    }

    /// Takes a lesson: at once here, and in a moment in the store. Waits for nothing.
    pub(crate) fn learn(&self, lesson: Lesson) {
        let (key, remembered) = (lesson.key, self.hot.find(lesson.key));
        let known = remembered.as_ref().map(|remembered| &remembered.object);
        match ledger::learn(known, lesson.event, lesson.parent, lesson.at) {
            // It was forgotten here meanwhile, and what it was decides what may be learned: that is for the store.
            _ if known.is_none() && lesson.known != Known::Nothing => {}
            Learned::Changed { object, .. } | Learned::Contradicted { object } => self.hot.learn(key, object),
            // Nothing new here is nothing new in the store, which knows at least as much.
            Learned::Nothing if known.is_some() => return,
            Learned::Nothing => {}
        }
        if self.lessons.try_send(lesson).is_err() {
            self.hot.settle(key, None);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is learned, and follows what others write, for as long as the process lives.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut tick = tokio::time::interval(keeper::ROUND);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.round().await;
        }
    }

    /// Writes what is learned so far, and takes up what others have written.
    pub(crate) async fn round(&self) {
        if let Some(ledger) = self.lasting.ledger() {
            self.keeper.lock().await.round(self, ledger).await;
        }
    }
}

/// What came of looking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) decision: Decision,
    pub(crate) known: Known,
    /// The object in which it lies, if that is known.
    pub(crate) parent: Option<u64>,
}

/// Whoever asks: by what it owns, and for whom it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) own: &'a [OwnerKey],
    pub(crate) stands_for: &'a [Grant],
}

/// How much is known of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The store is away, and nobody can tell.
    Away,
    /// Never met.
    Nothing,
    /// Something is known of it, if only that it was seen.
    Something,
}

/// An object that lies elsewhere is not where it is looked for, whosever it is.
fn decided(object: &OwnedObject, asker: Asker<'_>, need: Right, lies_in: Option<u64>) -> Decision {
    match ledger::decide_in_stead(Some(object), asker.own, asker.stands_for, need) {
        Decision::Unknown => Decision::Unknown,
        _ if matches!((lies_in, object.parent), (Some(asked), Some(known)) if asked != known) => {
            Decision::Foreign
        }
        decision => decision,
    }
}
