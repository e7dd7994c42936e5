//! A value in a document, with its place.

use std::borrow::Cow;
use std::fmt;

use portcullis_config::{Diagnostic, Place, codes};
use serde_json::{Map, Value};

use super::library::Library;

/// How many references may be followed to reach one value.
const HOPS: usize = 32;

/// A value in a document of a [`Library`].
#[derive(Clone)]
pub(crate) struct Node<'d> {
    library: &'d Library,
    document: usize,
    pointer: String,
    value: &'d Value,
}

impl<'d> Node<'d> {
    pub(super) fn new(library: &'d Library, document: usize, pointer: String, value: &'d Value) -> Self {
        Self { library, document, pointer, value }
    }

    pub(crate) fn value(&self) -> &'d Value {
        self.value
    }

    /// What tells this node from all others of the library.
    pub(crate) fn identity(&self) -> (usize, &str) {
        (self.document, &self.pointer)
    }

    /// Where the value stands.
    #[expect(clippy::expect_used, reason = "a node is only made by the library that holds its document")]
    pub(crate) fn place(&self) -> Place {
        self.library.document(self.document).expect("the library holds it").at(self.pointer.clone())
    }

    pub(crate) fn object(&self) -> Option<&'d Map<String, Value>> {
        self.value.as_object()
    }

    /// The member with this name, if this is an object that has it.
    pub(crate) fn child(&self, name: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(name)?;
        Some(self.below(&escape(name), value))
    }

    /// The members of an object, in document order; none if this is no object.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'d str, Self)> + '_ {
        self.value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), self.below(&escape(name), value)))
    }

    /// The elements of an array; none if this is no array.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> + '_ {
        self.value
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(index, value)| self.below(&index.to_string(), value))
    }

    /// The text of a member.
    pub(crate) fn text(&self, name: &str) -> Option<&'d str> {
        self.value.get(name)?.as_str()
    }

    /// Whether a member is `true`.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.value.get(name) == Some(&Value::Bool(true))
    }

    /// Whether a member is `false`.
    pub(crate) fn says_false(&self, name: &str) -> bool {
        self.value.get(name) == Some(&Value::Bool(false))
    }

    /// Where this node's `$ref` leads, one step; `None` if it has none.
    pub(crate) fn reference(&self) -> Option<Result<Self, Box<Diagnostic>>> {
        let reference = self.text("$ref")?;
        Some(self.library.follow(self.document, &self.pointer, reference).map_err(|why| {
            let what = format!("reference `{reference}` leads nowhere: {why}");
            let diagnostic = Diagnostic::error(codes::contract::REFERENCE_UNRESOLVED, what);
            Box::new(diagnostic.at(self.place().child("$ref")))
        }))
    }

    /// What `reference` would lead to if it were written here.
    pub(crate) fn follow(&self, reference: &str) -> Option<Self> {
        self.library.follow(self.document, &self.pointer, reference).ok()
    }

    /// This node, or what it refers to in the end.
    pub(crate) fn resolved(&self) -> Result<Self, Box<Diagnostic>> {
        let mut node = self.clone();
        for _ in 0..HOPS {
            match node.reference() {
                None => return Ok(node),
                Some(next) => node = next?,
            }
        }
        let what = format!("following this reference takes more than {HOPS} steps");
        let diagnostic = Diagnostic::error(codes::contract::REFERENCE_LOOP, what).at(self.place());
        Err(Box::new(diagnostic.label("it comes back to itself, or is too roundabout")))
    }

    /// Whether any of the documents has one of these flags set somewhere.
    pub(crate) fn library_mentions(&self, flags: &[&str]) -> bool {
        self.library.mentions(flags)
    }

    fn below(&self, token: &str, value: &'d Value) -> Self {
        let mut pointer = String::with_capacity(self.pointer.len() + 1 + token.len());
        pointer.push_str(&self.pointer);
        pointer.push('/');
        pointer.push_str(token);
        Self { library: self.library, document: self.document, pointer, value }
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}#{})", self.document, self.pointer)
    }
}

/// One token of a JSON pointer (RFC 6901 §3).
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        Cow::Owned(name.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(name)
    }
}
