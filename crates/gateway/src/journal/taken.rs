//! What is taken down of a request when its entry is written: enough to tell the rest of it elsewhere.
//!
//! On the request's own thread, so: counts that go up, and one piece of memory. Whatever costs more, digests above all,
//! is [`super::tell`]'s, on the journal's thread.

use std::net::IpAddr;
use std::sync::Arc;

use http::{Method, Uri};
use portcullis_audit::Verdict;
use portcullis_authz::rules::{Part, Said};
use portcullis_domain::{Denial, Fault, Principal, ReceiptId, Risk, Trail};

use crate::arrival::Envelope;
use crate::policy::{Api, Policy, Route};
use crate::trace::Trace;

/// A request whose decision is to be kept.
pub(crate) struct Taken {
    pub(super) policy: Arc<Policy>,
    pub(super) place: Place,
    pub(super) receipt: ReceiptId,
    pub(super) trail: Trail,
    pub(super) client: IpAddr,
    pub(super) link: Link,
    pub(super) method: Method,
    pub(super) target: Uri,
    pub(super) principal: Option<Arc<Principal>>,
    pub(super) risk: Risk,
    /// What stands in headers and body where rules look. All else is in the target.
    pub(super) heard: Vec<Heard>,
    /// The grants without which it would have been refused.
    pub(super) grants: Option<Box<str>>,
    pub(super) end: End,
    pub(super) status: u16,
}

/// Where in the policy a request belongs, as far as that was found.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Nowhere,
    Api(usize),
    Operation(usize, usize),
}

/// How it came.
pub(super) enum Link {
    Plaintext,
    Tls { certificate: Option<[u8; 32]> },
}

/// How it ended.
pub(super) enum End {
    Answered,
    Denied(Denial),
    Failed(Fault),
}

/// What a request said at a place in a header or in its body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) part: Part,
    pub(crate) name: String,
    /// Nothing if it cannot be read.
    pub(crate) said: Option<Vec<Said>>,
}

impl Taken {
    pub(crate) fn of(
        policy: Arc<Policy>,
        envelope: &Envelope,
        trace: &Trace,
        verdict: Verdict<'_>,
        status: u16,
    ) -> Self {
        let place = match (trace.api(&policy), trace.route(&policy)) {
            (Some(api), Some(route)) => Place::Operation(api.index, route.operation.index),
            (Some(api), None) => Place::Api(api.index),
            (None, _) => Place::Nowhere,
        };
        let connection = &envelope.connection;
        Self {
            place,
            receipt: envelope.receipt,
            trail: trace.trail.clone(),
            client: envelope.client,
            link: match connection.is_tls() {
                false => Link::Plaintext,
                true => Link::Tls {
                    certificate: connection.client_certificate().map(|shown| *shown.thumbprint()),
                },
            },
            method: envelope.method.clone(),
            target: envelope.raw_target.clone(),
            principal: trace.principal.clone(),
            risk: trace.risk,
            heard: trace.heard.clone(),
            grants: trace.grants.clone(),
            end: match verdict {
                Verdict::Answered => End::Answered,
                Verdict::Denied(denial) => End::Denied(denial.clone()),
                Verdict::Failed(fault) => End::Failed(fault.clone()),
            },
            status,
            policy,
        }
    }

    pub(super) fn api(&self) -> Option<&Api> {
        match self.place {
            Place::Nowhere => None,
            Place::Api(api) | Place::Operation(api, _) => self.policy.apis.get(api),
        }
    }

    pub(super) fn route(&self) -> Option<&Route> {
        match self.place {
            Place::Operation(api, route) => self.policy.apis.get(api)?.routes.get(route),
            Place::Nowhere | Place::Api(_) => None,
        }
    }
}
