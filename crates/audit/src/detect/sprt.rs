//! Is this more than honest mistakes? The sequential test of Wald (1947), on the share of misses.
//!
//! In: hits and misses, one by one. Out: the log-likelihood ratio of an attacker, whose references miss with
//! probability `p1`, against a peer, whose references miss with `p0`. One-sided: who is cleared starts anew, so
//! that a good past buys nothing. Constants from design C3: with `p0` = 0.10 and `p1` = 0.50 nine misses in a row
//! suffice, and twelve in any case.

/// One in a million peers is accused, for each test that ends.
pub(super) const ALPHA: f64 = 1e-6;
/// One attacker in a hundred is cleared, for each test that ends.
pub(super) const BETA: f64 = 0.01;

/// The two hypotheses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hypotheses {
    p0: f64,
    p1: f64,
}

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Undecided,
    Accused,
}

impl Hypotheses {
    /// Peers miss with `p0`.
    pub(super) fn new(p0: f64) -> Self {
        let p0 = p0.clamp(0.02, 0.25);
        Self { p0, p1: (p0 + 0.4).max(0.5) }
    }

    pub(super) fn miss(self) -> f64 {
        (self.p1 / self.p0).ln()
    }

    pub(super) fn hit(self) -> f64 {
        ((1.0 - self.p1) / (1.0 - self.p0)).ln()
    }
}

/// The ratio from which on somebody is accused.
pub(super) fn upper() -> f64 {
    ((1.0 - BETA) / ALPHA).ln()
}

/// The ratio from which on somebody is cleared.
pub(super) fn lower() -> f64 {
    (BETA / (1.0 - ALPHA)).ln()
}

/// Adds `evidence` to `ratio`; a test that clears starts anew.
pub(super) fn weigh(ratio: &mut f32, evidence: f64) -> Verdict {
    let sum = f64::from(*ratio) + evidence;
    *ratio = if sum <= lower() { 0.0 } else { sum as f32 };
    if sum >= upper() { Verdict::Accused } else { Verdict::Undecided }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misses_in_a_row(p0: f64) -> usize {
        let mut ratio = 0.0;
        (1..).find(|_| weigh(&mut ratio, Hypotheses::new(p0).miss()) == Verdict::Accused).unwrap()
    }

    #[test]
    fn the_constants_are_those_of_the_calibration() {
        assert_eq!(misses_in_a_row(0.10), 9);
        assert_eq!(misses_in_a_row(0.05), 6);
        // However much peers miss: bounded from above.
        assert_eq!(misses_in_a_row(0.9), misses_in_a_row(0.25));
        assert_eq!(misses_in_a_row(0.25), 15);
    }

    #[test]
    fn a_good_past_buys_nothing() {
        let hypotheses = Hypotheses::new(0.10);
        let mut ratio = 0.0;
        for _ in 0..10_000 {
            assert_eq!(weigh(&mut ratio, hypotheses.hit()), Verdict::Undecided);
        }
        let misses = (1..).find(|_| weigh(&mut ratio, hypotheses.miss()) == Verdict::Accused).unwrap();
        assert!(misses <= 12, "{misses}");
    }
}
