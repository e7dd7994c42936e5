//! Parameters: what a request may carry outside its body, and whether it does.
//!
//! In: the canonical path's gaps, the raw query, the headers. Out: violations. Called by
//! [`crate::Operation::validate_head`]. OpenAPI 3.1.1 §4.8.12 (parameters, styles); RFC 6570 for the
//! styles' grammar. Text becomes a value by the schema's type, strictly: `1` is an integer, `1.0`, `01`
//! and `+1` are not; booleans are `true` and `false` (VAL-03). What was read is forwarded as it came.

mod check;
mod compile;
mod cookie;
mod decode;
mod page;
mod query;
mod style;
mod value;

use http::HeaderName;

use crate::options::Undeclared;
use crate::schema::{Root, Shape};
pub(crate) use check::Sources;
pub(crate) use compile::{declared, of_header, verify};
pub(crate) use decode::{Coding, decode};
pub use page::{Beyond, PageLimit};
pub(crate) use page::{PAGE_LIMIT, clamp};
pub(crate) use query::Pairs;
pub(crate) use style::{Explode, Style};
pub(crate) use value::{Parts, Text, build, scalar};

/// What a request of one operation may carry outside its body.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) path: Vec<Parameter>,
    pub(crate) query: Vec<Parameter>,
    pub(crate) headers: Vec<(HeaderName, Parameter)>,
    pub(crate) cookies: Vec<Parameter>,
    pub(crate) undeclared: Undeclared,
    /// Query parameters that carry a credential: `authn` judges and removes them.
    pub(crate) credentials: Vec<Box<str>>,
    /// Numbers of items that may be asked for.
    pub(crate) pages: Vec<PageLimit>,
}

impl Parameters {
    /// Adds the limits that hold for all parameters of a name; what the document says of one holds instead.
    pub(crate) fn limit_pages(&mut self, limits: &[PageLimit]) {
        for limit in limits {
            if !self.pages.iter().any(|known| known.name == limit.name) {
                self.pages.push(limit.clone());
            }
        }
    }
}

/// A declared parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Box<str>,
    pub(crate) presence: Presence,
    /// `allowEmptyValue`: `?flag` and `?flag=` pass unseen.
    pub(crate) empty: Empty,
    pub(crate) form: ParameterForm,
    /// `None` if nothing is said about the value.
    pub(crate) root: Option<Root>,
}

/// Whether a parameter must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// What an empty value of a query parameter means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    Checked,
    Passed,
}

/// How a parameter's value is written.
#[derive(Clone, Debug)]
pub(crate) enum ParameterForm {
    /// In a style of RFC 6570.
    Styled { style: Style, explode: Explode, shape: Shape },
    /// As a JSON document (`content`).
    Json,
    /// In some other media type, which is not looked into.
    Unchecked,
}
