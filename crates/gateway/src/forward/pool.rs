//! The unused upstream connections of one worker, newest first.
//!
//! One pool per worker and never shared, so taking and returning a connection needs no lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::link::{Link, SharedLink};
use super::upstream::{Slot, TargetId};
use crate::together::Crowd;

/// Unused connections by address.
pub(crate) struct Pool {
    crowd: Crowd,
    idle: RefCell<HashMap<TargetId, Shelf, RandomState>>,
}

#[derive(Default)]
struct Shelf {
    links: Vec<Idle>,
    shared: Option<SharedLink>,
}

struct Idle {
    link: Link,
    /// Monotonic time at which it was put back.
    since: Duration,
}

impl Pool {
    /// The pool of a worker whose requests are `crowd`.
    pub(crate) fn new(crowd: Crowd) -> Self {
        Self { crowd, idle: RefCell::default() }
    }

    /// The requests under way on this worker.
    pub(crate) const fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// A connection that was used before and is still open.
    pub(crate) async fn take(&self, target: TargetId) -> Option<Link> {
        poll_fn(|cx| Poll::Ready(self.take_now(target, cx))).await
    }

    fn take_now(&self, target: TargetId, cx: &mut Context<'_>) -> Option<Link> {
        loop {
            let mut link = self.idle.borrow_mut().get_mut(&target)?.links.pop()?.link;
            if link.is_reusable(cx) {
                return Some(link);
            }
        }
    }

    /// The connection that many requests share.
    pub(crate) fn shared(&self, target: TargetId) -> Option<SharedLink> {
        let idle = self.idle.borrow();
        idle.get(&target)?.shared.as_ref().filter(|link| link.is_open()).cloned()
    }

    /// Lets later requests share `link`.
    pub(crate) fn share(&self, target: TargetId, link: SharedLink) {
        self.idle.borrow_mut().entry(target).or_default().shared = Some(link);
    }

    fn put(&self, target: TargetId, link: Link, limit: usize, now: Duration) {
        if link.is_finished() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let links = &mut idle.entry(target).or_default().links;
        if links.len() < limit {
            links.push(Idle { link, since: now });
        }
    }

    /// Closes what has been unused for `patience`, or was closed by the upstream meanwhile.
    pub(crate) fn tidy(&self, patience: Duration, now: Duration, cx: &mut Context<'_>) {
        let mut idle = self.idle.borrow_mut();
        for shelf in idle.values_mut() {
            shelf
                .links
                .retain_mut(|idle| now.saturating_sub(idle.since) < patience && idle.link.is_reusable(cx));
            if shelf.shared.as_ref().is_some_and(|link| !link.is_open()) {
                shelf.shared = None;
            }
        }
        idle.retain(|_, shelf| !shelf.links.is_empty() || shelf.shared.is_some());
    }
}

/// A connection in use, and its place among the requests under way.
pub(crate) struct Lease {
    link: Option<Link>,
    slot: Slot,
    pool: Weak<Pool>,
    limit: usize,
    now: Duration,
}

impl Lease {
    /// `link` is `None` where many requests share a connection.
    pub(crate) fn new(link: Option<Link>, slot: Slot, pool: &Rc<Pool>, limit: usize, now: Duration) -> Self {
        Self { link, slot, pool: Rc::downgrade(pool), limit, now }
    }

    /// Does the connection's work for now.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(link) = &mut self.link {
            link.drive(cx);
        }
    }

    /// The connection may be used again. One that is dropped without this is closed.
    pub(crate) fn give_back(self) {
        if let (Some(link), Some(pool), Some(target)) = (self.link, self.pool.upgrade(), self.slot.target()) {
            pool.put(target.id, link, self.limit, self.now);
        }
    }

    /// Takes the connection out, for a protocol switch; the place stays taken until the slot is dropped.
    pub(crate) fn into_parts(self) -> (Option<Link>, Slot) {
        (self.link, self.slot)
    }
}
