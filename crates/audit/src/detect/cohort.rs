//! What is usual among peers: callers with the same roles.
//!
//! In: what single callers did, once each while. Out: the share of misses that nineteen in twenty stay below, and
//! how many different objects are far beyond what peers read. Histograms with a fixed number of bins that forget
//! slowly; nothing is kept of anybody.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Peers needed before what they do says anything.
pub(super) const ENOUGH: f32 = 200.0;
/// Before enough is known: what honest callers miss at most, by the calibration in C2.
const UNKNOWN_SHARE: f64 = 0.10;
/// Most cohorts, and most types within them, that are told apart.
const ROOM: usize = 4096;
/// Old contributions weigh half after so many new ones.
const MEMORY: f32 = 20_000.0;

/// All cohorts.
#[derive(Debug, Default)]
pub(super) struct Cohorts {
    shares: HashMap<(u64, u64), Shares, RandomState>,
    reads: HashMap<(u64, Reading), Amounts, RandomState>,
}

/// What is counted of each caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reading {
    /// Different objects in ten minutes.
    Minutes,
    /// Different objects in a day.
    Day,
    /// Different objects of others in a day.
    Foreign,
}

impl Cohorts {
    /// A caller of `cohort` missed with `share` of the objects of `kind` that it named.
    pub(super) fn note_share(&mut self, cohort: u64, kind: u64, share: f64) {
        if let Some(shares) = within(&mut self.shares, (cohort, kind)) {
            shares.note(share);
        }
    }

    /// What honest callers miss at most: twice what nineteen in twenty stay below, and never believed to be more
    /// than a quarter, or whoever misses patiently would teach it to look away.
    pub(super) fn usual_misses(&self, cohort: u64, kind: u64) -> f64 {
        match self.shares.get(&(cohort, kind)) {
            Some(shares) if shares.sum >= ENOUGH => (2.0 * shares.p95()).clamp(0.02, 0.25),
            Some(_) | None => UNKNOWN_SHARE,
        }
    }

    /// A caller of `cohort` read so many in one window.
    pub(super) fn note_read(&mut self, cohort: u64, reading: Reading, count: u64) {
        if let Some(amounts) = within(&mut self.reads, (cohort, reading)) {
            amounts.note(count);
        }
    }

    /// What is far beyond peers: the median and four times the median deviation from it, on a scale of logarithms.
    pub(super) fn far_beyond(&self, cohort: u64, reading: Reading) -> Option<f64> {
        self.reads.get(&(cohort, reading)).filter(|amounts| amounts.sum >= ENOUGH).map(Amounts::far_beyond)
    }
}

fn within<K: Eq + std::hash::Hash, V: Default>(
    table: &mut HashMap<K, V, RandomState>,
    key: K,
) -> Option<&mut V> {
    if table.len() >= ROOM && !table.contains_key(&key) {
        return None;
    }
    Some(table.entry(key).or_default())
}

/// Shares in steps of 2.5 %.
#[derive(Debug)]
struct Shares {
    bins: [f32; 41],
    sum: f32,
}

impl Default for Shares {
    fn default() -> Self {
        Self { bins: [0.0; 41], sum: 0.0 }
    }
}

impl Shares {
    fn note(&mut self, share: f64) {
        forget(&mut self.bins, &mut self.sum);
        if let Some(bin) = self.bins.get_mut((share.clamp(0.0, 1.0) * 40.0).round() as usize) {
            *bin += 1.0;
            self.sum += 1.0;
        }
    }

    fn p95(&self) -> f64 {
        quantile(&self.bins, self.sum, 0.95) / 40.0
    }
}

/// Amounts in steps of a quarter of a doubling.
#[derive(Debug)]
struct Amounts {
    bins: [f32; 80],
    sum: f32,
}

impl Default for Amounts {
    fn default() -> Self {
        Self { bins: [0.0; 80], sum: 0.0 }
    }
}

impl Amounts {
    fn note(&mut self, count: u64) {
        forget(&mut self.bins, &mut self.sum);
        let place = ((count.max(1) as f64).log2() * 4.0).round().min(79.0);
        if let Some(bin) = self.bins.get_mut(place as usize) {
            *bin += 1.0;
            self.sum += 1.0;
        }
    }

    fn far_beyond(&self) -> f64 {
        let median = quantile(&self.bins, self.sum, 0.5);
        let mut distances = [0.0f32; 80];
        for (place, weight) in self.bins.iter().enumerate() {
            if let Some(bin) = distances.get_mut((place as f64 - median).abs().round() as usize) {
                *bin += weight;
            }
        }
        // Peers who all do the same have no deviation; a doubling is no attack.
        let deviation = quantile(&distances, self.sum, 0.5).max(2.0);
        ((median + 4.0 * deviation) / 4.0).exp2()
    }
}

/// The place of the bin below which the given part of the weight lies.
fn quantile(bins: &[f32], sum: f32, part: f32) -> f64 {
    let mut below = 0.0;
    let place = bins.iter().position(|weight| {
        below += weight;
        below >= sum * part
    });
    place.unwrap_or(bins.len()) as f64
}

fn forget(bins: &mut [f32], sum: &mut f32) {
    if *sum >= MEMORY {
        bins.iter_mut().for_each(|bin| *bin /= 2.0);
        *sum = bins.iter().sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_miss_is_learned_once_there_are_enough_and_never_believed_beyond_a_quarter() {
        let mut cohorts = Cohorts::default();
        for _ in 0..199 {
            cohorts.note_share(1, 2, 0.05);
        }
        assert!((cohorts.usual_misses(1, 2) - 0.10).abs() < 1e-9);
        cohorts.note_share(1, 2, 0.05);
        assert!((cohorts.usual_misses(1, 2) - 0.10).abs() < 1e-9);
        for _ in 0..5_000 {
            cohorts.note_share(1, 2, 0.0);
        }
        assert!((cohorts.usual_misses(1, 2) - 0.02).abs() < 1e-9);
        for _ in 0..100_000 {
            cohorts.note_share(1, 2, 0.9);
        }
        assert!((cohorts.usual_misses(1, 2) - 0.25).abs() < 1e-9, "patience teaches nothing");
        assert!((cohorts.usual_misses(1, 3) - 0.10).abs() < 1e-9, "types are kept apart");
    }

    #[test]
    fn far_beyond_is_four_deviations_from_the_median_of_peers() {
        let mut cohorts = Cohorts::default();
        for caller in 0..1_000u64 {
            cohorts.note_read(0, Reading::Day, 4 + caller % 9);
            cohorts.note_read(1, Reading::Day, 100 + caller % 200);
        }
        let (users, agents) =
            (cohorts.far_beyond(0, Reading::Day).unwrap(), cohorts.far_beyond(1, Reading::Day).unwrap());
        assert!((20.0..60.0).contains(&users), "{users}");
        assert!((400.0..1_600.0).contains(&agents), "{agents}");
        assert_eq!(cohorts.far_beyond(0, Reading::Minutes), None);
    }

    #[test]
    fn cohorts_that_a_stranger_makes_up_find_no_room() {
        let mut cohorts = Cohorts::default();
        for cohort in 0..100_000 {
            cohorts.note_share(cohort, 0, 0.0);
            cohorts.note_read(cohort, Reading::Day, 1);
        }
        assert_eq!((cohorts.shares.len(), cohorts.reads.len()), (ROOM, ROOM));
    }
}
