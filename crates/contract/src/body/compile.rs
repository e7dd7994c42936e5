//! Reads the request body that an operation declares.

use portcullis_config::{Diagnostic, codes};

use super::{Body, Content, Form, Presence, Range};
use crate::reading::{Findings, Node};
use crate::schema::{Shape, Translator, Type};

/// Reads `requestBody` of `operation`.
pub(crate) fn declared<'d>(
    operation: &Node<'d>,
    translator: &mut Translator<'d>,
    findings: &mut Findings<'_>,
) -> Body {
    let Some(node) = operation.child("requestBody") else { return Body::Undeclared };
    let node = match node.resolved() {
        Ok(node) => node,
        Err(diagnostic) => {
            findings.refuse(*diagnostic);
            return Body::Undeclared;
        }
    };
    let presence = if node.says("required") { Presence::Required } else { Presence::Optional };
    let mut contents = Vec::new();
    let declared = node.child("content");
    for (text, media_type) in declared.iter().flat_map(Node::members) {
        match Range::parse(text) {
            Some(range) => {
                let content = content(&range, &media_type, translator, findings);
                contents.push((range, content));
            }
            None => findings.refuse(
                Diagnostic::error(
                    codes::contract::MEDIA_TYPE_MALFORMED,
                    format!("`{text}` is no media type"),
                )
                .at(media_type.place().key()),
            ),
        }
    }
    if declared.is_none_or(|declared| declared.members().next().is_none()) {
        findings.refuse(
            Diagnostic::error(
                codes::contract::OPENAPI_STRUCTURE,
                "a request body names at least one media type",
            )
            .at(node.place())
            .help("list them under `content`"),
        );
    }
    contents.sort_by(|(a, _), (b, _)| a.by_specificity(b));
    Body::Declared { contents, presence }
}

fn content<'d>(
    range: &Range,
    node: &Node<'d>,
    translator: &mut Translator<'d>,
    findings: &mut Findings<'_>,
) -> Content {
    let schema = node.child("schema");
    let root = schema.as_ref().map(|schema| translator.root(schema));
    match range {
        Range::Exact(essence) if essence == "application/json" || essence.ends_with("+json") => {
            if root.is_none() {
                not_checked(node, range, "it has no schema: any JSON passes", findings);
            }
            Content::Json(root)
        }
        Range::Exact(essence) if essence == "application/x-www-form-urlencoded" => {
            let shape = schema.as_ref().map(|schema| Shape::of(schema, translator.dialect()));
            match shape {
                Some(shape) if holds_objects(&shape) => {
                    not_checked(node, range, "its fields hold objects", findings);
                    Content::Unchecked
                }
                Some(shape) => Content::Form(Form { root, shape: shape.into_object() }),
                None => {
                    not_checked(node, range, "it has no schema: any form passes", findings);
                    Content::Form(Form { root: None, shape: Shape::TEXT })
                }
            }
        }
        Range::Family(_) | Range::All if root.is_some() => {
            not_checked(node, range, "of what this range covers, only JSON is", findings);
            Content::Json(root)
        }
        Range::Exact(_) | Range::Family(_) | Range::All => {
            not_checked(node, range, "only its size is", findings);
            Content::Unchecked
        }
    }
}

fn holds_objects(shape: &Shape) -> bool {
    let is_object = |types: crate::schema::Types| {
        types.contains(Type::Object) && !types.contains(Type::String) && !types.contains(Type::Array)
    };
    shape
        .members
        .iter()
        .any(|(_, member)| is_object(member.types) || (member.is_array() && is_object(member.items)))
}

fn not_checked(node: &Node<'_>, range: &Range, why: &str, findings: &mut Findings<'_>) {
    findings.warn_once(codes::contract::BODY_NOT_CHECKED, range.to_string(), || {
        Diagnostic::warning(
            codes::contract::BODY_NOT_CHECKED,
            format!("content of `{range}` is not checked: {why}"),
        )
        .at(node.place().key())
    });
}
