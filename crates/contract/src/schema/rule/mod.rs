//! Rules on values that JSON Schema has no words for, as extensions of the document's schemas.
//!
//! In: `x-portcullis-url`, `x-portcullis-text` and `x-portcullis-rules` of a schema, when a contract is
//! compiled. Out: keywords of the validator, so that a violation has its place and its listing like any
//! other. Called by the translation of schemas and by the validator that comes of it. Decision 0020.
//! Not done here: looking anything up. Where a name leads is for whoever connects to find out.

mod decimal;
mod members;
mod text;
mod url;

use std::borrow::Cow;

use jsonschema::{Keyword, ValidationError, ValidationOptions};
use serde_json::Value;

use super::keyword::Dialect;
use super::shape::Shape;
use super::types::{Type, Types};
use crate::extension::malformed;
use crate::reading::{Findings, Node};

/// Where the text of a schema may lead to (VAL-17).
pub(super) const URL: &str = "x-portcullis-url";
/// Which characters the text of a schema may have (VAL-24).
pub(super) const TEXT: &str = "x-portcullis-text";
/// What the members of an object must be to each other (VAL-25).
pub(super) const RULES: &str = "x-portcullis-rules";

/// All of them.
pub(crate) const OF_SCHEMA: [&str; 3] = [URL, TEXT, RULES];

/// What a value can break.
trait Rule: Send + Sync + Sized + 'static {
    /// Reads what [`translated`] has written.
    fn read(written: &Value) -> Result<Self, String>;

    /// What `value` should have been, for each thing that it is not; never the value itself (VAL-26).
    fn faults<'r>(&'r self, value: &'r Value) -> impl Iterator<Item = Cow<'static, str>> + 'r;
}

/// A rule as a keyword of the validator.
struct Enforced<R>(R);

impl<'i, R: Rule> Keyword<'i> for Enforced<R> {
    fn validate(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        self.0.faults(value).next().map_or(Ok(()), |fault| Err(ValidationError::custom(fault)))
    }

    fn is_valid(&self, value: &'i Value) -> bool {
        self.0.faults(value).next().is_none()
    }

    fn iter_errors(&self, value: &'i Value) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        let faults: Vec<_> = self.0.faults(value).map(ValidationError::custom).collect();
        Box::new(faults.into_iter())
    }
}

/// Adds the rules to a validator.
pub(super) fn register(options: ValidationOptions<'_>) -> ValidationOptions<'_> {
    fn with<'o, R: Rule>(options: ValidationOptions<'o>, name: &str) -> ValidationOptions<'o> {
        options.with_keyword(name, |_, written, _| match R::read(written) {
            Ok(rule) => Ok(Box::new(Enforced(rule)) as Box<dyn for<'i> Keyword<'i>>),
            Err(why) => Err(ValidationError::custom(why)),
        })
    }
    let options = with::<url::UrlRule>(options, URL);
    let options = with::<text::TextRule>(options, TEXT);
    with::<members::Rules>(options, RULES)
}

/// The extension `name` of `schema` in the form that the validator takes; mistakes go to `findings`.
pub(super) fn translated(
    name: &str,
    extension: &Node<'_>,
    schema: &Node<'_>,
    dialect: Dialect,
    findings: &mut Findings<'_>,
) -> Option<Value> {
    let read = match name {
        URL => url::UrlRule::read(extension.value()).map(drop),
        TEXT => text::TextRule::read(extension.value()).map(drop),
        _ => return members::compile(extension, schema, dialect, findings),
    };
    if let Err(why) = read {
        findings.refuse(malformed(extension, format!("`{name}`: {why}")));
        return None;
    }
    let types = Shape::of(schema, dialect).types;
    if !types.contains(Type::String) || types.union(TEXTS) != TEXTS {
        // A value of another type would pass by it unseen.
        findings.refuse(
            malformed(extension, format!("`{name}` speaks of text, and this schema allows other values"))
                .help("say `type: string` beside it"),
        );
        return None;
    }
    Some(extension.value().clone())
}

const TEXTS: Types = Types::NONE.with(Type::String).with(Type::Null);

/// Reports extensions beside a `$ref` of OpenAPI 3.0, where nothing beside it holds (3.0.4 §4.7.23).
pub(super) fn refuse_beside_reference(node: &Node<'_>, findings: &mut Findings<'_>) {
    for name in OF_SCHEMA {
        if let Some(extension) = node.child(name) {
            findings.refuse(
                malformed(&extension, format!("`{name}` stands beside `$ref`, where nothing holds")).help(
                    "in OpenAPI 3.0 write `allOf` with the reference in it, and the extension beside that",
                ),
            );
        }
    }
}
