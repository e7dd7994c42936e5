//! Reading ids and names out of a request that was found valid.
//!
//! In: the parts of the request, as they were judged. Out: texts in one spelling each: percent-encoding is
//! undone, a JSON number is its digits, a UUID is in lower case. A text that has no such spelling is no id.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;
use portcullis_authz::rules::Said;
use portcullis_authz::spelling::canonical;
use portcullis_contract::{Operation, PathParameters};
use portcullis_message::MediaType;
use portcullis_message::json::{self, JsonBounds};
use serde_json::{Number, Value};
use smallvec::SmallVec;

use crate::forward::RequestBody;

use super::rules::{Place, Pointer, Segment};

/// Most ids that one request may name; each of them is looked up.
const MOST: usize = 1_000;

/// The parts of a request.
pub(crate) struct Reading<'r, 'p> {
    pub(crate) path: &'r PathParameters<'r, 'p>,
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: Content<'r>,
}

/// The body of a request, as far as something is looked for in it.
#[derive(Clone, Copy)]
pub(crate) enum Content<'r> {
    /// There is none, or nothing is looked for.
    Nothing,
    Json(&'r Value),
    /// It is neither JSON nor a form: what it names cannot be told.
    Unreadable,
}

/// A body that says that it is JSON and is, or a form that the document describes: read strictly also where the
/// contract's verdict is only recorded, or a member that stands there twice would be one thing to us and another
/// to the upstream.
pub(crate) fn value_of(operation: &Operation, headers: &HeaderMap, body: &RequestBody) -> Option<Value> {
    let RequestBody::Whole(bytes) = body else { return None };
    let content_type = headers.get(CONTENT_TYPE)?;
    match MediaType::parse(content_type).ok()?.is_json() {
        true => json::parse(bytes, &JsonBounds::default()).ok(),
        false => operation.body_value(Some(content_type), bytes),
    }
}

impl<'r> Content<'r> {
    /// What there is to look into, with what [`value_of`] made of `body`.
    pub(crate) fn of(body: &RequestBody, json: Option<&'r Value>) -> Self {
        match (body, json) {
            (RequestBody::Empty, _) => Self::Nothing,
            (RequestBody::Whole(_) | RequestBody::Stream(_), Some(json)) => Self::Json(json),
            // What was not read, or can be read in no way, is not as good as empty.
            (RequestBody::Whole(_) | RequestBody::Stream(_), None) => Self::Unreadable,
        }
    }
}

/// What stands at a place.
pub(crate) enum Named<'r> {
    Texts(SmallVec<[Cow<'r, str>; 2]>),
    /// Something that is no id, or more of them than can be looked up.
    Unreadable,
}

impl<'r> Reading<'r, '_> {
    /// All that stands at `place`.
    pub(crate) fn at(&self, place: &Place) -> Named<'r> {
        let mut texts = SmallVec::new();
        match place {
            Place::Path(name) => {
                let Some(text) = self.path.text(name) else { return Named::Texts(texts) };
                match percent_decode_str(text).decode_utf8() {
                    Ok(text) => texts.push(canonical(text)),
                    Err(_) => return Named::Unreadable,
                }
            }
            Place::Query(name) => {
                let pairs = url::form_urlencoded::parse(self.query.unwrap_or_default().as_bytes());
                let named = pairs.filter(|(key, _)| *key == **name).take(MOST + 1);
                texts.extend(named.map(|(_, value)| canonical(value)));
            }
            Place::Header(name) => {
                for value in self.headers.get_all(name).iter().take(MOST + 1) {
                    match value.to_str() {
                        Ok(text) => texts.push(canonical(Cow::Borrowed(text.trim()))),
                        Err(_) => return Named::Unreadable,
                    }
                }
            }
            Place::Body(pointer) => {
                let value = match self.body {
                    Content::Nothing => None,
                    Content::Json(body) => Some(body),
                    Content::Unreadable => return Named::Unreadable,
                };
                if value.is_some_and(|body| !ids_in(body, pointer, &mut texts)) {
                    return Named::Unreadable;
                }
            }
            // Its arguments are not among these parts: see [`given_to`].
            Place::Graphql(_) => return Named::Unreadable,
        }
        if texts.len() > MOST { Named::Unreadable } else { Named::Texts(texts) }
    }

    /// All that stands at `place`, for rules: beside texts also truths, and numbers that are no ids. `None` if
    /// something else does.
    pub(crate) fn said(&self, place: &Place) -> Option<Vec<Said>> {
        let (pointer, body) = match (place, self.body) {
            (Place::Body(pointer), Content::Json(body)) => (pointer, body),
            (Place::Path(_) | Place::Query(_) | Place::Header(_) | Place::Body(_) | Place::Graphql(_), _) => {
                return match self.at(place) {
                    Named::Texts(texts) => {
                        Some(texts.into_iter().map(|text| Said::Text(text.into_owned())).collect())
                    }
                    Named::Unreadable => None,
                };
            }
        };
        let mut said = Vec::new();
        let mut is_readable = true;
        each(body, &pointer.0, &mut |value| match value {
            Value::Null => {}
            Value::Array(_) | Value::Object(_) => is_readable = false,
            _ if said.len() == MOST => is_readable = false,
            Value::Bool(truth) => said.push(Said::Truth(*truth)),
            Value::Number(number) => said.push(Said::Text(decimal(number))),
            Value::String(text) => said.push(Said::Text(text.clone())),
        });
        is_readable.then_some(said)
    }

    /// The one text at `place`.
    pub(crate) fn one(&self, place: &Place) -> Option<Cow<'r, str>> {
        match self.at(place) {
            Named::Texts(texts) if texts.len() == 1 => texts.into_iter().next(),
            Named::Texts(_) | Named::Unreadable => None,
        }
    }
}

/// All that a GraphQL request gives to the argument at `pointer`; `arguments` is `None` if it cannot be told.
pub(crate) fn given_to<'r>(arguments: Option<&'r Value>, pointer: &Pointer) -> Named<'r> {
    let mut texts = SmallVec::new();
    match arguments {
        Some(given) if ids_in(given, pointer, &mut texts) => Named::Texts(texts),
        Some(_) | None => Named::Unreadable,
    }
}

/// Adds all ids that `pointer` leads to. Tells whether nothing else stands there.
fn ids_in<'r>(value: &'r Value, pointer: &Pointer, texts: &mut SmallVec<[Cow<'r, str>; 2]>) -> bool {
    let mut is_readable = true;
    each(value, &pointer.0, &mut |value| match (id_of(value), value) {
        (Some(id), _) if texts.len() <= MOST => texts.push(id),
        // Optional members that are not there.
        (None, Value::Null) => {}
        (_, _) => is_readable = false,
    });
    is_readable
}

/// Calls `visit` for each value that the segments lead to. A list where none is expected is every item of it:
/// whether something stands alone or in a list is for the contract to say.
pub(super) fn each<'v>(value: &'v Value, segments: &[Segment], visit: &mut impl FnMut(&'v Value)) {
    match (segments, value) {
        ([], Value::Array(items)) => items.iter().for_each(visit),
        ([], value) => visit(value),
        ([Segment::Every, rest @ ..], Value::Array(items)) => {
            items.iter().for_each(|item| each(item, rest, visit));
        }
        ([Segment::Every, rest @ ..], Value::Object(members)) => {
            members.values().for_each(|member| each(member, rest, visit));
        }
        ([Segment::Member(name), rest @ ..], Value::Object(members)) => {
            if let Some(member) = members.get(&**name) {
                each(member, rest, visit);
            }
        }
        ([Segment::Member(_), ..], Value::Array(items)) => {
            items.iter().for_each(|item| each(item, segments, visit));
        }
        ([Segment::Member(_) | Segment::Every, ..], _) => {}
    }
}

/// The one value at `pointer`.
pub(crate) fn at<'v>(value: &'v Value, pointer: &Pointer) -> Option<&'v Value> {
    pointer.0.iter().try_fold(value, |value, segment| match segment {
        Segment::Member(name) => value.get(&**name),
        Segment::Every => None,
    })
}

/// The same, to be changed.
pub(super) fn at_mut<'v>(value: &'v mut Value, pointer: &Pointer) -> Option<&'v mut Value> {
    pointer.0.iter().try_fold(value, |value, segment| match segment {
        Segment::Member(name) => value.get_mut(&**name),
        Segment::Every => None,
    })
}

/// The id that a JSON value is.
pub(super) fn id_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(canonical(Cow::Borrowed(text))),
        Value::Number(number) => digits(number).map(Cow::Owned),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `7`, `7.0` and `7e0` are one number to JSON Schema, and so to most upstreams.
fn digits(number: &Number) -> Option<String> {
    if number.is_i64() || number.is_u64() {
        return Some(number.to_string());
    }
    let float =
        number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0)?;
    // The sum makes zero of what JSON reads as `-0`.
    Some(format!("{:.0}", float + 0.0))
}

/// The same for numbers that are no ids: one spelling of each that a parser of JSON tells from others.
fn decimal(number: &Number) -> String {
    let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
    digits(number).or_else(|| Some(format!("{:.0}", whole?))).unwrap_or_else(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids(body: &Value, pointer: &str) -> Vec<String> {
        let path = PathParameters::default();
        let reading =
            Reading { path: &path, query: None, headers: &HeaderMap::new(), body: Content::Json(body) };
        match reading.at(&Place::Body(Pointer::parse(pointer).unwrap())) {
            Named::Texts(texts) => texts.into_iter().map(Cow::into_owned).collect(),
            Named::Unreadable => vec!["unreadable".into()],
        }
    }

    #[test]
    fn ids_are_found_in_lists_and_in_one_spelling() {
        let body = json!({
            "items": [{ "order": 7 }, { "order": "7" }, { "order": 7.0 }, { "order": 7e0 }, {}, { "order": null }],
            "ids": ["a", "b"],
            "uuid": "0190F5FE-7C00-7A00-8000-00000000000A",
            "odd": { "id": 1 },
            "half": 7.5,
        });
        assert_eq!(ids(&body, "/items/*/order"), ["7", "7", "7", "7"]);
        assert_eq!(ids(&body, "/ids"), ["a", "b"]);
        assert_eq!(ids(&body, "/ids/*"), ["a", "b"]);
        assert_eq!(ids(&body, "/uuid"), ["0190f5fe-7c00-7a00-8000-00000000000a"]);
        assert_eq!(ids(&body, "/odd"), ["unreadable"]);
        assert_eq!(ids(&body, "/half"), ["unreadable"]);
        assert!(ids(&body, "/nothing/here").is_empty());
    }

    #[test]
    fn rules_see_truths_and_every_number_and_nothing_that_has_parts() {
        let body =
            json!([{ "truth": true, "half": 7.5, "text": "7", "null": null, "parts": {} }, { "half": -0.0 }]);
        let path = PathParameters::default();
        let headers = HeaderMap::new();
        let reading = Reading { path: &path, query: None, headers: &headers, body: Content::Json(&body) };
        let said = |pointer: &str| reading.said(&Place::Body(Pointer::parse(pointer).unwrap()));
        let text = |text: &str| Said::Text(text.into());
        assert_eq!(said("/truth"), Some(vec![Said::Truth(true)]));
        assert_eq!(said("/*/half"), Some(vec![text("7.5"), text("0")]));
        assert_eq!(said("/text"), Some(vec![text("7")]));
        assert_eq!(said("/null"), Some(vec![]));
        assert_eq!(said("/parts"), None);
        let unreadable = Reading { body: Content::Unreadable, ..reading };
        assert_eq!(unreadable.said(&Place::Body(Pointer::parse("/text").unwrap())), None);
    }

    #[test]
    fn more_ids_than_can_be_looked_up_are_none() {
        assert_eq!(ids(&json!({ "ids": vec![1; MOST + 1] }), "/ids"), ["unreadable"]);
        assert_eq!(ids(&json!({ "ids": vec![1; MOST] }), "/ids").len(), MOST);
    }

    #[test]
    fn a_query_says_every_value_of_a_name() {
        let path = PathParameters::default();
        let headers = HeaderMap::new();
        let reading = Reading {
            path: &path,
            query: Some("o=a%2Fb&o=c&p=d"),
            headers: &headers,
            body: Content::Nothing,
        };
        let Named::Texts(texts) = reading.at(&Place::Query("o".into())) else { panic!("unreadable") };
        assert_eq!(texts.as_slice(), ["a/b", "c"]);
    }
}
