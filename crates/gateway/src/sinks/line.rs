//! One address over HTTP, and the connection to it, kept from one delivery to the next.
//!
//! 2xx is taken. 408, 429 and 5xx, and no answer at all, mean later; so do 401, 403 and 404, which an operator can
//! mend. Every other answer means never: what was sent is given up and counted, for it would stop all that follow.
//! So does an address that may not be connected to (GW-08).

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis_audit::ship::CarryError;
use portcullis_authn::{FetchBounds, FetchError, Reach};
use url::Url;

use super::wire::Wire;
use crate::fetch::{GuardedFetch, Kept};

/// Where deliveries go.
pub(crate) struct Line {
    url: Url,
    fetch: GuardedFetch,
    bounds: FetchBounds,
    wire: Wire,
    open: Option<Kept>,
}

impl Line {
    pub(crate) fn new(url: Url, fetch: GuardedFetch, reach: Reach) -> Self {
        // An answer is read for its status only.
        let bounds = FetchBounds { body: 64 * 1024, time: Duration::from_secs(10), reach };
        Self { url, fetch, bounds, wire: Wire::default(), open: None }
    }

    /// Sends `request` and waits for the answer.
    pub(crate) fn send(&mut self, request: Request<Full<Bytes>>) -> Result<(), CarryError> {
        let Self { url, fetch, bounds, wire, open } = self;
        let held = open.take();
        let (connection, status) = wire.wait(async {
            let mut connection = match still_open(held).await {
                Some(kept) => kept,
                None => fetch.connect(url, *bounds).await.map_err(|error| away(&error))?,
            };
            let answer = connection.ask(url, request, *bounds).await.map_err(|error| away(&error))?;
            Ok((connection, answer.status))
        })?;
        *open = Some(connection);
        match status {
            200..=299 => Ok(()),
            401 | 403 | 404 | 408 | 429 | 500..=599 => {
                Err(CarryError::Unreachable(format!("the collector answers {status}")))
            }
            _ => Err(CarryError::Refused(format!("the collector answers {status}"))),
        }
    }
}

/// The connection, unless the collector has closed it.
async fn still_open(held: Option<Kept>) -> Option<Kept> {
    let mut kept = held?;
    kept.is_open().await.then_some(kept)
}

fn away(error: &FetchError) -> CarryError {
    match error {
        FetchError::AddressRefused => CarryError::Refused(error.to_string()),
        error => CarryError::Unreachable(error.to_string()),
    }
}
