//! Stands in for the gateway's guarded client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use portcullis_authn::{Fetch, FetchBounds, FetchError, FetchFuture, Fetched, Form};
use portcullis_domain::Secret;
use url::Url;

/// What an address does when asked.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    Serves(String),
    Answers(u16, String),
    Fails(FetchError),
    Hangs,
}

#[derive(Default)]
pub(crate) struct FakeFetch {
    places: Mutex<HashMap<String, Behavior>>,
    asked: Mutex<Vec<(String, FetchBounds)>>,
    /// Body and authorization of each form.
    posted: Mutex<Vec<(String, String)>>,
}

impl FakeFetch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn set(&self, url: &str, behavior: Behavior) {
        self.places.lock().unwrap().insert(url.to_owned(), behavior);
    }

    pub(crate) fn serve(&self, url: &str, body: impl Into<String>) {
        self.set(url, Behavior::Serves(body.into()));
    }

    /// Everything that was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(url, _)| url.clone()).collect()
    }

    /// Body and authorization of each form that was sent, in order.
    pub(crate) fn posted(&self) -> Vec<(String, String)> {
        self.posted.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn last_bounds(&self) -> FetchBounds {
        self.asked.lock().unwrap().last().expect("something was asked for").1
    }
}

impl Fetch for FakeFetch {
    fn get<'a>(&'a self, url: &'a Url, bounds: FetchBounds) -> FetchFuture<'a> {
        self.answer(url, bounds)
    }

    fn post<'a>(&'a self, url: &'a Url, form: &'a Form, bounds: FetchBounds) -> FetchFuture<'a> {
        let text = |secret: &Secret| secret.expose_text().unwrap().to_owned();
        let posted = (text(&form.body), form.authorization.as_ref().map(text).unwrap_or_default());
        self.posted.lock().unwrap().push(posted);
        self.answer(url, bounds)
    }
}

impl FakeFetch {
    fn answer<'a>(&'a self, url: &'a Url, bounds: FetchBounds) -> FetchFuture<'a> {
        self.asked.lock().unwrap().push((url.to_string(), bounds));
        let behavior = self.places.lock().unwrap().get(url.as_str()).cloned();
        Box::pin(async move {
            // One turn of the runtime, so that others get to join in as on a real network.
            tokio::task::yield_now().await;
            match behavior {
                Some(Behavior::Serves(body)) => Ok(Fetched { status: 200, body: Bytes::from(body) }),
                Some(Behavior::Answers(status, body)) => Ok(Fetched { status, body: Bytes::from(body) }),
                Some(Behavior::Fails(error)) => Err(error),
                Some(Behavior::Hangs) => std::future::pending().await,
                None => Ok(Fetched { status: 404, body: Bytes::new() }),
            }
        })
    }
}
