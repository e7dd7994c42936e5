//! From a validator's errors to what a client is told: where, which keyword, which bound, and never the
//! value (VAL-26).

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use portcullis_domain::{Denial, Reason, Violation};
use serde_json::Value;

use super::rule;
use super::translate::{READ_ONLY, WRITE_ONLY};

/// How many violations one refusal lists.
const LISTED: usize = 20;
/// How much of a name or pointer that a client chose is shown, in characters.
const SHOWN: usize = 128;
/// How many of an enumeration's values are named.
const OPTIONS: usize = 10;

/// Where a value came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot<'a> {
    /// `body`, `path`, `query`, `header`, `cookie`.
    pub(crate) location: &'static str,
    /// The parameter's name; empty for a body.
    pub(crate) name: &'a str,
}

/// What is wrong with a request so far, up to the number that is shown.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= LISTED
    }

    /// Adds one.
    pub(crate) fn add(&mut self, spot: Spot<'_>, keyword: &'static str, expected: impl Into<String>) {
        self.push(spot.location, shown(spot.name), keyword, expected.into());
    }

    /// The refusal, if anything is wrong.
    pub(crate) fn into_result(self) -> Result<(), Denial> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Denial::new(Reason::RequestInvalid).with_violations(self.0))
    }

    /// What is wrong, as a list.
    pub(crate) fn into_list(self) -> Vec<Violation> {
        self.0
    }

    pub(super) fn add_errors<'i>(
        &mut self,
        spot: Spot<'_>,
        errors: impl Iterator<Item = ValidationError<'i>>,
    ) {
        let errors: Vec<_> = errors.collect();
        for error in &errors {
            if self.is_full() {
                return;
            }
            if !is_consequence(error, &errors) {
                self.add_error(spot, error);
            }
        }
    }

    fn add_error(&mut self, spot: Spot<'_>, error: &ValidationError<'_>) {
        let pointer = within(error.instance_path().as_str());
        let keyword = error.kind();
        let unexpected = match keyword {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected,
            _ => {
                let at = shown(&format!("{}{pointer}", spot.name));
                let (keyword, expected) = told(error);
                return self.push(spot.location, at, keyword, expected);
            }
        };
        for name in unexpected {
            let at = shown(&format!("{}{pointer}/{}", spot.name, crate::reading::escape(name)));
            self.push(spot.location, at, "additionalProperties", "a property that is declared".to_owned());
        }
    }

    fn push(&mut self, location: &'static str, at: String, keyword: &'static str, expected: String) {
        if !self.is_full() {
            self.0.push(Violation { location, at, keyword: keyword.into(), expected });
        }
    }
}

/// Whether an error says no more than others already do: where a part of a joint schema fails, none of
/// the members that it names count as named; and while a member is broken, nothing is known of how it
/// stands to another.
fn is_consequence(error: &ValidationError<'_>, all: &[ValidationError<'_>]) -> bool {
    let is_unevaluated = |error: &ValidationError<'_>| {
        matches!(error.kind(), ValidationErrorKind::UnevaluatedProperties { .. })
    };
    let path = error.instance_path().as_str();
    let is_below = |other: &ValidationError<'_>| {
        other.instance_path().as_str().strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    };
    match error.kind() {
        ValidationErrorKind::UnevaluatedProperties { .. } => {
            all.iter().any(|other| !is_unevaluated(other) && other.instance_path().as_str().starts_with(path))
        }
        ValidationErrorKind::Custom { keyword, .. } if keyword == rule::RULES => all.iter().any(is_below),
        _ => false,
    }
}

/// The pointer without its first token, which is the number of the schema.
fn within(pointer: &str) -> &str {
    pointer.get(1..).and_then(|rest| rest.find('/').and_then(|at| rest.get(at..))).unwrap_or("")
}

fn shown(text: &str) -> String {
    let mut kept: String = text.chars().take(SHOWN).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

/// The keyword and what it expects.
fn told(error: &ValidationError<'_>) -> (&'static str, String) {
    use ValidationErrorKind as Kind;
    match error.kind() {
        Kind::Type { kind } => (
            "type",
            match kind {
                TypeKind::Single(kind) => kind.as_str().to_owned(),
                TypeKind::Multiple(kinds) => {
                    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" or ")
                }
            },
        ),
        Kind::Required { property } => ("required", format!("property `{}`", text_of(property))),
        Kind::MaxLength { limit } => ("maxLength", format!("at most {limit} characters")),
        Kind::MinLength { limit } => ("minLength", format!("at least {limit} characters")),
        Kind::MaxItems { limit } => ("maxItems", format!("at most {limit} items")),
        Kind::MinItems { limit } => ("minItems", format!("at least {limit} items")),
        Kind::MaxProperties { limit } => ("maxProperties", format!("at most {limit} properties")),
        Kind::MinProperties { limit } => ("minProperties", format!("at least {limit} properties")),
        Kind::Maximum { limit } => ("maximum", format!("at most {limit}")),
        Kind::Minimum { limit } => ("minimum", format!("at least {limit}")),
        Kind::ExclusiveMaximum { limit } => ("exclusiveMaximum", format!("less than {limit}")),
        Kind::ExclusiveMinimum { limit } => ("exclusiveMinimum", format!("more than {limit}")),
        Kind::MultipleOf { multiple_of } => ("multipleOf", format!("a multiple of {multiple_of}")),
        Kind::Pattern { pattern } => ("pattern", format!("a match of `{}`", shown(pattern))),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            ("pattern", "a value that can be matched".to_owned())
        }
        Kind::Format { format } => ("format", format!("format `{format}`")),
        Kind::Enum { options } => ("enum", listed(options)),
        Kind::Constant { expected_value } => ("const", format!("`{}`", text_of(expected_value))),
        Kind::UniqueItems => ("uniqueItems", "items that differ".to_owned()),
        Kind::AdditionalItems { limit } => ("items", format!("at most {limit} items")),
        Kind::UnevaluatedItems { .. } => ("unevaluatedItems", "items that are declared".to_owned()),
        Kind::Contains => ("contains", "the declared number of matching items".to_owned()),
        Kind::PropertyNames { .. } => ("propertyNames", "declared property names".to_owned()),
        Kind::AnyOf { .. } => ("anyOf", "one of the declared alternatives".to_owned()),
        Kind::OneOfNotValid { .. } => ("oneOf", "one of the declared alternatives".to_owned()),
        Kind::OneOfMultipleValid { .. } => ("oneOf", "only one of the declared alternatives".to_owned()),
        Kind::Not { .. } => ("not", "a value outside the excluded ones".to_owned()),
        Kind::FalseSchema if stands_under(error, READ_ONLY) => {
            (READ_ONLY, "no value: only the server sets it".to_owned())
        }
        Kind::FalseSchema if stands_under(error, WRITE_ONLY) => {
            (WRITE_ONLY, "no value: only clients send it".to_owned())
        }
        Kind::FalseSchema => ("schema", "no value".to_owned()),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            ("additionalProperties", "properties that are declared".to_owned())
        }
        Kind::ContentEncoding { .. } | Kind::ContentMediaType { .. } | Kind::FromUtf8 { .. } => {
            ("contentEncoding", "the declared encoding".to_owned())
        }
        // A rule of ours: it never says the value either.
        Kind::Custom { keyword, message } => {
            let name = rule::OF_SCHEMA.into_iter().find(|name| name == keyword);
            (name.unwrap_or("schema"), message.clone())
        }
        Kind::Referencing(_) => ("schema", "what the contract declares".to_owned()),
    }
}

fn stands_under(error: &ValidationError<'_>, name: &str) -> bool {
    let path = error.schema_path().as_str();
    path.strip_prefix("/$defs/").is_some_and(|rest| rest.split('/').next() == Some(name))
}

fn listed(options: &Value) -> String {
    let options = options.as_array().map_or(&[][..], Vec::as_slice);
    let mut names: Vec<String> =
        options.iter().take(OPTIONS).map(|option| format!("`{}`", text_of(option))).collect();
    if options.len() > OPTIONS {
        names.push(format!("{} more", options.len() - OPTIONS));
    }
    format!("one of {}", names.join(", "))
}

/// A value of the contract, not of the client.
fn text_of(value: &Value) -> String {
    shown(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
