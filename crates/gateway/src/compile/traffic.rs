//! Under which names traffic is counted.

use portcullis_contract::Contract;

use super::Workshop;
use super::api::Subject;
use crate::config::{ApiConfig, TrafficConfig};
use crate::observe::{Bounds, ObservedApi};

/// How much is kept.
pub(crate) fn bounds(config: &TrafficConfig) -> Bounds {
    Bounds { retention: config.retention.0, rows: config.rows }
}

/// The version under which an API's calls are counted: the one of its group, or the document's own.
pub(crate) fn version(config: &ApiConfig, contract: &Contract) -> String {
    config.version.as_ref().map_or_else(|| contract.version.clone(), |version| version.name.clone())
}

/// How an API is observed.
pub(crate) fn observed(subject: &Subject<'_>, version: &str, workshop: &Workshop) -> ObservedApi {
    let mount = subject.config.mount.as_deref().unwrap_or_default();
    ObservedApi {
        id: workshop.observatory.number(subject.name, version, ""),
        mount: mount.trim_end_matches('/').into(),
    }
}
