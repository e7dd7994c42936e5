//! Telling which certificates are in use, and that one of them ends soon (TLS-18).
//!
//! In: what the listeners present. Out: events in the record and a number for each certificate. Called by
//! [`crate::control`] at the start, after a reload and now and then.

use std::sync::Arc;

use portcullis_audit::System;
use portcullis_tls::{Expiring, Expiry, ExpiryWatch};

use crate::listen::{ListenerKind, ListenerPlan};
use crate::worker::Shared;

/// What was told so far.
#[derive(Default)]
pub(crate) struct Certificates {
    watch: ExpiryWatch,
    known: Vec<Expiry>,
}

impl Certificates {
    /// Tells what is new, and what has come nearer to its end.
    pub(crate) fn look(&mut self, plans: &[Arc<ListenerPlan>], shared: &Shared) {
        let expiries: Vec<Expiry> = plans
            .iter()
            .flat_map(|plan| match &plan.kind {
                ListenerKind::Tls(tls) => tls.expiries(),
                ListenerKind::Plaintext { .. } => Vec::new(),
            })
            .collect();
        for expiry in expiries.iter().filter(|expiry| expiry.what == Expiring::Certificate) {
            shared.metrics.set_certificate_expiry(&expiry.name, expiry.ends);
            if !self.known.contains(expiry) {
                shared
                    .recorder
                    .note(&System::CertificateLoaded { name: &expiry.name, not_after: expiry.ends });
            }
        }
        for (expiry, urgency) in self.watch.due(&expiries, shared.clock.now().wall) {
            let what = expiry.what.name();
            tracing::warn!(name = %expiry.name, file = %expiry.file.display(), ?urgency, "{what} ends soon");
            shared.recorder.note(&System::CertificateExpiring {
                what,
                name: &expiry.name,
                not_after: expiry.ends,
            });
        }
        self.known = expiries;
    }
}
