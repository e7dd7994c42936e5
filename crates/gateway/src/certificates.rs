//! Telling which certificates are in use, and that one of them ends soon (TLS-18).
//!
//! In: what the listeners present, and what came of getting it from an authority. Out: events in the record,
//! a number for each certificate, a count of renewals. Called by [`crate::control`] at the start, after a
//! reload and now and then, and with each outcome of ACME.

use std::sync::Arc;

use portcullis_audit::System;
use portcullis_audit::metrics::RenewalResult;
use portcullis_tls::{AcmeError, Expiring, Expiry, ExpiryWatch, Renewal};

use crate::alarms;
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
            alarms::ends_soon(shared, what, &expiry.name, expiry.ends);
        }
        self.known = expiries;
    }
}

/// Tells what became of a renewal by ACME (RFC 8555). One that fails is as loud as a file that is unfit: the
/// old certificate serves on, and ends.
pub(crate) fn renewed(shared: &Shared, listener: &str, outcome: &Result<Renewal, AcmeError>) {
    match outcome {
        Ok(Renewal::NotDue { .. }) => {}
        Ok(Renewal::Renewed { ends }) => {
            tracing::info!(listener, "certificate renewed");
            shared.metrics.count_certificate_renewal(listener, RenewalResult::Renewed);
            shared.recorder.note(&System::CertificateLoaded { name: listener, not_after: *ends });
        }
        Err(error) => {
            tracing::error!(listener, %error, "certificate renewal failed; the old one stays in use");
            shared.metrics.count_certificate_renewal(listener, RenewalResult::Failed);
            let cause = error.to_string();
            shared.recorder.note(&System::CertificateRefused { name: listener, cause: &cause });
        }
    }
}
