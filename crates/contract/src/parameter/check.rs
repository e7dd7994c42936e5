//! Checks what a request carries outside its body.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use portcullis_message::json::{self, JsonBounds};
use smallvec::SmallVec;

use super::cookie;
use super::decode::{Coding, decode};
use super::query::Pairs;
use super::style::{Explode, Style};
use super::value::{Parts, Repeated, Text, build};
use super::{Empty, Parameter, ParameterForm, Parameters, Presence};
use crate::options::Undeclared;
use crate::paths::PathParameters;
use crate::schema::{Schemas, Shape, Spot, Types, Violations};

/// Where the parameters of one request are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'r, 'c, 'p> {
    /// The texts in the gaps of the path.
    pub(crate) path: &'r PathParameters<'c, 'p>,
    /// The query, without `?`.
    pub(crate) query: Option<&'r str>,
    /// The headers.
    pub(crate) headers: &'r HeaderMap,
}

impl Parameters {
    /// Adds all that is wrong with the parameters to `violations`.
    pub(crate) fn check(&self, schemas: &Schemas, sources: Sources<'_, '_, '_>, violations: &mut Violations) {
        for parameter in &self.path {
            let spot = Spot { location: "path", name: &parameter.name };
            let text = sources.path.text(&parameter.name);
            parameter.check(schemas, text.as_slice(), Coding::Percent, spot, violations);
        }
        self.check_query(schemas, sources.query, violations);
        for (name, parameter) in &self.headers {
            parameter.check_fields(schemas, name, sources.headers, violations);
        }
        for parameter in &self.cookies {
            let spot = Spot { location: "cookie", name: &parameter.name };
            match cookie::values(sources.headers, &parameter.name) {
                Some(texts) => parameter.check(schemas, &texts, Coding::Plain, spot, violations),
                None => violations.add(spot, "encoding", "text in UTF-8"),
            }
        }
    }

    fn check_query(&self, schemas: &Schemas, query: Option<&str>, violations: &mut Violations) {
        let is_unread = self.query.is_empty() && self.pages.is_empty();
        if self.undeclared == Undeclared::Passed && is_unread {
            return;
        }
        if self.query.is_empty() && query.is_none_or(str::is_empty) {
            return;
        }
        let Some(mut pairs) = Pairs::read(query.unwrap_or_default()) else {
            return violations.add(Spot { location: "query", name: "" }, "encoding", "names in UTF-8");
        };
        for parameter in &self.query {
            parameter.check_query(schemas, &mut pairs, violations);
        }
        for limit in &self.pages {
            limit.check(&pairs, violations);
        }
        for name in &self.credentials {
            pairs.claim(name);
        }
        if self.undeclared == Undeclared::Refused {
            for name in pairs.unclaimed() {
                violations.add(
                    Spot { location: "query", name },
                    "undeclared",
                    "a parameter that is declared",
                );
            }
        }
    }
}

impl Parameter {
    /// Whether its members stand in the query under their own names (`form` with `explode`).
    pub(super) fn is_spread(&self) -> bool {
        match &self.form {
            ParameterForm::Styled { style: Style::Form, explode: Explode::Yes, shape } => shape.is_object(),
            ParameterForm::Styled { .. } | ParameterForm::Json | ParameterForm::Unchecked => false,
        }
    }

    /// Checks a parameter that stands in the header field `name`, of a request or of an answer.
    pub(crate) fn check_fields(
        &self,
        schemas: &Schemas,
        name: &HeaderName,
        headers: &HeaderMap,
        violations: &mut Violations,
    ) {
        let spot = Spot { location: "header", name: &self.name };
        let fields = headers.get_all(name).iter();
        let texts: Option<SmallVec<[&str; 2]>> =
            fields.map(|field| std::str::from_utf8(field.as_bytes()).ok()).collect();
        match texts {
            Some(texts) => self.check(schemas, &texts, Coding::Plain, spot, violations),
            None => violations.add(spot, "encoding", "text in UTF-8"),
        }
    }

    fn check_query(&self, schemas: &Schemas, pairs: &mut Pairs<'_>, violations: &mut Violations) {
        let spot = Spot { location: "query", name: &self.name };
        if let ParameterForm::Styled { style, explode, shape } = &self.form {
            let members = if self.is_spread() {
                Some(pairs.claim_members(|name| shape.takes(name).then_some(name)))
            } else if *style == Style::DeepObject {
                Some(pairs.claim_members(|name| {
                    name.strip_prefix(&*self.name)?.strip_prefix('[')?.strip_suffix(']')
                }))
            } else {
                None
            };
            if let Some(members) = members {
                return self.check_members(schemas, members, shape, spot, violations);
            }
            if shape.is_array() && *explode == Explode::Yes {
                return self.check_list(schemas, &pairs.claim(&self.name), shape, spot, violations);
            }
        }
        let texts = pairs.claim(&self.name);
        if self.empty == Empty::Passed && texts.len() == 1 && texts.first() == Some(&"") {
            return;
        }
        self.check(schemas, &texts, Coding::Form, spot, violations);
    }

    /// Checks a parameter that stands in one place, and once.
    fn check(
        &self,
        schemas: &Schemas,
        texts: &[&str],
        coding: Coding,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) {
        let text = match texts {
            [] => return self.check_presence(spot, violations),
            [text] => *text,
            // Which of them counts, the application and we may answer differently (VAL-12).
            _ => return violations.add(spot, "repeated", "the parameter once"),
        };
        match &self.form {
            ParameterForm::Styled { style, explode, shape } => {
                match style.split(text, *explode, shape, coding) {
                    Some(parts) => self.check_parts(schemas, &parts, shape, spot, violations),
                    None => violations.add(spot, "encoding", "the declared style, in UTF-8"),
                }
            }
            ParameterForm::Json => self.check_json(schemas, text, coding, spot, violations),
            ParameterForm::Unchecked => {}
        }
    }

    fn check_list(
        &self,
        schemas: &Schemas,
        texts: &[&str],
        shape: &Shape,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) {
        if texts.is_empty() {
            return self.check_presence(spot, violations);
        }
        let items: Option<Vec<Cow<'_, str>>> = texts.iter().map(|text| decode(text, Coding::Form)).collect();
        match items {
            Some(items) => self.check_parts(schemas, &Parts::List(items), shape, spot, violations),
            None => violations.add(spot, "encoding", "text in UTF-8"),
        }
    }

    fn check_members(
        &self,
        schemas: &Schemas,
        members: Vec<(String, &str)>,
        shape: &Shape,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) {
        if members.is_empty() {
            return self.check_presence(spot, violations);
        }
        let pairs: Option<Vec<_>> = members
            .into_iter()
            .map(|(name, text)| Some((Cow::Owned(name), decode(text, Coding::Form)?)))
            .collect();
        match pairs {
            Some(pairs) => self.check_parts(schemas, &Parts::Pairs(pairs), shape, spot, violations),
            None => violations.add(spot, "encoding", "text in UTF-8"),
        }
    }

    fn check_presence(&self, spot: Spot<'_>, violations: &mut Violations) {
        if self.presence == Presence::Required {
            violations.add(spot, "required", "a value");
        }
    }

    fn check_json(
        &self,
        schemas: &Schemas,
        text: &str,
        coding: Coding,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) {
        let value =
            decode(text, coding).and_then(|text| json::parse(text.as_bytes(), &JsonBounds::default()).ok());
        match (value, self.root) {
            (Some(value), Some(root)) => schemas.check(root, value, spot, violations),
            (Some(_), None) => {}
            (None, _) => violations.add(spot, "content", "a JSON document"),
        }
    }

    fn check_parts(
        &self,
        schemas: &Schemas,
        parts: &Parts<'_>,
        shape: &Shape,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) {
        let Some(root) = self.root else { return };
        let typed = match build(parts, shape, Text::Typed) {
            Ok(value) => value,
            Err(Repeated(name)) => {
                let name = format!("{}/{name}", spot.name);
                return violations.add(Spot { name: &name, ..spot }, "repeated", "the member once");
            }
        };
        if !shape.is_ambiguous() {
            return schemas.check(root, typed, spot, violations);
        }
        let literal = || build(parts, shape, Text::Literal).ok();
        if shape.types == Types::ANY {
            // Nothing says what the text is. `minimum` only judges numbers and `maxLength` only strings:
            // the text must pass as either, or one of them would be a way around the other.
            schemas.check(root, typed, spot, violations);
            if let Some(literal) = literal() {
                schemas.check(root, literal, spot, violations);
            }
        } else {
            schemas.check_either(root, typed, literal, spot, violations);
        }
    }
}

impl Shape {
    /// Whether a member of this name has a place in the object.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.others.is_some() || self.members.iter().any(|(known, _)| known == name)
    }
}
