//! Counts that several gateways share, at a Valkey or Redis server.
//!
//! In: all charges of a decision. Out: what they come to, by one round trip, or by none if the keys are busy and far below
//! their limits ([`lease`]), or by this process alone while the server is lost ([`alone`]). Called through
//! [`crate::Counters`]. Each worker has a connection of its own ([`link`]) and keeps it by [`Shared::keep`].
//!
//! **Exact.** The server runs one script for a decision, by its own clock; the sums are those of the local counters, to
//! the nanosecond. **Bounded.** A request waits no longer than the set time, once; then the connection is given up and
//! nobody waits until there is another one. **Forgetful servers.** One that was started anew, or threw keys away to make
//! room, is told by each gateway what it knows of a key when the key is asked for.
//!
//! Not shared: limits by peer, which stand before everything and must cost nothing; and places among concurrent calls,
//! which would need somebody to free those of a gateway that died.

mod alone;
mod compile;
pub mod config;
mod dial;
mod fault;
mod lease;
mod link;
mod mirror;
mod order;
#[cfg(test)]
mod parity;
mod reply;
mod settings;

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use portcullis_domain::Now;
use redis::Value;
use smallvec::SmallVec;

pub use compile::{compile, host_of, key_secret};
pub use config::{SharedConfig, SharedTlsConfig, WhenLost};
pub use dial::{Dial, Login, Stream};
pub use fault::Fault;
pub use link::Change;
pub use settings::Settings;

use crate::decision::{Answers, Charge, Taken, Violated, conclude, is_refused};
use crate::shared::lease::Leases;
use crate::shared::link::Link;
use crate::shared::order::{Doing, Order};
use crate::shared::reply::Outcome;

thread_local! {
    /// Which of the connections is this thread's own. Another thread's would do, and would have to be woken.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

/// The shared counts, as one process uses them.
pub struct Shared {
    settings: Settings,
    links: Box<[Link]>,
    leases: Leases,
    lost: AtomicUsize,
    decisions: Decisions,
}

/// How decisions were made since the process began.
#[derive(Debug, Default)]
struct Decisions {
    asked: AtomicU64,
    leased: AtomicU64,
    alone: AtomicU64,
}

/// How decisions were made since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By asking the server.
    pub asked: u64,
    /// From units that were taken in advance.
    pub leased: u64,
    /// Without the server.
    pub alone: u64,
    /// What was to be told to the server and was not.
    pub dropped: u64,
}

impl Shared {
    /// Shared counts for a process with so many workers. Connects nowhere: see [`Shared::keep`].
    #[must_use]
    pub fn new(settings: Settings, workers: usize) -> Self {
        let leases = Leases::new(settings.lease);
        let links = (0..workers.max(1)).map(|_| Link::new()).collect();
        Self { settings, links, leases, lost: AtomicUsize::new(0), decisions: Decisions::default() }
    }

    /// Keeps the connection of `worker`, whose thread polls this for as long as it lives. `tell` hears when the server is
    /// lost to the first worker and found again by all.
    pub async fn keep(&self, worker: usize, tell: impl Fn(Change)) {
        OWN.set(worker);
        let Some(link) = self.links.get(worker) else { return };
        let mut was_lost = false;
        link.keep(&self.settings, |change| match &change {
            Change::Lost(_) => {
                was_lost = true;
                if self.lost.fetch_add(1, Ordering::AcqRel) == 0 {
                    tell(change);
                }
            }
            Change::Found => {
                if std::mem::take(&mut was_lost) && self.lost.fetch_sub(1, Ordering::AcqRel) == 1 {
                    tell(change);
                }
            }
        })
        .await;
    }

    /// What [`crate::seed`] is to be given before the process makes its first key.
    #[must_use]
    pub const fn key_secret(&self) -> [u8; 16] {
        self.settings.key_secret
    }

    /// How many workers have a connection.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.links.iter().filter(|link| link.is_up()).count()
    }

    /// How decisions were made so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Decisions { asked, leased, alone } = &self.decisions;
        let dropped = self.links.iter().map(Link::dropped).sum();
        Tally { asked: read(asked), leased: read(leased), alone: read(alone), dropped }
    }

    /// Spends all charges, or none.
    ///
    /// # Errors
    /// [`Violated`], if a quota that is enforced has not enough left, or if that cannot be known and must be.
    pub(crate) async fn take<'l>(&self, charges: &[Charge<'l>], now: Now) -> Result<Taken<'l>, Violated<'l>> {
        if charges.is_empty() {
            return Ok(Taken::default());
        }
        if let Some(standings) = self.leases.take(charges, now) {
            count(&self.decisions.leased);
            let answers: Answers = standings.into_iter().map(Ok).collect();
            return conclude(charges, &answers);
        }
        let link = self.link();
        if link.is_up() {
            let order = Order::new(Doing::Take, charges, now, |charge| self.leases.wanted(charge, now));
            if let Ok(value) = link.call(&order, &self.settings).await {
                if let Some(answers) = self.settle(charges, &order, &value, now) {
                    count(&self.decisions.asked);
                    return conclude(charges, &answers);
                }
                link.distrust();
            }
        }
        count(&self.decisions.alone);
        match self.settings.when_lost {
            WhenLost::CountAlone => alone::take_alone(charges, self.settings.replicas, now),
            WhenLost::Refuse => match alone::refuse(charges, now) {
                Some(violated) => Err(violated),
                None => alone::take_alone(charges, self.settings.replicas, now),
            },
        }
    }

    /// Gives back what was taken for something that did not happen.
    pub(crate) fn give_back(&self, charges: &[Charge<'_>], now: Now) {
        let times = match self.owe(Doing::GiveBack, charges, now) {
            Told::Yes => 1,
            Told::No => self.settings.replicas,
        };
        for charge in charges {
            let charge = alone::scaled(charge, times);
            charge.limiter.refund(charge.key, charge.cost, now);
        }
    }

    /// Spends what cannot be refused any more.
    pub(crate) fn charge(&self, charges: &[Charge<'_>], now: Now) {
        match self.owe(Doing::Charge, charges, now) {
            // Noted here as soon as the key is asked for again. Now it might come to the server twice.
            Told::Yes => {}
            Told::No => {
                for charge in charges {
                    let charge = alone::scaled(charge, self.settings.replicas);
                    charge.limiter.charge(charge.key, charge.cost, now);
                }
            }
        }
    }

    fn owe(&self, doing: Doing, charges: &[Charge<'_>], now: Now) -> Told {
        if charges.is_empty() {
            return Told::Yes;
        }
        match self.link().owe(Order::new(doing, charges, now, |_| 0)) {
            Ok(()) => Told::Yes,
            Err(_) => Told::No,
        }
    }

    /// What an answer means, and what is learned from it. `None` if it is nonsense.
    fn settle(&self, charges: &[Charge<'_>], order: &Order, value: &Value, now: Now) -> Option<Answers> {
        let reply = reply::read(value, order).ok()?;
        let answers: Answers = charges
            .iter()
            .zip(&reply.held)
            .map(|(charge, held)| charge.limiter.judge(*held, charge.cost, reply.now))
            .collect();
        // The same sums on both sides, or one of them is not what it says.
        let expected = if is_refused(charges, &answers) { Outcome::Refused } else { Outcome::Spent };
        if reply.outcome != expected {
            return None;
        }
        let since = u64::try_from(reply.now.mono.as_nanos()).unwrap_or(u64::MAX);
        let entries: SmallVec<[_; 4]> = order.entries().iter().zip(&reply.held).collect();
        for ((charge, answer), (entry, held)) in charges.iter().zip(&answers).zip(entries) {
            let (held, leased) = match (reply.outcome, answer) {
                (Outcome::Spent, Ok(_)) if charge.cost > 0 => entry.after(*held, since),
                (Outcome::Spent | Outcome::Refused, _) => (*held, 0),
            };
            charge.limiter.learn(charge.key, held, reply.now, now);
            if let (1.., Ok(standing)) = (leased, answer) {
                self.leases.put(charge, leased, *standing, now);
            }
        }
        Some(answers)
    }

    fn link(&self) -> &Link {
        let own = OWN.get() % self.links.len().max(1);
        #[expect(
            clippy::indexing_slicing,
            reason = "there is at least one link, and the remainder is below their number"
        )]
        &self.links[own]
    }
}

/// Whether the server will hear of it.
enum Told {
    Yes,
    No,
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("servers", &self.settings.servers)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
