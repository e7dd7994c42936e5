//! From what was overheard to what is learnt, on the control thread.
//!
//! Shapes are taken from copies, and the copies dropped. What was learnt since the last time is merged into what
//! the store has, whoever learnt that; when two gateways write at once, one of them reads again.

use std::collections::BTreeMap;

use portcullis_contract::learn::{Content, Lesson, Lessons};
use portcullis_domain::{Learnt, StoreError, UsageStore};
use tokio::sync::mpsc;

use super::learning::{Copied, Overheard};

/// How often it is tried again when somebody else has written meanwhile.
const TRIES: usize = 5;
/// How much is looked at in one round.
const ROUND: usize = 512;

/// What is not written yet.
pub(super) struct School {
    inbox: mpsc::Receiver<Box<Overheard>>,
    learnt: BTreeMap<Box<str>, Lessons>,
}

impl School {
    pub(super) fn new(inbox: mpsc::Receiver<Box<Overheard>>) -> Self {
        Self { inbox, learnt: BTreeMap::new() }
    }

    /// Learns from what was overheard.
    pub(super) fn learn(&mut self) {
        for _ in 0..ROUND {
            let Ok(overheard) = self.inbox.try_recv() else { return };
            let lesson = Lesson {
                method: &overheard.method,
                path: &overheard.path,
                query: overheard.query.as_deref(),
                credential: overheard.credential.clone(),
                request: overheard.request.as_ref().map(content),
                status: overheard.status,
                answer: overheard.answer.as_ref().map(content),
            };
            if self.learnt.entry(overheard.api.clone()).or_default().learn(&lesson).is_err() {
                tracing::warn!(api = &*overheard.api, "there is no room to learn of another path");
            }
        }
    }

    /// Adds what was learnt to the store; what cannot be written waits.
    pub(super) async fn write(&mut self, store: &dyn UsageStore) {
        for (api, lessons) in std::mem::take(&mut self.learnt) {
            if let Err(error) = add(store, &api, lessons.clone()).await {
                tracing::warn!(%error, api = &*api, "what was learnt of the API is not written yet");
                self.learnt.insert(api, lessons);
            }
        }
    }
}

async fn add(store: &dyn UsageStore, api: &str, lessons: Lessons) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let known = store.find_learnt(api).await?;
        let revision = known.as_ref().map_or(0, |known| known.revision);
        let mut all = known.and_then(|known| Lessons::from_bytes(&known.content)).unwrap_or_default();
        // What found no room was said when it was heard, or will be when the next of it is.
        let _ = all.merge(lessons.clone());
        match store.keep_learnt(api, Learnt { revision, content: all.to_bytes() }).await {
            Err(StoreError::Conflict) => {}
            outcome => return outcome,
        }
    }
    Err(StoreError::Conflict)
}

fn content(copied: &Copied) -> Content<'_> {
    Content { media_type: &copied.media_type, body: copied.body.as_deref() }
}
