//! Callers and the objects that they name: customers and the many who look like attackers, and attackers.

use portcullis_audit::detect::{Family, Fate};

use super::chance::Chance;
use super::{Call, Role};

const DAY: u64 = 86_400;

/// How many callers of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    pub customers: u32,
    pub support: u32,
    pub batch: u32,
    pub days: u64,
}

impl Population {
    pub fn caller_days(self) -> u64 {
        u64::from(self.customers + self.support + self.batch) * self.days
    }
}

/// The first numbers of callers and objects that belong to nobody benign.
pub const ATTACKERS: u32 = 1_000_000;

/// Days without an attack.
pub fn benign(population: Population, seed: u64) -> Vec<Call> {
    let mut chance = Chance::new(seed);
    let mut calls = Vec::new();
    let mut next = 0;
    let mut caller = |role| {
        next += 1;
        Caller { number: next, role }
    };
    for _ in 0..population.customers {
        caller(Role::Customer).live(population.days, &mut chance, &mut calls);
    }
    for _ in 0..population.support {
        caller(Role::Support).work(population.days, &mut chance, &mut calls);
    }
    for _ in 0..population.batch {
        caller(Role::Batch).run(population.days, &mut chance, &mut calls);
    }
    calls.sort_by_key(|call| call.second);
    calls
}

#[derive(Clone, Copy)]
struct Caller {
    number: u32,
    role: Role,
}

impl Caller {
    fn call(self, second: u64, object: (u32, Fate)) -> Call {
        Call {
            second,
            caller: self.number,
            role: self.role,
            network: self.number,
            family: Family::V4,
            agent: self.number % 40,
            token: None,
            object: Some(object),
        }
    }

    /// The object number `index` of this caller.
    fn own(self, index: u64) -> u32 {
        self.number.wrapping_mul(10_000).wrapping_add(index as u32)
    }

    /// A customer: a few sessions a day over some own orders, now and then a new one. One in twenty has bookmarks of
    /// orders that are long gone, and never seen by this gateway.
    fn live(self, days: u64, chance: &mut Chance, calls: &mut Vec<Call>) {
        let mut owned = chance.between(3, 13);
        let has_bookmarks = chance.happens(0.05);
        for day in 0..days {
            for _ in 0..chance.between(1, 5) {
                let mut second = day * DAY + (7 + chance.between(0, 15)) * 3600 + chance.between(0, 3600);
                for _ in 0..chance.between(4, 20) {
                    let object = match chance.part() {
                        // A typing error, or a link that somebody else has sent.
                        part if part < 0.015 => {
                            (2_000_000_000 + chance.between(0, 1_000_000) as u32, Fate::Absent)
                        }
                        part if part < 0.018 => (chance.between(1, 100_000) as u32 * 10_000, Fate::Foreign),
                        part if has_bookmarks && part < 0.12 => {
                            (1_900_000_000 + self.number * 16 + chance.between(0, 4) as u32, Fate::Absent)
                        }
                        part if part < 0.95 => (self.own(chance.between(0, owned)), Fate::Own),
                        _ => {
                            owned += 1;
                            (self.own(owned - 1), Fate::Own)
                        }
                    };
                    calls.push(self.call(second, object));
                    second += chance.between(2, 60);
                }
            }
        }
    }

    /// A support agent: orders of many customers, by numbers that are read out on the telephone.
    fn work(self, days: u64, chance: &mut Chance, calls: &mut Vec<Call>) {
        for day in 0..days {
            let mut second = day * DAY + 8 * 3600 + chance.between(0, 1800);
            for _ in 0..chance.between(60, 180) {
                let fate = if chance.happens(0.06) { Fate::Absent } else { Fate::Own };
                calls.push(self.call(second, (chance.next() as u32 % 1_000_000_000, fate)));
                second += chance.between(30, 300);
            }
        }
    }

    /// A batch job: all orders of a day, of which some are gone by then.
    fn run(self, days: u64, chance: &mut Chance, calls: &mut Vec<Call>) {
        for day in 0..days {
            let first = chance.next() as u32 % 1_000_000_000;
            for index in 0..chance.between(500, 3_000) {
                let fate = if chance.happens(0.08) { Fate::Absent } else { Fate::Own };
                calls.push(
                    self.call(day * DAY + 2 * 3600 + index / 2, (first.wrapping_add(index as u32), fate)),
                );
            }
        }
    }
}

/// How somebody goes through the orders of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theft {
    /// One after the other, where it is known whose they are.
    Foreign,
    /// The same where nobody knows, and eight in ten numbers belong to nothing.
    Guessed,
    /// The same, with as many calls of own orders between.
    Diluted,
    /// Five of others in ten minutes, and they are served.
    Slow,
    /// As fast as it goes, over numbers that are all there, where nobody knows whose they are.
    Harvest,
}

impl Theft {
    pub const ALL: [Self; 5] = [Self::Foreign, Self::Guessed, Self::Diluted, Self::Slow, Self::Harvest];

    pub fn name(self) -> &'static str {
        match self {
            Self::Foreign => "ids of others",
            Self::Guessed => "guessed ids",
            Self::Diluted => "ids of others, every second one own",
            Self::Slow => "five ids of others in ten minutes",
            Self::Harvest => "ids that are all there",
        }
    }
}

/// A thief with so many tries, beginning on this day.
pub fn theft(number: u32, theft: Theft, day: u64, chance: &mut Chance) -> Vec<Call> {
    let caller = Caller { number: ATTACKERS + number, role: Role::Customer };
    let mut second = day * DAY + chance.between(0, 20) * 3600;
    let mut calls = Vec::new();
    let (tries, apart) = match theft {
        Theft::Slow => (60, 120),
        Theft::Harvest => (600, 1),
        Theft::Foreign | Theft::Guessed => (60, 2),
        Theft::Diluted => (120, 2),
    };
    for index in 0..tries {
        let id = 500_000_000 + number * 1_000 + index;
        let object = match theft {
            Theft::Foreign | Theft::Slow => (id, Fate::Foreign),
            Theft::Guessed => (id, if chance.happens(0.8) { Fate::Absent } else { Fate::Own }),
            Theft::Diluted if index % 2 == 1 => (caller.own(u64::from(index)), Fate::Own),
            Theft::Diluted => (id, Fate::Foreign),
            Theft::Harvest => (id, Fate::Own),
        };
        calls.push(caller.call(second, object));
        second += apart;
    }
    calls
}
