//! What is asked of the server.
//!
//! In: charges. Out: one call of `take.lua`, which the server runs as a whole, so that a decision is one round trip and
//! nothing comes between its quotas. Called by [`crate::shared::Shared`]; what comes back is read in
//! [`crate::shared::reply`].
//!
//! All keys of one prefix have the same hash tag (`{portcullis}:…`), so that in a cluster they are in one slot and a
//! decision can be made of all of them at once. A key is a keyed hash of whose budget it is and where its quota stands.

use portcullis_domain::{Now, Strength};
use redis::Cmd;
use smallvec::SmallVec;

use crate::calendar::Held;
use crate::decision::Charge;
use crate::key::Key;
use crate::quota::Pace;

/// What the server runs.
pub(crate) const SCRIPT: &str = include_str!("take.lua");

/// What is to be done with the charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Spend all, or nothing.
    Take,
    /// Spend each, as far as there is enough.
    Charge,
    /// Give each back.
    GiveBack,
}

/// One call. Owned, so that it can wait in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    doing: Doing,
    entries: SmallVec<[Entry; 2]>,
}

/// What is asked of one charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    key: Key,
    strength: Strength,
    pub(crate) terms: Terms,
    /// What this process knows is held: the debt in nanoseconds, or what was spent. It counts if the server has
    /// forgotten the key.
    known: u64,
    /// How many units are wanted beyond the cost, to spend without asking.
    extra: u32,
}

/// By which numbers it is counted. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    /// One by one.
    Rolling {
        /// Of the units spent.
        price: u64,
        /// The deepest debt.
        depth: u64,
        /// Of the units that are wanted beyond.
        extra: u64,
        /// The deepest debt at which those are given.
        ceiling: u64,
    },
    /// By the calendar.
    Fixed {
        /// Units spent.
        cost: u32,
        /// Units in all.
        count: u32,
        /// The most units at which more are given.
        ceiling: u32,
        /// Where days or months end around this time, in seconds.
        ends: [u64; 3],
    },
}

impl Order {
    /// An order to do this with `charges`. `extra` says how many units more are wanted of each.
    pub(crate) fn new<'c, 'l: 'c>(
        doing: Doing,
        charges: impl IntoIterator<Item = &'c Charge<'l>>,
        now: Now,
        mut extra: impl FnMut(&Charge<'l>) -> u32,
    ) -> Self {
        let entries = charges.into_iter().map(|charge| Entry::new(charge, now, extra(charge)));
        Self { doing, entries: entries.collect() }
    }

    /// An order that means nothing and does all that any order does: it reads and writes a key of its own.
    pub(crate) fn trial() -> Self {
        let terms = Terms::Rolling { price: 1_000, depth: 1_000_000, extra: 0, ceiling: 0 };
        let key = Key::named("quota", "trial");
        let entry = Entry { key, strength: Strength::Shadow, terms, known: 0, extra: 0 };
        Self { doing: Doing::Charge, entries: SmallVec::from_slice(&[entry]) }
    }

    /// What is asked of each charge, in their order.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The call of the script that the server knows as `sha`.
    pub(crate) fn command(&self, prefix: &str, sha: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(sha).arg(self.entries.len());
        let mut name = String::with_capacity(prefix.len() + 37);
        for entry in &self.entries {
            entry.write_name(prefix, &mut name);
            command.arg(&name);
        }
        command.arg(match self.doing {
            Doing::Take => "take",
            Doing::Charge => "charge",
            Doing::GiveBack => "give back",
        });
        for entry in &self.entries {
            entry.write_terms(&mut command);
        }
        for entry in &self.entries {
            match entry.terms {
                Terms::Rolling { .. } => pair(&mut command, entry.known),
                Terms::Fixed { .. } => _ = command.arg(entry.known).arg(0),
            }
        }
        command
    }
}

impl Entry {
    fn new(charge: &Charge<'_>, now: Now, extra: u32) -> Self {
        let quota = charge.limiter.quota();
        let terms = match quota.pace() {
            Pace::Rolling { gcra, .. } => Terms::Rolling {
                price: gcra.price(charge.cost),
                depth: gcra.depth(),
                extra: gcra.price(extra),
                ceiling: gcra.depth() / 2,
            },
            Pace::Fixed(calendar) => Terms::Fixed {
                cost: charge.cost.min(quota.count()),
                count: quota.count(),
                ceiling: quota.count() / 2,
                ends: calendar.ends_around(now.wall),
            },
        };
        let known = charge.limiter.known(charge.key, now);
        Self { key: name(charge), strength: charge.strength, terms, known, extra }
    }

    /// What is held after `held` was, at `since` in nanoseconds, if the server spent the charge; and how many units
    /// beyond the cost it gave. The same sums as in `take.lua`.
    pub(crate) fn after(&self, held: u64, since: u64) -> (u64, u32) {
        match self.terms {
            Terms::Rolling { price, extra, ceiling, .. } => {
                let after = held.saturating_add(price);
                let more = after.saturating_add(extra);
                if more.saturating_sub(since) <= ceiling { (more, self.extra) } else { (after, 0) }
            }
            Terms::Fixed { cost, ceiling, .. } => {
                let held = Held::unpack(held);
                let after = held.spent().saturating_add(cost);
                let more = after.saturating_add(self.extra);
                let (spent, extra) = if more <= ceiling { (more, self.extra) } else { (after, 0) };
                (Held::new(held.end(), spent).pack(), extra)
            }
        }
    }

    /// The kind of quota is part of the name: what is held of one kind means nothing to the other.
    fn write_name(&self, prefix: &str, name: &mut String) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        name.clear();
        name.push('{');
        name.push_str(prefix);
        name.push_str(match self.terms {
            Terms::Rolling { .. } => "}:r:",
            Terms::Fixed { .. } => "}:f:",
        });
        for byte in self.key.to_bytes() {
            for nibble in [byte >> 4, byte & 15] {
                name.push(DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from));
            }
        }
    }

    fn write_terms(&self, command: &mut Cmd) {
        let strength = match self.strength {
            Strength::Enforce => "enforce",
            Strength::Shadow => "shadow",
        };
        match self.terms {
            Terms::Rolling { price, depth, extra, ceiling } => {
                command.arg("r").arg(strength);
                for nanos in [price, depth, extra, ceiling] {
                    pair(command, nanos);
                }
            }
            Terms::Fixed { cost, count, ceiling, ends } => {
                command.arg("f").arg(strength).arg(cost).arg(count).arg(self.extra).arg(ceiling);
                for end in ends {
                    command.arg(end);
                }
                command.arg("-");
            }
        }
    }
}

/// By what a charge is counted: whose budget it is, and where the quota stands. Not the quota's name, which another API may
/// have for one of its own.
pub(crate) fn name(charge: &Charge<'_>) -> Key {
    Key::named("quota", charge.limiter.place()).and(charge.key)
}

/// Nanoseconds as whole microseconds and the rest: the server's numbers are exact up to 2^53 only.
fn pair(command: &mut Cmd, nanos: u64) {
    command.arg(nanos / 1_000).arg(nanos % 1_000);
}
