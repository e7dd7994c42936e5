//! Waiting for a while, and the few places where the runtime's clock is read to do so.
//!
//! Timers decide how long to wait, never what is true: tokens, limits and certificates are judged by
//! [`portcullis_domain::Clock`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A timer that costs nothing until it is started, and hardly anything when it is started again.
///
/// Almost every wait on the request path ends long before its time. The runtime is therefore told of the
/// first deadline only; a later one is noted here and looked at when the first one comes.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    deadline: Option<Instant>,
    /// Armed for some moment, which may lie before the deadline and never after it.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Not running.
    pub(crate) const fn idle() -> Self {
        Self { deadline: None, sleep: None }
    }

    /// Runs out `after` from now.
    pub(crate) fn start(&mut self, after: Duration) {
        self.deadline = Some(now() + after);
    }

    /// Runs no more.
    pub(crate) const fn stop(&mut self) {
        self.deadline = None;
    }

    /// Ready once the time has run out; for ever pending when not started.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a timer's deadline is in the runtime's own clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn elapsed(timer: &mut Timer) {
        poll_fn(|cx| timer.poll_elapsed(cx)).await;
    }

    async fn is_pending(timer: &mut Timer) -> bool {
        poll_fn(|cx| Poll::Ready(timer.poll_elapsed(cx).is_pending())).await
    }

    #[tokio::test]
    async fn a_later_deadline_holds_although_the_first_one_is_armed() {
        let begun = now();
        let mut timer = Timer::idle();
        timer.start(Duration::from_millis(1));
        assert!(is_pending(&mut timer).await);
        timer.start(Duration::from_millis(20));
        elapsed(&mut timer).await;
        assert!(now() - begun >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn an_earlier_deadline_holds_as_well() {
        let mut timer = Timer::idle();
        timer.start(Duration::from_secs(3600));
        assert!(is_pending(&mut timer).await);
        timer.start(Duration::from_millis(1));
        // Armed for the hour, this would not end.
        elapsed(&mut timer).await;
    }

    #[tokio::test]
    async fn a_stopped_timer_does_not_run_out_and_starts_again() {
        let (mut timer, mut other) = (Timer::idle(), Timer::idle());
        timer.start(Duration::from_millis(1));
        assert!(is_pending(&mut timer).await);
        timer.stop();
        other.start(Duration::from_millis(10));
        elapsed(&mut other).await;
        assert!(is_pending(&mut timer).await);
        timer.start(Duration::from_millis(1));
        elapsed(&mut timer).await;
    }
}
