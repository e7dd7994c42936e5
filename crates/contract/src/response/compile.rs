//! Reads the answers that an operation promises.

use http::HeaderName;
use http::header::CONTENT_TYPE;
use portcullis_config::{Diagnostic, codes};

use super::check::AnswerSchema;
use super::filter::{PlanRoot, Planner, Plans};
use super::promise::{Answer, Answers, Content};
use crate::body::Range;
use crate::operation::PromisedStatus;
use crate::parameter::{self, Parameter};
use crate::reading::{Findings, Node};
use crate::schema::Translator;

/// Answers that wait for the plans to be made.
#[derive(Debug, Default)]
pub(crate) struct AnswersDraft(Vec<AnswerDraft>);

#[derive(Debug)]
struct AnswerDraft {
    status: PromisedStatus,
    headers: Vec<(HeaderName, Parameter)>,
    contents: Vec<(Range, ContentDraft)>,
}

#[derive(Debug)]
enum ContentDraft {
    Json(Option<(AnswerSchema, PlanRoot)>),
    Stream,
    Opaque,
}

/// Media types of bodies without an end, or of bytes: handed on as they come.
const STREAMS: [&str; 10] = [
    "application/grpc",
    "application/grpc+json",
    "application/grpc+proto",
    "application/grpc-web",
    "application/json-seq",
    "application/jsonl",
    "application/ndjson",
    "application/octet-stream",
    "application/x-ndjson",
    "text/event-stream",
];

/// Reads `responses` of `operation`. The translator has turned to answers.
pub(crate) fn declared<'d>(
    operation: &Node<'d>,
    translator: &mut Translator<'d>,
    planner: &mut Planner<'d>,
    findings: &mut Findings<'_>,
) -> AnswersDraft {
    let mut answers = Vec::new();
    for (key, node) in operation.child("responses").iter().flat_map(Node::members) {
        // What is wrong with a key or a reference was said when the statuses were read.
        let (Some(status), Ok(node)) = (PromisedStatus::from_key(key), node.resolved()) else { continue };
        answers.push(AnswerDraft {
            status,
            headers: headers(&node, translator, findings),
            contents: contents(&node, translator, planner, findings),
        });
    }
    AnswersDraft(answers)
}

fn headers<'d>(
    answer: &Node<'d>,
    translator: &mut Translator<'d>,
    findings: &mut Findings<'_>,
) -> Vec<(HeaderName, Parameter)> {
    let mut declared = Vec::new();
    for (name, node) in answer.child("headers").iter().flat_map(Node::members) {
        let node = match node.resolved() {
            Ok(node) => node,
            Err(diagnostic) => {
                findings.refuse(*diagnostic);
                continue;
            }
        };
        match HeaderName::from_bytes(name.as_bytes()) {
            // OpenAPI 3.1.1 §4.8.17.1: it is ignored, the media types say it.
            Ok(header) if header == CONTENT_TYPE => {}
            Ok(header) => {
                let parameter = parameter::of_header(name, &node, translator, findings);
                declared.push((header, parameter));
            }
            Err(_) => findings.refuse(
                Diagnostic::error(
                    codes::contract::OPENAPI_STRUCTURE,
                    format!("`{name}` is no name of a header field"),
                )
                .at(node.place().key()),
            ),
        }
    }
    declared
}

fn contents<'d>(
    answer: &Node<'d>,
    translator: &mut Translator<'d>,
    planner: &mut Planner<'d>,
    findings: &mut Findings<'_>,
) -> Vec<(Range, ContentDraft)> {
    let mut contents = Vec::new();
    for (text, media_type) in answer.child("content").iter().flat_map(Node::members) {
        let Some(range) = Range::parse(text) else {
            findings.warn_once(codes::contract::MEDIA_TYPE_MALFORMED, text, || {
                Diagnostic::warning(
                    codes::contract::MEDIA_TYPE_MALFORMED,
                    format!("`{text}` is no media type: no answer comes under it"),
                )
                .at(media_type.place().key())
            });
            continue;
        };
        let content = content(&range, &media_type, translator, planner);
        contents.push((range, content));
    }
    contents.sort_by(|(a, _), (b, _)| a.by_specificity(b));
    contents
}

fn content<'d>(
    range: &Range,
    node: &Node<'d>,
    translator: &mut Translator<'d>,
    planner: &mut Planner<'d>,
) -> ContentDraft {
    let mut json = || {
        ContentDraft::Json(
            node.child("schema")
                .map(|schema| (AnswerSchema(translator.root(&schema)), planner.root(&schema))),
        )
    };
    match range {
        Range::Exact(essence) if STREAMS.contains(&essence.as_str()) => ContentDraft::Stream,
        Range::Exact(essence) if essence.starts_with("multipart/") => ContentDraft::Stream,
        Range::Exact(essence) if essence == "application/json" || essence.ends_with("+json") => json(),
        Range::Exact(_) => ContentDraft::Opaque,
        Range::Family(family) if family == "multipart/" => ContentDraft::Stream,
        Range::Family(family) if family != "application/" => ContentDraft::Opaque,
        Range::Family(_) | Range::All => json(),
    }
}

impl AnswersDraft {
    /// Fills the plans in.
    pub(crate) fn finish(self, plans: &Plans) -> Answers {
        let content = |draft| match draft {
            ContentDraft::Json(Some((schema, root))) => {
                Content::Json { schema: Some(schema), plan: plans.plan(root) }
            }
            ContentDraft::Json(None) => {
                Content::Json { schema: None, plan: super::filter::FilterPlan::open() }
            }
            ContentDraft::Stream => Content::Stream,
            ContentDraft::Opaque => Content::Opaque,
        };
        let promises = self.0.into_iter().map(|draft| Answer {
            status: draft.status,
            headers: draft.headers,
            contents: draft.contents.into_iter().map(|(range, draft)| (range, content(draft))).collect(),
        });
        Answers { promises: promises.collect() }
    }
}
