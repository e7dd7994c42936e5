//! Reads the parameters that an operation declares.

use http::HeaderName;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use portcullis_config::{Diagnostic, codes};
use serde_json::Value;

use super::page::{PAGE_LIMIT, PageLimit};
use super::style::{Explode, Style};
use super::{Empty, Parameter, ParameterForm, Parameters, Presence};
use crate::extension;
use crate::reading::{Findings, Node};
use crate::schema::{Dialect, Shape, Translator};

/// Reads the parameters of `operation` and of its path; those of the operation win.
///
/// `gaps` are the names in the path's template.
pub(crate) fn declared<'d>(
    path_item: &Node<'d>,
    operation: &Node<'d>,
    gaps: &[Box<str>],
    translator: &mut Translator<'d>,
    findings: &mut Findings<'_>,
) -> Parameters {
    let mut parameters = Parameters::default();
    let mut seen: Vec<(String, String)> = Vec::new();
    for owner in [operation, path_item] {
        let mut own = Vec::new();
        for node in owner.child("parameters").iter().flat_map(Node::items) {
            let node = match node.resolved() {
                Ok(node) => node,
                Err(diagnostic) => {
                    findings.refuse(*diagnostic);
                    continue;
                }
            };
            if !verify(&node, translator.dialect(), findings) {
                continue;
            }
            let known: &[&str] = if node.text("in") == Some("query") { &[PAGE_LIMIT] } else { &[] };
            extension::read(&node, known, "rules on the value belong into the parameter's schema", findings);
            let (Some(name), Some(location)) = (node.text("name"), node.text("in")) else { continue };
            let key = (location.to_owned(), name.to_owned());
            if own.contains(&key) {
                findings.refuse(
                    malformed(&node, format!("{location} parameter `{name}` is declared twice"))
                        .label("this is the second one"),
                );
            }
            own.push(key.clone());
            if !seen.contains(&key) {
                parameters.add(name, location, &node, gaps, translator, findings);
            }
        }
        seen.extend(own);
    }
    // Objects whose members have no common name take what is left, so they come last.
    parameters.query.sort_by_key(Parameter::is_spread);
    for gap in gaps.iter().filter(|gap| !parameters.path.iter().any(|known| known.name == **gap)) {
        findings.warn_once(codes::contract::PATH_PARAMETER_UNDECLARED, &**gap, || {
            Diagnostic::warning(
                codes::contract::PATH_PARAMETER_UNDECLARED,
                format!("path parameter `{gap}` is not declared: any text passes"),
            )
            .at(operation.place())
            .help("declare it with `in: path` and a schema")
        });
    }
    parameters
}

impl Parameters {
    fn add<'d>(
        &mut self,
        name: &str,
        location: &str,
        node: &Node<'d>,
        gaps: &[Box<str>],
        translator: &mut Translator<'d>,
        findings: &mut Findings<'_>,
    ) {
        match location {
            "path" if !gaps.iter().any(|gap| &**gap == name) => {
                findings.warn(
                    Diagnostic::warning(
                        codes::contract::PATH_PARAMETER_UNUSED,
                        format!("path parameter `{name}` has no place in the path"),
                    )
                    .at(node.place())
                    .label("it is not enforced"),
                );
            }
            "path" => {
                let parameter = Parameter::read(name, node, Style::Simple, translator, findings);
                self.path.push(Parameter { presence: Presence::Required, ..parameter });
            }
            "query" => {
                let parameter = Parameter::read(name, node, Style::Form, translator, findings);
                self.pages.extend(PageLimit::declared(name, node, parameter.shape(), findings));
                self.query.push(parameter);
            }
            "cookie" => self.cookies.push(Parameter::read(name, node, Style::Form, translator, findings)),
            "header" => {
                let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                    return findings.refuse(malformed(node, format!("`{name}` is no header name")));
                };
                // OpenAPI 3.1.1 §4.8.12: such parameters are ignored, other parts of the document say them.
                if ![ACCEPT, CONTENT_TYPE, AUTHORIZATION].contains(&header) {
                    let parameter = Parameter::read(name, node, Style::Simple, translator, findings);
                    self.headers.push((header, parameter));
                }
            }
            _ => not_enforced(node, name, "it takes the whole query as one value", findings),
        }
    }
}

/// Reads a header field of an answer, which is declared as a parameter is (OpenAPI 3.1.1 §4.8.21).
pub(crate) fn of_header<'d>(
    name: &str,
    node: &Node<'d>,
    translator: &mut Translator<'d>,
    findings: &mut Findings<'_>,
) -> Parameter {
    Parameter::read(name, node, Style::Simple, translator, findings)
}

impl Parameter {
    fn shape(&self) -> Option<&Shape> {
        match &self.form {
            ParameterForm::Styled { shape, .. } => Some(shape),
            ParameterForm::Json | ParameterForm::Unchecked => None,
        }
    }

    fn read<'d>(
        name: &str,
        node: &Node<'d>,
        default: Style,
        translator: &mut Translator<'d>,
        findings: &mut Findings<'_>,
    ) -> Self {
        let presence = if node.says("required") { Presence::Required } else { Presence::Optional };
        let empty = if node.says("allowEmptyValue") { Empty::Passed } else { Empty::Checked };
        let style = node.text("style").and_then(Style::from_name).unwrap_or(default);
        let explode = match node.child("explode").map(|explode| explode.value() == &Value::Bool(true)) {
            Some(true) => Explode::Yes,
            Some(false) => Explode::No,
            None if style == Style::Form || style == Style::DeepObject => Explode::Yes,
            None => Explode::No,
        };
        let mut parameter = Self {
            name: name.into(),
            presence,
            empty,
            form: ParameterForm::Styled { style, explode, shape: Shape::TEXT },
            root: None,
        };
        if let Some(schema) = node.child("schema") {
            let shape = Shape::of(&schema, translator.dialect());
            report_unenforced(name, node, style, &shape, findings);
            parameter.form = ParameterForm::Styled { style, explode, shape };
            parameter.root = Some(translator.root(&schema));
        } else if let Some((media_type, content)) = node.child("content").and_then(|all| all.members().next())
        {
            parameter.form = if media_type == "application/json" || media_type.ends_with("+json") {
                ParameterForm::Json
            } else {
                not_enforced(node, name, "its media type is not looked into", findings);
                ParameterForm::Unchecked
            };
            parameter.root = content.child("schema").map(|schema| translator.root(&schema));
        } else {
            not_enforced(node, name, "it has neither `schema` nor `content`", findings);
        }
        parameter
    }
}

fn report_unenforced(name: &str, node: &Node<'_>, style: Style, shape: &Shape, findings: &mut Findings<'_>) {
    if style == Style::Matrix {
        not_enforced(
            node,
            name,
            "style `matrix` needs `;` in the path, and no such path is let in",
            findings,
        );
    }
    if style == Style::Form && shape.is_object() && shape.others.is_some() && node.text("in") == Some("query")
    {
        findings.warn_once(codes::contract::QUERY_OPEN, name, || {
            Diagnostic::warning(
                codes::contract::QUERY_OPEN,
                format!("query parameter `{name}` takes every name that nobody else declares"),
            )
            .at(node.place())
            .label("undeclared query parameters of this operation pass")
            .help("list the object's properties and say `additionalProperties: false`")
        });
    }
}

/// Whether `node` has the structure of a parameter.
pub(crate) fn verify(node: &Node<'_>, dialect: Dialect, findings: &mut Findings<'_>) -> bool {
    let (Some(name), Some(location)) = (node.text("name"), node.text("in")) else {
        findings.refuse(malformed(node, "a parameter has a `name` and says where it is `in`"));
        return false;
    };
    let styles: &[&str] = match location {
        "path" => &["simple", "label", "matrix"],
        "query" => &["form", "spaceDelimited", "pipeDelimited", "deepObject"],
        "header" => &["simple"],
        "cookie" => &["form"],
        "querystring" => &[],
        _ => {
            findings.refuse(
                malformed(node, format!("parameter `{name}` is in `{location}`, which is no place for one"))
                    .help("places are `path`, `query`, `header` and `cookie`"),
            );
            return false;
        }
    };
    let mut is_sound = true;
    let mut refuse = |what: String, member: &str| {
        findings.refuse(malformed(&node.child(member).unwrap_or_else(|| node.clone()), what));
        is_sound = false;
    };
    if let Some(style) = node.child("style")
        && !style.value().as_str().is_some_and(|style| styles.contains(&style))
    {
        refuse(format!("this is no style of a {location} parameter"), "style");
    }
    // 3.0 lets the keyword stand anywhere and have no effect.
    if dialect == Dialect::V31 && location != "query" && node.child("allowReserved").is_some() {
        refuse(format!("`allowReserved` has no meaning for a {location} parameter"), "allowReserved");
    }
    if node.child("schema").is_some() && node.child("content").is_some() {
        refuse("a parameter has `schema` or `content`, not both".to_owned(), "content");
    }
    if node.child("example").is_some() && node.child("examples").is_some() {
        refuse("a parameter has `example` or `examples`, not both".to_owned(), "examples");
    }
    if node.child("content").is_some_and(|content| content.object().is_none_or(|types| types.len() != 1)) {
        refuse("`content` of a parameter names one media type".to_owned(), "content");
    }
    is_sound
}

fn not_enforced(node: &Node<'_>, name: &str, why: &str, findings: &mut Findings<'_>) {
    findings.warn(
        Diagnostic::warning(
            codes::contract::PARAMETER_NOT_ENFORCED,
            format!("parameter `{name}` is not enforced: {why}"),
        )
        .at(node.place()),
    );
}

fn malformed(node: &Node<'_>, what: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::contract::PARAMETER_MALFORMED, what).at(node.place())
}
