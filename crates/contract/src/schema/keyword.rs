//! What each schema keyword means, in OpenAPI 3.0 and from 3.1 on.

use portcullis_config::{Diagnostic, codes};

use super::rule;
use crate::extension::EXTENSION;
use crate::reading::{Findings, Node};

/// The form in which a document writes schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAPI 3.0: an own selection of JSON Schema draft 5 with `nullable`; `$ref` stands alone.
    V30,
    /// OpenAPI 3.1 and 3.2: JSON Schema 2020-12.
    V31,
}

/// Our extensions of a schema that say what of an answer is seen: [`crate::response::filter`].
pub(super) const OF_ANSWERS: [&str; 2] = ["x-portcullis-visible-to", "x-portcullis-mask"];

/// Dialects of JSON Schema that are read as 2020-12; what follows is a date or a version.
const DIALECTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://spec.openapis.org/oas/3.1/dialect/",
    "https://spec.openapis.org/oas/3.2/dialect/",
    "https://spec.openapis.org/oas/3.1/schema-base/",
];

/// Reports a dialect, named by `$schema` or `jsonSchemaDialect`, that is not known.
pub(crate) fn report_dialect(node: &Node<'_>, findings: &mut Findings<'_>) {
    let name = node.value().as_str().unwrap_or_default();
    if DIALECTS.iter().any(|known| name.starts_with(known)) {
        return;
    }
    findings.warn_once(codes::contract::DIALECT_UNKNOWN, name, || {
        Diagnostic::warning(
            codes::contract::DIALECT_UNKNOWN,
            format!("schemas in the dialect `{name}` are read as JSON Schema 2020-12"),
        )
        .at(node.place())
    });
}

/// What a keyword does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It asserts something; its value has this form.
    Assertion(Form),
    /// It describes, and refuses nothing.
    Annotation,
    /// It would assert something, but not in this dialect, or in no way that we can enforce.
    NotEnforced(&'static str),
    /// Nobody knows it: likely a slip of the pen.
    Unknown,
    /// It begins as our extensions do, and is none of a schema.
    Foreign,
}

/// The form of a keyword's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `type`.
    Type,
    /// `$ref`.
    Reference,
    /// Any value.
    Any,
    /// An array of any values.
    Values,
    /// A string.
    Text,
    /// An array of strings.
    Texts,
    /// An object whose members are arrays of strings.
    TextsByName,
    /// A number.
    Number,
    /// A number above zero.
    Positive,
    /// A whole number, zero or more.
    Count,
    /// `true` or `false`.
    Flag,
    /// A number (from 3.1 on) or a flag (3.0).
    Exclusive,
    /// A schema about the same value.
    Same,
    /// Schemas about the same value.
    AllSame,
    /// By name, schemas about the same value.
    SameByName,
    /// A schema that turns the answer round, or only looks.
    Aside,
    /// A schema about values within this one.
    Within,
    /// Schemas about the first items within this one.
    AllWithin,
    /// By name or pattern, schemas about values within this one.
    WithinByName,
    /// An extension of ours: see [`super::rule`].
    Rule,
}

/// Whether `name` asserts something in `dialect`, and does not only describe.
pub(crate) fn asserts(dialect: Dialect, name: &str) -> bool {
    matches!(meaning(dialect, name), Meaning::Assertion(_))
}

/// The meaning of `name` in `dialect`.
pub(super) fn meaning(dialect: Dialect, name: &str) -> Meaning {
    use Meaning::{Annotation, Assertion, Foreign, NotEnforced, Unknown};
    let later = |form| match dialect {
        Dialect::V30 => NotEnforced("it has no meaning in OpenAPI 3.0; from 3.1 on it is enforced"),
        Dialect::V31 => Assertion(form),
    };
    match name {
        "$ref" => Assertion(Form::Reference),
        "type" => Assertion(Form::Type),
        "enum" => Assertion(Form::Values),
        "pattern" | "format" => Assertion(Form::Text),
        "required" => Assertion(Form::Texts),
        "multipleOf" => Assertion(Form::Positive),
        "maximum" | "minimum" => Assertion(Form::Number),
        "exclusiveMaximum" | "exclusiveMinimum" => Assertion(Form::Exclusive),
        "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties" => {
            Assertion(Form::Count)
        }
        "uniqueItems" => Assertion(Form::Flag),
        "allOf" | "anyOf" | "oneOf" => Assertion(Form::AllSame),
        "not" => Assertion(Form::Aside),
        "properties" => Assertion(Form::WithinByName),
        "items" | "additionalProperties" => Assertion(Form::Within),
        "const" => later(Form::Any),
        "if" | "contains" => later(Form::Aside),
        "then" | "else" => later(Form::Same),
        "dependentSchemas" => later(Form::SameByName),
        "dependentRequired" => later(Form::TextsByName),
        "patternProperties" => later(Form::WithinByName),
        "prefixItems" => later(Form::AllWithin),
        "propertyNames" | "unevaluatedItems" | "unevaluatedProperties" => later(Form::Within),
        "maxContains" | "minContains" => later(Form::Count),
        "nullable" => match dialect {
            Dialect::V30 => Annotation,
            Dialect::V31 => {
                NotEnforced("it has no meaning from OpenAPI 3.1 on; say `type: [string, \"null\"]`")
            }
        },
        "title" | "description" | "default" | "example" | "examples" | "deprecated" | "readOnly"
        | "writeOnly" | "xml" | "externalDocs" | "discriminator" | "$comment" | "$schema" | "$id"
        | "$anchor" | "$defs" | "definitions" | "$vocabulary" | "$dynamicAnchor" => Annotation,
        "contentEncoding" | "contentMediaType" | "contentSchema" => {
            NotEnforced("what a string encodes is not looked into")
        }
        "$dynamicRef" | "$recursiveRef" | "$recursiveAnchor" => {
            NotEnforced("dynamic references are not followed")
        }
        "additionalItems" | "dependencies" | "id" => NotEnforced("it belongs to an older JSON Schema"),
        _ if rule::OF_SCHEMA.contains(&name) => Assertion(Form::Rule),
        _ if OF_ANSWERS.contains(&name) => Annotation,
        _ if name.starts_with(EXTENSION) => Foreign,
        _ if name.starts_with("x-") => Annotation,
        _ => Unknown,
    }
}
