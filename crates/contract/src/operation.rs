//! One operation of a contract: what it is, and whether a request keeps it.
//!
//! In: the parts of one request. Out: nothing, or a [`Denial`] that lists what is wrong. Called by the
//! gateway's `validate` stage after the caller was authorized. Nothing of a request's values is echoed
//! (VAL-26), and nothing is changed.

use std::sync::Arc;

use http::header::{
    AUTHORIZATION, CONTENT_LOCATION, CONTENT_TYPE, DATE, FROM, HOST, IF_MODIFIED_SINCE, IF_RANGE,
    IF_UNMODIFIED_SINCE, MAX_FORWARDS, ORIGIN, PROXY_AUTHORIZATION, RANGE, REFERER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use portcullis_config::Place;
use portcullis_domain::{Denial, Reason, Violation};
use serde_json::{Map, Value};

use crate::body::{self, Body, BodyPlan, ContentCoding, ContentCodings, Range};
use crate::graphql::{self, FieldName, FieldRights, Given, GraphqlLimits};
use crate::lifecycle::Lifecycle;
use crate::options::Invalid;
use crate::outline::{Outline, Outlines};
use crate::parameter::{Parameters, Sources, clamp};
use crate::paths::PathParameters;
use crate::response::filter::FilterPlan;
use crate::response::{self, AnswerHead, AnswerSchema, Answers, Promised};
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
    pub(crate) outlines: Outlines,
    pub(crate) checks: Checks,
}

/// An answer that an operation promises, as the document lists it.
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

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterPlace {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// What a request is checked against.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) parameters: Parameters,
    pub(crate) body: Body,
    /// What GraphQL may ask for, if that is what the operation takes.
    pub(crate) graphql: Option<GraphqlLimits>,
    /// The media types of all promised answers.
    pub(crate) offered: Vec<Range>,
    pub(crate) answers: Answers,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) codings: ContentCodings,
    /// The answer to a well-formed request that breaks the contract.
    pub(crate) invalid: Invalid,
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
    /// declared, or names another charset than UTF-8; [`Reason::ContentCodingUnsupported`] for a coding
    /// that the API does not list, for more than one, and for any on a body that is not read: what cannot
    /// be read cannot be judged.
    pub fn plan_body(&self, headers: &HeaderMap) -> Result<BodyPlan, Denial> {
        let plan = self.checks.body.plan(headers.get(CONTENT_TYPE))?;
        let codings = &self.checks.codings;
        match (plan, &self.checks.body) {
            (_, Body::Any) => Ok(plan),
            (BodyPlan::Read | BodyPlan::Decode(_), _) => {
                Ok(codings.of(headers)?.map_or(plan, BodyPlan::Decode))
            }
            (BodyPlan::Stream | BodyPlan::Refuse, _) => match codings.of(headers)? {
                Some(_) => Err(ContentCodings::default().refuse()),
                None => Ok(plan),
            },
        }
    }

    /// The bytes behind the coding of a body that was read whole: at most `limit` of them.
    ///
    /// # Errors
    /// [`Reason::BodyTooLarge`] if there are more, or too many times as many as came;
    /// [`Reason::BodyMalformed`] if the coding is broken.
    pub fn decode_body(&self, coding: ContentCoding, body: &[u8], limit: usize) -> Result<Vec<u8>, Denial> {
        coding.decode(body, limit, self.checks.codings.ratio())
    }

    /// The refusal of a body where none is declared.
    #[must_use]
    pub fn undeclared_body(&self) -> Denial {
        let mut violations = Violations::new();
        violations.add(Spot { location: "body", name: "" }, "undeclared", "no body");
        let denial = violations.into_result().err().unwrap_or_else(|| Denial::new(Reason::RequestInvalid));
        self.checks.invalid.answer(denial)
    }

    /// Checks all that a request carries outside its body.
    ///
    /// # Errors
    /// [`Reason::HeaderRepeated`], [`Reason::AcceptUnsatisfiable`], or with at most twenty violations what
    /// [`Invalid`] says.
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
        let checked = violations.into_result().and_then(|()| match &self.checks.graphql {
            Some(limits) => graphql::check_query(limits, query),
            None => Ok(()),
        });
        checked.map_err(|denial| self.checks.invalid.answer(denial))
    }

    /// `query` with page sizes beyond their limit replaced by it, for a request that was found valid; `None` if
    /// it is sent as it came.
    #[must_use]
    pub fn paged_query(&self, query: Option<&str>) -> Option<String> {
        let limits = &self.checks.parameters.pages;
        query.filter(|_| !limits.is_empty()).and_then(|query| clamp(limits, query))
    }

    /// Checks a body that was read whole; an empty slice for a request without one.
    ///
    /// # Errors
    /// [`Reason::BodyTooLarge`]; [`Reason::MediaTypeUnsupported`]; [`Reason::BodyMalformed`] if it is not
    /// what its type says, or can be read in two ways; with at most twenty violations what [`Invalid`] says.
    pub fn validate_body(&self, content_type: Option<&HeaderValue>, body: &[u8]) -> Result<(), Denial> {
        if body.len() > self.body_limit {
            return Err(Denial::new(Reason::BodyTooLarge));
        }
        let checked = self.checks.body.check(content_type, body, &self.checks.schemas);
        let checked = checked.and_then(|()| match &self.checks.graphql {
            Some(limits) if !body.is_empty() => graphql::check_body(limits, body),
            Some(_) | None => Ok(()),
        });
        checked.map_err(|denial| self.checks.invalid.answer(denial))
    }

    /// A body that was read whole as one value, for whoever looks for something in it: JSON, or a form as the
    /// object that its schema describes. `None` if it is neither, or can be read in no way or in two.
    #[must_use]
    pub fn body_value(&self, content_type: Option<&HeaderValue>, body: &[u8]) -> Option<Value> {
        self.checks.body.value(content_type, body)
    }

    /// The members that its request bodies are said to have.
    #[must_use]
    pub const fn request_outline(&self) -> &Outline {
        &self.outlines.request
    }

    /// The members that its good answers are said to have.
    #[must_use]
    pub const fn answer_outline(&self) -> &Outline {
        &self.outlines.answers
    }

    /// The names of its parameters, each with where it stands, in the order of the places.
    pub fn parameters(&self) -> impl Iterator<Item = (ParameterPlace, &str)> {
        let Parameters { path, query, headers, .. } = &self.checks.parameters;
        let path = path.iter().map(|one| (ParameterPlace::Path, &*one.name));
        let query = query.iter().map(|one| (ParameterPlace::Query, &*one.name));
        path.chain(query).chain(headers.iter().map(|(name, _)| (ParameterPlace::Header, name.as_str())))
    }

    /// Whether it takes GraphQL.
    #[must_use]
    pub const fn is_graphql(&self) -> bool {
        self.checks.graphql.is_some()
    }

    /// What a GraphQL request gives to the arguments of its fields, by their names wherever they stand; from `body` if there is one, or else from the query. `None` if it
    /// cannot be told.
    #[must_use]
    pub fn graphql_arguments(&self, query: Option<&str>, body: Option<&Value>) -> Option<Given> {
        match body {
            Some(body) => graphql::arguments::in_body(body),
            None => graphql::arguments::in_query(query),
        }
    }

    /// Whether fields of GraphQL need rights here.
    #[must_use]
    pub fn guards_graphql(&self) -> bool {
        self.checks.graphql.as_ref().is_some_and(|limits| !limits.fields.is_empty())
    }

    /// The fields of a GraphQL request that need rights, in body or query. `None` if what it asks for cannot be
    /// told.
    #[must_use]
    pub fn guarded_fields(
        &self,
        query: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Vec<(&FieldName, &FieldRights)>> {
        let Some(limits) = &self.checks.graphql else { return Some(Vec::new()) };
        graphql::fields::guarded(&limits.fields, query, body)
    }

    /// Whether the document promises anything of answers; an operation that is only listed does not.
    #[must_use]
    pub fn promises_answers(&self) -> bool {
        !self.checks.answers.is_empty()
    }

    /// Whether a parameter of this name is declared there; header names in lower case.
    #[must_use]
    pub fn has_parameter(&self, place: ParameterPlace, name: &str) -> bool {
        let Parameters { path, query, headers, .. } = &self.checks.parameters;
        match place {
            ParameterPlace::Path => path.iter().any(|parameter| *parameter.name == *name),
            ParameterPlace::Query => query.iter().any(|parameter| *parameter.name == *name),
            ParameterPlace::Header => headers.iter().any(|(known, _)| known.as_str() == name),
        }
    }

    /// What is promised of an answer with this head, and in what the head breaks it.
    #[must_use]
    pub fn promise(&self, head: AnswerHead<'_>) -> Promised<'_> {
        self.checks.answers.promise(head, &self.checks.schemas)
    }

    /// In what the whole JSON body of an answer breaks its promise: at most twenty violations.
    #[must_use]
    pub fn check_answer(&self, schema: Option<AnswerSchema>, body: &[u8]) -> Vec<Violation> {
        response::check(schema, body, &self.checks.schemas)
    }

    /// What of its JSON answers may be seen, for each declared one.
    pub fn answer_plans(&self) -> impl Iterator<Item = &Arc<FilterPlan>> {
        self.checks.answers.plans()
    }

    /// Declared media types of its answers that are not looked into: streams, and what is no JSON.
    pub fn unseen_answers(&self) -> impl Iterator<Item = String> {
        self.checks.answers.unseen()
    }
}
