//! The records of keys that were used lately, so that not every request asks the store.
//!
//! Bounded, and small: a million keys take less than 150 bytes each. What many keys have in common (owner,
//! scopes, APIs, networks) is kept once. Records of keys that have ended are kept as well, so that a client
//! that goes on with one does not reach the store each time; ids that nobody knows are not, so that a stranger
//! can fill nothing here.

use std::collections::HashMap;
use std::hash::{Hash, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use portcullis_domain::{ApiKeyRecord, KeyId, KeyReach, KeyedDigest, PepperId, Scopes, Subject, Timestamp};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

/// Within this time a use is not noted again.
const USE_MINUTES: u32 = 5;
/// So many different profiles are looked through for those that nobody uses any more.
const PROFILES: usize = 65_536;

/// What many keys of one application have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    pub(crate) owner: Subject,
    pub(crate) scopes: Scopes,
    pub(crate) apis: Option<Box<[Box<str>]>>,
    pub(crate) networks: Box<[IpNet]>,
}

/// A key's record, as small as it can be.
#[derive(Debug)]
pub(crate) struct HotKey {
    pub(crate) profile: Arc<Profile>,
    digest: [u8; 32],
    /// Milliseconds; 0 for a revoked key.
    ends: u64,
    pepper: u32,
    /// The last minute in which a use was noted.
    noted: AtomicU32,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Expired,
    Revoked,
}

/// Records by id.
pub(crate) struct HotKeys {
    keys: Cache<KeyId, Arc<HotKey>, UnitWeighter, RandomState, DefaultLifecycle<KeyId, Arc<HotKey>>>,
    profiles: Mutex<HashMap<Arc<Profile>, ()>>,
    /// Counts the times that anything was forgotten; see [`HotKeys::keep`].
    forgotten: AtomicU64,
}

/// Taken before the store is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before(u64);

impl HotKeys {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            keys: Cache::with(
                capacity,
                u64::try_from(capacity).unwrap_or(u64::MAX),
                UnitWeighter,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            profiles: Mutex::default(),
            forgotten: AtomicU64::new(0),
        }
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<Arc<HotKey>> {
        self.keys.get(&id)
    }

    /// To be taken before the store is asked for a record.
    pub(crate) fn before(&self) -> Before {
        Before(self.forgotten.load(Ordering::Acquire))
    }

    /// Keeps a record that the store gave. If anything was forgotten since `before`, the record may be the one
    /// that was to be forgotten: it serves this request, which came at the same time, and no other.
    pub(crate) fn keep(&self, record: ApiKeyRecord, before: Before) -> Arc<HotKey> {
        let id = record.id;
        let hot = Arc::new(HotKey {
            digest: record.digest.bytes,
            pepper: record.digest.pepper.0,
            ends: match record.revoked_at {
                Some(_) => 0,
                None => record.expires_at.as_millis(),
            },
            noted: AtomicU32::new(record.last_used_at.map_or(0, minute)),
            profile: self.profile(Profile {
                owner: Subject::from(&*record.owner),
                scopes: record.scopes,
                apis: match record.reach {
                    KeyReach::EveryApi => None,
                    KeyReach::Apis(apis) => Some(apis),
                },
                networks: record.networks,
            }),
        });
        self.keys.insert(id, Arc::clone(&hot));
        if self.before().0 != before.0 {
            self.keys.remove(&id);
        }
        hot
    }

    /// Forgets what was changed elsewhere.
    pub(crate) fn forget(&self, ids: &[KeyId]) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        for id in ids {
            self.keys.remove(id);
        }
    }

    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        let used = self.keys.memory_used();
        // Beside what the cache counts: each record with the counters of its `Arc`, as the allocator rounds.
        let record = (size_of::<HotKey>() + 2 * size_of::<usize>()).next_multiple_of(16);
        used.total() + self.keys.len() * record
    }

    fn profile(&self, profile: Profile) -> Arc<Profile> {
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, ())) = profiles.get_key_value(&profile) {
            return Arc::clone(known);
        }
        if profiles.len() >= PROFILES {
            profiles.retain(|profile, ()| Arc::strong_count(profile) > 1);
        }
        let profile = Arc::new(profile);
        // Full of profiles that are in use: then this one is not shared.
        if profiles.len() < PROFILES {
            profiles.insert(Arc::clone(&profile), ());
        }
        profile
    }
}

impl HotKey {
    pub(crate) const fn digest(&self) -> KeyedDigest {
        KeyedDigest { pepper: PepperId(self.pepper), bytes: self.digest }
    }

    pub(crate) const fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.ends)
    }

    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        match self.ends {
            0 => Standing::Revoked,
            ends if now.as_millis() >= ends => Standing::Expired,
            _ => Standing::Good,
        }
    }

    /// Whether this use is to be noted: the first one in some minutes.
    pub(crate) fn is_worth_noting(&self, now: Timestamp) -> bool {
        let now = minute(now);
        let noted = self.noted.load(Ordering::Relaxed);
        now >= noted.saturating_add(USE_MINUTES)
            && self.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Whole minutes since the epoch; enough for eight thousand years.
fn minute(moment: Timestamp) -> u32 {
    u32::try_from(moment.as_seconds() / 60).unwrap_or(u32::MAX)
}

impl std::fmt::Debug for HotKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HotKeys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}
