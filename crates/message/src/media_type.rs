//! What a body claims to be (RFC 9110 §8.3).
//!
//! In: the value of Content-Type. Out: type, suffix and parameters, or a refusal. Called by the gateway
//! and by whoever must choose a parser: all choose by the same reading. Sniffing is not done anywhere.

use std::borrow::Cow;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use portcullis_domain::Reason;

use crate::characters::{is_field_value, is_token};

/// A media type as it was written: comparisons ignore case, parameters are checked but not decoded.
#[derive(Clone, Debug)]
pub struct MediaType<'v> {
    essence: Cow<'v, str>,
    parameters: &'v str,
}

/// Which encoding of text a media type names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// None: the format's default, which is UTF-8 for JSON (RFC 8259 §8.1).
    Unstated,
    /// UTF-8.
    Utf8,
    /// Another. What we would read as UTF-8 the application might read as UTF-16 or UTF-7.
    Other,
}

impl<'v> MediaType<'v> {
    /// The media type of a message, if it states one.
    ///
    /// # Errors
    /// [`Reason::HeaderRepeated`] for several Content-Type fields, and as [`MediaType::parse`].
    pub fn of(headers: &'v HeaderMap) -> Result<Option<Self>, Reason> {
        let mut fields = headers.get_all(CONTENT_TYPE).iter();
        match (fields.next(), fields.next()) {
            (None, _) => Ok(None),
            (Some(field), None) => Self::parse(field).map(Some),
            (Some(_), Some(_)) => Err(Reason::HeaderRepeated),
        }
    }

    /// Reads `type/subtype;name=value`.
    ///
    /// # Errors
    /// [`Reason::MediaTypeUnsupported`] if it does not follow the grammar or names a parameter twice.
    pub fn parse(value: &'v HeaderValue) -> Result<Self, Reason> {
        value.to_str().ok().and_then(Self::read).ok_or(Reason::MediaTypeUnsupported)
    }

    /// The same for a value that stands elsewhere than in a header of the message: in a part of its body.
    ///
    /// # Errors
    /// As [`MediaType::parse`].
    pub fn from_text(text: &'v str) -> Result<Self, Reason> {
        Self::read(text).ok_or(Reason::MediaTypeUnsupported)
    }

    /// `type/subtype`, in lower case.
    #[must_use]
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The structured syntax suffix (RFC 6838 §4.2.8): `json` of `application/problem+json`.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        self.essence.rsplit_once('+').map(|(_, suffix)| suffix)
    }

    /// Whether the body is JSON, by type or by suffix.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.essence == "application/json" || self.suffix() == Some("json")
    }

    /// The encoding of text that it names.
    #[must_use]
    pub fn charset(&self) -> Charset {
        match self.parameter("charset") {
            None => Charset::Unstated,
            Some(name) if name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8") => {
                Charset::Utf8
            }
            Some(_) => Charset::Other,
        }
    }

    /// The value of a parameter, without its quotes.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Cow<'v, str>> {
        Parameters(self.parameters)
            .flatten()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| unquoted(value))
    }

    fn read(text: &'v str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let end = text.find(';').unwrap_or(text.len());
        let (essence, parameters) = text.split_at(end);
        let essence = essence.trim_end_matches([' ', '\t']);
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind.as_bytes()) || !is_token(subtype.as_bytes()) {
            return None;
        }
        for (index, parameter) in Parameters(parameters).enumerate() {
            let (name, _) = parameter?;
            let is_repeated = Parameters(parameters)
                .take(index)
                .flatten()
                .any(|(other, _)| other.eq_ignore_ascii_case(name));
            if is_repeated || index >= MOST_PARAMETERS {
                return None;
            }
        }
        let essence = if essence.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(essence.to_ascii_lowercase())
        } else {
            Cow::Borrowed(essence)
        };
        Some(Self { essence, parameters })
    }
}

/// No registered type has more than a handful; each is compared with all before it.
const MOST_PARAMETERS: usize = 16;

/// The parameters of a media type, each `None` if it does not follow the grammar (RFC 9110 §5.6.6).
/// Values keep their quotes.
struct Parameters<'v>(&'v str);

impl<'v> Iterator for Parameters<'v> {
    type Item = Option<(&'v str, &'v str)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.trim_start_matches([' ', '\t']);
            if rest.is_empty() {
                return None;
            }
            let Some(parameter) = rest.strip_prefix(';') else {
                self.0 = "";
                return Some(None);
            };
            let parameter = parameter.trim_start_matches([' ', '\t']);
            if parameter.is_empty() || parameter.starts_with(';') {
                self.0 = parameter;
                continue;
            }
            return Some(match split_parameter(parameter) {
                Some((name, value, rest)) => {
                    self.0 = rest;
                    Some((name, value))
                }
                None => {
                    self.0 = "";
                    None
                }
            });
        }
    }
}

fn split_parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let end = if rest.starts_with('"') {
        quoted_length(rest)?
    } else {
        rest.find([';', ' ', '\t']).unwrap_or(rest.len())
    };
    let (value, rest) = rest.split_at_checked(end)?;
    let is_valid = is_token(name.as_bytes()) && (value.starts_with('"') || is_token(value.as_bytes()));
    is_valid.then_some((name, value, rest))
}

/// The length of the quoted string at the start, quotes included (RFC 9110 §5.6.4).
fn quoted_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return is_field_value(text.as_bytes()).then_some(index + 1),
            _ => {}
        }
    }
    None
}

fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(String, Option<String>, Charset)> {
        let value = HeaderValue::from_str(text).unwrap();
        let media_type = MediaType::parse(&value).ok()?;
        let boundary = media_type.parameter("boundary").map(Cow::into_owned);
        Some((media_type.essence().to_owned(), boundary, media_type.charset()))
    }

    #[test]
    fn the_parts_are_read() {
        let json = |charset| Some(("application/json".to_owned(), None, charset));
        assert_eq!(parse("application/json"), json(Charset::Unstated));
        assert_eq!(parse(" Application/JSON ; Charset=UTF-8"), json(Charset::Utf8));
        assert_eq!(parse("application/json;charset=\"utf-8\""), json(Charset::Utf8));
        assert_eq!(parse("application/json;charset=utf-16le"), json(Charset::Other));
        assert_eq!(parse("application/json; ;"), json(Charset::Unstated));
        let (essence, boundary, _) = parse("multipart/form-data; boundary=\"a;b\\\"c\"; x=y").unwrap();
        assert_eq!((essence.as_str(), boundary.as_deref()), ("multipart/form-data", Some("a;b\"c")));
    }

    #[test]
    fn what_does_not_follow_the_grammar_is_refused() {
        for text in [
            "",
            "json",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "a b/c",
            "a/b c",
            "a/b;c",
            "a/b;c=",
            "a/b;=d",
            "a/b;c =d",
            "a/b;c= d",
            "a/b;c=\"d",
            "a/b;c=\"d\"e",
            "a/b,c/d",
            "a/b;c=d e",
            "a/b;charset=utf-8;CHARSET=utf-7",
            "a/b;c=d,e/f",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let many: String = (0..17).map(|index| format!(";p{index}=1")).collect();
        assert_eq!(parse(&format!("a/b{many}")), None);
    }

    #[test]
    fn json_is_known_by_type_and_by_suffix() {
        for (text, expected) in [
            ("application/json", true),
            ("application/merge-patch+JSON", true),
            ("application/json-patch+json;charset=utf-8", true),
            ("application/jsonp", false),
            ("text/json+xml", false),
        ] {
            let value = HeaderValue::from_str(text).unwrap();
            assert_eq!(MediaType::parse(&value).unwrap().is_json(), expected, "{text}");
        }
    }

    #[test]
    fn a_message_has_one_type() {
        let mut headers = HeaderMap::new();
        assert!(MediaType::of(&headers).unwrap().is_none());
        headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(MediaType::of(&headers).unwrap().unwrap().essence(), "text/plain");
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(MediaType::of(&headers).unwrap_err(), Reason::HeaderRepeated);
    }
}
