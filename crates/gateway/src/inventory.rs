//! Every key and certificate that a configuration stands on: algorithm, place, end (KEY-13).
//!
//! In: `portcullis.yaml`, its files and its store. Out: a list. Called by `portcullis inventory`. Fetches nothing:
//! of an issuer whose keys are fetched, the algorithms that may verify are what is known here.

use std::sync::Arc;

use portcullis_audit::Metrics;
use portcullis_domain::{ApiKeyRecord, KeyPage, KeyState, KeyStore as _, StoreError, Timestamp};
use portcullis_store::Store;

use crate::check::{forgetful_recorder, workshop};
use crate::gateway::{Options, StartError, compile_all, system};
use crate::listen::ListenerKind;
use crate::operate::operate;

/// One thing that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it is.
    pub kind: HeldKind,
    /// By which people know it.
    pub name: String,
    /// The algorithms it is good for.
    pub algorithms: Vec<String>,
    /// Where it comes from: a file, an issuer, the application that holds it.
    pub place: String,
    /// When it ends, if it does.
    pub ends: Option<Timestamp>,
}

/// What kind of thing is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldKind {
    /// A certificate that a listener presents, with its key.
    Certificate,
    /// A list of revoked client certificates.
    CertificateRevocations,
    /// An issuer's keys, by which tokens are verified.
    IssuerKeys,
    /// An API key that can be used.
    ApiKey,
}

impl HeldKind {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::CertificateRevocations => "certificate_revocations",
            Self::IssuerKeys => "issuer_keys",
            Self::ApiKey => "api_key",
        }
    }
}

/// Keys are read in pages of this size.
const PAGE: u32 = 1000;

/// Lists everything, in the order of kinds and names.
///
/// # Errors
/// [`StartError`], as for [`crate::check`]; or if the store is there and cannot be read.
pub fn inventory(options: &Options) -> Result<Vec<Held>, StartError> {
    let recorder = forgetful_recorder(options)?;
    let metrics = Arc::new(Metrics::new(Arc::clone(&recorder), Box::new(|_| {})));
    let workshop = workshop(options, metrics, recorder)?;
    let (compiled, drafts) = compile_all(&workshop)?;
    let mut held = Vec::new();
    for draft in &drafts {
        if let ListenerKind::Tls(tls) = &draft.kind {
            held.extend(tls.expiries().into_iter().map(certificate));
        }
    }
    held.extend(compiled.config.identity.iter().map(|(scheme, issuer)| Held {
        kind: HeldKind::IssuerKeys,
        name: scheme.clone(),
        algorithms: issuer.algorithms.clone(),
        place: issuer.issuer.clone(),
        ends: None,
    }));
    // Looking must not make a store.
    if workshop.lasting.exists() {
        let now = options.clock.now().wall;
        let keys = usable_keys(&operate(options)?.store, now);
        let keys = keys.map_err(|error| system("cannot list the API keys", std::io::Error::other(error)))?;
        held.extend(keys.iter().map(api_key));
    }
    held.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
    // Two listeners may present the same certificate.
    held.dedup();
    Ok(held)
}

fn certificate(expiry: portcullis_tls::Expiry) -> Held {
    Held {
        kind: match expiry.what {
            portcullis_tls::Expiring::Certificate => HeldKind::Certificate,
            portcullis_tls::Expiring::Revocations => HeldKind::CertificateRevocations,
        },
        name: expiry.name,
        algorithms: [expiry.key].into_iter().filter(|key| !key.is_empty()).collect(),
        place: expiry.file.display().to_string(),
        ends: Some(expiry.ends),
    }
}

fn api_key(record: &ApiKeyRecord) -> Held {
    Held {
        kind: HeldKind::ApiKey,
        name: record.id.to_string(),
        // How it is recognized; the key itself is random and has no algorithm.
        algorithms: vec!["HMAC-SHA-256".to_owned()],
        place: record.owner.to_string(),
        ends: Some(record.expires_at),
    }
}

fn usable_keys(store: &Store, now: Timestamp) -> Result<Vec<ApiKeyRecord>, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|_| StoreError::Unavailable)?;
    let mut usable = Vec::new();
    let mut after = None;
    loop {
        let page = runtime.block_on(store.list_keys(KeyPage { owner: None, after, limit: PAGE }))?;
        let Some(last) = page.last() else { return Ok(usable) };
        after = Some(last.id);
        let is_usable =
            |record: &ApiKeyRecord| matches!(record.state(now), KeyState::Active | KeyState::Replaced);
        usable.extend(page.into_iter().filter(is_usable));
    }
}
