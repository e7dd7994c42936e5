//! Walking through a document and the documents that it refers to.
//!
//! In: parsed documents. Out: [`Node`]s, which know their value, their place and where a `$ref` leads.
//! Called while a contract is compiled, never while a request is walked. RFC 6901 (JSON pointer),
//! OpenAPI 3.1.1 §4.6. Reading files is the caller's: it hands in a [`References`].

mod findings;
mod library;
mod node;
mod sandbox;

pub(crate) use findings::{Findings, Verdict};
pub(crate) use library::Library;
pub use library::{NoReferences, References, Unresolved};
pub(crate) use node::{Node, escape};
pub use sandbox::path_below;
