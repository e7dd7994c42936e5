//! One operation of a contract: what it is, and whether a request keeps it.
//!
//! In: the parts of one request. Out: nothing, or a [`Denial`] that lists what is wrong. Called by the
//! gateway's `validate` stage after the caller was authorized. Nothing of a request's values is echoed
//! (VAL-26), and nothing is changed.

use std::sync::Arc;

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LOCATION, CONTENT_TYPE, DATE, FROM, HOST, IF_MODIFIED_SINCE,
    IF_RANGE, IF_UNMODIFIED_SINCE, MAX_FORWARDS, ORIGIN, PROXY_AUTHORIZATION, RANGE, REFERER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use portcullis_config::Place;
use portcullis_domain::{Denial, Reason};
use serde_json::{Map, Value};

use crate::body::{self, Body, BodyPlan, Range};
use crate::lifecycle::Lifecycle;
use crate::parameter::{Parameters, Sources};
use crate::paths::PathParameters;
use crate::schema::{Schemas, Spot, Violations};
use crate::security::Security;

/// Request headers that may stand once (RFC 9110 §5.3). Framing and Host were judged before, in `message`.
const SINGLETONS: [HeaderName; 14] = [
    AUTHORIZATION,
    CONTENT_LOCATION,
    CONTENT_TYPE,
    DATE,
    FROM,
    IF_MODIFIED_SINCE,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    MAX_FORWARDS,
    ORIGIN,
    PROXY_AUTHORIZATION,
    RANGE,
    REFERER,
    USER_AGENT,
];

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Its number in the contract, counted from zero in document order.
    pub index: usize,
    /// `operationId`, or method and template: `GET /orders/{id}`.
    pub id: Arc<str>,
    /// Its method.
    pub method: Method,
    /// Its path as the document writes it, without the base path.
    pub template: Arc<str>,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it asks of its caller.
    pub security: Security,
    /// Where it stands in its life; that of the API where it says nothing itself.
    pub lifecycle: Lifecycle,
    /// All that it says under `x-portcullis-…`.
    pub extensions: Map<String, Value>,
    /// The answers that it promises.
    pub responses: Vec<ResponsePromise>,
    /// The largest request body in bytes.
    pub body_limit: usize,
    /// Where it is declared.
    pub place: Place,
    pub(crate) checks: Checks,
}

/// An answer that an operation promises. Not enforced yet: see issue 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsePromise {
    /// Which statuses.
    pub status: PromisedStatus,
    /// Its media types, as the document writes them.
    pub media_types: Vec<String>,
}

/// A key of `responses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromisedStatus {
    /// One status.
    Exactly(u16),
    /// `4XX`: this digit.
    Class(u8),
    /// Every other one.
    Default,
}

/// What a request is checked against.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) parameters: Parameters,
    pub(crate) body: Body,
    /// The media types of all promised answers.
    pub(crate) offered: Vec<Range>,
    pub(crate) schemas: Arc<Schemas>,
}

impl Operation {
    /// Whether some request body of this operation has to be read whole before it is forwarded.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        self.checks.body.is_read()
    }

    /// Whether a request of this operation may have a body.
    #[must_use]
    pub fn takes_body(&self) -> bool {
        !matches!(self.checks.body, Body::Undeclared)
    }

    /// What has to happen with the body of a request that announces one.
    ///
    /// # Errors
    /// [`Reason::MediaTypeUnsupported`], with the declared types, if the body's type is missing, not
    /// declared, or names another charset than UTF-8; [`Reason::ContentCodingUnsupported`] for any coding:
    /// none is decoded here, and what cannot be read cannot be judged.
    pub fn plan_body(&self, headers: &HeaderMap) -> Result<BodyPlan, Denial> {
        let plan = self.checks.body.plan(headers.get(CONTENT_TYPE))?;
        let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
        let may_be_coded = matches!(self.checks.body, Body::Any);
        if !may_be_coded && !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
            // RFC 9110 §15.5.16: what the client could send instead.
            return Err(
                Denial::new(Reason::ContentCodingUnsupported).with_field("accept-encoding", "identity")
            );
        }
        Ok(plan)
    }

    /// The refusal of a body where none is declared.
    #[must_use]
    pub fn undeclared_body(&self) -> Denial {
        let mut violations = Violations::new();
        violations.add(Spot { location: "body", name: "" }, "undeclared", "no body");
        violations.into_result().err().unwrap_or_else(|| Denial::new(Reason::RequestInvalid))
    }

    /// Checks all that a request carries outside its body.
    ///
    /// # Errors
    /// [`Reason::HeaderRepeated`], [`Reason::AcceptUnsatisfiable`], or [`Reason::RequestInvalid`] with at
    /// most twenty violations.
    pub fn validate_head(
        &self,
        path_parameters: &PathParameters<'_, '_>,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), Denial> {
        // Most requests repeat no field at all.
        let repeats = headers.len() > headers.keys_len();
        for name in SINGLETONS.iter().chain([&HOST]).filter(|_| repeats) {
            if headers.get_all(name).iter().nth(1).is_some() {
                return Err(Denial::new(Reason::HeaderRepeated).with_note(format!("`{name}` is repeated")));
            }
        }
        if !body::is_satisfiable(headers, &self.checks.offered) {
            return Err(Denial::new(Reason::AcceptUnsatisfiable));
        }
        let mut violations = Violations::new();
        let sources = Sources { path: path_parameters, query, headers };
        self.checks.parameters.check(&self.checks.schemas, sources, &mut violations);
        violations.into_result()
    }

    /// Checks a body that was read whole; an empty slice for a request without one.
    ///
    /// # Errors
    /// [`Reason::BodyTooLarge`]; [`Reason::MediaTypeUnsupported`]; [`Reason::BodyMalformed`] if it is not
    /// what its type says, or can be read in two ways; [`Reason::RequestInvalid`] with at most twenty
    /// violations.
    pub fn validate_body(&self, content_type: Option<&HeaderValue>, body: &[u8]) -> Result<(), Denial> {
        if body.len() > self.body_limit {
            return Err(Denial::new(Reason::BodyTooLarge));
        }
        self.checks.body.check(content_type, body, &self.checks.schemas)
    }
}
