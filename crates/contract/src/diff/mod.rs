//! What changed between two documents of an API, for whoever decides whether the new one may be published.
//!
//! In: two documents and ways to what they refer to. Out: [`Change`]s that break clients (what they may send got
//! narrower, what they are promised got less) and changes that weaken protection (what is let in or let out got
//! wider), each with both places. Called by `portcullis diff`. Pure: nothing is compiled for serving, and a document
//! whose security is said only in `portcullis.yaml` can be compared too. NIST SP 800-228 REC-1, OWASP API9:2023.
//!
//! A schema is read as what all its parts say together (`$ref`, `allOf`); requests and answers are compared in
//! opposite directions. Patterns, formats and conditions are compared as they are written: nobody can say in
//! general whether one pattern takes less than another.

mod answers;
mod code;
mod extensions;
mod facts;
mod findings;
mod members;
mod operations;
mod parameters;
mod schemas;
mod security;
mod sensitive;

use std::sync::Arc;

use portcullis_config::{Diagnostics, Document, Place};

use crate::reading::{Findings, Library, Node, References};
use crate::structure;

pub use code::{Class, Code};

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    /// What kind of change.
    pub code: Code,
    /// The operations that it holds for, as `METHOD /path`; none for a change of the document as a whole.
    pub operations: Vec<String>,
    /// Where it was, if it was there.
    pub old: Option<Place>,
    /// Where it is, if it is there.
    pub new: Option<Place>,
    /// One sentence.
    pub sentence: String,
}

impl Change {
    /// Whom it hurts.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.code.class()
    }

    /// The JSON pointer of what changed: in the new document, or in the old one if it is gone.
    #[must_use]
    pub fn pointer(&self) -> &str {
        self.new.as_ref().or(self.old.as_ref()).map_or("", Place::pointer)
    }
}

/// A document and the way to others that it refers to.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The OpenAPI document.
    pub document: &'a Arc<Document>,
    /// The others.
    pub references: &'a dyn References,
}

/// Compares two documents; the changes are in the order of the old document's operations, then the new one's.
///
/// # Errors
/// What makes one of them no OpenAPI document that is read.
pub fn diff(old: Side<'_>, new: Side<'_>) -> Result<Vec<Change>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let old = Library::load(old.document, old.references, &mut diagnostics);
    let new = Library::load(new.document, new.references, &mut diagnostics);
    let mut findings = Findings::new(&mut diagnostics);
    let roots = (root(&old, &mut findings), root(&new, &mut findings));
    // Mistakes are in `diagnostics`; what cannot be enforced is for `check` to say.
    let _ = findings.finish();
    match roots {
        (Some(old), Some(new)) if !diagnostics.has_errors() => Ok(operations::compare(&old, &new)),
        _ => Err(diagnostics),
    }
}

/// The top of a document, if it is one that is read.
fn root<'d>(library: &'d Library, findings: &mut Findings<'_>) -> Option<Node<'d>> {
    let root = library.root()?;
    structure::dialect(&root, findings)?;
    Some(root)
}

/// The same value in both documents.
struct Pair<'n, 'd> {
    old: &'n Node<'d>,
    new: &'n Node<'d>,
}
