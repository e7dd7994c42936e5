//! Reads what a contract says of a multipart form.

use portcullis_config::{Diagnostic, codes};
use serde_json::Value;

use super::{FieldPlan, FileSize, Multipart, PartContent, Range};
use crate::reading::{Findings, Node};
use crate::schema::{Dialect, Root, Shape, Type, Types, each_schema, properties};

impl Multipart {
    /// A form of any parts: nothing is said about it.
    pub(in crate::body) const ANY: Self =
        Self { root: None, shape: Shape::TEXT, plans: Vec::new(), others: None };

    /// Reads what a media type says of its parts.
    pub(in crate::body) fn declared(
        media_type: &Node<'_>,
        schema: &Node<'_>,
        root: Root,
        dialect: Dialect,
        findings: &mut Findings<'_>,
    ) -> Self {
        let plans = properties(schema, dialect).into_iter().map(|(name, property)| {
            let encoding = media_type.child("encoding").and_then(|all| all.child(name));
            FieldPlan::declared(name, encoding.as_ref(), &property, dialect, findings)
        });
        let plans = plans.collect();
        let mut others = None;
        each_schema(schema, dialect, &mut |part| {
            if let Some(node) = part.child("additionalProperties").filter(|node| node.object().is_some()) {
                others = Some(node);
            }
        });
        let others = others.map(|node| FieldPlan::declared("", None, &node, dialect, findings));
        Self { root: Some(root), shape: Shape::of(schema, dialect).into_object(), plans, others }
    }
}

impl FieldPlan {
    fn declared(
        name: &str,
        encoding: Option<&Node<'_>>,
        property: &Node<'_>,
        dialect: Dialect,
        findings: &mut Findings<'_>,
    ) -> Self {
        let shape = Shape::of(property, dialect);
        let mut said = Said::of(property, dialect);
        let is_list = shape.is_array();
        if is_list {
            each_schema(property, dialect, &mut |part| {
                if let Some(items) = part.child("items") {
                    said = Said::of(&items, dialect);
                }
            });
        }
        let types: Vec<Range> = match encoding.and_then(|encoding| encoding.text("contentType")) {
            Some(listed) => listed.split(',').filter_map(|text| Range::parse(text.trim())).collect(),
            None => said.media_type.iter().filter_map(|text| Range::parse(text)).collect(),
        };
        let kinds = if is_list { shape.items } else { shape.types };
        let is_file = match said.kind {
            Kind::Binary => true,
            // OpenAPI 3.1.1 §4.8.15.1.1: of what says no type, `application/octet-stream` is the default.
            Kind::Unsaid => {
                let is_for_text = !types.is_empty() && types.iter().all(is_text);
                dialect == Dialect::V31 && kinds == Types::ANY && !is_for_text
            }
            Kind::Other => false,
        };
        let is_structured = kinds != Types::ANY
            && (kinds.contains(Type::Object) || kinds.contains(Type::Array))
            && !kinds.contains(Type::String);
        let content = if is_file {
            PartContent::File(said.size)
        } else if is_structured || (!types.is_empty() && types.iter().all(is_json)) {
            PartContent::Json
        } else {
            PartContent::Text
        };
        for keyword in ["style", "explode", "headers"] {
            if let Some(node) = encoding.and_then(|encoding| encoding.child(keyword)) {
                not_enforced(name, keyword, &node, findings);
            }
        }
        Self { name: name.into(), types, content }
    }
}

fn not_enforced(name: &str, keyword: &str, node: &Node<'_>, findings: &mut Findings<'_>) {
    let what = format!("`{keyword}` of the encoding of part `{name}` is not enforced");
    findings.warn_once(codes::contract::BODY_NOT_CHECKED, what.clone(), || {
        Diagnostic::warning(codes::contract::BODY_NOT_CHECKED, what).at(node.place().key())
    });
}

/// What a schema says of bytes.
struct Said {
    kind: Kind,
    size: FileSize,
    media_type: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Bytes.
    Binary,
    /// Nothing that tells.
    Unsaid,
    /// Text or a structure.
    Other,
}

impl Said {
    fn of(node: &Node<'_>, dialect: Dialect) -> Self {
        let mut said = Self { kind: Kind::Unsaid, size: FileSize::default(), media_type: None };
        let mut is_matched = false;
        each_schema(node, dialect, &mut |part| {
            // What asks for certain texts cannot be asked of a file.
            is_matched |= ["pattern", "enum", "const"].iter().any(|name| part.child(name).is_some());
            let media_type = part.text("contentMediaType");
            let is_encoded = part.child("contentEncoding").is_some();
            if part.text("format") == Some("binary") || (media_type.is_some() && !is_encoded) {
                said.kind = Kind::Binary;
            } else if said.kind == Kind::Unsaid && part.object().is_some_and(|members| !members.is_empty()) {
                let only_says = |name: &String| {
                    matches!(
                        name.as_str(),
                        "description"
                            | "title"
                            | "example"
                            | "examples"
                            | "maxLength"
                            | "minLength"
                            | "$ref"
                            | "allOf"
                    ) || name.starts_with("x-")
                };
                if !part.object().is_some_and(|members| members.keys().all(only_says)) {
                    said.kind = Kind::Other;
                }
            }
            said.media_type = said.media_type.take().or_else(|| media_type.map(str::to_owned));
            said.size.least = said.size.least.max(count(part, "minLength").unwrap_or(0));
            said.size.most = match (said.size.most, count(part, "maxLength")) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        });
        if is_matched && said.kind == Kind::Binary {
            said.kind = Kind::Other;
        }
        said
    }
}

fn count(node: &Node<'_>, name: &str) -> Option<usize> {
    node.child(name)
        .map(|child| child.value())
        .and_then(Value::as_u64)
        .and_then(|count| usize::try_from(count).ok())
}

fn is_json(range: &Range) -> bool {
    matches!(range, Range::Exact(essence) if essence == "application/json" || essence.ends_with("+json"))
}

fn is_text(range: &Range) -> bool {
    is_json(range) || matches!(range, Range::Exact(essence) if essence.starts_with("text/"))
}
