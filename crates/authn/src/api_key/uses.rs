//! When keys were used, on its way to the store: coarse, in batches, never a write for a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use portcullis_domain::{KeyId, KeyStore, StoreError, Timestamp};
use tokio::sync::mpsc;

/// How many uses may wait. What does not fit is noted a few minutes later, if the key is used again.
const WAITING: usize = 16_384;
/// How many are written at once.
const BATCH: usize = 512;

/// Uses that the store has not heard of.
#[derive(Debug)]
pub(crate) struct Uses {
    inbox: mpsc::Sender<(KeyId, Timestamp)>,
    waiting: Mutex<mpsc::Receiver<(KeyId, Timestamp)>>,
}

impl Uses {
    pub(crate) fn new() -> Self {
        let (inbox, waiting) = mpsc::channel(WAITING);
        Self { inbox, waiting: Mutex::new(waiting) }
    }

    /// Notes a use. Takes no lock.
    pub(crate) fn note(&self, key: KeyId, at: Timestamp) {
        let _ = self.inbox.try_send((key, at));
    }

    /// Tells the store.
    pub(crate) async fn write(&self, store: &dyn KeyStore) -> Result<(), StoreError> {
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return Ok(());
            }
            store.note_keys_used(batch).await?;
        }
    }

    fn take(&self) -> Vec<(KeyId, Timestamp)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = HashMap::new();
        while batch.len() < BATCH {
            let Ok((key, at)) = waiting.try_recv() else { break };
            batch.insert(key, at);
        }
        batch.into_iter().collect()
    }
}
