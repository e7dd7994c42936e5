//! Whether a document is OpenAPI at all, and of which version.
//!
//! What is enforced is checked in depth where it is read. Here is what concerns the document as a whole,
//! and parts that would otherwise be silently passed over: a misspelled section is a mistake and not a
//! section that is missing.

use portcullis_config::{Diagnostic, codes};
use serde_json::Value;

use crate::parameter;
use crate::reading::{Findings, Node};
use crate::schema::{self, Dialect};

const SECTIONS: [&str; 12] = [
    "openapi",
    "$self",
    "info",
    "jsonSchemaDialect",
    "servers",
    "paths",
    "webhooks",
    "components",
    "security",
    "tags",
    "externalDocs",
    "swagger",
];

/// The dialect of the document's schemas, if it is a document that we read.
pub(crate) fn dialect(root: &Node<'_>, findings: &mut Findings<'_>) -> Option<Dialect> {
    let refuse = |what: String, at: &str| {
        let place = root.child(at).map_or_else(|| root.place(), |node| node.place());
        Diagnostic::error(codes::contract::OPENAPI_VERSION, what).at(place)
    };
    if root.object().is_none() {
        findings.refuse(refuse("an OpenAPI document is an object".to_owned(), ""));
        return None;
    }
    if let Some(version) = root.text("swagger") {
        findings.refuse(
            refuse(format!("OpenAPI {version} (Swagger) is not read"), "swagger")
                .help("convert the document to OpenAPI 3, for example with `swagger2openapi`"),
        );
        return None;
    }
    let Some(version) = root.text("openapi") else {
        findings.refuse(
            refuse("this is no OpenAPI document: `openapi` is missing".to_owned(), "")
                .help("begin it with `openapi: 3.1.1`; the version is a string"),
        );
        return None;
    };
    let mut numbers = version.split('.');
    match (numbers.next(), numbers.next()) {
        (Some("3"), Some("0")) => Some(Dialect::V30),
        (Some("3"), Some("1" | "2")) => Some(Dialect::V31),
        _ => {
            findings.refuse(
                refuse(format!("OpenAPI version `{version}` is not read"), "openapi")
                    .help("3.0, 3.1 and 3.2 are"),
            );
            None
        }
    }
}

/// Reports what is wrong with the document as a whole.
pub(crate) fn verify(root: &Node<'_>, dialect: Dialect, findings: &mut Findings<'_>) {
    for (name, section) in root.members() {
        if !SECTIONS.contains(&name) && !name.starts_with("x-") {
            findings.refuse(
                structure(&section, format!("an OpenAPI document has no section `{name}`"))
                    .help("sections of your own begin with `x-`"),
            );
        }
    }
    let has = |name: &str| root.child(name).is_some();
    match dialect {
        Dialect::V30 if !has("paths") => {
            findings.refuse(structure(root, "the document has no `paths`".to_owned()));
        }
        Dialect::V31 if !has("paths") && !has("components") && !has("webhooks") => {
            let what = "the document has none of `paths`, `components` and `webhooks`".to_owned();
            findings.refuse(structure(root, what));
        }
        Dialect::V30 | Dialect::V31 => {}
    }
    if let Some(named) = root.child("jsonSchemaDialect") {
        schema::report_dialect(&named, findings);
    }
    if let Some(components) = root.child("components") {
        verify_components(&components, dialect, findings);
    }
}

fn verify_components(components: &Node<'_>, dialect: Dialect, findings: &mut Findings<'_>) {
    let each = |section: &str| {
        let members = components.child(section);
        members
            .iter()
            .flat_map(|section| section.members().map(|(_, node)| node).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    for schema in each("schemas") {
        let is_schema = match schema.value() {
            Value::Object(_) => true,
            Value::Bool(_) => dialect == Dialect::V31,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
        };
        if !is_schema {
            findings.refuse(
                Diagnostic::error(codes::contract::SCHEMA_MALFORMED, "a schema is an object")
                    .at(schema.place()),
            );
        }
    }
    for node in each("parameters").into_iter().filter(|node| node.reference().is_none()) {
        parameter::verify(&node, dialect, findings);
    }
    for node in each("headers").into_iter().filter(|_| dialect == Dialect::V31) {
        if let Some(member) = node.child("allowReserved") {
            findings.refuse(structure(&member, "`allowReserved` has no meaning for a header".to_owned()));
        }
    }
    for node in each("links") {
        for (name, member) in node.members() {
            let known = [
                "$ref",
                "summary",
                "description",
                "operationRef",
                "operationId",
                "parameters",
                "requestBody",
                "server",
            ];
            if !known.contains(&name) && !name.starts_with("x-") {
                findings.refuse(structure(&member, format!("a link has no `{name}`")));
            }
        }
    }
}

fn structure(node: &Node<'_>, what: String) -> Diagnostic {
    Diagnostic::error(codes::contract::OPENAPI_STRUCTURE, what).at(node.place())
}
