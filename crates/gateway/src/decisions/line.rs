//! Connections to one decision point, kept from one question to the next.
//!
//! In: a question. Out: what was answered. Reaches only where the fetch guard lets it (GW-08). A connection is
//! driven by the worker that made it and is used by that worker alone. One that turns out to be closed is
//! replaced, once: to ask twice changes nothing.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use portcullis_authn::{FetchBounds, FetchError, Fetched};
use portcullis_domain::ReceiptId;
use url::Url;

use crate::arrival::RECEIPT;
use crate::fetch::{GuardedFetch, Kept};

/// Unused connections that are kept.
const IDLE: usize = 64;

/// How one decision point is reached.
pub(crate) struct Line {
    fetch: GuardedFetch,
    url: Url,
    bounds: FetchBounds,
    authorization: Option<HeaderValue>,
    idle: Mutex<Vec<(ThreadId, Kept)>>,
}

impl Line {
    /// `authorization` is marked as sensitive by whoever makes it.
    pub(crate) fn new(
        fetch: GuardedFetch,
        url: Url,
        bounds: FetchBounds,
        authorization: Option<HeaderValue>,
    ) -> Self {
        Self { fetch, url, bounds, authorization, idle: Mutex::default() }
    }

    /// Whether `other` leads to the same place in the same way, trust aside.
    pub(super) fn leads_like(&self, other: &Self) -> bool {
        self.url == other.url && self.bounds == other.bounds && self.authorization == other.authorization
    }

    /// Asks, within the bounds on time and size.
    pub(super) async fn ask(&self, question: Bytes, receipt: ReceiptId) -> Result<Fetched, FetchError> {
        let asking = self.try_ask(question, receipt);
        let asked = match tokio::time::timeout(self.bounds.time, asking).await {
            Ok(asked) => asked,
            Err(_) => Err(FetchError::TimedOut),
        };
        asked.inspect_err(|error| self.fetch.note(&self.url, error))
    }

    async fn try_ask(&self, question: Bytes, receipt: ReceiptId) -> Result<Fetched, FetchError> {
        while let Some(mut kept) = self.take() {
            if kept.is_open().await
                && let Ok(fetched) = kept.ask(&self.url, self.request(&question, receipt), self.bounds).await
            {
                self.give_back(kept);
                return Ok(fetched);
            }
        }
        let mut fresh = self.fetch.connect(&self.url, self.bounds).await?;
        let fetched = fresh.ask(&self.url, self.request(&question, receipt), self.bounds).await?;
        self.give_back(fresh);
        Ok(fetched)
    }

    fn request(&self, question: &Bytes, receipt: ReceiptId) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(question.clone()));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(receipt) = HeaderValue::from_str(receipt.encode(&mut [0; 36])) {
            headers.insert(RECEIPT, receipt);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// The connection of this worker that was used last: the others may end.
    fn take(&self) -> Option<Kept> {
        let mine = thread::current().id();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let place = idle.iter().rposition(|(thread, _)| *thread == mine)?;
        Some(idle.remove(place).1)
    }

    fn give_back(&self, kept: Kept) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= IDLE {
            idle.remove(0);
        }
        idle.push((thread::current().id(), kept));
    }
}
