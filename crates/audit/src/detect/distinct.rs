//! How many different things were seen: exactly while they are few, and then by estimate.
//!
//! In: digests. Out: a count. Exact up to [`EXACT`]; beyond that a HyperLogLog of 1,024 registers of six bits in
//! 768 bytes, whose estimate is off by 3.25 % in the mean (Flajolet et al. 2007). Also the filter that remembers
//! what somebody was served before.

/// Up to how many are told apart exactly.
pub(super) const EXACT: usize = 128;

const REGISTERS: usize = 1024;
const PACKED: usize = REGISTERS * 6 / 8;

/// A count of different things.
#[derive(Clone, Debug)]
pub(super) enum Distinct {
    Few(Vec<u32>),
    Many(Box<Registers>),
}

/// Whether something was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    New,
    Known,
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Distinct {
    /// Notes one thing. Of many it is not known whether they are new.
    pub(super) fn note(&mut self, digest: u64) -> Novelty {
        match self {
            Self::Few(seen) => {
                // Half of the digest tells a hundred things apart.
                let short = digest as u32;
                if seen.contains(&short) {
                    return Novelty::Known;
                }
                if seen.len() < EXACT {
                    seen.push(short);
                    return Novelty::New;
                }
                let mut many = Box::new(Registers([0; PACKED]));
                seen.iter().for_each(|short| many.note(spread(*short)));
                many.note(spread(short));
                *self = Self::Many(many);
                Novelty::New
            }
            Self::Many(many) => {
                many.note(spread(digest as u32));
                Novelty::New
            }
        }
    }

    /// How many.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Few(seen) => seen.len() as u64,
            Self::Many(many) => many.estimate(),
        }
    }

    /// Bytes that it takes beyond itself.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        match self {
            Self::Few(seen) => seen.capacity() * 4,
            Self::Many(_) => PACKED,
        }
    }
}

/// Spreads half a digest over a whole one again: registers need the high bits (the finalizer of `SplitMix64`).
const fn spread(short: u32) -> u64 {
    let mut mixed = (short as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Four registers in three bytes.
#[derive(Clone, Debug)]
pub(super) struct Registers([u8; PACKED]);

impl Registers {
    fn note(&mut self, digest: u64) {
        let index = (digest >> 54) as usize;
        let rank = (digest << 10 | 1 << 9).leading_zeros() as u8 + 1;
        let (group, place) = (index / 4 * 3, index % 4 * 6);
        if let Some([first, second, third]) = self.0.get_mut(group..group + 3) {
            let mut packed = u32::from(*first) | u32::from(*second) << 8 | u32::from(*third) << 16;
            if u32::from(rank) > packed >> place & 0x3f {
                packed = packed & !(0x3f << place) | u32::from(rank) << place;
                [*first, *second, *third, _] = packed.to_le_bytes();
            }
        }
    }

    fn estimate(&self) -> u64 {
        let (mut sum, mut zeros) = (0.0, 0u32);
        for group in self.0.chunks_exact(3) {
            let packed = group.iter().rev().fold(0u32, |packed, byte| packed << 8 | u32::from(*byte));
            for place in [0, 6, 12, 18] {
                let rank = packed >> place & 0x3f;
                sum += (-f64::from(rank)).exp2();
                zeros += u32::from(rank == 0);
            }
        }
        let registers = REGISTERS as f64;
        let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        // Of few things empty registers tell more.
        let estimate = match zeros {
            1.. if raw <= 2.5 * registers => registers * (registers / f64::from(zeros)).ln(),
            _ => raw,
        };
        estimate.round() as u64
    }
}

/// What somebody was served before: a filter that never forgets one of its first [`EXACT`] things, and takes 3 in
/// 100 others for one of them. Whoever uses more is not believed to know them all, so that nobody buys himself
/// leave to guess.
#[derive(Clone, Debug, Default)]
pub(super) struct Familiar {
    bits: [u64; 16],
    count: u8,
}

impl Familiar {
    /// Notes one thing.
    pub(super) fn note(&mut self, digest: u64) -> Novelty {
        if self.knows(digest) {
            return Novelty::Known;
        }
        if usize::from(self.count) < EXACT {
            self.count += 1;
            for (word, bit) in places(digest) {
                if let Some(word) = self.bits.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        Novelty::New
    }

    /// Whether it was noted.
    pub(super) fn knows(&self, digest: u64) -> bool {
        places(digest).iter().all(|(word, bit)| self.bits.get(*word).is_some_and(|word| word & bit != 0))
    }
}

fn places(digest: u64) -> [(usize, u64); 3] {
    [0, 20, 40].map(|shift| {
        let place = (digest >> shift) & 1023;
        ((place / 64) as usize, 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: u64) -> u64 {
        spread(of as u32) ^ spread((of >> 7) as u32 ^ 0x55).rotate_left(17)
    }

    #[test]
    fn few_are_counted_exactly_and_repeats_once() {
        let mut distinct = Distinct::default();
        for round in 0..3 {
            for thing in 0..EXACT as u64 {
                let novelty = distinct.note(digest(thing));
                assert_eq!(novelty == Novelty::New, round == 0);
            }
        }
        assert_eq!(distinct.count(), EXACT as u64);
    }

    #[test]
    fn many_are_estimated_within_a_tenth_in_768_bytes() {
        for many in [200u64, 1_000, 3_000, 20_000, 300_000] {
            let mut distinct = Distinct::default();
            for thing in 0..many {
                distinct.note(digest(thing));
                distinct.note(digest(thing));
            }
            let off = distinct.count() as f64 / many as f64 - 1.0;
            assert!(off.abs() < 0.1, "{many}: {off:+.3}");
            assert_eq!(distinct.bytes(), 768);
        }
    }

    #[test]
    fn what_was_served_is_known_and_no_flood_makes_everything_known() {
        let mut familiar = Familiar::default();
        for thing in 0..100_000 {
            familiar.note(digest(thing));
        }
        assert!((0..64).all(|thing| familiar.knows(digest(thing))));
        let strangers = (200_000..300_000u64).filter(|thing| familiar.knows(digest(*thing))).count();
        assert!(strangers < 4_500, "{strangers} of 100,000");
    }
}
