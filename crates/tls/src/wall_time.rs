//! Our clock, as rustls wants to see it.

use std::time::Duration;

use portcullis_domain::{Clock, Timestamp};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

/// Tells rustls the wall time of a [`Clock`], so that certificates, lists of revocations and tickets are
/// judged by the same time as everything else.
#[derive(Debug)]
pub(crate) struct WallTime(pub(crate) Clock);

impl TimeProvider for WallTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now().wall))
    }
}

pub(crate) fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(at.as_seconds()))
}
