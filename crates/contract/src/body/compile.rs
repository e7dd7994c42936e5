//! Reads the request body that an operation declares.

use portcullis_config::{Diagnostic, codes};

use super::multipart::Multipart;
use super::sequence::{Framing, Sequence, Subject};
use super::text::Text;
use super::{Body, Content, Form, Presence, Range, xml};
use crate::reading::{Findings, Node};
use crate::schema::{Shape, Translator};

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
    let Range::Exact(essence) = range else { return of_range(range, node, translator, findings) };
    let dialect = translator.dialect();
    if let Some(framing) = Framing::of(essence) {
        return sequence(framing, node, range, translator, findings);
    }
    let schema = node.child("schema");
    let root = schema.as_ref().map(|schema| translator.root(schema));
    let declared = schema.as_ref().zip(root);
    match essence.as_str() {
        _ if essence == "application/json" || essence.ends_with("+json") => {
            if root.is_none() {
                not_checked(node, range, "it has no schema: any JSON passes", findings);
            }
            Content::Json(root)
        }
        "application/x-www-form-urlencoded" => match declared {
            Some((schema, root)) => match Form::declared(node, schema, root, dialect, findings) {
                Ok(form) => Content::Form(form),
                Err(name) => {
                    let why = format!("its field `{name}` is written in no defined way");
                    not_checked(node, range, &why, findings);
                    Content::Unchecked
                }
            },
            None => {
                not_checked(node, range, "it has no schema: any form passes", findings);
                Content::Form(Form::ANY)
            }
        },
        "multipart/form-data" => match declared {
            Some((schema, root)) => {
                Content::Multipart(Multipart::declared(node, schema, root, dialect, findings))
            }
            None => {
                not_checked(node, range, "it has no schema: any parts pass", findings);
                Content::Multipart(Multipart::ANY)
            }
        },
        _ if xml::is_xml_essence(essence) => {
            not_checked(
                node,
                range,
                "only its form is: that it is sound XML and calls upon nothing",
                findings,
            );
            Content::Xml
        }
        _ if essence.starts_with("text/") => {
            match declared.and_then(|(schema, root)| Text::new(root, Shape::of(schema, dialect))) {
                Some(text) => Content::Text(text),
                None => {
                    not_checked(node, range, "it has no schema that a text could keep", findings);
                    Content::Unchecked
                }
            }
        }
        _ => {
            not_checked(node, range, "only its size is", findings);
            Content::Unchecked
        }
    }
}

/// What a range such as `*/*` takes.
fn of_range<'d>(
    range: &Range,
    node: &Node<'d>,
    translator: &mut Translator<'d>,
    findings: &mut Findings<'_>,
) -> Content {
    match node.child("schema") {
        Some(schema) => {
            not_checked(node, range, "of what this range covers, only JSON is", findings);
            Content::Json(Some(translator.root(&schema)))
        }
        None => {
            not_checked(node, range, "only its size is", findings);
            Content::Unchecked
        }
    }
}

fn sequence<'d>(
    framing: Framing,
    node: &Node<'d>,
    range: &Range,
    translator: &mut Translator<'d>,
    findings: &mut Findings<'_>,
) -> Content {
    let (schema, subject) = match (node.child("itemSchema"), node.child("schema")) {
        (Some(each), _) => (each, Subject::Each),
        (None, Some(all)) if Shape::of(&all, translator.dialect()).is_array() => (all, Subject::All),
        (None, Some(each)) => (each, Subject::Each),
        (None, None) => {
            not_checked(node, range, "only its size is", findings);
            return Content::Unchecked;
        }
    };
    Content::Sequence(Sequence { framing, root: translator.root(&schema), subject })
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
