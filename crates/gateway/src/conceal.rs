//! Making forbidden and absent look the same where objects are confidential (ERR-05, RFC 9110 §15.5.4).
//!
//! In: what a walk came to. Out: one refusal in place of all that would tell a stranger's object from one
//! that does not exist, and how long it is kept back. Called by [`crate::walk`] and [`crate::admit`].
//!
//! Three answers must not differ: that we refuse the caller, that the upstream does, and that the upstream
//! finds nothing. They have one body, the same fields, spend the same budget, and leave at whole multiples
//! of `timeouts.conceal` after the request came, so that the clock does not tell what the body hides: an
//! answer without the upstream is otherwise quicker by a network round trip, each time.
//!
//! Not done here: hiding which operations there are from who has no credential (401), and what an upstream
//! gives away that takes longer than one band.

use std::time::Duration;

use http::StatusCode;
use portcullis_domain::{Denial, Outcome, Reason};

use crate::policy::Route;
use crate::record::Entry;

/// What stands in for an upstream's answer that says whether there is something.
pub(crate) fn stand_in(route: &Route, status: StatusCode) -> Option<Denial> {
    match status {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE if route.conceals() => {
            let note = format!("the upstream answered {}", status.as_u16());
            Some(Denial::new(Reason::ObjectAbsent).with_note(note))
        }
        _ => None,
    }
}

/// Whether a refusal must say nothing of the operation it belongs to.
pub(crate) const fn is_concealing(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ObjectConcealed | Reason::ObjectForeign | Reason::ObjectAbsent | Reason::AnswerForeign
    )
}

/// How long a refusal is kept back, if it is one of those that must look alike.
pub(crate) fn pause<T>(entry: &Entry, outcome: &Outcome<T>) -> Option<Duration> {
    let Outcome::Denied(denial) = outcome else { return None };
    let looks_alike = match denial.reason() {
        Reason::OperationUnknown => entry.api().is_some_and(|api| api.conceals),
        reason => is_concealing(reason),
    };
    looks_alike.then(|| rest_of_band(entry.policy.timeouts.conceal, entry.trace.elapsed()))
}

/// From now, `elapsed` after the request came, to the end of the band.
fn rest_of_band(band: Duration, elapsed: Duration) -> Duration {
    match elapsed.as_nanos().checked_rem(band.as_nanos()) {
        // Without a band nothing is kept back.
        None => Duration::ZERO,
        Some(into) => band.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_one_band_leave_together() {
        let band = Duration::from_millis(100);
        for (elapsed, leaves) in [(0, 100), (1, 100), (99, 100), (100, 200), (130, 200)] {
            let elapsed = Duration::from_millis(elapsed);
            assert_eq!(elapsed + rest_of_band(band, elapsed), Duration::from_millis(leaves));
        }
        assert_eq!(rest_of_band(Duration::ZERO, band), Duration::ZERO);
    }
}
