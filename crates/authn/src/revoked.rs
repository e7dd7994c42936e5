//! What is not believed any more: the kill switch, as requests meet it.
//!
//! In: revocations from the store. Out: for each verified credential whether it is among them. Asked by
//! [`crate::authenticator`] and [`crate::api_key`] for every request, also when the credential was remembered.
//! Only verified claims are compared, never bytes of a token: the same token can be spelled in several ways.
//!
//! A million entries take less than 64 MiB: a claim is kept as 128 bits of a hash that is seeded anew in each
//! process. Two claims with the same 128 bits would mean a refusal too many and never one too few. Readers take
//! no lock: each of 64 parts is swapped whole when it changes. A filter in front answers "no" for nearly all
//! without touching the table.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use foldhash::quality::RandomState;
use portcullis_domain::{Now, Principal, Reason, Revocation, RevocationKind, Timestamp};

use crate::refusal::Refusal;

const PARTS: usize = 64;
/// Words of the filter for each entry; 16 bits, four of them set: one in a hundred is looked up in vain.
const ENTRIES_PER_WORD: usize = 4;
/// Stands for "whenever it was issued".
const WHENEVER: u32 = u32::MAX;
/// When to come back while the list cannot be read.
const COME_BACK: Duration = Duration::from_secs(5);

/// The revocations that are known.
pub struct Revoked {
    parts: Box<[ArcSwap<Part>]>,
    seeds: [RandomState; 2],
    /// One bit for each kind of which anything is revoked.
    kinds: AtomicU8,
    /// Until when what is known may be relied on, in milliseconds of the monotonic clock.
    relied_until: AtomicU64,
}

/// What can be revoked about a credential.
#[derive(Clone, Copy, Debug)]
pub struct Revocable<'a> {
    principal: &'a Principal,
    kid: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint([u64; 2]);

/// Whole seconds; enough until 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    issued_before: u32,
    forget_at: u32,
}

#[derive(Clone, Debug, Default)]
struct Part {
    entries: HashMap<Fingerprint, Entry, BuildHasherDefault<AsItIs>>,
    filter: Box<[u64]>,
}

/// The hash of a fingerprint: it is one.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl std::hash::Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self([first, _]) = self;
        state.write_u64(*first);
    }
}

impl<'a> Revocable<'a> {
    /// A verified principal, and the key that signed for it.
    #[must_use]
    pub const fn by(principal: &'a Principal, kid: Option<&'a str>) -> Self {
        Self { principal, kid }
    }

    fn value(&self, kind: RevocationKind) -> Option<&'a str> {
        let claim = |name: &str| self.principal.claims.get(name).and_then(serde_json::Value::as_str);
        match kind {
            RevocationKind::Token => claim("jti"),
            RevocationKind::Subject => Some(self.principal.subject.as_str()),
            RevocationKind::Session => claim("sid"),
            RevocationKind::Client => self.principal.client.as_deref(),
            RevocationKind::SigningKey => self.kid,
            RevocationKind::Issuer => Some(""),
        }
    }

    fn issued_at(&self) -> Option<u64> {
        let issued_at = self.principal.claims.get("iat")?;
        issued_at.as_u64().or_else(|| issued_at.as_f64().map(whole_seconds))
    }
}

/// A moment with a fraction of a second lies in the second that has begun.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates: a negative time is 0 and one beyond all is the last"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds as u64
}

impl Revoked {
    /// Nothing is revoked, and nothing is relied on until [`Revoked::rely_until`] says so.
    #[must_use]
    pub fn unread() -> Self {
        Self {
            parts: (0..PARTS).map(|_| ArcSwap::default()).collect(),
            seeds: [RandomState::default(), RandomState::default()],
            kinds: AtomicU8::new(0),
            relied_until: AtomicU64::new(0),
        }
    }

    /// Nothing is revoked and never will be: where there is no store.
    #[must_use]
    pub fn nothing() -> Self {
        let revoked = Self::unread();
        revoked.rely_always();
        revoked
    }

    /// What is known may be relied on until this moment of the monotonic clock.
    pub fn rely_until(&self, mono: Duration) {
        self.relied_until.store(u64::try_from(mono.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// What is known may be relied on until this moment at the latest.
    pub fn rely_no_longer_than(&self, mono: Duration) {
        self.relied_until.fetch_min(u64::try_from(mono.as_millis()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    /// What is known may be relied on for good: nobody can revoke anything.
    pub fn rely_always(&self) {
        self.relied_until.store(u64::MAX, Ordering::Release);
    }

    /// Refuses what is revoked.
    ///
    /// # Errors
    /// [`Reason::TokenRevoked`]; [`Reason::StoreUnavailable`] if the list was never read, or for too long:
    /// who waits for a revocation must not be outwaited by an outage.
    pub(crate) fn refuse(&self, credential: &Revocable<'_>, now: Now) -> Result<(), Refusal> {
        let mono = u64::try_from(now.mono.as_millis()).unwrap_or(u64::MAX);
        if mono >= self.relied_until.load(Ordering::Acquire) {
            let why = "the list of revocations cannot be read";
            return Err(Refusal::because(Reason::StoreUnavailable, why).retry_after(COME_BACK));
        }
        match self.find(credential, now.wall) {
            None => Ok(()),
            Some(kind) => {
                Err(Refusal::because(Reason::TokenRevoked, format!("revoked by `{}`", kind.name())))
            }
        }
    }

    /// By which claim `credential` is revoked, if it is.
    #[must_use]
    pub fn find(&self, credential: &Revocable<'_>, now: Timestamp) -> Option<RevocationKind> {
        let kinds = self.kinds.load(Ordering::Acquire);
        if kinds == 0 {
            return None;
        }
        let issuer = credential.principal.issuer.as_str();
        RevocationKind::ALL.into_iter().filter(|kind| kinds & bit(*kind) != 0).find(|kind| {
            let Some(value) = credential.value(*kind) else { return false };
            let Some(entry) = self.entry(&self.fingerprint(*kind, issuer, value)) else { return false };
            now.as_seconds() < u64::from(entry.forget_at)
                && (entry.issued_before == WHENEVER
                    // What does not say when it was issued may have been issued before.
                    || credential.issued_at().is_none_or(|at| at < u64::from(entry.issued_before)))
        })
    }

    /// Adds revocations to what is known. Called from one thread at a time, never by a request.
    pub fn add(&self, revocations: &[Revocation]) {
        let mut changed: HashMap<usize, Vec<(Fingerprint, Entry)>> = HashMap::new();
        let mut kinds = 0;
        for revocation in revocations {
            let fingerprint = self.fingerprint(revocation.kind, &revocation.issuer, &revocation.value);
            let entry = Entry {
                issued_before: revocation.issued_before.map_or(WHENEVER, next_second),
                forget_at: next_second(revocation.forget_at),
            };
            kinds |= bit(revocation.kind);
            changed.entry(part_of(&fingerprint)).or_default().push((fingerprint, entry));
        }
        for (index, entries) in changed {
            let Some(part) = self.parts.get(index) else { continue };
            part.store(Arc::new(part.load().with(entries)));
        }
        // Last, so that nobody looks for a kind before it can be found.
        self.kinds.fetch_or(kinds, Ordering::AcqRel);
    }

    /// Forgets what could be forgotten by `now`.
    pub fn forget(&self, now: Timestamp) {
        for part in &self.parts {
            let current = part.load();
            if current.entries.values().any(|entry| u64::from(entry.forget_at) <= now.as_seconds()) {
                part.store(Arc::new(current.without_ended(now)));
            }
        }
    }

    /// How many revocations are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.load().entries.len()).sum()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entry(&self, fingerprint: &Fingerprint) -> Option<Entry> {
        let part = self.parts.get(part_of(fingerprint))?.load();
        if !part.may_hold(fingerprint) {
            return None;
        }
        part.entries.get(fingerprint).copied()
    }

    fn fingerprint(&self, kind: RevocationKind, issuer: &str, value: &str) -> Fingerprint {
        let [first, second] = &self.seeds;
        Fingerprint([first.hash_one((kind, issuer, value)), second.hash_one((kind, issuer, value))])
    }

    #[cfg(test)]
    fn memory(&self) -> usize {
        let of = |part: &Part| {
            // hashbrown: a power of two of places, of which 7 in 8 are used, and a byte for each place.
            let places = (part.entries.capacity() * 8 / 7).next_power_of_two();
            places * (size_of::<(Fingerprint, Entry)>() + 1) + part.filter.len() * 8
        };
        self.parts.iter().map(|part| of(&part.load())).sum()
    }
}

impl Part {
    fn with(&self, added: Vec<(Fingerprint, Entry)>) -> Self {
        let mut entries = self.entries.clone();
        for (fingerprint, entry) in added {
            entries
                .entry(fingerprint)
                .and_modify(|known| {
                    known.issued_before = known.issued_before.max(entry.issued_before);
                    known.forget_at = known.forget_at.max(entry.forget_at);
                })
                .or_insert(entry);
        }
        Self::of(entries)
    }

    fn without_ended(&self, now: Timestamp) -> Self {
        let lasting = self.entries.iter().filter(|(_, entry)| u64::from(entry.forget_at) > now.as_seconds());
        Self::of(lasting.map(|(fingerprint, entry)| (*fingerprint, *entry)).collect())
    }

    fn of(entries: HashMap<Fingerprint, Entry, BuildHasherDefault<AsItIs>>) -> Self {
        let words = entries.len().div_ceil(ENTRIES_PER_WORD).next_power_of_two();
        let mut filter = vec![0u64; words].into_boxed_slice();
        for fingerprint in entries.keys() {
            let (word, bits) = place(fingerprint, words);
            if let Some(word) = filter.get_mut(word) {
                *word |= bits;
            }
        }
        Self { entries, filter }
    }

    fn may_hold(&self, fingerprint: &Fingerprint) -> bool {
        let (word, bits) = place(fingerprint, self.filter.len());
        self.filter.get(word).is_some_and(|word| word & bits == bits)
    }
}

/// The word of the filter in which a fingerprint is noted, and its four bits there. Of the second half: the
/// first one chooses the place in the table.
fn place(Fingerprint([_, second]): &Fingerprint, words: usize) -> (usize, u64) {
    let bits = (0..4).fold(0, |bits, turn| bits | 1u64 << (second >> (6 * turn) & 63));
    let word = usize::try_from(second >> 32).unwrap_or_default() & words.wrapping_sub(1);
    (word, bits)
}

fn part_of(Fingerprint([_, second]): &Fingerprint) -> usize {
    usize::try_from(second >> 24 & 63).unwrap_or_default()
}

const fn bit(kind: RevocationKind) -> u8 {
    match kind {
        RevocationKind::Token => 1,
        RevocationKind::Subject => 1 << 1,
        RevocationKind::Session => 1 << 2,
        RevocationKind::Client => 1 << 3,
        RevocationKind::SigningKey => 1 << 4,
        RevocationKind::Issuer => 1 << 5,
    }
}

/// The first whole second that is not before `moment`.
fn next_second(moment: Timestamp) -> u32 {
    u32::try_from(moment.as_millis().div_ceil(1000)).map_or(WHENEVER - 1, |second| second.min(WHENEVER - 1))
}

impl std::fmt::Debug for Revoked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revoked").field("entries", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{Assurance, Issuer, PrincipalKind, Scopes, Subject};
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn alice(claims: Value) -> Principal {
        let Value::Object(claims) = claims else { panic!("an object") };
        Principal {
            issuer: Issuer::from(ISSUER),
            subject: Subject::from("alice"),
            kind: PrincipalKind::User,
            client: Some("shop-app".into()),
            scopes: Scopes::default(),
            roles: Scopes::default(),
            expires_at: None,
            claims: Arc::new(claims),
            scheme: "customers".into(),
            assurance: Assurance::default(),
        }
    }

    fn token() -> Principal {
        alice(json!({ "jti": "t-1", "sid": "s-1", "iat": at(100).as_seconds() }))
    }

    fn of(kind: RevocationKind, value: &str) -> Revocation {
        Revocation {
            kind,
            issuer: ISSUER.into(),
            value: value.into(),
            issued_before: None,
            revoked_at: at(0),
            forget_at: at(10_000),
            cause: "".into(),
        }
    }

    fn finds(revocation: Revocation, principal: &Principal) -> bool {
        let revoked = Revoked::nothing();
        let kind = revocation.kind;
        revoked.add(&[revocation]);
        let found = revoked.find(&Revocable::by(principal, Some("k-1")), at(200));
        assert!(found.is_none_or(|found| found == kind));
        found.is_some()
    }

    #[test]
    fn each_claim_revokes_and_another_value_does_not() {
        for (kind, value) in [
            (RevocationKind::Token, "t-1"),
            (RevocationKind::Subject, "alice"),
            (RevocationKind::Session, "s-1"),
            (RevocationKind::Client, "shop-app"),
            (RevocationKind::SigningKey, "k-1"),
            (RevocationKind::Issuer, ""),
        ] {
            assert!(finds(of(kind, value), &token()), "{kind:?}");
            assert!(!finds(of(kind, "another"), &token()), "{kind:?}");
            let elsewhere = Revocation { issuer: "https://other.example".into(), ..of(kind, value) };
            assert!(!finds(elsewhere, &token()), "{kind:?} of another issuer");
        }
    }

    #[test]
    fn a_bound_revokes_what_was_issued_before_it() {
        let before =
            |seconds| Revocation { issued_before: Some(at(seconds)), ..of(RevocationKind::Subject, "alice") };
        assert!(!finds(before(100), &token()));
        assert!(finds(before(101), &token()));
        // Within a second it cannot be told which was first.
        let within =
            Revocation { issued_before: Some(Timestamp::from_millis(at(100).as_millis() + 1)), ..before(0) };
        assert!(finds(within, &token()));
        assert!(finds(before(1), &alice(json!({}))), "issued nobody knows when");
        assert!(!finds(before(100), &alice(json!({ "iat": at(100).as_seconds() as f64 + 0.5 }))));
    }

    #[test]
    fn an_entry_ends_with_what_it_revokes() {
        let revoked = Revoked::nothing();
        revoked.add(&[
            of(RevocationKind::Token, "t-1"),
            Revocation { forget_at: at(500), ..of(RevocationKind::Token, "t-2") },
        ]);
        let second = alice(json!({ "jti": "t-2" }));
        assert!(revoked.find(&Revocable::by(&second, None), at(499)).is_some());
        assert!(revoked.find(&Revocable::by(&second, None), at(500)).is_none());
        revoked.forget(at(500));
        assert_eq!(revoked.len(), 1);
        assert!(revoked.find(&Revocable::by(&token(), None), at(500)).is_some());
    }

    #[test]
    fn a_repeated_revocation_keeps_the_wider_bound() {
        let revoked = Revoked::nothing();
        revoked.add(&[of(RevocationKind::Subject, "alice")]);
        revoked.add(&[Revocation {
            issued_before: Some(at(1)),
            forget_at: at(300),
            ..of(RevocationKind::Subject, "alice")
        }]);
        assert!(revoked.find(&Revocable::by(&token(), None), at(9_999)).is_some());
    }

    #[test]
    fn what_was_never_read_lets_nobody_in() {
        let revoked = Revoked::unread();
        let now = |seconds| Now { wall: at(0), mono: Duration::from_secs(seconds) };
        let principal = token();
        let credential = Revocable::by(&principal, None);
        let refused =
            |seconds| revoked.refuse(&credential, now(seconds)).err().map(|refusal| refusal.reason());
        assert_eq!(refused(0), Some(Reason::StoreUnavailable));
        revoked.rely_until(Duration::from_secs(30));
        assert_eq!(refused(29), None);
        assert_eq!(refused(30), Some(Reason::StoreUnavailable));
        revoked.add(&[of(RevocationKind::Token, "t-1")]);
        assert_eq!(refused(29), Some(Reason::TokenRevoked));
    }

    #[test]
    fn a_million_entries_are_all_found_and_take_less_than_64_mib() {
        const COUNT: u64 = 1_000_000;
        let revoked = Revoked::nothing();
        let entries: Vec<_> =
            (0..COUNT).map(|number| of(RevocationKind::Token, &format!("token-{number}"))).collect();
        revoked.add(&entries);
        assert_eq!(revoked.len() as u64, COUNT);
        let found = |number: u64| {
            let principal = alice(json!({ "jti": format!("token-{number}") }));
            revoked.find(&Revocable::by(&principal, None), at(0)).is_some()
        };
        assert!((0..COUNT).step_by(997).all(found));
        assert!(!(COUNT..2 * COUNT).step_by(997).any(found));
        let memory = revoked.memory();
        assert!(memory < 64 << 20, "{memory} bytes");
    }
}
