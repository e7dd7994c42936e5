//! All documents of one contract, loaded before anything is compiled.
//!
//! Loading first means that everything after borrows, and that the caller's sandbox is asked once for
//! each document and not once for each use.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use portcullis_config::{Diagnostics, Document};
use serde_json::Value;

use super::node::{Node, escape};

/// How many documents one contract may consist of.
const DOCUMENTS: usize = 256;

/// Where other documents come from. The gateway allows files of configured folders and nothing else.
pub trait References {
    /// The document that `reference` names, as written in the document `from`; without its fragment.
    ///
    /// The same document must come back under the same [`Document::name`], however it is referred to.
    ///
    /// # Errors
    /// Why there is none.
    fn load(&self, from: &str, reference: &str) -> Result<Arc<Document>, Unresolved>;
}

/// Why a reference to another document leads nowhere.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unresolved {
    /// It may not be read, or is not there; says why in a few words.
    #[error("{0}")]
    Refused(String),
    /// It was read and is broken.
    #[error("that document is broken")]
    Broken(Diagnostics),
}

/// No other documents: only references within the document resolve.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReferences;

impl References for NoReferences {
    fn load(&self, _from: &str, _reference: &str) -> Result<Arc<Document>, Unresolved> {
        Err(Unresolved::Refused("other documents are not read here".to_owned()))
    }
}

/// The documents of one contract. The first is the OpenAPI document itself.
#[derive(Debug)]
pub(crate) struct Library {
    documents: Vec<Arc<Document>>,
    /// From a document and the part of a `$ref` before `#`, to a document or the reason why not.
    links: HashMap<(usize, String), Result<usize, String>>,
    /// From a document and a plain-name fragment to the pointer of what carries the `$anchor`.
    anchors: HashMap<(usize, String), String>,
    /// From an `$id` or `$self` as written to a document and a pointer.
    names: HashMap<String, (usize, String)>,
}

/// What a document says about itself and others, gathered in one pass.
#[derive(Default)]
struct Mentions {
    references: Vec<String>,
    anchors: Vec<(String, String)>,
    names: Vec<(String, String)>,
}

impl Library {
    /// Loads `root` and all that it refers to, directly or not.
    pub(crate) fn load(
        root: &Arc<Document>,
        references: &dyn References,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut library = Self {
            documents: vec![Arc::clone(root)],
            links: HashMap::new(),
            anchors: HashMap::new(),
            names: HashMap::new(),
        };
        let mut next = 0;
        while let Some(document) = library.documents.get(next).map(Arc::clone) {
            let mentions = Mentions::of(&document);
            for (name, pointer) in mentions.anchors {
                library.anchors.insert((next, name), pointer);
            }
            for (name, pointer) in mentions.names {
                library.names.entry(name).or_insert((next, pointer));
            }
            for reference in mentions.references {
                let key = (next, reference);
                if !library.links.contains_key(&key) {
                    let link = library.link(document.name(), &key.1, references, diagnostics);
                    library.links.insert(key, link);
                }
            }
            next += 1;
        }
        library
    }

    /// The top of the OpenAPI document.
    pub(crate) fn root(&self) -> Option<Node<'_>> {
        self.node(0, String::new())
    }

    pub(crate) fn document(&self, index: usize) -> Option<&Arc<Document>> {
        self.documents.get(index)
    }

    /// What `reference`, written in the document `from`, leads to.
    pub(super) fn follow(&self, from: usize, reference: &str) -> Result<Node<'_>, String> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let (document, base) = self.target(from, file)?;
        let fragment = percent_decode_str(fragment)
            .decode_utf8()
            .map_err(|_| "its fragment is not UTF-8 when decoded".to_owned())?;
        let pointer = if fragment.is_empty() {
            base
        } else if fragment.starts_with('/') {
            format!("{base}{fragment}")
        } else {
            self.anchors
                .get(&(document, fragment.to_string()))
                .cloned()
                .ok_or_else(|| format!("there is no `$anchor: {fragment}`"))?
        };
        self.node(document, pointer).ok_or_else(|| "there is nothing at that place".to_owned())
    }

    fn target(&self, from: usize, file: &str) -> Result<(usize, String), String> {
        if file.is_empty() {
            return Ok((from, String::new()));
        }
        if let Some(place) = self.names.get(file) {
            return Ok(place.clone());
        }
        match self.links.get(&(from, file.to_owned())) {
            Some(Ok(document)) => Ok((*document, String::new())),
            Some(Err(why)) => Err(why.clone()),
            None => Err("that document was not loaded".to_owned()),
        }
    }

    fn node(&self, document: usize, pointer: String) -> Option<Node<'_>> {
        let value = self.documents.get(document)?.value().pointer(&pointer)?;
        Some(Node::new(self, document, pointer, value))
    }

    fn link(
        &mut self,
        from: &str,
        reference: &str,
        references: &dyn References,
        diagnostics: &mut Diagnostics,
    ) -> Result<usize, String> {
        if self.names.contains_key(reference) {
            return Err("it is named by an `$id`".to_owned());
        }
        if self.documents.len() >= DOCUMENTS {
            return Err(format!("a contract consists of at most {DOCUMENTS} documents"));
        }
        match references.load(from, reference) {
            Ok(document) => {
                let known = self.documents.iter().position(|known| known.name() == document.name());
                Ok(known.unwrap_or_else(|| {
                    self.documents.push(document);
                    self.documents.len() - 1
                }))
            }
            Err(unresolved) => {
                let why = unresolved.to_string();
                if let Unresolved::Broken(mistakes) = unresolved {
                    diagnostics.extend(mistakes);
                }
                Err(why)
            }
        }
    }
}

impl Mentions {
    fn of(document: &Document) -> Self {
        let mut mentions = Self::default();
        mentions.walk(document.value(), &mut String::new());
        mentions
    }

    /// The depth of this recursion is bounded by the parser's own bound on nesting.
    fn walk(&mut self, value: &Value, pointer: &mut String) {
        let length = pointer.len();
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if let Value::String(text) = value {
                        self.note(name, text, pointer);
                        continue;
                    }
                    pointer.push('/');
                    pointer.push_str(&escape(name));
                    self.walk(value, pointer);
                    pointer.truncate(length);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                    self.walk(item, pointer);
                    pointer.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn note(&mut self, name: &str, text: &str, pointer: &str) {
        match name {
            "$ref" => {
                let file = text.split_once('#').map_or(text, |(file, _)| file);
                if !file.is_empty() {
                    self.references.push(file.to_owned());
                }
            }
            "$anchor" | "$dynamicAnchor" => self.anchors.push((text.to_owned(), pointer.to_owned())),
            "$id" => self.names.push((text.trim_end_matches('#').to_owned(), pointer.to_owned())),
            "$self" if pointer.is_empty() => self.names.push((text.to_owned(), String::new())),
            _ => {}
        }
    }
}
