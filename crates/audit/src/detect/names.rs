//! What the digests of operations and types stand for, so that alerts can say it.
//!
//! Filled when a policy is compiled: names from configuration, and none of a client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::keys::{DetectionKey, Named};

/// An operation, an API or a type of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The API.
    pub api: Box<str>,
    /// The operation, if it is one.
    pub operation: Option<Box<str>>,
    /// What its objects are called.
    pub objects: Box<str>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Names(Mutex<HashMap<u64, Arc<Place>, RandomState>>);

/// Most that are remembered over all policies of a process.
const ROOM: usize = 65_536;

impl Names {
    /// The digest of an API.
    pub fn api(&self, key: &DetectionKey, api: &str) -> u64 {
        self.keep(key.digest(Named::Operation, &[api.as_bytes()]), || Place {
            api: api.into(),
            operation: None,
            objects: "paths".into(),
        })
    }

    /// The digest of an operation.
    pub fn operation(&self, key: &DetectionKey, api: &str, operation: &str) -> u64 {
        self.keep(key.digest(Named::Operation, &[api.as_bytes(), operation.as_bytes()]), || Place {
            api: api.into(),
            operation: Some(operation.into()),
            objects: format!("objects of `{operation}`").into(),
        })
    }

    /// The digest of a type of objects of an API.
    pub fn kind(&self, key: &DetectionKey, api: &str, kind: &str) -> u64 {
        self.keep(key.digest(Named::Kind, &[api.as_bytes(), kind.as_bytes()]), || Place {
            api: api.into(),
            operation: None,
            objects: format!("`{kind}`").into(),
        })
    }

    /// What a digest stands for.
    pub(super) fn find(&self, digest: u64) -> Option<Arc<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    fn keep(&self, digest: u64, place: impl FnOnce() -> Place) -> u64 {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < ROOM {
            names.entry(digest).or_insert_with(|| Arc::new(place()));
        }
        digest
    }
}
