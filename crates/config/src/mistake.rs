//! From an error of JSON Schema to a diagnostic that an operator can act on.
//!
//! In: the errors of the `jsonschema` crate, which name schema keywords. Out: diagnostics that name
//! settings. Called by [`crate::decode`]. A value whose schema says `writeOnly` may be a secret: it is
//! neither quoted nor shown.

use std::sync::Arc;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::{Map, Value};

use crate::codes::{Code, file as codes};
use crate::diagnostic::{Diagnostic, quote};
use crate::diagnostics::Diagnostics;
use crate::document::Document;
use crate::place::{Place, escape};
use crate::{secret, words};

/// Turns schema errors about one value of a document into diagnostics.
pub(crate) struct Mistakes<'m> {
    document: &'m Arc<Document>,
    /// Where the checked value stands.
    pointer: &'m str,
    /// The root of the schema it was checked against.
    schema: &'m Value,
    diagnostics: &'m mut Diagnostics,
    /// Keys that are missing, held back: a misspelled one may explain them.
    missing: Vec<Missing>,
    /// Keys that are there under a misspelled name.
    misspelled: Vec<MemberName>,
}

/// A key of the object at a pointer.
type MemberName = (String, String);

struct Missing {
    member: MemberName,
    diagnostic: Diagnostic,
}

/// What can stand at a place where something else was found.
pub(crate) struct Expected {
    /// As a message calls it.
    pub(crate) noun: String,
    /// Whether any text would do, any list, or a truth value.
    pub(crate) text: bool,
    pub(crate) list: bool,
    pub(crate) truth: bool,
}

impl<'m> Mistakes<'m> {
    pub(crate) fn new(
        document: &'m Arc<Document>,
        pointer: &'m str,
        schema: &'m Value,
        diagnostics: &'m mut Diagnostics,
    ) -> Self {
        Self { document, pointer, schema, diagnostics, missing: Vec::new(), misspelled: Vec::new() }
    }

    /// Pushes what was held back.
    pub(crate) fn finish(self) {
        for missing in self.missing {
            if !self.misspelled.contains(&missing.member) {
                self.diagnostics.push(missing.diagnostic);
            }
        }
    }

    /// Pushes a diagnostic for each mistake in `error`.
    pub(crate) fn explain(&mut self, error: &ValidationError<'_>) {
        let rule = self.rule(error);
        let value: &Value = error.instance();
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                self.unknown_keys(error, rule, unexpected);
            }
            Kind::Required { property } => {
                self.missing_key(error, rule, property.as_str().unwrap_or_default())
            }
            Kind::Type { kind } => self.wrong_type(error, rule, kind),
            Kind::Enum { options } => {
                let words = options.as_array().map(Vec::as_slice).unwrap_or_default();
                self.unknown_word(
                    self.place(error),
                    value,
                    &words.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
                );
            }
            Kind::Constant { expected_value } => {
                self.unknown_word(self.place(error), value, expected_value.as_str().as_slice());
            }
            Kind::Pattern { pattern } => self.wrong_pattern(error, rule, pattern),
            Kind::Format { format } => {
                let message = format!("{} is not {}", self.subject(rule, value), words::format_noun(format));
                self.push(error, rule, codes::FORM_WRONG, message, words::examples(rule));
            }
            Kind::PropertyNames { error: inner } => self.wrong_key(error, inner),
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.no_form_fits(error, rule, context)
            }
            _ => match out_of_bounds(error.kind(), &self.subject(rule, value)) {
                Some(message) => self.push(error, rule, codes::OUT_OF_BOUNDS, message, None),
                None => {
                    // Keywords that no schema of ours uses today: said as the validator says it, without the value.
                    let message = format!("not accepted: {}", error.masked_with("this value"));
                    self.push(error, rule, codes::VALUE_REFUSED, message, words::examples(rule));
                }
            },
        }
    }

    fn unknown_keys(&mut self, error: &ValidationError<'_>, rule: &'m Value, unexpected: &[String]) {
        let properties = rule.get("properties").and_then(Value::as_object);
        let known: Vec<&str> =
            properties.into_iter().flat_map(|keys| keys.keys().map(String::as_str)).collect();
        for key in unexpected {
            self.unknown_key(error, key, &known, properties);
        }
    }

    pub(crate) fn unknown_key(
        &mut self,
        error: &ValidationError<'_>,
        key: &str,
        known: &[&str],
        properties: Option<&'m Map<String, Value>>,
    ) {
        let object = self.pointer_of(error);
        let place = self.document.at_key(format!("{object}/{}", escape(key)));
        let diagnostic =
            Diagnostic::error(codes::KEY_UNKNOWN, format!("unknown key {}", quote(key))).at(place);
        let members = error.instance().as_object();
        let has = |name: &str| members.is_some_and(|members| members.contains_key(name));
        let meant = words::nearest(key, known);
        let help = match meant {
            Some(meant) if has(meant) => Some(format!("{} is set already: remove this one", quote(meant))),
            Some(meant) => Some(format!("did you mean {}?", quote(meant))),
            None if known.is_empty() => Some("nothing can be set here".to_owned()),
            None => {
                let free: Vec<&str> = known.iter().copied().filter(|name| !has(name)).collect();
                words::choices("keys that can stand here", &free)
            }
        };
        let is_secret =
            meant.and_then(|meant| properties?.get(meant)).is_some_and(|schema| self.is_secret(schema));
        if let Some(meant) = meant {
            self.misspelled.push((object, meant.to_owned()));
        }
        let diagnostic = diagnostic.help_if(help);
        self.diagnostics.push(if is_secret { diagnostic.conceal() } else { diagnostic });
    }

    fn missing_key(&mut self, error: &ValidationError<'_>, rule: &'m Value, key: &str) {
        let schema = rule.get("properties").and_then(|properties| properties.get(key));
        let purpose =
            schema.and_then(|schema| words::purpose(schema).or_else(|| words::purpose(self.resolve(schema))));
        let help = match purpose {
            Some(purpose) => format!("add `{key}:` ({})", lower_first(&purpose)),
            None => format!("add `{key}:`"),
        };
        let diagnostic = Diagnostic::error(codes::KEY_MISSING, format!("key {} is missing", quote(key)))
            .at(self.place(error))
            .label(format!("needs {}", quote(key)))
            .help(help);
        self.missing.push(Missing { member: (self.pointer_of(error), key.to_owned()), diagnostic });
    }

    fn wrong_type(&mut self, error: &ValidationError<'_>, rule: &'m Value, kind: &TypeKind) {
        let names: Vec<String> = match kind {
            TypeKind::Single(name) => vec![name.to_string()],
            TypeKind::Multiple(names) => names.into_iter().map(|name| name.to_string()).collect(),
        };
        let takes = |name: &str| names.iter().any(|known| known == name);
        let nouns: Vec<String> = names
            .iter()
            .filter(|name| *name != "null" || names.len() == 1)
            .map(|name| words::type_noun(name).to_owned())
            .collect();
        let expected = Expected {
            noun: words::titled(rule).unwrap_or_else(|| words::join(&nouns, "or")),
            text: takes("string") && words::is_free_text(rule),
            list: takes("array"),
            truth: takes("boolean"),
        };
        self.not_as_expected(error, rule, &expected);
    }

    /// Says what was expected and what was found, with the likeliest remedy.
    pub(crate) fn not_as_expected(
        &mut self,
        error: &ValidationError<'_>,
        rule: &'m Value,
        expected: &Expected,
    ) {
        let value: &Value = error.instance();
        if self.is_secret(rule) && !value.is_null() {
            self.diagnostics.push(secret::literal(self.place(error)));
            return;
        }
        let help = match value {
            Value::Number(_) | Value::Bool(_) if expected.text => {
                Some("put it in quotes if it is meant as text".to_owned())
            }
            Value::String(text) if expected.truth && matches!(text.as_str(), "yes" | "no" | "on" | "off") => {
                Some("YAML 1.2 has `true` and `false` only".to_owned())
            }
            Value::String(text) if !expected.list && text.parse::<f64>().is_ok() => {
                Some("remove the quotes".to_owned())
            }
            Value::Null => words::examples(rule),
            _ if expected.list => Some("write a list: `[…]`, or one `- …` on each line".to_owned()),
            _ => words::examples(rule),
        };
        let message = match value {
            Value::Null => format!("value is missing: expected {}", expected.noun),
            _ => format!("expected {}, found {}", expected.noun, words::found(value)),
        };
        self.push(error, rule, codes::TYPE_WRONG, message, help);
    }

    /// A word that is none of `known`, at `place`.
    pub(crate) fn unknown_word(&mut self, place: Place, value: &Value, known: &[&str]) {
        /// More words than this make a message unreadable.
        const MOST: usize = 6;
        let all: Vec<String> = known.iter().map(|word| quote(word)).collect();
        let word = words::bare(value);
        let message = match all.len() {
            0..=MOST => format!("{word} is not {}", words::join(&all, "or")),
            _ => format!("{word} is not one of the words that can stand here"),
        };
        let meant = value.as_str().and_then(|word| words::nearest(word, known));
        let help = match meant {
            Some(meant) => Some(format!("did you mean {}?", quote(meant))),
            None if all.len() > MOST => words::choices("one of", known),
            None => None,
        };
        self.diagnostics.push(Diagnostic::error(codes::WORD_UNKNOWN, message).at(place).help_if(help));
    }

    fn wrong_pattern(&mut self, error: &ValidationError<'_>, rule: &'m Value, pattern: &str) {
        if self.is_secret(rule) {
            self.diagnostics.push(secret::literal(self.place(error)));
            return;
        }
        let found = words::bare(error.instance());
        let message = match words::titled(rule) {
            Some(title) => format!("{found} is not {title}"),
            None => format!("{found} does not have the right form"),
        };
        let help =
            words::examples(rule).unwrap_or_else(|| format!("it must match the pattern {}", quote(pattern)));
        self.push(error, rule, codes::FORM_WRONG, message, Some(help));
    }

    fn wrong_key(&mut self, error: &ValidationError<'_>, inner: &ValidationError<'_>) {
        let key = inner.instance().as_str().unwrap_or_default();
        let object = self.pointer_of(error);
        let rule = self.rule(inner);
        let message = match words::titled(rule) {
            Some(title) => format!("key {} is not {title}", quote(key)),
            None => format!("key {} does not have the right form", quote(key)),
        };
        let help = words::examples(rule).or_else(|| match inner.kind() {
            Kind::Pattern { pattern } => Some(format!("it must match the pattern {}", quote(pattern))),
            _ => None,
        });
        let place = self.document.at_key(format!("{object}/{}", escape(key)));
        let diagnostic = Diagnostic::error(codes::FORM_WRONG, message).at(place);
        self.diagnostics.push(diagnostic.help_if(help));
    }

    pub(crate) fn push(
        &mut self,
        error: &ValidationError<'_>,
        rule: &'m Value,
        code: Code,
        message: String,
        help: Option<String>,
    ) {
        let diagnostic = Diagnostic::error(code, message).at(self.place(error)).help_if(help);
        self.diagnostics.push(if self.is_secret(rule) { diagnostic.conceal() } else { diagnostic });
    }

    pub(crate) fn place(&self, error: &ValidationError<'_>) -> Place {
        self.document.at(self.pointer_of(error))
    }

    fn pointer_of(&self, error: &ValidationError<'_>) -> String {
        format!("{}{}", self.pointer, error.instance_path().as_str())
    }

    /// What a message calls the value, which is not quoted if it may be a secret.
    fn subject(&self, rule: &'m Value, value: &Value) -> String {
        if self.is_secret(rule) { "this value".to_owned() } else { words::bare(value) }
    }

    /// The schema that holds the keyword which failed.
    pub(crate) fn rule(&self, error: &ValidationError<'_>) -> &'m Value {
        let keyword = error.schema_path().as_str();
        let holder = keyword.rsplit_once('/').map_or("", |(holder, _)| holder);
        self.schema.pointer(holder).unwrap_or(&Value::Null)
    }

    /// What a `$ref` within the schema refers to, or the schema itself.
    pub(crate) fn resolve(&self, schema: &'m Value) -> &'m Value {
        schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.schema.pointer(reference.strip_prefix('#')?))
            .unwrap_or(schema)
    }

    /// Whether values of this schema may be secrets, in any of its forms.
    pub(crate) fn is_secret(&self, schema: &'m Value) -> bool {
        let schema = self.resolve(schema);
        let forms =
            ["anyOf", "oneOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
        schema.get("writeOnly") == Some(&Value::Bool(true))
            || forms.into_iter().any(|form| self.is_secret(form))
    }
}

/// What is too small or too large, if that is the mistake.
fn out_of_bounds(kind: &Kind, number: &str) -> Option<String> {
    Some(match kind {
        Kind::Minimum { limit } => format!("{number} is less than {limit}"),
        Kind::Maximum { limit } => format!("{number} is more than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("{number} is not more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("{number} is not less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("{number} is not a multiple of {multiple_of}"),
        Kind::MinLength { limit: 1 } => "text is empty".to_owned(),
        Kind::MinLength { limit } => format!("text is shorter than {limit} characters"),
        Kind::MaxLength { limit } => format!("text is longer than {limit} characters"),
        Kind::MinItems { limit: 1 } => "list is empty".to_owned(),
        Kind::MinItems { limit } => format!("list has fewer than {limit} entries"),
        Kind::MaxItems { limit } => format!("list has more than {limit} entries"),
        Kind::UniqueItems => "list has the same entry twice".to_owned(),
        Kind::MinProperties { limit: 1 } => "object is empty".to_owned(),
        Kind::MinProperties { limit } => format!("object has fewer than {limit} keys"),
        Kind::MaxProperties { limit } => format!("object has more than {limit} keys"),
        _ => return None,
    })
}

fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match (characters.next(), characters.clone().next()) {
        // `URL of …` keeps its capitals.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => sentence.to_owned(),
    }
}
