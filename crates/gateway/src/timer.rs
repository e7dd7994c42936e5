//! Waiting for a while, and the few places where the runtime's clock is read to do so.
//!
//! Timers decide how long to wait, never what is true: tokens, limits and certificates are judged by
//! [`portcullis_domain::Clock`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A timer that costs nothing until it is started, and can be started again.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Not running.
    pub(crate) const fn idle() -> Self {
        Self(None)
    }

    /// Runs out `after` from now.
    pub(crate) fn start(&mut self, after: Duration) {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().reset(deadline(after)),
            None => self.0 = Some(Box::pin(tokio::time::sleep(after))),
        }
    }

    /// Ready once the time has run out; for ever pending when not started.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a timer's deadline is in the runtime's own clock")]
fn deadline(after: Duration) -> Instant {
    Instant::now() + after
}
