//! Does more fail than at this time of the week? A cumulative sum (CUSUM, Page 1954) of failure shares.
//!
//! In: tries and failures, by the minute. Out: an alarm when the share of failures stays above what is usual, be it
//! by so little that no single minute shows it; and a bracket: when it began and who took part. What is usual is
//! learned: a moving mean, the pattern of the week once one week has passed, and how much more than chance minutes
//! differ from each other. A minute with few tries waits for the next one. Constants from design C3: k = 0.5,
//! h = 10, 30 tries.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use portcullis_domain::Timestamp;

use super::distinct::Distinct;
use super::observation::LoginOutcome;

const SLACK: f64 = 0.5;
/// The sum from which on it is an alarm, once one week is known.
const BOUND: f64 = 10.0;
const LEAST_TRIES: u32 = 30;
const BIN: Duration = Duration::from_secs(60);
/// So few tries in so long a time tell nothing of one minute.
const LONGEST_BIN: Duration = Duration::from_secs(3600);
/// Bins before anything is judged.
const WARM_UP: u32 = 60;
const HOURS: usize = 168;
/// An hour of the week is known after so many of its minutes.
const HOUR_IS_KNOWN: u16 = 20;
/// What the moving mean takes from each bin: half of it is a day old.
const PACE: f64 = 0.000_96;
/// The same before one week is known: half of it is two hours old.
const FIRST_PACE: f64 = 0.005_8;
/// How fast an hour of the week is learned, per bin: a sixth of an attack of an hour is usual a week later.
const HOUR_PACE: f32 = 0.003;
/// The sum from which on it is an alarm before one week is known: the moving mean lags behind the day.
const FIRST_BOUND: f64 = 25.0;
/// How fast it is learned how minutes differ: half of it is six hours old.
const SPREAD_PACE: f64 = 0.002;
/// Nobody's minute counts for more than this when it is learned how minutes differ.
const MOST_DEVIATION: f64 = 3.0;
/// How long nothing is judged after a deployment.
pub(super) const AFTER_DEPLOYMENT: Duration = Duration::from_secs(15 * 60);
/// Most sources that are told apart within one bracket.
const SOURCES: usize = 512;

/// One place where something can fail.
#[derive(Debug)]
pub(super) struct Campaign {
    floor: f64,
    began: Timestamp,
    tries: u32,
    failures: u32,
    mean: f64,
    spread: f64,
    bins: u32,
    hours: Box<[Hour; HOURS]>,
    sum: f64,
    bracket: Option<Bracket>,
    paused_until: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    share: f32,
    bins: u16,
}

/// Since when more fails, and who takes part.
#[derive(Debug)]
pub(super) struct Bracket {
    pub(super) began: Timestamp,
    pub(super) tries: u64,
    pub(super) failures: u64,
    pub(super) accounts: Distinct,
    pub(super) sources: HashMap<u64, Source, RandomState>,
}

/// A network that takes part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Source {
    pub(super) failures: u32,
    /// Different accounts, as far as few bits tell them apart: 64 at most.
    accounts: u64,
}

impl Source {
    pub(super) const fn accounts(self) -> u32 {
        self.accounts.count_ones()
    }
}

/// More fails than is usual.
#[derive(Debug)]
pub(super) struct Rise {
    pub(super) sum: f64,
    pub(super) bound: f64,
    pub(super) usual: f64,
    pub(super) bracket: Bracket,
}

impl Campaign {
    /// Deviations of less than `floor` are nobody's attack, however many tries there are.
    pub(super) fn new(at: Timestamp, floor: f64) -> Self {
        Self {
            floor,
            began: at,
            tries: 0,
            failures: 0,
            mean: 0.0,
            spread: 2.0,
            bins: 0,
            hours: Box::new([Hour::default(); HOURS]),
            sum: 0.0,
            bracket: None,
            paused_until: Timestamp::default(),
        }
    }

    /// Counts one try of `source` at `account`.
    pub(super) fn note(
        &mut self,
        at: Timestamp,
        outcome: LoginOutcome,
        source: u64,
        account: u64,
    ) -> Option<Rise> {
        let rise = self.pass_time(at);
        self.tries += 1;
        if let Some(bracket) = &mut self.bracket {
            bracket.tries += 1;
        }
        if outcome == LoginOutcome::Failed {
            self.failures += 1;
            if let Some(bracket) = &mut self.bracket {
                bracket.note(source, account);
            }
        }
        rise
    }

    /// Closes the bin if it is over.
    pub(super) fn pass_time(&mut self, now: Timestamp) -> Option<Rise> {
        let open = now.since(self.began);
        if now < self.began {
            self.began = now;
        }
        if open < BIN {
            return None;
        }
        if self.tries < LEAST_TRIES {
            if open >= LONGEST_BIN {
                (self.began, self.tries, self.failures) = (now, 0, 0);
            }
            return None;
        }
        let rise = self.close(now);
        (self.began, self.tries, self.failures) = (now, 0, 0);
        rise
    }

    /// Something was deployed: what fails in the next minutes is no attack.
    pub(super) fn pause(&mut self, at: Timestamp) {
        self.paused_until = at.plus(AFTER_DEPLOYMENT);
        (self.sum, self.bracket) = (0.0, None);
    }

    fn close(&mut self, now: Timestamp) -> Option<Rise> {
        let tries = f64::from(self.tries);
        let share = f64::from(self.failures) / tries;
        if self.bins == 0 {
            self.mean = share;
        }
        let usual = self.usual(self.began);
        // A share of nothing has no deviation of its own.
        let chance = (usual.clamp(0.01, 0.99) * (1.0 - usual.clamp(0.01, 0.99)) / tries).sqrt();
        let deviation = (chance * self.spread.sqrt()).max(self.floor);
        let distance = (share - usual) / deviation;
        let is_paused = now < self.paused_until;
        if !is_paused {
            self.learn(share, (share - usual) / chance);
        }
        if is_paused || self.bins <= WARM_UP {
            return None;
        }
        self.sum = (self.sum + distance - SLACK).max(0.0);
        if self.sum == 0.0 {
            self.bracket = None;
            return None;
        }
        let (began, tries, failures) = (self.began, u64::from(self.tries), u64::from(self.failures));
        self.bracket.get_or_insert_with(|| Bracket {
            began,
            tries,
            failures,
            accounts: Distinct::default(),
            sources: HashMap::default(),
        });
        if self.sum < self.bound() {
            return None;
        }
        let (sum, bound) = (std::mem::take(&mut self.sum), self.bound());
        self.bracket.take().map(|bracket| Rise { sum, bound, usual, bracket })
    }

    /// What share fails at this time of the week: between the middles of two hours, in proportion.
    fn usual(&self, at: Timestamp) -> f64 {
        let part = (at.as_seconds() % 3600) as f64 / 3600.0;
        let (hour, from_middle) = (hour_of(at), (part - 0.5).abs());
        let neighbor = if part >= 0.5 { hour + 1 } else { hour + HOURS - 1 } % HOURS;
        match (self.known(hour), self.known(neighbor)) {
            (Some(own), Some(next)) => own * (1.0 - from_middle) + next * from_middle,
            (Some(own), None) => own,
            (None, _) => self.mean,
        }
    }

    fn known(&self, hour: usize) -> Option<f64> {
        let known = self.hours.get(hour)?;
        (known.bins >= HOUR_IS_KNOWN && self.knows_the_week()).then_some(f64::from(known.share))
    }

    fn knows_the_week(&self) -> bool {
        self.bins >= (HOURS * 60) as u32
    }

    fn bound(&self) -> f64 {
        if self.knows_the_week() { BOUND } else { FIRST_BOUND }
    }

    /// Learns from every minute alike: whoever learns less from bad ones soon believes that there are none.
    fn learn(&mut self, share: f64, chances: f64) {
        self.bins = self.bins.saturating_add(1);
        let knows_the_week = self.knows_the_week();
        let pace = if knows_the_week { PACE } else { FIRST_PACE.max(1.0 / f64::from(self.bins)) };
        self.mean += (share - self.mean) * pace;
        if self.bins > WARM_UP {
            let bounded = chances.clamp(-MOST_DEVIATION, MOST_DEVIATION);
            self.spread = (self.spread + (bounded * bounded - self.spread) * SPREAD_PACE).clamp(1.0, 8.0);
        }
        if let Some(known) = self.hours.get_mut(hour_of(self.began)) {
            known.bins = known.bins.saturating_add(1);
            let pace = if knows_the_week { HOUR_PACE } else { HOUR_PACE.max(1.0 / f32::from(known.bins)) };
            known.share += (share as f32 - known.share) * pace;
        }
    }
}

impl Bracket {
    fn note(&mut self, source: u64, account: u64) {
        self.failures += 1;
        self.accounts.note(account);
        if self.sources.len() < SOURCES || self.sources.contains_key(&source) {
            let source = self.sources.entry(source).or_default();
            source.failures += 1;
            source.accounts |= 1 << (account % 64);
        }
    }

    /// Networks whose failures are at many accounts, those with most first.
    pub(super) fn suspects(&self) -> Vec<(u64, Source)> {
        let mut suspects: Vec<_> = self
            .sources
            .iter()
            .filter(|(_, source)| source.accounts() >= 5)
            .map(|(key, source)| (*key, *source))
            .collect();
        suspects.sort_by_key(|(key, source)| (std::cmp::Reverse(source.failures), *key));
        suspects
    }
}

/// The hour of the week, in UTC, from Thursday on: the epoch was one.
fn hour_of(at: Timestamp) -> usize {
    (at.as_seconds() / 3600 % HOURS as u64) as usize
}
