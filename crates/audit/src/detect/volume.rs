//! Far more requests, or far more bytes, than the caller's own habit.
//!
//! In: every request. Out: a weak sign, when three windows of ten minutes in a row are more than eight times what is
//! usual for this caller. Says nothing of a caller who is known for less than a day. What limits to set from what
//! was seen is for `portcullis limits suggest`.

use std::time::Duration;

use portcullis_domain::Timestamp;

const WINDOW: Duration = Duration::from_secs(600);
const RATIO: f32 = 8.0;
const IN_A_ROW: u8 = 3;
const WARM_UP: Duration = Duration::from_secs(86_400);
const WINDOWS: u8 = 6;
/// Fewer requests, and fewer bytes, in a window are no excess.
const LEAST_REQUESTS: f32 = 200.0;
const LEAST_BYTES: f32 = 50.0 * 1024.0 * 1024.0;

/// What one caller does in ten minutes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    began: Timestamp,
    since: Timestamp,
    requests: Measure,
    bytes: Measure,
    ended: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    now: f32,
    usual: f32,
    in_a_row: u8,
}

/// Three windows far beyond the habit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Beyond {
    pub(super) what: Measured,
    pub(super) amount: f32,
    pub(super) usual: f32,
    pub(super) began: Timestamp,
}

/// What there was more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measured {
    Requests,
    Bytes,
}

impl Habit {
    pub(super) fn new(at: Timestamp) -> Self {
        Self { began: at, since: at, requests: Measure::default(), bytes: Measure::default(), ended: 0 }
    }

    /// Counts one request.
    pub(super) fn note(&mut self, bytes: u64, at: Timestamp) -> Option<Beyond> {
        let is_over = at.since(self.began) >= WINDOW || at < self.began;
        let beyond = if is_over { self.end(at) } else { None };
        self.requests.now += 1.0;
        self.bytes.now += bytes as f32;
        beyond
    }

    fn end(&mut self, at: Timestamp) -> Option<Beyond> {
        let knows = self.ended >= WINDOWS && at.since(self.since) >= WARM_UP;
        let (amounts, began) = ([self.requests.now, self.bytes.now], self.began);
        let requests = self.requests.end(LEAST_REQUESTS, knows);
        let bytes = self.bytes.end(LEAST_BYTES, knows);
        self.ended = self.ended.saturating_add(1);
        self.began = at;
        let (what, amount, usual) = match (requests, bytes) {
            (_, true) => (Measured::Bytes, amounts[1], self.bytes.usual),
            (true, false) => (Measured::Requests, amounts[0], self.requests.usual),
            (false, false) => return None,
        };
        Some(Beyond { what, amount, usual, began })
    }
}

impl Measure {
    /// Ends a window; says whether it is the third in a row.
    fn end(&mut self, least: f32, knows: bool) -> bool {
        let now = std::mem::take(&mut self.now);
        if knows && now >= least && now > self.usual * RATIO {
            // What is far beyond the habit does not become one.
            self.in_a_row = self.in_a_row.saturating_add(1);
            return self.in_a_row == IN_A_ROW;
        }
        self.in_a_row = 0;
        self.usual = if self.usual == 0.0 { now } else { self.usual * 0.9 + now * 0.1 };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

    /// Sends `requests` of `bytes` in each of `windows` windows from number `first` on.
    fn send(habit: &mut Habit, first: u32, windows: u32, requests: u32, bytes: u64) -> Vec<Beyond> {
        (first..first + windows)
            .flat_map(|window| (0..requests).map(move |_| AT.plus(WINDOW * window)))
            .filter_map(|at| habit.note(bytes, at))
            .collect()
    }

    #[test]
    fn three_windows_of_nine_times_the_habit_are_noticed_once_and_two_are_not() {
        let mut habit = Habit::new(AT);
        assert_eq!(send(&mut habit, 0, 200, 30, 1_000), []);
        assert_eq!(send(&mut habit, 200, 2, 300, 1_000), []);
        assert_eq!(send(&mut habit, 202, 1, 30, 1_000), []);
        let beyond = send(&mut habit, 210, 10, 300, 1_000);
        assert_eq!(beyond.len(), 1, "{beyond:?}");
        assert_eq!((beyond[0].what, beyond[0].amount), (Measured::Requests, 300.0));
    }

    #[test]
    fn bytes_are_measured_apart_from_requests() {
        let mut habit = Habit::new(AT);
        send(&mut habit, 0, 200, 30, 1_000);
        let beyond = send(&mut habit, 210, 5, 30, 10 * 1024 * 1024);
        assert_eq!(beyond.iter().map(|beyond| beyond.what).collect::<Vec<_>>(), [Measured::Bytes]);
    }

    #[test]
    fn a_newcomer_has_no_habit_to_go_beyond() {
        let mut habit = Habit::new(AT);
        send(&mut habit, 0, 20, 30, 1_000);
        assert_eq!(send(&mut habit, 20, 100, 3_000, 1_000), []);
    }
}
