//! `application/x-www-form-urlencoded` bodies, as the schema's object (OpenAPI 3.1.1 §4.8.14.4).
//!
//! Most fields are plain: a name, a text, again for each item of a list. A field that holds an object is
//! JSON, unless its `encoding` names a style (§4.8.15.1.2); those are the parameters' styles.

use portcullis_config::{Diagnostic, codes};
use portcullis_domain::{Denial, Reason};
use portcullis_message::json::{self, JsonBounds};
use serde_json::Value;

use super::fields::{Field, Fields};
use crate::parameter::{Coding, Explode, Pairs, Parts, Style, decode};
use crate::reading::{Findings, Node};
use crate::schema::{Dialect, Root, Schemas, Shape, Spot, Type, Types, Violations, properties};

/// How many fields one form may have.
const FIELDS: usize = 1024;

/// The form that an operation takes.
#[derive(Debug)]
pub(crate) struct Form {
    root: Option<Root>,
    shape: Shape,
    /// Fields that are not plain.
    special: Vec<(Box<str>, Writing)>,
}

/// How a field that is not plain is written.
#[derive(Debug)]
enum Writing {
    /// Each time as a JSON document.
    Json,
    /// Its parts joined, or under names of their own.
    Styled { style: Style, explode: Explode, shape: Shape },
}

impl Form {
    /// A form of any fields: nothing is said about it.
    pub(super) const ANY: Self = Self { root: None, shape: Shape::TEXT, special: Vec::new() };

    /// Reads what a media type says of a form; the name of the field that cannot be read, if there is one.
    pub(super) fn declared(
        media_type: &Node<'_>,
        schema: &Node<'_>,
        root: Root,
        dialect: Dialect,
        findings: &mut Findings<'_>,
    ) -> Result<Self, String> {
        let mut special = Vec::new();
        for (name, property) in properties(schema, dialect) {
            let encoding = media_type.child("encoding").and_then(|all| all.child(name));
            if let Some(writing) =
                Writing::of(encoding.as_ref(), &property, dialect, findings).ok_or_else(|| name.to_owned())?
            {
                special.push((name.into(), writing));
            }
        }
        // Objects whose members have no common name take what is left, so they come last.
        special.sort_by_key(|(_, writing)| writing.is_spread());
        Ok(Self { root: Some(root), shape: Shape::of(schema, dialect).into_object(), special })
    }

    /// Checks a form's fields.
    ///
    /// # Errors
    /// [`Reason::BodyMalformed`] if it is no form: a broken escape, bytes that are not UTF-8, too many fields.
    pub(super) fn check(
        &self,
        body: &[u8],
        schemas: &Schemas,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<(), Denial> {
        self.fields(body, spot, violations)?.check(self.root, &self.shape, schemas, spot, violations);
        Ok(())
    }

    /// A form as the object that it is, whether or not it keeps its schema; `None` if it cannot be read.
    pub(super) fn value(&self, body: &[u8]) -> Option<Value> {
        let mut violations = Violations::new();
        let fields = self.fields(body, Spot { location: "body", name: "" }, &mut violations).ok()?;
        violations.into_result().ok()?;
        fields.value(&self.shape)
    }

    fn fields<'b>(
        &'b self,
        body: &'b [u8],
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<Fields<'b, 'b>, Denial> {
        let text = std::str::from_utf8(body).map_err(|_| malformed("the form is not UTF-8"))?;
        if text.bytes().filter(|byte| *byte == b'&').count() >= FIELDS {
            return Err(malformed("the form has too many fields"));
        }
        let mut pairs = Pairs::read(text).ok_or_else(|| malformed("a field's name cannot be decoded"))?;
        let mut fields = Fields::default();
        for (name, writing) in &self.special {
            writing.take(name, &mut pairs, &mut fields, spot, violations)?;
        }
        for pair in pairs.iter().filter(|pair| !pair.claimed) {
            fields.push(pair.name.clone(), Field::Text(decoded(pair.raw)?));
        }
        Ok(fields)
    }
}

impl Writing {
    /// How `property` is written: `Some(None)` if it is plain, `None` if in no way that has a meaning.
    fn of(
        encoding: Option<&Node<'_>>,
        property: &Node<'_>,
        dialect: Dialect,
        findings: &mut Findings<'_>,
    ) -> Option<Option<Self>> {
        let shape = Shape::of(property, dialect);
        let holds_objects = is_only_object(shape.types) || (shape.is_array() && is_only_object(shape.items));
        let is_styled = ["style", "explode", "allowReserved"]
            .iter()
            .any(|name| encoding.is_some_and(|node| node.child(name).is_some()));
        if !is_styled {
            let types = encoding.and_then(|node| node.text("contentType"));
            let is_json = types.map_or(holds_objects, is_json);
            // JSON of a plain value would need its quotes; nobody means that by naming a type.
            return match (holds_objects, is_json) {
                (true, true) => Some(Some(Self::Json)),
                (true, false) => None,
                (false, _) => Some(None),
            };
        }
        let encoding = encoding?;
        let style = match encoding.text("style").map(Style::from_name) {
            None => Style::Form,
            Some(Some(
                style @ (Style::Form | Style::SpaceDelimited | Style::PipeDelimited | Style::DeepObject),
            )) => style,
            Some(Some(Style::Simple | Style::Label | Style::Matrix) | None) => {
                let node = encoding.child("style")?;
                findings.refuse(
                    Diagnostic::error(codes::contract::OPENAPI_STRUCTURE, "this is no style of a field")
                        .at(node.place()),
                );
                return Some(None);
            }
        };
        let explode = match encoding.child("explode").map(|explode| *explode.value() == Value::Bool(true)) {
            Some(true) => Explode::Yes,
            Some(false) => Explode::No,
            None if matches!(style, Style::Form | Style::DeepObject) => Explode::Yes,
            None => Explode::No,
        };
        let nests = shape.members.iter().any(|(_, member)| {
            is_only_object(member.types) || (member.is_array() && is_only_object(member.items))
        });
        let has_meaning = match style {
            Style::DeepObject => shape.is_object(),
            _ => !(shape.is_array() && is_only_object(shape.items)),
        };
        // An open object under its members' own names would take every other field too.
        let is_open = shape.others.is_some() && style == Style::Form && explode == Explode::Yes;
        if !has_meaning || (shape.is_object() && (nests || is_open)) {
            return None;
        }
        let is_plain = style == Style::Form && explode == Explode::Yes && !shape.is_object();
        Some((!is_plain && (shape.is_array() || shape.is_object())).then_some(Self::Styled {
            style,
            explode,
            shape,
        }))
    }

    /// Whether its members stand in the form under their own names.
    const fn is_spread(&self) -> bool {
        matches!(self, Self::Styled { style: Style::Form, explode: Explode::Yes, .. })
    }

    /// Moves the field from `pairs` to `fields`.
    fn take<'b, 's>(
        &'s self,
        name: &'s str,
        pairs: &mut Pairs<'b>,
        fields: &mut Fields<'b, 's>,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<(), Denial> {
        let at = format!("/{}", crate::reading::escape(name));
        let spot = Spot { name: &at, ..spot };
        let (style, explode, shape) = match self {
            Self::Json => {
                for raw in pairs.claim(name) {
                    match json::parse(decoded(raw)?.as_bytes(), &JsonBounds::default()) {
                        Ok(value) => fields.push(name.to_owned(), Field::Value(value)),
                        Err(_) => violations.add(spot, "content", "a JSON document"),
                    }
                }
                return Ok(());
            }
            Self::Styled { style, explode, shape } => (*style, *explode, shape),
        };
        let members = match style {
            Style::DeepObject => {
                pairs.claim_members(|own| own.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']'))
            }
            _ if self.is_spread() => pairs.claim_members(|own| shape.takes(own).then_some(own)),
            _ => {
                let texts = pairs.claim(name);
                match texts.as_slice() {
                    [] => {}
                    [text] => match style.split(text, explode, shape, Coding::Form) {
                        Some(parts) => fields.push(name.to_owned(), Field::Styled(parts, shape)),
                        None => violations.add(spot, "encoding", "the declared style, in UTF-8"),
                    },
                    _ => violations.add(spot, "repeated", "the field once"),
                }
                return Ok(());
            }
        };
        if members.is_empty() {
            return Ok(());
        }
        let members: Result<Vec<_>, Denial> =
            members.into_iter().map(|(member, raw)| Ok((member.into(), decoded(raw)?))).collect();
        fields.push(name.to_owned(), Field::Styled(Parts::Pairs(members?), shape));
        Ok(())
    }
}

/// Whether every media type of the list is JSON.
fn is_json(types: &str) -> bool {
    types.split(',').map(str::trim).all(|name| name == "application/json" || name.ends_with("+json"))
}

fn is_only_object(types: Types) -> bool {
    types.contains(Type::Object) && !types.contains(Type::String) && !types.contains(Type::Array)
}

fn decoded(raw: &str) -> Result<std::borrow::Cow<'_, str>, Denial> {
    decode(raw, Coding::Form).ok_or_else(|| malformed("a field's value cannot be decoded"))
}

fn malformed(why: &'static str) -> Denial {
    Denial::new(Reason::BodyMalformed).with_note(why)
}
