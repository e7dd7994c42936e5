//! Waiting for a condition, never for a span of time.

use std::time::Duration;

use portcullis_domain::Clock;

/// How long a test waits for something that must happen. Generous, because build machines are busy:
/// it is spent only when a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Returns as soon as `condition` holds.
///
/// # Panics
/// When it does not hold within [`PATIENCE`]; `what` says what was waited for.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = Clock::machine();
    while !condition() {
        assert!(clock.mono() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Returns as soon as `find` finds something.
///
/// # Panics
/// When it finds nothing within [`PATIENCE`]; `what` says what was waited for.
#[track_caller]
pub fn until_some<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    until(what, || {
        found = find();
        found.is_some()
    });
    found.unwrap()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_condition_is_asked_until_it_holds() {
        let asked = AtomicU32::new(0);
        until("three questions", || asked.fetch_add(1, Ordering::Relaxed) == 2);
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert_eq!(until_some("a value", || Some(7)), 7);
    }
}
