//! What is known of one operation: its parameters, bodies, answers and credentials.
//!
//! In: a request with its answer, whose values end here. Out: an [`OperationShape`], which grows by merging.
//! Bodies that are not JSON are known by their media type alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::members::{Members, Merge};
use super::shape::{Shape, merge_options};
use super::text::TextShape;
use super::tree::{DEPTH, Leaf};

/// Most media types of a body, and most statuses of an operation.
const MEDIA_TYPES: usize = 8;
const STATUSES: usize = 32;
/// How much of what their members are called two answers share if they are of one operation.
const LIKENESS: usize = 2;

/// A request and its answer, as they went by.
#[derive(Clone, Debug)]
pub struct Lesson<'a> {
    /// The method.
    pub method: &'a str,
    /// The path within the API.
    pub path: &'a str,
    /// The query.
    pub query: Option<&'a str>,
    /// The credential that came along.
    pub credential: Option<Credential>,
    /// The request's body.
    pub request: Option<Content<'a>>,
    /// The status of the answer.
    pub status: u16,
    /// The answer's body.
    pub answer: Option<Content<'a>>,
}

/// A body.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The value of `Content-Type`.
    pub media_type: &'a str,
    /// All of it; `None` if not all of it was overheard.
    pub body: Option<&'a [u8]>,
}

/// A credential, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic`.
    Basic,
    /// A key in this header.
    Key(Box<str>),
}

/// What is known of an operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OperationShape {
    /// How often it was looked at.
    pub(super) samples: u64,
    /// Every segment of the path, gap or word.
    pub(super) segments: Vec<TextShape>,
    pub(super) query: Option<Members<Parameter>>,
    /// Whether a request came without a body.
    pub(super) without_body: bool,
    pub(super) bodies: BTreeMap<Box<str>, Shape>,
    pub(super) answers: BTreeMap<u16, BTreeMap<Box<str>, Shape>>,
    /// The credentials of calls that went well; `None` for one without.
    pub(super) credentials: BTreeSet<Option<Credential>>,
}

/// A query parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameter {
    pub(super) text: TextShape,
    /// Whether it came several times in one request.
    pub(super) is_repeated: bool,
}

impl Merge for Parameter {
    fn merge(&mut self, other: Self) {
        self.text.merge(other.text);
        self.is_repeated |= other.is_repeated;
    }
}

impl OperationShape {
    /// What one request and its answer tell.
    #[must_use]
    pub fn of(lesson: &Lesson<'_>) -> Self {
        let segments = lesson.path.strip_prefix('/').unwrap_or(lesson.path).split('/').take(DEPTH + 1);
        let content = |content: &Content<'_>| Some((media_type(content.media_type)?, shape_of(content)));
        let answers: BTreeMap<_, _> = lesson.answer.iter().filter_map(content).collect();
        let went_well = lesson.status < 400;
        Self {
            samples: 1,
            segments: segments.map(|segment| TextShape::of(&decoded(segment), "")).collect(),
            query: Some(parameters(lesson.query.unwrap_or_default())),
            without_body: lesson.request.is_none(),
            bodies: lesson.request.iter().filter_map(content).collect(),
            answers: BTreeMap::from([(lesson.status, answers)]),
            credentials: went_well.then(|| lesson.credential.clone()).into_iter().collect(),
        }
    }

    /// What the members of its good answers are called.
    fn paths(&self) -> BTreeSet<String> {
        let good = self.answers.iter().filter(|(status, _)| **status < 300);
        good.flat_map(|(_, shapes)| shapes.values()).flat_map(Shape::paths).collect()
    }

    fn good_media_types(&self) -> BTreeSet<&str> {
        let good = self.answers.iter().filter(|(status, _)| **status < 300);
        good.flat_map(|(_, shapes)| shapes.keys()).map(|name| &**name).collect()
    }
}

impl Leaf for OperationShape {
    fn merge(&mut self, other: Self) {
        self.samples = self.samples.saturating_add(other.samples);
        let mut others = other.segments.into_iter();
        for (segment, other) in self.segments.iter_mut().zip(others.by_ref()) {
            segment.merge(other);
        }
        self.segments.extend(others);
        merge_options(&mut self.query, other.query);
        self.without_body |= other.without_body;
        merge_shapes(&mut self.bodies, other.bodies);
        for (status, shapes) in other.answers {
            if self.answers.len() < STATUSES || self.answers.contains_key(&status) {
                merge_shapes(self.answers.entry(status).or_default(), shapes);
            }
        }
        self.credentials.extend(other.credentials);
    }

    /// With the same kinds of answers, whose members are called much alike.
    fn is_like(&self, other: &Self) -> bool {
        let (one, another) = (self.paths(), other.paths());
        let common = one.intersection(&another).count();
        let all = one.union(&another).count();
        self.good_media_types() == other.good_media_types() && common * LIKENESS >= all
    }
}

fn merge_shapes(one: &mut BTreeMap<Box<str>, Shape>, other: BTreeMap<Box<str>, Shape>) {
    for (name, shape) in other {
        if one.len() < MEDIA_TYPES || one.contains_key(&name) {
            one.entry(name).or_default().merge(shape);
        }
    }
}

fn parameters(query: &str) -> Members<Parameter> {
    let mut values: BTreeMap<Box<str>, Vec<String>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        values.entry(decoded(name).into()).or_default().push(decoded(&value.replace('+', " ")));
    }
    let parameter = |(name, values): (Box<str>, Vec<String>)| {
        let mut shapes = values.iter().map(|value| TextShape::of(value, &name));
        let mut text = shapes.next()?;
        shapes.for_each(|shape| text.merge(shape));
        Some((name, Parameter { text, is_repeated: values.len() > 1 }))
    };
    values.into_iter().filter_map(parameter).collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `type/subtype`, if it is one that may be written into a document.
fn media_type(value: &str) -> Option<Box<str>> {
    let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = name.split_once('/')?;
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte))
    };
    (name.len() <= 64 && is_token(kind) && is_token(subtype)).then(|| name.as_str().into())
}

pub(super) fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// The shape of a body; of one that was not overheard whole, none.
fn shape_of(content: &Content<'_>) -> Shape {
    let is_json = media_type(content.media_type).is_some_and(|name| is_json(&name));
    let value = content.body.filter(|_| is_json).and_then(|body| serde_json::from_slice(body).ok());
    value.map_or_else(Shape::default, |value| Shape::of(&value))
}
