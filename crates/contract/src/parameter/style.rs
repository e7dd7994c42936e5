//! How lists and objects are written in one piece of text (`style` and `explode`).

use std::borrow::Cow;

use super::decode::{Coding, decode};
use super::value::Parts;
use crate::schema::Shape;

/// A style of OpenAPI 3.1.1 §4.8.12.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `a,b` in paths and headers.
    Simple,
    /// `.a.b` in paths.
    Label,
    /// `;x=a` in paths. No such path is let in: see [`crate::paths`].
    Matrix,
    /// `x=a&x=b` in queries and cookies.
    Form,
    /// `x=a%20b`.
    SpaceDelimited,
    /// `x=a|b`.
    PipeDelimited,
    /// `x[key]=a`.
    DeepObject,
}

/// Whether each part has a name or separator of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explode {
    Yes,
    No,
}

impl Style {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "simple" => Self::Simple,
            "label" => Self::Label,
            "matrix" => Self::Matrix,
            "form" => Self::Form,
            "spaceDelimited" => Self::SpaceDelimited,
            "pipeDelimited" => Self::PipeDelimited,
            "deepObject" => Self::DeepObject,
            _ => return None,
        })
    }

    /// Splits one piece of text into the parts of a value; `None` if it does not have the form.
    ///
    /// Splitting comes before decoding: an encoded comma is part of a value (RFC 6570 §3.2.1).
    pub(crate) fn split<'t>(
        self,
        text: &'t str,
        explode: Explode,
        shape: &Shape,
        coding: Coding,
    ) -> Option<Parts<'t>> {
        let text = if self == Self::Label { text.strip_prefix('.')? } else { text };
        if shape.is_array() {
            let parts =
                self.separate(text, explode).into_iter().map(|part| decode(trim(part, coding), coding));
            return Some(Parts::List(parts.collect::<Option<_>>()?));
        }
        if shape.is_object() {
            let parts = self.separate(text, explode);
            return Some(Parts::Pairs(match explode {
                Explode::Yes => named(&parts, coding)?,
                Explode::No => alternating(&parts, coding)?,
            }));
        }
        Some(Parts::One(decode(text, coding)?))
    }

    fn separate(self, text: &str, explode: Explode) -> Vec<&str> {
        if text.is_empty() {
            return Vec::new();
        }
        match (self, explode) {
            (Self::Label, Explode::Yes) => text.split('.').collect(),
            (Self::SpaceDelimited, _) => split_any(text, &["%20", "+"]),
            (Self::PipeDelimited, _) => split_any(text, &["%7C", "%7c", "|"]),
            (Self::Simple | Self::Label | Self::Matrix | Self::Form | Self::DeepObject, _) => {
                text.split(',').collect()
            }
        }
    }
}

/// Optional whitespace around the items of a header's list (RFC 9110 §5.6.1).
fn trim(part: &str, coding: Coding) -> &str {
    if coding == Coding::Plain { part.trim_matches([' ', '\t']) } else { part }
}

fn split_any<'t>(text: &'t str, separators: &[&str]) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut left = text;
    loop {
        let next =
            separators.iter().filter_map(|separator| Some((left.find(separator)?, separator.len()))).min();
        let Some((at, length)) = next else { break };
        let (part, after) = left.split_at(at);
        parts.push(part);
        left = after.get(length..).unwrap_or("");
    }
    parts.push(left);
    parts
}

type Pair<'t> = (Cow<'t, str>, Cow<'t, str>);

fn named<'t>(parts: &[&'t str], coding: Coding) -> Option<Vec<Pair<'t>>> {
    let pair = |part: &&'t str| {
        let (name, value) = part.split_once('=')?;
        Some((decode(trim(name, coding), coding)?, decode(value, coding)?))
    };
    parts.iter().map(pair).collect()
}

fn alternating<'t>(parts: &[&'t str], coding: Coding) -> Option<Vec<Pair<'t>>> {
    let pair = |pair: &[&'t str]| match pair {
        [name, value] => Some((decode(trim(name, coding), coding)?, decode(trim(value, coding), coding)?)),
        _ => None,
    };
    parts.chunks(2).map(pair).collect()
}
