//! Who may call an operation, as the document says it.
//!
//! In: `security` of the document and its operations, `securitySchemes`, and what `portcullis.yaml`
//! overrides. Out: [`Security`] of each operation. OpenAPI 3.1.1 §4.8.27 and §4.8.30. Credentials are
//! not looked at here: `authn` believes them, `authz` weighs them.
//!
//! Nothing is public by omission: an empty `security` is a gap that somebody has to fill with
//! `x-portcullis-access: public` (AUTHN-01).

use std::sync::Arc;

use portcullis_config::{Diagnostic, Place, codes};
use portcullis_domain::Scopes;
use serde_json::Value;

use crate::options::Access;
use crate::reading::{Findings, Node};

/// The extension that makes an operation public.
pub(crate) const ACCESS: &str = "x-portcullis-access";

/// What an operation asks of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// Anybody may call; said explicitly.
    Public,
    /// One of these must be satisfied.
    AnyOf(Vec<AllOf>),
    /// Nothing is said. A contract with such an operation does not compile.
    Undeclared,
}

/// Schemes that must all be satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllOf(pub Vec<SchemeUse>);

/// A scheme and what it must grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemeUse {
    /// The name in `securitySchemes`, and the key under `identity:` in `portcullis.yaml`.
    pub scheme: Arc<str>,
    /// Scopes, or roles for schemes without scopes.
    pub scopes: Scopes,
}

/// A way to authenticate that the document declares.
#[derive(Clone, Debug)]
pub struct SecurityScheme {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: SchemeKind,
    /// Where it is declared.
    pub place: Place,
    /// Scopes that its flows list; `None` where it has no list.
    scopes: Option<Vec<String>>,
}

/// What a security scheme is (`type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemeKind {
    /// `http`, `bearer`: RFC 6750.
    Bearer,
    /// `http`, `basic`: RFC 7617.
    Basic,
    /// `http` with another scheme of the registry.
    OtherHttp(String),
    /// `oauth2`: a bearer token with scopes.
    OAuth2,
    /// `openIdConnect`: a bearer token of the issuer that this URL describes.
    OpenIdConnect {
        /// `openIdConnectUrl`.
        url: String,
    },
    /// `apiKey`.
    ApiKey {
        /// In which part of the request.
        location: KeyLocation,
        /// Under which name.
        name: String,
    },
    /// `mutualTLS`: RFC 8705.
    MutualTls,
}

/// Where an API key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// The query: it ends up in logs.
    Query,
}

/// The security part of a document.
pub(crate) struct SecurityReader {
    schemes: Vec<SecurityScheme>,
    default: Security,
}

impl SecurityReader {
    pub(crate) fn new(root: &Node<'_>, findings: &mut Findings<'_>) -> Self {
        let declared = root.child("components").and_then(|components| components.child("securitySchemes"));
        let schemes = declared
            .iter()
            .flat_map(Node::members)
            .filter_map(|(name, node)| SecurityScheme::read(name, &node, findings))
            .collect();
        let mut reader = Self { schemes, default: Security::Undeclared };
        if let Some(node) = root.child("security") {
            reader.default = reader.requirements(&node, findings);
        }
        reader
    }

    pub(crate) fn schemes(&self) -> &[SecurityScheme] {
        &self.schemes
    }

    pub(crate) fn into_schemes(self) -> Vec<SecurityScheme> {
        self.schemes
    }

    /// What `operation` asks of its caller.
    pub(crate) fn of_operation(
        &self,
        operation: &Node<'_>,
        decided: Option<Access>,
        findings: &mut Findings<'_>,
    ) -> Security {
        let own = operation.child("security").map(|node| self.requirements(&node, findings));
        match decided {
            Some(Access::Public) => return Security::Public,
            Some(Access::AnyOf(alternatives)) if alternatives.is_empty() => {}
            Some(Access::AnyOf(alternatives)) => return Security::AnyOf(alternatives),
            None => {}
        }
        if !is_public(operation, findings) {
            return own.unwrap_or_else(|| self.default.clone());
        }
        if let Some(Security::AnyOf(_)) = own {
            findings.refuse(
                Diagnostic::error(
                    codes::contract::ACCESS_CONTRADICTORY,
                    "the operation asks for a credential and calls itself public",
                )
                .at(operation.place().child(ACCESS))
                .related(operation.place().child("security"), "a credential is asked for here")
                .help("remove one of the two"),
            );
        }
        Security::Public
    }

    /// Reads a list of alternatives. `{}`, "no credential", counts for nothing: see the module's head.
    fn requirements(&self, node: &Node<'_>, findings: &mut Findings<'_>) -> Security {
        let Some(alternatives) = node.value().as_array() else {
            findings.refuse(
                Diagnostic::error(codes::contract::OPENAPI_STRUCTURE, "`security` is an array of objects")
                    .at(node.place()),
            );
            return Security::Undeclared;
        };
        let mut any = Vec::new();
        for alternative in node.items() {
            let uses: Vec<SchemeUse> = alternative
                .members()
                .map(|(name, scopes)| self.scheme_use(name, &scopes, findings))
                .collect();
            if !uses.is_empty() {
                any.push(AllOf(uses));
            } else if alternatives.len() > 1 {
                findings.warn_once(codes::contract::ANONYMOUS_ALTERNATIVE_IGNORED, "", || {
                    Diagnostic::warning(
                        codes::contract::ANONYMOUS_ALTERNATIVE_IGNORED,
                        "the alternative without a credential is not honored",
                    )
                    .at(alternative.place())
                    .help("say `x-portcullis-access: public` at the operation if anybody may call it")
                });
            }
        }
        if any.is_empty() { Security::Undeclared } else { Security::AnyOf(any) }
    }

    fn scheme_use(&self, name: &str, node: &Node<'_>, findings: &mut Findings<'_>) -> SchemeUse {
        let scopes: Vec<&str> =
            node.value().as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match self.schemes.iter().find(|scheme| &*scheme.name == name) {
            Some(scheme) => scheme.note_unlisted(&scopes, node, findings),
            None => {
                let known: Vec<String> =
                    self.schemes.iter().map(|scheme| format!("`{}`", scheme.name)).collect();
                let help = if known.is_empty() {
                    "declare it under `components.securitySchemes`".to_owned()
                } else {
                    format!("declared are {}", known.join(", "))
                };
                findings.refuse(
                    Diagnostic::error(
                        codes::contract::SECURITY_SCHEME_UNKNOWN,
                        format!("there is no security scheme `{name}`"),
                    )
                    .at(node.place().key())
                    .help(help),
                );
            }
        }
        SchemeUse { scheme: name.into(), scopes: scopes.into_iter().collect() }
    }
}

fn is_public(operation: &Node<'_>, findings: &mut Findings<'_>) -> bool {
    match operation.child(ACCESS) {
        None => false,
        Some(node) if node.value() == "public" => true,
        Some(node) => {
            findings.refuse(
                Diagnostic::error(
                    codes::contract::EXTENSION_MALFORMED,
                    format!("`{ACCESS}` can only be `public`"),
                )
                .at(node.place())
                .help("who may call is said with `security`"),
            );
            false
        }
    }
}

impl SecurityScheme {
    fn read(name: &str, node: &Node<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let node = match node.resolved() {
            Ok(node) => node,
            Err(diagnostic) => {
                findings.refuse(*diagnostic);
                return None;
            }
        };
        let kind = match SchemeKind::read(&node) {
            Ok(kind) => kind,
            Err(what) => {
                findings.refuse(
                    Diagnostic::error(
                        codes::contract::SECURITY_SCHEME_MALFORMED,
                        format!("security scheme `{name}` {what}"),
                    )
                    .at(node.place()),
                );
                return None;
            }
        };
        Some(Self { name: name.into(), kind, place: node.place(), scopes: listed_scopes(&node) })
    }

    fn note_unlisted(&self, scopes: &[&str], node: &Node<'_>, findings: &mut Findings<'_>) {
        let Some(listed) = &self.scopes else { return };
        for scope in scopes.iter().filter(|scope| !listed.iter().any(|known| known == *scope)) {
            findings.warn_once(codes::contract::SCOPE_UNLISTED, *scope, || {
                Diagnostic::warning(
                    codes::contract::SCOPE_UNLISTED,
                    format!("scope `{scope}` is not listed by `{}`", self.name),
                )
                .at(node.place())
                .label("it is required all the same")
            });
        }
    }
}

impl SchemeKind {
    fn read(node: &Node<'_>) -> Result<Self, String> {
        let text = |name: &str| node.text(name).ok_or_else(|| format!("has no `{name}`"));
        match text("type")? {
            "http" => Ok(match text("scheme")?.to_ascii_lowercase().as_str() {
                "bearer" => Self::Bearer,
                "basic" => Self::Basic,
                other => Self::OtherHttp(other.to_owned()),
            }),
            "oauth2" => Ok(Self::OAuth2),
            "openIdConnect" => Ok(Self::OpenIdConnect { url: text("openIdConnectUrl")?.to_owned() }),
            "apiKey" => {
                let location = match text("in")? {
                    "header" => KeyLocation::Header,
                    "cookie" => KeyLocation::Cookie,
                    "query" => KeyLocation::Query,
                    other => return Err(format!("is in `{other}`, which is no place for a key")),
                };
                Ok(Self::ApiKey { location, name: text("name")?.to_owned() })
            }
            "mutualTLS" => Ok(Self::MutualTls),
            other => Err(format!("has the unknown type `{other}`")),
        }
    }
}

fn listed_scopes(node: &Node<'_>) -> Option<Vec<String>> {
    let flows = node.child("flows")?;
    let lists = flows.members().filter_map(|(_, flow)| flow.value().get("scopes")?.as_object());
    Some(lists.flat_map(|scopes| scopes.keys().cloned()).collect())
}
