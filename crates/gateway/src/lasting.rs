//! What lasts, as a running gateway uses it: the store, and what is known of it without asking.
//!
//! In: settings. Out: API keys and revocations that requests consult in memory. A task on the control thread
//! follows the store: several times a second it asks what others changed (other gateways, the subcommands), so
//! that a revocation holds within a second everywhere; now and then it writes when keys were used, and has
//! ended things forgotten.
//!
//! A gateway that takes no API keys and whose store was never made has none, and makes none: nobody can have
//! revoked anything. As soon as the file is there it is followed.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use portcullis_audit::alert::Alerts;
use portcullis_audit::{KeyChange, Recorder, System};
use portcullis_authn::Revoked;
use portcullis_authn::api_key::ApiKeys;
use portcullis_domain::{
    Clock, CountStore, GrantStore as _, KeyId, KeyStore as _, Now, Revocation, RevocationStore as _,
    Sequence, SessionStore, StoreError, Timestamp, UsageStore,
};
use portcullis_store::{Location, OpenError, Settings, Store};
use tokio::runtime::Builder;

use crate::grants::{self, Grants, News};
use crate::ownership::Ledger;

/// How many revocations are read at once.
const PART: u32 = 50_000;
/// How often the store hears which keys were used.
const WRITE_USES: Duration = Duration::from_secs(5);
/// How often what has ended is forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// What lasts.
pub(crate) struct Lasting {
    settings: Settings,
    /// How many keys are remembered.
    keys: usize,
    clock: Clock,
    recorder: Arc<Recorder>,
    revoked: Arc<Revoked>,
    grants: Grants,
    open: OnceLock<Open>,
    opening: Mutex<()>,
    followed: tokio::sync::Mutex<Followed>,
}

struct Open {
    store: Arc<Store>,
    keys: ApiKeys,
    /// Nothing, if its key cannot be read.
    ledger: Option<Ledger>,
}

/// How far the store's changes are known.
#[derive(Clone, Copy, Debug, Default)]
struct Followed {
    keys: Sequence,
    revocations: Sequence,
    grants: Sequence,
}

impl Lasting {
    /// Opens nothing yet.
    pub(crate) fn new(
        settings: Settings,
        keys: usize,
        clock: Clock,
        recorder: Arc<Recorder>,
        alerts: Arc<Alerts>,
    ) -> Self {
        Self {
            settings,
            keys,
            clock,
            grants: Grants::new(Arc::clone(&recorder), alerts),
            recorder,
            revoked: Arc::new(Revoked::nothing()),
            open: OnceLock::new(),
            opening: Mutex::default(),
            followed: tokio::sync::Mutex::default(),
        }
    }

    /// What is revoked; shared by all policies, since a reload changes nothing about it.
    pub(crate) const fn revoked(&self) -> &Arc<Revoked> {
        &self.revoked
    }

    /// What is granted for a while.
    pub(crate) const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The keys, if the store is open.
    pub(crate) fn keys(&self) -> Option<&ApiKeys> {
        self.open.get().map(|open| &open.keys)
    }

    /// Where it is noted what became of a key.
    pub(crate) const fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// The sessions, if the store is open.
    pub(crate) fn sessions(&self) -> Option<Arc<dyn SessionStore>> {
        self.open.get().map(|open| Arc::clone(&open.store) as Arc<dyn SessionStore>)
    }

    /// Where it is kept whose objects are, if the store is open.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.open.get()?.ledger.as_ref()
    }

    /// The latest place in the order of the store's changes.
    ///
    /// # Errors
    /// What the store says; [`StoreError::Unavailable`] if it is not open.
    pub(crate) async fn latest_change(&self) -> Result<Sequence, StoreError> {
        match self.open.get() {
            Some(open) => open.store.latest_change().await,
            None => Err(StoreError::Unavailable),
        }
    }

    /// Where counts of traffic are kept, if the store is open.
    pub(crate) fn usage(&self) -> Option<Arc<dyn UsageStore>> {
        self.open.get().map(|open| Arc::clone(&open.store) as Arc<dyn UsageStore>)
    }

    /// Where it is kept what was spent of long quotas, if the store is open.
    pub(crate) fn counts(&self) -> Option<Arc<dyn CountStore>> {
        self.open.get().map(|open| Arc::clone(&open.store) as Arc<dyn CountStore>)
    }

    /// That owners of objects can be told.
    ///
    /// # Errors
    /// Without their key none is known, and all that would be refused would pass.
    pub(crate) fn need_ledger(&self) -> Result<(), OpenError> {
        match self.ledger() {
            Some(_) => Ok(()),
            None => Err(OpenError::Unusable {
                what: "the key of owners".to_owned(),
                why: StoreError::Unreadable.to_string(),
            }),
        }
    }

    /// Whether somebody made the store already.
    pub(crate) fn exists(&self) -> bool {
        match &self.settings.location {
            Location::File(file) => file.exists(),
            Location::Postgres { .. } => true,
        }
    }

    /// Opens the store if it is not open, and reads all revocations. Blocks while it does so.
    ///
    /// # Errors
    /// Without the list of revocations nobody may be let in, so a store that cannot be read is an error.
    pub(crate) fn open(&self) -> Result<(), OpenError> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.open.get().is_some() {
            return Ok(());
        }
        let store = Arc::new(Store::open(&self.settings)?);
        let keys = ApiKeys::new(
            Arc::clone(&store) as Arc<dyn portcullis_domain::KeyStore>,
            store.pepper(),
            Arc::clone(&self.revoked),
            self.keys,
        );
        let unreadable = |error: &dyn std::fmt::Display| OpenError::Unusable {
            what: "the list of revocations".to_owned(),
            why: error.to_string(),
        };
        // A thread of its own: who calls may run on a runtime, which must not wait within itself.
        let read = || -> Result<(Followed, Option<Ledger>), OpenError> {
            let runtime = Builder::new_current_thread().build().map_err(|error| unreadable(&error))?;
            let followed = runtime.block_on(self.read_all(&store)).map_err(|error| unreadable(&error))?;
            let key = runtime.block_on(store.ledger_key());
            let key = key.inspect_err(|error| tracing::error!(%error, "the key of owners cannot be read"));
            let store = Arc::clone(&store) as Arc<dyn portcullis_domain::OwnershipStore>;
            Ok((followed, key.ok().map(|key| Ledger { store, key })))
        };
        let followed = thread::scope(|scope| scope.spawn(read).join());
        let (followed, ledger) = followed.map_err(|_| unreadable(&"the reader panicked"))??;
        // Nobody follows a store that is not open, so nobody holds this.
        if let Ok(mut place) = self.followed.try_lock() {
            *place = followed;
        }
        let _ = self.open.set(Open { store, keys, ledger });
        Ok(())
    }

    async fn read_all(&self, store: &Store) -> Result<Followed, StoreError> {
        // First, so that what changes meanwhile is read again and not missed.
        let keys = store.latest_change().await?;
        let mut followed = Followed { keys, ..Followed::default() };
        self.read_revocations(store, &mut followed, News::Old).await?;
        self.read_grants(store, &mut followed, News::Old).await?;
        self.revoked.rely_until(self.clock.mono() + self.settings.grace);
        Ok(followed)
    }

    async fn read_revocations(
        &self,
        store: &Store,
        followed: &mut Followed,
        news: News,
    ) -> Result<(), StoreError> {
        loop {
            let part = store.revoked_since(followed.revocations, PART).await?;
            if part.made.is_empty() {
                return Ok(());
            }
            self.revoked.add(&part.made);
            if news == News::New {
                part.made.iter().for_each(|revocation| self.note_revocation(revocation));
            }
            followed.revocations = part.sequence;
        }
    }

    async fn read_grants(
        &self,
        store: &Store,
        followed: &mut Followed,
        news: News,
    ) -> Result<(), StoreError> {
        loop {
            let part = store.grants_changed_since(followed.grants, PART).await?;
            if part.grants.is_empty() {
                return Ok(());
            }
            self.grants.take_up(part.grants, news, self.clock.now().wall);
            followed.grants = part.sequence;
        }
    }

    /// Tells the record what became of keys (AUD-05). Each gateway tells it, as each takes it up for itself.
    async fn note_keys(&self, store: &Store, keys: &[KeyId]) -> Result<(), StoreError> {
        for id in keys {
            // One that is gone already was told of when it ended.
            let Some(key) = store.find_key(*id).await? else { continue };
            let successor = key.successor.map(|successor| successor.to_string());
            let change = match (key.revoked_at, &successor) {
                (Some(_), _) => KeyChange::Revoked,
                (None, Some(successor)) => KeyChange::Replaced { successor },
                (None, None) => KeyChange::Created,
            };
            self.recorder.note(&System::KeyChanged { key: &id.to_string(), owner: &key.owner, change });
        }
        Ok(())
    }

    fn note_revocation(&self, revocation: &Revocation) {
        self.recorder.note(&System::TokensRevoked {
            kind: revocation.kind.name(),
            issuer: &revocation.issuer,
            value: &revocation.value,
            cause: &revocation.cause,
        });
    }

    /// Takes up what others changed. After this it holds for the next request of every worker.
    ///
    /// # Errors
    /// What the store says; what was known before stays.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        let Some(Open { store, keys, .. }) = self.open.get() else { return Ok(()) };
        let mut followed = self.followed.lock().await;
        let began = self.clock.mono();
        loop {
            let changes = store.keys_changed_since(followed.keys).await?;
            if changes.keys.is_empty() {
                break;
            }
            keys.forget(&changes.keys);
            self.note_keys(store, &changes.keys).await?;
            followed.keys = changes.sequence;
        }
        self.read_revocations(store, &mut followed, News::New).await?;
        self.read_grants(store, &mut followed, News::New).await?;
        self.revoked.rely_until(began + self.settings.grace);
        Ok(())
    }

    /// Follows the store for as long as the process lives.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut tick = tokio::time::interval(self.settings.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut health = Health::Well;
        let (mut wrote, mut forgot) = (self.clock.mono(), self.clock.mono());
        loop {
            tick.tick().await;
            if self.open.get().is_none() && !(self.exists() && self.take_up()) {
                continue;
            }
            health = health.note(self.look().await);
            self.note_grants_used().await;
            let now = self.clock.now();
            if now.mono.saturating_sub(wrote) >= WRITE_USES {
                wrote = now.mono;
                self.write_uses().await;
            }
            if now.mono.saturating_sub(forgot) >= FORGET {
                forgot = now.mono;
                self.forget(now).await;
            }
        }
    }

    /// Tells the store which keys were used.
    pub(crate) async fn write_uses(&self) {
        let Some(open) = self.open.get() else { return };
        if let Err(error) = open.keys.write_uses().await {
            tracing::warn!(%error, "the use of API keys was not noted");
        }
    }

    async fn note_grants_used(&self) {
        let Some(Open { store, .. }) = self.open.get() else { return };
        for (id, at) in self.grants.take_used() {
            if let Err(error) = store.note_grant_used(id, at).await {
                tracing::warn!(%error, %id, "the use of a grant was not noted");
            }
        }
    }

    fn take_up(&self) -> bool {
        let opened = self.open();
        if let Err(error) = &opened {
            // It is there, and what it says is not known.
            tracing::error!(%error, "the store cannot be opened");
            self.revoked.rely_no_longer_than(self.clock.mono() + self.settings.grace);
        }
        opened.is_ok()
    }

    async fn forget(&self, now: Now) {
        let Some(Open { store, .. }) = self.open.get() else { return };
        self.revoked.forget(now.wall);
        self.grants.forget(now.wall);
        let outcome = async {
            store.forget_revocations(now.wall).await?;
            let long_ago = now.wall.as_seconds().saturating_sub(grants::KEPT.as_secs());
            store.forget_grants(Timestamp::from_seconds(long_ago)).await?;
            store.forget_sessions(now.wall).await
        };
        if let Err(error) = outcome.await {
            tracing::warn!(%error, "what has ended was not forgotten");
        }
    }
}

/// Whether the last look was well; an outage is told when it begins and when it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Away,
}

impl Health {
    fn note(self, looked: Result<(), StoreError>) -> Self {
        match (self, looked) {
            (Self::Well, Err(error)) => {
                tracing::error!(%error, "the store cannot be followed; what is revoked now is not seen");
                Self::Away
            }
            (Self::Away, Ok(())) => {
                tracing::info!("the store is followed again");
                Self::Well
            }
            (health, Ok(()) | Err(_)) => health,
        }
    }
}
