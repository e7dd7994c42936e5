//! What an operation promises of its answers, and which promise an answer comes under.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use portcullis_domain::Violation;
use portcullis_message::MediaType;
use portcullis_message::media_type::Charset;

use super::check::AnswerSchema;
use super::filter::FilterPlan;
use crate::body::Range;
use crate::operation::PromisedStatus;
use crate::parameter::Parameter;
use crate::schema::{Schemas, Spot, Violations};

/// All that one operation promises of its answers.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// In document order.
    pub(super) promises: Vec<Answer>,
}

/// What is promised for one key of `responses`.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: PromisedStatus,
    pub(super) headers: Vec<(HeaderName, Parameter)>,
    /// The most specific media range first; none for an answer without a body.
    pub(super) contents: Vec<(Range, Content)>,
}

/// What is promised of a body of some media type.
#[derive(Debug)]
pub(super) enum Content {
    /// JSON, and a schema for it if there is one.
    Json { schema: Option<AnswerSchema>, plan: Arc<FilterPlan> },
    /// An endless or binary body: it is handed on as it comes.
    Stream,
    /// A media type that is not looked into.
    Opaque,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct AnswerHead<'a> {
    /// The status.
    pub status: u16,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// Whether a body comes with it.
    pub carries: Carries,
}

/// Whether a body comes with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Some body, of any length but zero as far as is known.
    Body,
    /// An empty one.
    Empty,
    /// None is possible, whatever the head says of one: an answer to HEAD (RFC 9110 §9.3.2).
    OnlyHead,
}

/// What is promised of an answer with this head, and in what the head breaks it.
#[derive(Debug)]
pub struct Promised<'o> {
    /// What is promised of the body.
    pub body: PromisedBody<'o>,
    /// At most twenty.
    pub violations: Vec<Violation>,
}

/// What is promised of the body of an answer.
#[derive(Clone, Copy, Debug)]
pub enum PromisedBody<'o> {
    /// JSON, to be filtered by a plan and, when it is whole, checked against a schema.
    Json {
        /// What of it may be seen.
        plan: &'o Arc<FilterPlan>,
        /// What it has to be; `None` if nothing is said of it.
        schema: Option<AnswerSchema>,
    },
    /// It is declared as a stream: exempt.
    Stream,
    /// Its declared type is not looked into.
    Opaque,
    /// There is none.
    Absent,
    /// Its status or type is not declared: nothing is known of it.
    Unpromised,
}

impl Answers {
    /// Whether anything is promised at all; an operation without a document promises nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.promises.is_empty()
    }

    /// What is promised of an answer with this head.
    pub(crate) fn promise(&self, head: AnswerHead<'_>, schemas: &Schemas) -> Promised<'_> {
        let mut violations = Violations::new();
        let body = self.promise_noting(head, schemas, &mut violations);
        Promised { body, violations: violations.into_list() }
    }

    fn promise_noting(
        &self,
        head: AnswerHead<'_>,
        schemas: &Schemas,
        violations: &mut Violations,
    ) -> PromisedBody<'_> {
        let Some(answer) = self.of_status(head.status) else {
            // RFC 9110 §15.4.5: it stands for the promised answer, which the client has already.
            if head.status == 304 && self.promises.iter().any(Answer::is_success) {
                return PromisedBody::Absent;
            }
            violations.add(Spot { location: "status", name: "" }, "undeclared", "a status that is declared");
            return PromisedBody::Unpromised;
        };
        for (name, parameter) in &answer.headers {
            parameter.check_fields(schemas, name, head.headers, violations);
        }
        if head.status == 304 || head.status == 204 {
            return PromisedBody::Absent;
        }
        answer.body(head, violations)
    }

    /// The promise for this status: itself, its class, or the rest (OpenAPI 3.1.1 §4.8.16.1).
    fn of_status(&self, status: u16) -> Option<&Answer> {
        let rank = |answer: &&Answer| match answer.status {
            PromisedStatus::Exactly(exactly) if exactly == status => 0,
            PromisedStatus::Class(class) if u16::from(class) == status / 100 => 1,
            PromisedStatus::Default => 2,
            PromisedStatus::Exactly(_) | PromisedStatus::Class(_) => 3,
        };
        let best = self.promises.iter().min_by_key(rank).filter(|answer| rank(answer) < 3);
        // RFC 9110 §15.3.7: a part of the answer that is promised in whole.
        best.filter(|_| status != 206 || self.promises.iter().any(|answer| answer.is_exactly(206)))
            .or_else(|| if status == 206 { self.of_status(200) } else { None })
    }

    /// The plans of all JSON bodies.
    pub(crate) fn plans(&self) -> impl Iterator<Item = &Arc<FilterPlan>> {
        self.promises.iter().flat_map(|answer| &answer.contents).filter_map(|(_, content)| match content {
            Content::Json { plan, .. } => Some(plan),
            Content::Stream | Content::Opaque => None,
        })
    }

    /// The declared media types whose bodies are not looked into.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = String> {
        self.promises.iter().flat_map(|answer| &answer.contents).filter_map(
            |(range, content)| match content {
                Content::Json { .. } => None,
                Content::Stream | Content::Opaque => Some(range.to_string()),
            },
        )
    }
}

impl Answer {
    fn is_exactly(&self, status: u16) -> bool {
        self.status == PromisedStatus::Exactly(status)
    }

    fn is_success(&self) -> bool {
        match self.status {
            PromisedStatus::Exactly(status) => (200..300).contains(&status),
            PromisedStatus::Class(class) => class == 2,
            PromisedStatus::Default => true,
        }
    }

    fn body(&self, head: AnswerHead<'_>, violations: &mut Violations) -> PromisedBody<'_> {
        let at_type = Spot { location: "header", name: "content-type" };
        let value = match (head.carries, head.headers.get(CONTENT_TYPE)) {
            (Carries::Empty, _) if self.contents.is_empty() => return PromisedBody::Absent,
            (Carries::Empty, _) => {
                violations.add(Spot { location: "body", name: "" }, "required", "a body");
                return PromisedBody::Absent;
            }
            (Carries::OnlyHead, None) => return PromisedBody::Absent,
            (Carries::Body | Carries::OnlyHead, _) if self.contents.is_empty() => {
                violations.add(Spot { location: "body", name: "" }, "undeclared", "no body");
                return PromisedBody::Unpromised;
            }
            (Carries::Body, None) => {
                violations.add(at_type, "required", "a media type that is declared");
                return PromisedBody::Unpromised;
            }
            (Carries::Body | Carries::OnlyHead, Some(value)) => value,
        };
        let Ok(media_type) = MediaType::parse(value) else {
            violations.add(at_type, "malformed", "a media type");
            return PromisedBody::Unpromised;
        };
        let found = self.contents.iter().find(|(range, _)| range.covers(media_type.essence()));
        let Some((_, content)) = found else {
            violations.add(at_type, "undeclared", "a media type that is declared");
            return PromisedBody::Unpromised;
        };
        match content {
            Content::Json { plan, schema } if media_type.is_json() => {
                // RFC 8259 §8.1: what we would read as UTF-8 the client might read as UTF-16.
                if media_type.charset() == Charset::Other {
                    violations.add(at_type, "charset", "UTF-8");
                }
                PromisedBody::Json { plan, schema: *schema }
            }
            Content::Stream => PromisedBody::Stream,
            // A range such as `*/*` takes JSON and other things; only JSON can be judged by its schema.
            Content::Json { .. } | Content::Opaque => PromisedBody::Opaque,
        }
    }
}
