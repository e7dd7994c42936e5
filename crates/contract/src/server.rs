//! Where the document says the API lives.
//!
//! In: `servers`. Out: host and base path of each, variables replaced by their defaults. The gateway
//! decides which base path holds (OpenAPI 3.1.1 §4.8.5); servers of single paths are not followed.

use portcullis_config::{Diagnostic, Place, codes};
use serde_json::Value;

use crate::reading::{Findings, Node};

/// One of the document's `servers`.
#[derive(Clone, Debug)]
pub struct Server {
    /// The URL with its variables replaced by their defaults.
    pub url: String,
    /// `https` of `https://api.example.com:8443/v1`; none for a relative URL.
    pub scheme: Option<String>,
    /// `api.example.com:8443`, in lower case.
    pub authority: Option<String>,
    /// `/v1`; empty for the root; never ends in a slash.
    pub base_path: String,
    /// Where it is written.
    pub place: Place,
}

/// Reads `servers` of the document.
pub(crate) fn read(root: &Node<'_>, findings: &mut Findings<'_>) -> Vec<Server> {
    let Some(servers) = root.child("servers") else { return Vec::new() };
    if !servers.value().is_array() {
        findings.refuse(malformed(&servers, "`servers` is an array"));
    }
    servers.items().filter_map(|server| Server::read(&server, findings)).collect()
}

/// Reports `servers` of a path or an operation, which are not followed.
pub(crate) fn report_ignored(node: &Node<'_>, findings: &mut Findings<'_>) {
    let Some(servers) = node.child("servers") else { return };
    findings.warn_once(codes::contract::SERVERS_IGNORED, "", || {
        Diagnostic::warning(
            codes::contract::SERVERS_IGNORED,
            "`servers` of a single path or operation are not followed",
        )
        .at(servers.place())
        .label("the upstream of the API is used")
    });
}

impl Server {
    fn read(node: &Node<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let Some(template) = node.text("url") else {
            findings.refuse(malformed(node, "a server has a `url`"));
            return None;
        };
        let mut url = template.to_owned();
        for (name, variable) in node.child("variables").iter().flat_map(Node::members) {
            if variable.value().get("enum").is_some_and(|list| list.as_array().is_none_or(Vec::is_empty)) {
                findings.refuse(malformed(&variable, "`enum` of a server variable names at least one value"));
            }
            match variable.value().get("default") {
                Some(Value::String(default)) => url = url.replace(&format!("{{{name}}}"), default),
                // Ports are often written as numbers.
                Some(Value::Number(default)) => {
                    url = url.replace(&format!("{{{name}}}"), &default.to_string())
                }
                _ => findings.refuse(malformed(&variable, "a server variable has a `default`")),
            }
        }
        Some(Self::split(url, node.place()))
    }

    fn split(url: String, place: Place) -> Self {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let plain = url.get(..end).unwrap_or(&url);
        let (scheme, rest) = match plain.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, plain),
        };
        let (authority, path) = match &scheme {
            Some(_) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority.to_ascii_lowercase()), path)
            }
            None => (None, rest),
        };
        let path = path.trim_matches('/');
        let base_path = if path.is_empty() || path == "." { String::new() } else { format!("/{path}") };
        Self { scheme, authority, base_path, url, place }
    }
}

fn malformed(node: &Node<'_>, what: &str) -> Diagnostic {
    Diagnostic::error(codes::contract::OPENAPI_STRUCTURE, what).at(node.place())
}
