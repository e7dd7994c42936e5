//! All documents of one contract, loaded before anything is compiled.
//!
//! Loading first means that everything after borrows, and that the caller's sandbox is asked once for
//! each document and not once for each use.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use portcullis_config::{Diagnostics, Document};
use serde_json::{Map, Value};
use url::Url;

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
    /// From a resource and a plain-name fragment to the pointer of what carries the `$anchor`.
    anchors: HashMap<(Resource, String), String>,
    /// From an `$id` or `$self`, made absolute where it can be, to its resource.
    names: HashMap<String, Resource>,
    /// The name of each resource that has one.
    bases: HashMap<Resource, String>,
}

/// A schema with an `$id`, or a whole document: `#` means its top (JSON Schema 2020-12 core §8.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Resource {
    document: usize,
    pointer: String,
}

/// What a document says about itself and others, gathered in one pass.
#[derive(Default)]
struct Mentions {
    references: Vec<String>,
    /// Each with the pointer of its resource and its own.
    anchors: Vec<(String, String, String)>,
    /// Each with the pointers of the resource around it and its own; outer ones first.
    names: Vec<(String, String, String)>,
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
            bases: HashMap::new(),
        };
        let mut next = 0;
        while let Some(document) = library.documents.get(next).map(Arc::clone) {
            let mentions = Mentions::of(&document);
            for (name, resource, pointer) in mentions.anchors {
                let resource = Resource { document: next, pointer: resource };
                library.anchors.insert((resource, name), pointer);
            }
            for (name, around, pointer) in mentions.names {
                let name = library.absolute(&Resource { document: next, pointer: around }, &name);
                let resource = Resource { document: next, pointer };
                library.bases.insert(resource.clone(), name.clone());
                library.names.entry(name).or_insert(resource);
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

    /// Whether any document has one of these flags set somewhere.
    pub(super) fn mentions(&self, flags: &[&str]) -> bool {
        fn within(value: &Value, flags: &[&str]) -> bool {
            match value {
                Value::Object(members) => members.iter().any(|(name, value)| {
                    (*value == Value::Bool(true) && flags.contains(&name.as_str())) || within(value, flags)
                }),
                Value::Array(items) => items.iter().any(|item| within(item, flags)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
            }
        }
        self.documents.iter().any(|document| within(document.value(), flags))
    }

    /// What `reference`, written at `pointer` in the document `from`, leads to.
    pub(super) fn follow(&self, from: usize, pointer: &str, reference: &str) -> Result<Node<'_>, String> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let resource = self.target(self.resource_of(from, pointer), file)?;
        let fragment = percent_decode_str(fragment)
            .decode_utf8()
            .map_err(|_| "its fragment is not UTF-8 when decoded".to_owned())?;
        let document = resource.document;
        let pointer = if fragment.is_empty() {
            resource.pointer
        } else if fragment.starts_with('/') {
            format!("{}{fragment}", resource.pointer)
        } else {
            let anchor = self.anchors.get(&(resource, fragment.to_string()));
            anchor.cloned().ok_or_else(|| format!("there is no `$anchor: {fragment}`"))?
        };
        self.node(document, pointer).ok_or_else(|| "there is nothing at that place".to_owned())
    }

    fn target(&self, from: Resource, file: &str) -> Result<Resource, String> {
        if file.is_empty() {
            return Ok(from);
        }
        if let Some(named) = self.names.get(&self.absolute(&from, file)).or_else(|| self.names.get(file)) {
            return Ok(named.clone());
        }
        match self.links.get(&(from.document, file.to_owned())) {
            Some(Ok(document)) => Ok(Resource { document: *document, pointer: String::new() }),
            Some(Err(why)) => Err(why.clone()),
            None => Err("that document was not loaded".to_owned()),
        }
    }

    /// The innermost resource around `pointer`.
    fn resource_of(&self, document: usize, pointer: &str) -> Resource {
        let mut resource = Resource { document, pointer: pointer.to_owned() };
        while !resource.pointer.is_empty() && !self.bases.contains_key(&resource) {
            resource.pointer.truncate(resource.pointer.rfind('/').unwrap_or(0));
        }
        resource
    }

    /// `name` as seen from `from`: absolute if `from` has an absolute name itself.
    fn absolute(&self, from: &Resource, name: &str) -> String {
        let base = self.bases.get(from).and_then(|base| Url::parse(base).ok());
        let joined = base.and_then(|base| base.join(name).ok());
        joined.map_or_else(|| name.to_owned(), String::from)
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
        mentions.walk(document.value(), &mut String::new(), "");
        mentions
    }

    /// The depth of this recursion is bounded by the parser's own bound on nesting.
    fn walk(&mut self, value: &Value, pointer: &mut String, resource: &str) {
        let length = pointer.len();
        match value {
            Value::Object(members) => {
                let own = self.name(members, pointer, resource);
                let resource = own.as_deref().unwrap_or(resource);
                for (name, value) in members {
                    if let Value::String(text) = value {
                        self.note(name, text, pointer, resource);
                        continue;
                    }
                    pointer.push('/');
                    pointer.push_str(&escape(name));
                    self.walk(value, pointer, resource);
                    pointer.truncate(length);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                    self.walk(item, pointer, resource);
                    pointer.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Notes the name of an object that begins a resource, and returns its pointer.
    fn name(&mut self, members: &Map<String, Value>, pointer: &str, resource: &str) -> Option<String> {
        let keyword = if pointer.is_empty() && members.contains_key("$self") { "$self" } else { "$id" };
        let name = members.get(keyword)?.as_str()?.trim_end_matches('#');
        if name.is_empty() || name.starts_with('#') {
            return None;
        }
        self.names.push((name.to_owned(), resource.to_owned(), pointer.to_owned()));
        Some(pointer.to_owned())
    }

    fn note(&mut self, name: &str, text: &str, pointer: &str, resource: &str) {
        match name {
            "$ref" => {
                let file = text.split_once('#').map_or(text, |(file, _)| file);
                if !file.is_empty() {
                    self.references.push(file.to_owned());
                }
            }
            "$anchor" | "$dynamicAnchor" => {
                self.anchors.push((text.to_owned(), resource.to_owned(), pointer.to_owned()));
            }
            _ => {}
        }
    }
}
