//! Writes one schema object: keyword by keyword, and then shut.
//!
//! Called by the translator for each schema that is more than a reference. What a keyword means is said
//! in [`super::keyword`]; what others say of the same value in [`super::survey`].

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use portcullis_config::{Diagnostic, codes};
use serde_json::{Map, Number, Value, json};

use super::bound;
use super::format::{self, Effect, Side};
use super::keyword::{Dialect, Form, Meaning, OF_ANSWERS, meaning, report_dialect};
use super::rule;
use super::survey::{Survey, is_foreign};
use super::translate::{Depth, Direction, Joined, Reading, Translator};
use super::types::{Type, Types};
use crate::options::{Objects, ReadOnly};
use crate::reading::{Findings, Node};

/// Writes one schema object.
pub(super) struct Writer<'t, 'd, 'n> {
    translator: &'t mut Translator<'d>,
    node: &'n Node<'d>,
    members: &'d Map<String, Value>,
    reading: &'n Reading,
    depth: Depth,
    /// How schemas about the same value are read.
    same: Reading,
    /// What all of them say together, if this schema joins them.
    survey: Option<Survey>,
    /// The bounds that a format such as `int32` brings.
    range: Option<(Number, Number)>,
    written: Map<String, Value>,
}

impl<'t, 'd, 'n> Writer<'t, 'd, 'n> {
    pub(super) fn new(
        translator: &'t mut Translator<'d>,
        node: &'n Node<'d>,
        members: &'d Map<String, Value>,
        reading: &'n Reading,
        depth: Depth,
    ) -> Self {
        let is_joint = ["$ref", "allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas"]
            .iter()
            .any(|name| members.contains_key(*name));
        let is_whole = matches!(reading, Reading::Whole | Reading::Exact);
        let survey =
            (is_joint && is_whole).then(|| Survey::of(node, translator.dialect(), translator.direction));
        let same = match (&survey, reading) {
            (Some(survey), _) => Reading::Part(Rc::new(Joined {
                foreign: survey.foreign.clone(),
                shared: survey.shared.clone(),
                names_members: members.contains_key("properties"),
            })),
            (None, reading) => reading.clone(),
        };
        Self { translator, node, members, reading, depth, same, survey, range: None, written: Map::new() }
    }

    pub(super) fn write(mut self, findings: &mut Findings<'_>) -> Value {
        let node = self.node.clone();
        if let Some(dialect) = node.child("$schema") {
            report_dialect(&dialect, findings);
        }
        for (name, child) in node.members() {
            match meaning(self.translator.dialect(), name) {
                Meaning::Assertion(form) => self.assertion(name, &child, form, findings),
                Meaning::Annotation => {}
                Meaning::Foreign => foreign(name, &child, findings),
                Meaning::NotEnforced(why) => not_enforced(name, &child, why, findings),
                Meaning::Unknown => {
                    not_enforced(name, &child, "nobody knows it; is it misspelled?", findings)
                }
            }
        }
        self.narrow();
        self.admit_null();
        self.close(findings);
        // What the API itself sends does it no harm by its size.
        let is_judged = self.translator.direction == Direction::Request;
        if is_judged && matches!(self.reading, Reading::Whole | Reading::Exact | Reading::Part(_)) {
            let types = self.declared_types();
            bound::report(&node, &self.written, types, self.translator.rules.unbounded, findings);
        }
        Value::Object(self.written)
    }

    fn assertion(&mut self, name: &str, child: &Node<'d>, form: Form, findings: &mut Findings<'_>) {
        let value = child.value();
        let expected = match form {
            Form::Type => return self.types(child, findings),
            Form::Exclusive => return self.exclusive(name, child, findings),
            Form::Reference => return self.reference(child, findings),
            Form::Text if name == "pattern" => return self.pattern(child, findings),
            Form::Text => return self.format(child, findings),
            Form::Texts if name == "required" => return self.required(child, findings),
            Form::Rule => return self.rule(name, child, findings),
            Form::Same | Form::AllSame | Form::SameByName => return self.same(name, child, form, findings),
            Form::Aside => {
                let schema = self.translator.part(child, &Reading::AsWritten, Depth::Same, findings);
                self.written.insert(name.to_owned(), schema);
                return;
            }
            // The one place where 3.0 has a schema that is `true` or `false`.
            Form::Within if name == "additionalProperties" && value.is_boolean() => "",
            Form::Within => {
                let schema = self.within(child, findings);
                self.written.insert(name.to_owned(), schema);
                return;
            }
            Form::AllWithin if value.as_array().is_some_and(|schemas| !schemas.is_empty()) => {
                let items: Vec<_> = child.items().collect();
                let schemas: Vec<Value> = items.iter().map(|item| self.within(item, findings)).collect();
                self.written.insert(name.to_owned(), Value::Array(schemas));
                return;
            }
            Form::WithinByName if value.is_object() => return self.members(name, child, findings),
            Form::AllWithin => "an array of at least one schema",
            Form::WithinByName => "an object of schemas",
            Form::Any => "",
            Form::Values if value.as_array().is_some_and(|values| !values.is_empty()) => "",
            Form::Values => "an array of at least one value",
            Form::Texts if is_texts(value) => "",
            Form::Texts => "an array of strings",
            Form::TextsByName if value.as_object().is_some_and(|lists| lists.values().all(is_texts)) => {
                let lists: BTreeMap<&str, BTreeSet<&str>> =
                    child.members().map(|(name, list)| (name, texts(list.value()))).collect();
                self.written.insert(name.to_owned(), json!(lists));
                return;
            }
            Form::TextsByName => "an object of arrays of strings",
            Form::Number if value.is_number() => "",
            Form::Number => "a number",
            Form::Positive if value.as_f64().is_some_and(|number| number > 0.0) => "",
            Form::Positive => "a number above zero",
            Form::Count if count(value).is_some() => {
                self.written.insert(name.to_owned(), json!(count(value)));
                return;
            }
            Form::Count => "a whole number, zero or more",
            Form::Flag if value.is_boolean() => "",
            Form::Flag => "`true` or `false`",
        };
        if expected.is_empty() {
            self.written.insert(name.to_owned(), value.clone());
        } else {
            malformed(child, &format!("`{name}` is {expected}"), findings);
        }
    }

    fn types(&mut self, child: &Node<'d>, findings: &mut Findings<'_>) {
        let names: Vec<&Value> = match child.value() {
            Value::Array(names) if self.translator.dialect() == Dialect::V31 => names.iter().collect(),
            one => vec![one],
        };
        let known = |name: &&Value| {
            let kind = name.as_str().and_then(Type::from_name);
            kind.is_some_and(|kind| self.translator.dialect() == Dialect::V31 || kind != Type::Null)
        };
        if names.is_empty() || !names.iter().all(known) {
            let mut diagnostic =
                Diagnostic::error(codes::contract::SCHEMA_MALFORMED, "this is no type of a schema")
                    .at(child.place())
                    .help("types are `boolean`, `integer`, `number`, `string`, `array` and `object`");
            if self.translator.dialect() == Dialect::V30 {
                diagnostic = diagnostic.help(
                    "in OpenAPI 3.0 write `nullable: true` for null; lists of types came with OpenAPI 3.1",
                );
            }
            findings.refuse(diagnostic);
            return;
        }
        let mut kinds: Vec<Value> = names.into_iter().cloned().collect();
        kinds.sort_unstable_by(|a, b| a.as_str().cmp(&b.as_str()));
        kinds.dedup();
        let kinds = if let [kind] = kinds.as_slice() { kind.clone() } else { Value::Array(kinds) };
        self.written.insert("type".to_owned(), kinds);
    }

    fn declared_types(&self) -> Types {
        let names = match self.written.get("type") {
            Some(Value::Array(names)) => names.as_slice(),
            Some(name) => std::slice::from_ref(name),
            None => &[],
        };
        names.iter().filter_map(|name| Type::from_name(name.as_str()?)).collect()
    }

    /// `exclusiveMinimum` is a number from 3.1 on, and in 3.0 a flag on `minimum`.
    fn exclusive(&mut self, name: &str, child: &Node<'d>, findings: &mut Findings<'_>) {
        let inclusive = if name == "exclusiveMaximum" { "maximum" } else { "minimum" };
        match (self.translator.dialect(), child.value()) {
            (Dialect::V31, Value::Number(_)) => {
                self.written.insert(name.to_owned(), child.value().clone());
            }
            (Dialect::V30, Value::Bool(true)) => {
                if let Some(limit) = self.members.get(inclusive).filter(|limit| limit.is_number()) {
                    self.written.insert(name.to_owned(), limit.clone());
                }
            }
            (Dialect::V30, Value::Bool(false)) => {}
            (Dialect::V30, _) => malformed(
                child,
                &format!("`{name}` is `true` or `false` in OpenAPI 3.0, beside `{inclusive}`"),
                findings,
            ),
            (Dialect::V31, _) => {
                malformed(child, &format!("`{name}` is a number from OpenAPI 3.1 on"), findings);
            }
        }
    }

    fn reference(&mut self, child: &Node<'d>, findings: &mut Findings<'_>) {
        match self.node.reference() {
            Some(Ok(target)) => {
                let written = self.translator.refer(&target, &self.same, self.depth);
                if let Some(reference) = written.get("$ref") {
                    self.written.insert("$ref".to_owned(), reference.clone());
                }
            }
            Some(Err(diagnostic)) => findings.refuse(*diagnostic),
            None => malformed(child, "`$ref` is a string", findings),
        }
    }

    fn pattern(&mut self, child: &Node<'d>, findings: &mut Findings<'_>) {
        let Some(pattern) = child.value().as_str() else {
            return malformed(child, "`pattern` is a string", findings);
        };
        if self.translator.engine.takes_pattern(pattern) {
            self.written.insert("pattern".to_owned(), child.value().clone());
        } else {
            pattern_not_enforced(child, pattern, findings);
        }
    }

    fn format(&mut self, child: &Node<'d>, findings: &mut Findings<'_>) {
        let Some(name) = child.value().as_str() else {
            return malformed(child, "`format` is a string", findings);
        };
        match self.translator.engine.format(name) {
            Effect::Checked => {
                self.written.insert("format".to_owned(), child.value().clone());
            }
            Effect::Range(low, high) => {
                self.range = Some((low, high));
            }
            Effect::Hint => {}
            Effect::Unknown => findings.warn_once(codes::contract::FORMAT_NOT_ENFORCED, name, || {
                Diagnostic::warning(
                    codes::contract::FORMAT_NOT_ENFORCED,
                    format!("format `{name}` is not known and not enforced"),
                )
                .at(child.place())
                .help("say what is meant with `pattern`, `enum` or bounds")
            }),
        }
    }

    /// A rule of our own; the validator knows it by the same name.
    fn rule(&mut self, name: &str, child: &Node<'d>, findings: &mut Findings<'_>) {
        if let Some(written) = rule::translated(name, child, self.node, self.translator.dialect(), findings) {
            self.written.insert(name.to_owned(), written);
        }
    }

    /// What is required of one side: a member that only the other one sends is not.
    fn required(&mut self, child: &Node<'d>, findings: &mut Findings<'_>) {
        // OpenAPI 3.0 documents of older tools put a flag here, as in draft 3; it means nothing.
        let Some(names) = child.value().as_array().filter(|_| is_texts(child.value())) else {
            return malformed(child, "`required` is an array of property names", findings);
        };
        let properties = self.node.child("properties");
        let direction = self.translator.direction;
        let is_foreign = |name: &str| match (self.reading, &self.survey) {
            (Reading::AsWritten, _) => false,
            (Reading::Part(joined), _) if joined.foreign.contains(name) => true,
            (_, Some(survey)) => survey.foreign.contains(name),
            (_, None) => properties
                .as_ref()
                .and_then(|all| all.child(name))
                .is_some_and(|one| is_foreign(&one, direction)),
        };
        let needed: BTreeSet<&str> =
            names.iter().filter_map(Value::as_str).filter(|name| !is_foreign(name)).collect();
        if !needed.is_empty() {
            self.written.insert("required".to_owned(), json!(needed));
        }
    }

    fn same(&mut self, name: &str, child: &Node<'d>, form: Form, findings: &mut Findings<'_>) {
        let same = self.same.clone();
        let schema = match form {
            Form::AllSame if child.value().as_array().is_some_and(|parts| !parts.is_empty()) => {
                let parts: Vec<_> = child.items().collect();
                let schemas = parts.iter().map(|part| {
                    let schema = self.translator.part(part, &same, self.depth, findings);
                    if name == "allOf" { schema } else { self.open_map(part, schema) }
                });
                Value::Array(schemas.collect())
            }
            Form::SameByName if child.value().is_object() => {
                let parts: Vec<_> = child.members().collect();
                let schemas = parts.iter().map(|(name, part)| {
                    ((*name).to_owned(), self.translator.part(part, &same, self.depth, findings))
                });
                Value::Object(schemas.collect())
            }
            Form::Same => self.translator.part(child, &same, self.depth, findings),
            _ => return malformed(child, &format!("`{name}` holds one schema or more"), findings),
        };
        self.written.insert(name.to_owned(), schema);
    }

    /// An alternative that only says `type: object` is a map: what it holds is described by it.
    fn open_map(&self, part: &Node<'d>, schema: Value) -> Value {
        let names_members = match &self.same {
            Reading::Part(joined) => joined.names_members,
            Reading::Whole | Reading::Exact | Reading::AsWritten => true,
        };
        let is_map = |members: &Map<String, Value>| {
            let mut assertions = members.iter().filter(|(name, _)| {
                matches!(meaning(self.translator.dialect(), name), Meaning::Assertion(_))
            });
            let only = assertions.next();
            only.is_some_and(|(name, kind)| name == "type" && kind == "object") && assertions.next().is_none()
        };
        let is_map = part.resolved().is_ok_and(|part| part.object().is_some_and(is_map));
        if is_map && !names_members {
            json!({ "type": "object", "additionalProperties": true })
        } else {
            schema
        }
    }

    fn within(&mut self, child: &Node<'d>, findings: &mut Findings<'_>) -> Value {
        let reading = match self.reading {
            Reading::AsWritten => Reading::AsWritten,
            Reading::Whole | Reading::Exact | Reading::Part(_) => Reading::Whole,
        };
        self.translator.part(child, &reading, Depth::Within, findings)
    }

    fn members(&mut self, name: &str, child: &Node<'d>, findings: &mut Findings<'_>) {
        let is_named = name == "properties";
        let mut schemas = Map::new();
        for (member, schema) in child.members() {
            if !is_named && !self.translator.engine.takes_pattern(member) {
                pattern_not_enforced(&schema, member, findings);
                continue;
            }
            let written = if is_named {
                self.member(member, &schema, findings)
            } else {
                self.within(&schema, findings)
            };
            schemas.insert(member.to_owned(), written);
        }
        self.written.insert(name.to_owned(), Value::Object(schemas));
    }

    fn member(&mut self, name: &str, schema: &Node<'d>, findings: &mut Findings<'_>) -> Value {
        if *self.reading == Reading::AsWritten {
            return self.within(schema, findings);
        }
        let direction = self.translator.direction;
        let is_refused =
            direction == Direction::Answer || self.translator.rules.read_only == ReadOnly::Refused;
        if is_refused && is_foreign(schema, direction) {
            return json!({ "$ref": format!("#/$defs/{}", direction.foreign()) });
        }
        let joined = match (self.reading, &self.same) {
            (Reading::Part(joined), _) | (_, Reading::Part(joined)) => joined,
            _ => return self.within(schema, findings),
        };
        if !joined.shared.contains(name) {
            return self.within(schema, findings);
        }
        findings.warn_once(codes::contract::OBJECT_DESCRIBED_TWICE, "", || {
            Diagnostic::warning(
                codes::contract::OBJECT_DESCRIBED_TWICE,
                format!("the members of `{name}` are described in two places that hold together"),
            )
            .at(schema.place())
            .label("members that neither names are let through")
            .help("describe the object in one schema, so that it can be closed")
        });
        self.translator.part(schema, &Reading::Part(Rc::default()), Depth::Within, findings)
    }

    /// Applies the bounds of the format; the schema's own hold where they are tighter.
    fn narrow(&mut self) {
        let Some((low, high)) = self.range.take() else { return };
        for (name, bound, side) in [("minimum", low, Side::Lower), ("maximum", high, Side::Upper)] {
            let tighter = format::tighter(self.written.get(name), &bound, side);
            self.written.insert(name.to_owned(), tighter);
        }
    }

    /// OpenAPI 3.0: `nullable` widens the `type` beside it, and nothing else (3.0.4 §4.7.24).
    fn admit_null(&mut self) {
        if self.translator.dialect() == Dialect::V30
            && self.node.says("nullable")
            && let Some(kind) = self.written.get_mut("type")
        {
            *kind = json!([kind.take(), "null"]);
        }
    }

    /// Shuts the object against members that nobody named.
    fn close(&mut self, findings: &mut Findings<'_>) {
        let is_whole = matches!(self.reading, Reading::Whole | Reading::Exact);
        let is_told = ["additionalProperties", "unevaluatedProperties"]
            .iter()
            .any(|name| self.written.contains_key(*name));
        if !is_whole || is_told || self.translator.rules.objects == Objects::AsDeclared {
            return;
        }
        let (keyword, survey) = match self.survey.take() {
            Some(survey) => ("unevaluatedProperties", survey),
            None => (
                "additionalProperties",
                Survey::of(self.node, self.translator.dialect(), self.translator.direction),
            ),
        };
        if !survey.describes_members {
            return;
        }
        self.written.insert(keyword.to_owned(), Value::Bool(false));
        if survey.has_patterns {
            return;
        }
        // A member that is required and nowhere described would be demanded and refused at once.
        for name in survey.required.difference(&survey.declared) {
            findings.warn_once(codes::contract::PROPERTY_UNDESCRIBED, name.as_str(), || {
                Diagnostic::warning(
                    codes::contract::PROPERTY_UNDESCRIBED,
                    format!("property `{name}` is required and not described: any value passes"),
                )
                .at(self.node.place())
            });
            let properties = self.written.entry("properties").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(properties) = properties {
                properties.insert(name.clone(), Value::Bool(true));
            }
        }
    }
}

/// Reports an extension that begins as ours do, and that nobody reads in a schema.
fn foreign(name: &str, child: &Node<'_>, findings: &mut Findings<'_>) {
    let known = rule::OF_SCHEMA.iter().chain(&OF_ANSWERS);
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    findings.refuse(
        Diagnostic::error(
            codes::contract::EXTENSION_UNKNOWN,
            format!("extension `{name}` is not known in a schema"),
        )
        .at(child.place().key())
        .help(format!("known here are {}", known.join(", "))),
    );
}

fn not_enforced(name: &str, child: &Node<'_>, why: &str, findings: &mut Findings<'_>) {
    findings.warn_once(codes::contract::KEYWORD_NOT_ENFORCED, name, || {
        Diagnostic::warning(
            codes::contract::KEYWORD_NOT_ENFORCED,
            format!("keyword `{name}` is not enforced: {why}"),
        )
        .at(child.place())
    });
}

fn pattern_not_enforced(child: &Node<'_>, pattern: &str, findings: &mut Findings<'_>) {
    findings.warn_once(codes::contract::PATTERN_NOT_ENFORCED, pattern, || {
        Diagnostic::warning(codes::contract::PATTERN_NOT_ENFORCED, "this pattern is not enforced")
            .at(child.place())
            .label("it needs look-around or back-references, or is too large")
            .help("such patterns cannot be matched in linear time; write it without them (ASVS 1.3.12)")
    });
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string))
}

/// Each string of an array once: the validator takes no repetition.
fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A whole number, also when it is written `1.0`.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and small"
        )]
        (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
    })
}

pub(super) fn malformed(node: &Node<'_>, what: &str, findings: &mut Findings<'_>) {
    findings.refuse(Diagnostic::error(codes::contract::SCHEMA_MALFORMED, what).at(node.place()));
}
