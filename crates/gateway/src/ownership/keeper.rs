//! From lessons to the store, behind the answers; and from the store what other gateways wrote.
//!
//! A batch is read, learned from and written on the control thread. What the store does not take is tried
//! again: the lessons wait, within their bound. After each batch what is remembered is what the store kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering;
use std::time::Duration;

use foldhash::fast::RandomState;
use portcullis_authz::ledger::{Learned, learn};
use portcullis_domain::{
    ChangeKind, Coverage, Keeping, Now, ObjectChange, ObjectKey, OwnedObject, OwnershipBounds, Sequence,
    StoreError, Timestamp,
};
use tokio::sync::mpsc;

use super::{Ledger, Lesson, Ownership};

/// How often it is looked whether something was learned.
pub(super) const ROUND: Duration = Duration::from_millis(100);
/// Lessons of one batch.
const BATCH: usize = 500;
/// How often counts are written.
const COUNTS: Duration = Duration::from_secs(1);
/// How often what is old is forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// Changes of others that are read at once.
const PART: u32 = 10_000;

/// What is under way between memory and store.
pub(super) struct Keeper {
    inbox: mpsc::Receiver<Lesson>,
    /// Taken, and not known to be kept.
    waiting: Vec<Lesson>,
    followed: Option<Sequence>,
    counted: Option<Duration>,
    forgot: Option<Duration>,
    is_away: bool,
}

impl Keeper {
    pub(super) const fn new(inbox: mpsc::Receiver<Lesson>) -> Self {
        Self { inbox, waiting: Vec::new(), followed: None, counted: None, forgot: None, is_away: false }
    }

    /// Writes all that is learned, then reads what others did.
    pub(super) async fn round(&mut self, ownership: &Ownership, ledger: &Ledger) {
        let done = self.try_round(ownership, ledger).await;
        match (done, self.is_away) {
            (Err(error), false) => {
                tracing::error!(%error, "owners of objects wait: the store does not take them");
                self.is_away = true;
            }
            (Ok(()), true) => {
                tracing::info!("owners of objects are kept again");
                self.is_away = false;
            }
            (Ok(()), false) | (Err(_), true) => {}
        }
    }

    async fn try_round(&mut self, ownership: &Ownership, ledger: &Ledger) -> Result<(), StoreError> {
        loop {
            while self.waiting.len() < BATCH
                && let Ok(lesson) = self.inbox.try_recv()
            {
                self.waiting.push(lesson);
            }
            if self.waiting.is_empty() {
                break;
            }
            write(&self.waiting, ownership, ledger).await?;
            self.waiting.clear();
        }
        self.look(ownership, ledger).await?;
        let now = ownership.clock.now();
        if is_due(self.counted, COUNTS, now) {
            self.counted = Some(now.mono);
            count(ownership, ledger, now.wall).await?;
        }
        if is_due(self.forgot, FORGET, now) {
            self.forgot = Some(now.mono);
            ledger.store.forget_objects(ownership.retention.at(now.wall)).await?;
        }
        match ownership.lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => tracing::error!(lost, "owners of objects were not kept"),
        }
        Ok(())
    }

    /// Forgets what others changed, so that the store is asked anew.
    async fn look(&mut self, ownership: &Ownership, ledger: &Ledger) -> Result<(), StoreError> {
        let Some(followed) = self.followed else {
            // Nothing is remembered from before the first look.
            self.followed = Some(ownership.lasting.latest_change().await?);
            return Ok(());
        };
        let mut since = followed;
        loop {
            let changed = ledger.store.objects_changed_since(since, PART).await?;
            if changed.keys.is_empty() {
                return Ok(());
            }
            changed.keys.iter().for_each(|key| ownership.hot.forget(*key));
            since = changed.sequence;
            self.followed = Some(since);
        }
    }
}

fn is_due(last: Option<Duration>, every: Duration, now: Now) -> bool {
    last.is_none_or(|last| now.mono.saturating_sub(last) >= every)
}

/// Writes a batch: what it teaches of each object beyond what is kept.
async fn write(lessons: &[Lesson], ownership: &Ownership, ledger: &Ledger) -> Result<(), StoreError> {
    let mut known: HashMap<ObjectKey, Option<OwnedObject>, RandomState> = HashMap::default();
    let mut changes = Vec::new();
    let mut contradicted = Vec::new();
    for lesson in lessons {
        let key = lesson.key;
        let before = match known.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(ledger.store.find_object(key).await?),
        };
        let before = before.as_ref();
        let (object, kind, grant) = match learn(before, lesson.event, lesson.parent, lesson.at) {
            Learned::Nothing => continue,
            Learned::Changed { object, kind, grant } => (object, kind, grant),
            Learned::Contradicted { object } => {
                contradicted.push(lesson);
                (object, ChangeKind::Contradicted, None)
            }
        };
        known.insert(key, Some(object.clone()));
        changes.push(ObjectChange { key, object, kind, grant, at: lesson.at, receipt: lesson.receipt });
    }
    let keys: Vec<ObjectKey> = changes.iter().map(|change| change.key).collect();
    let kept = if changes.is_empty() { Vec::new() } else { ledger.store.keep_objects(changes).await? };
    for (key, keeping) in keys.into_iter().zip(kept) {
        if keeping == Keeping::Outranked {
            // Somebody else was first, or a later lesson of this batch: the store will be asked.
            known.insert(key, None);
        }
    }
    for lesson in lessons {
        ownership.hot.settle(lesson.key, known.get(&lesson.key).cloned().flatten());
    }
    for lesson in contradicted {
        if lesson.tally.contradict() {
            tracing::error!(
                object = %lesson.key,
                "what is known of owners contradicts itself: the type is only watched until \
                 `portcullis objects settle` says otherwise"
            );
        }
    }
    Ok(())
}

async fn count(ownership: &Ownership, ledger: &Ledger, now: Timestamp) -> Result<(), StoreError> {
    let tallies = ownership.tallies();
    let taken: Vec<Coverage> =
        tallies.iter().filter_map(|((realm, kind), tally)| tally.take(realm, kind, now)).collect();
    if !taken.is_empty()
        && let Err(error) = ledger.store.add_coverage(taken.clone()).await
    {
        for counts in &taken {
            ownership.tally(&counts.realm, &counts.kind).give_back(counts);
        }
        return Err(error);
    }
    if tallies.is_empty() {
        return Ok(());
    }
    for counts in ledger.store.coverage().await? {
        ownership.tally(&counts.realm, &counts.kind).set_open(counts.contradictions);
    }
    Ok(())
}

/// How long what is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention {
    pub(super) deletions: Duration,
    /// Also of what was only seen.
    pub(super) history: Duration,
}

impl Retention {
    fn at(self, now: Timestamp) -> OwnershipBounds {
        let before = |age: Duration| {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_sub(age))
        };
        let history = before(self.history);
        OwnershipBounds { tombstones: before(self.deletions), observations: history, history }
    }
}
