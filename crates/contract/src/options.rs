//! What the gateway decides about a contract, beyond what the document says.

use std::collections::BTreeMap;

use http::Method;
use portcullis_domain::{Denial, Reason, Scopes};

use crate::body::ContentCodings;
use crate::graphql::GraphqlLimits;
use crate::lifecycle::LifecycleChange;
use crate::own::OwnOperation;
use crate::parameter::PageLimit;
use crate::security::AllOf;

/// How a contract is compiled.
pub struct CompileOptions<'a> {
    /// What stands before every path template, without gaps: `/v1`. The document's own `servers` are
    /// shown by [`crate::Contract::servers`] and not applied.
    pub base_path: &'a str,
    /// What `portcullis.yaml` says of an operation; it wins over the document.
    pub access: &'a dyn Fn(&Selected<'_>) -> Option<Access>,
    /// What `portcullis.yaml` says of the life of an operation, or with `None` of the API.
    pub lifecycle: &'a dyn Fn(Option<&Selected<'_>>) -> LifecycleChange,
    /// An operation that the gateway itself answers.
    pub own: Option<OwnOperation<'a>>,
    /// How object schemas that do not say `additionalProperties` are read in requests.
    pub objects: Objects,
    /// What happens to `readOnly` members in requests.
    pub read_only: ReadOnly,
    /// What happens to query parameters that nobody declared.
    pub undeclared_query: Undeclared,
    /// How many items query parameters of these names may ask for, whatever operation they belong to.
    pub page_limits: Vec<PageLimit>,
    /// What `portcullis.yaml` says of an operation that takes GraphQL; it wins over the document.
    pub graphql: &'a dyn Fn(&Selected<'_>) -> Option<GraphqlLimits>,
    /// What happens to schemas that set no bound.
    pub unbounded: Unbounded,
    /// The largest body in bytes of an operation that does not say `x-portcullis-body-limit`.
    pub body_limit: usize,
    /// The largest body in bytes that `portcullis.yaml` says of an operation; it wins over the document.
    pub body_limit_of: &'a dyn Fn(&Selected<'_>) -> Option<usize>,
    /// Which content codings are decoded.
    pub codings: ContentCodings,
    /// The answer to a well-formed request that breaks the contract.
    pub invalid: Invalid,
    /// Whether anybody will ask which members bodies have.
    pub outlines: Outlined,
}

/// Whether the members of bodies are taken down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outlined {
    /// Nobody asks, and what is asked all the same is not known.
    #[default]
    No,
    /// They are.
    Yes,
}

impl Default for CompileOptions<'_> {
    fn default() -> Self {
        Self {
            base_path: "",
            access: &|_| None,
            lifecycle: &|_| LifecycleChange::default(),
            own: None,
            objects: Objects::Closed,
            read_only: ReadOnly::Refused,
            undeclared_query: Undeclared::Refused,
            page_limits: Vec::new(),
            graphql: &|_| None,
            unbounded: Unbounded::Reported,
            body_limit: 1 << 20,
            body_limit_of: &|_| None,
            codings: ContentCodings::default(),
            invalid: Invalid::BadRequest,
            outlines: Outlined::No,
        }
    }
}

/// An operation, as a selector of `portcullis.yaml` sees it.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// Its id: declared, or made of method and template.
    pub id: &'a str,
    /// Its method.
    pub method: &'a Method,
    /// Its path as the document writes it.
    pub template: &'a str,
    /// Its tags.
    pub tags: &'a [String],
}

/// What `portcullis.yaml` can say about who may call an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Who satisfies one of these.
    AnyOf(Vec<AllOf>),
}

impl Access {
    /// Reads alternatives of scheme names and scopes, as OpenAPI's `security` writes them.
    #[must_use]
    pub fn from_requirements(alternatives: &[BTreeMap<String, Vec<String>>]) -> Self {
        let uses = |alternative: &BTreeMap<String, Vec<String>>| {
            AllOf(
                alternative
                    .iter()
                    .map(|(scheme, scopes)| crate::security::SchemeUse {
                        scheme: scheme.as_str().into(),
                        scopes: scopes.iter().map(String::as_str).collect::<Scopes>(),
                    })
                    .collect(),
            )
        };
        Self::AnyOf(alternatives.iter().map(uses).collect())
    }
}

/// How an object schema that does not set `additionalProperties` is read in requests.
///
/// JSON Schema lets every member through that it does not name, which is how mass assignment happens
/// (OWASP API3:2023). A schema that names no members at all stays open: it is a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Objects {
    /// Only named members pass.
    #[default]
    Closed,
    /// As JSON Schema has it.
    AsDeclared,
}

/// What happens to `readOnly` members in requests (VAL-18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadOnly {
    /// A request that has one breaks the contract.
    #[default]
    Refused,
    /// They pass, checked like any other member, and are never required.
    Accepted,
}

/// What happens to query parameters that nobody declared (VAL-02).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Undeclared {
    /// The request breaks the contract.
    #[default]
    Refused,
    /// They pass unseen.
    Passed,
}

/// What happens to schemas that set no bound (VAL-05).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unbounded {
    /// Nothing.
    Accepted,
    /// One warning for each kind of value.
    #[default]
    Reported,
    /// The contract is refused.
    Refused,
}

/// The answer to a well-formed request that breaks the contract (VAL-01). Both statuses are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Invalid {
    /// 400, [`Reason::RequestInvalid`]: RFC 9110 §15.5.1.
    #[default]
    BadRequest,
    /// 422, [`Reason::RequestUnprocessable`]: RFC 9110 §15.5.21.
    UnprocessableContent,
}

impl Invalid {
    /// `denial`, told in this way if that is what it says.
    pub(crate) fn answer(self, denial: Denial) -> Denial {
        match self {
            Self::UnprocessableContent if denial.reason() == Reason::RequestInvalid => {
                denial.with_reason(Reason::RequestUnprocessable)
            }
            Self::BadRequest | Self::UnprocessableContent => denial,
        }
    }
}
