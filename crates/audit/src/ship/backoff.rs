//! How long to wait before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that double up to half a minute, each shortened by up to half at random: gateways that lost the same
/// collector must not all come back in the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// It worked: the next failure is a first one.
    pub(super) const fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The wait after one more failure.
    pub(super) fn wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = LONGEST.min(whole * 2);
        let mut random = [0u8; 1];
        // Without randomness every wait is a whole one.
        let _ = aws_lc_rs::rand::fill(&mut random);
        whole - whole / 2 * u32::from(random[0]) / 256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute_and_differ() {
        let mut backoff = Backoff::new();
        let mut whole = FIRST;
        for _ in 0..20 {
            let wait = backoff.wait();
            assert!(wait <= whole && wait >= whole / 2, "{wait:?} of {whole:?}");
            whole = LONGEST.min(whole * 2);
        }
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
        let waits: Vec<Duration> = (0..20).map(|_| Backoff { next: LONGEST }.wait()).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
