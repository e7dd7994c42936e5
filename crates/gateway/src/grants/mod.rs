//! Rights that are granted for a while, as requests meet them (AUTHZ-23).
//!
//! In: grants from the store, taken up with revocations. Out: for a caller, the same principal with the roles
//! and scopes that active grants add, as far as the configuration lets them be granted at all. One for the
//! process. A gateway that follows the store learns of a grant, an approval or an end within `store.poll`; an
//! end by time needs nobody to tell it. While nothing is granted, a request pays for one look at a flag.
//!
//! Whether a grant is needed is for the stages to find: see [`crate::stages::elevate`].

mod elevated;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_audit::alert::Alerts;
use portcullis_audit::{Recorder, System};
use portcullis_domain::{AccessGrant, GrantId, GrantState, Principal, Timestamp};

use crate::alarms;
use crate::operate::Grantable;
pub(crate) use elevated::Elevated;

/// How long a grant that is over is kept, so that an operator can look back.
pub(crate) const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// The grants that are known.
pub(crate) struct Grants {
    /// By issuer and subject.
    table: ArcSwap<Table>,
    is_empty: AtomicBool,
    recorder: Arc<Recorder>,
    alerts: Arc<Alerts>,
    /// First uses that the store does not know yet.
    used: Mutex<Vec<(GrantId, Timestamp)>>,
}

type Table = HashMap<Box<str>, HashMap<Box<str>, Vec<Arc<Known>>>>;

/// One grant, and whether it was used.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) grant: AccessGrant,
    was_used: AtomicBool,
}

/// Whether changes are news, or what had been before this process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Old,
    New,
}

/// Whether such a grant gives anything, whoever kept it in the store.
fn holds(grantable: &Grantable, grant: &AccessGrant) -> bool {
    grant.needed >= grantable.approvals && grant.expires_at.since(grant.opened_at) <= grantable.longest
}

impl Grants {
    pub(crate) fn new(recorder: Arc<Recorder>, alerts: Arc<Alerts>) -> Self {
        Self {
            table: ArcSwap::default(),
            is_empty: AtomicBool::new(true),
            recorder,
            alerts,
            used: Mutex::default(),
        }
    }

    /// What is granted to `principal` beyond what it has.
    pub(crate) fn elevate(
        &self,
        grantable: &Grantable,
        principal: &Principal,
        now: Timestamp,
    ) -> Option<Elevated> {
        if self.is_empty.load(Ordering::Relaxed) {
            return None;
        }
        let table = self.table.load();
        let known = table.get(principal.issuer.as_str())?.get(principal.subject.as_str())?;
        let active = known
            .iter()
            .filter(|known| known.grant.state(now) == GrantState::Active && holds(grantable, &known.grant));
        Elevated::of(grantable, principal, active)
    }

    /// A grant made the difference. Only the first time is an alarm: then somebody is told within a moment.
    pub(crate) fn used(&self, elevated: &Elevated, asked: &alarms::Asked<'_>) {
        for known in elevated.grants() {
            if known.was_used.swap(true, Ordering::Relaxed) {
                continue;
            }
            alarms::grant_used(&self.alerts, &known.grant, asked);
            self.used.lock().unwrap_or_else(PoisonError::into_inner).push((known.grant.id, asked.at));
        }
    }

    /// First uses, to be noted in the store.
    pub(crate) fn take_used(&self) -> Vec<(GrantId, Timestamp)> {
        std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up what has changed. Called from one thread at a time, never by a request.
    pub(crate) fn take_up(&self, changed: Vec<AccessGrant>, news: News, now: Timestamp) {
        if changed.is_empty() {
            return;
        }
        let mut table = Table::clone(&self.table.load());
        for grant in changed {
            if news == News::New {
                self.note(&grant, now);
            }
            let of_subject =
                table.entry(grant.issuer.clone()).or_default().entry(grant.subject.clone()).or_default();
            let before = of_subject.iter().position(|known| known.grant.id == grant.id);
            let before = before.map(|place| of_subject.swap_remove(place));
            if matches!(grant.state(now), GrantState::Waiting | GrantState::Active) {
                let was_used = grant.used_at.is_some()
                    || before.is_some_and(|known| known.was_used.load(Ordering::Relaxed));
                of_subject.push(Arc::new(Known { grant, was_used: AtomicBool::new(was_used) }));
            }
        }
        self.swap(table);
    }

    /// Forgets what is over.
    pub(crate) fn forget(&self, now: Timestamp) {
        if self.is_empty.load(Ordering::Relaxed) {
            return;
        }
        let mut table = Table::clone(&self.table.load());
        for known in table.values_mut().flat_map(HashMap::values_mut) {
            known.retain(|known| matches!(known.grant.state(now), GrantState::Waiting | GrantState::Active));
        }
        self.swap(table);
    }

    fn swap(&self, mut table: Table) {
        for of_issuer in table.values_mut() {
            of_issuer.retain(|_, known| !known.is_empty());
        }
        table.retain(|_, of_issuer| !of_issuer.is_empty());
        let is_empty = table.is_empty();
        self.table.store(Arc::new(table));
        self.is_empty.store(is_empty, Ordering::Relaxed);
    }

    fn note(&self, grant: &AccessGrant, now: Timestamp) {
        let by = match (&grant.closed, grant.approved_by.last()) {
            (Some((_, by)), _) | (None, Some(by)) => by,
            (None, None) => &grant.opened_by,
        };
        self.recorder.note(&System::GrantChanged {
            grant: &grant.id.to_string(),
            issuer: &grant.issuer,
            subject: &grant.subject,
            state: grant.state(now).name(),
            roles: &grant.roles.to_string(),
            scopes: &grant.scopes.to_string(),
            by,
            cause: &grant.cause,
        });
    }
}
