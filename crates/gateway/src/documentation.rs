//! The OpenAPI document of what is served, for callers who may read it (VER-12, ASVS 13.4.5).
//!
//! In: parts that [`crate::compile`] took from the API's document and policy. Out: the document as it is at one moment:
//! what has been retired by then is not in it. Answered at the end of [`crate::admit`], so that nobody reads it who
//! was not identified, permitted and counted.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use portcullis_domain::Timestamp;
use serde_json::{Map, Value};

/// The documentation of one API.
#[derive(Debug)]
pub(crate) struct Documentation {
    /// All but paths and components.
    pub(crate) head: Map<String, Value>,
    pub(crate) operations: Vec<Described>,
    /// Everything that operations may refer to.
    pub(crate) components: Map<String, Value>,
    /// The last one made, and how many operations were gone then.
    pub(crate) made: ArcSwapOption<(usize, Bytes)>,
}

/// An operation of the document.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) path: String,
    /// In lower case, as the document has it.
    pub(crate) method: String,
    pub(crate) value: Value,
    /// When it is gone.
    pub(crate) end: Option<Timestamp>,
}

impl Documentation {
    /// The document at `now`. It is made once for every operation that goes, not once for every reader.
    pub(crate) fn document(&self, now: Timestamp) -> Bytes {
        let is_gone = |operation: &&Described| operation.end.is_some_and(|end| end <= now);
        let gone = self.operations.iter().filter(is_gone).count();
        if let Some(made) = self.made.load().as_ref().filter(|made| made.0 == gone) {
            return made.1.clone();
        }
        let bytes = Bytes::from(serde_json::to_vec(&self.assemble(now)).unwrap_or_default());
        self.made.store(Some(Arc::new((gone, bytes.clone()))));
        bytes
    }

    fn assemble(&self, now: Timestamp) -> Value {
        let mut paths = Map::new();
        for operation in &self.operations {
            if operation.end.is_some_and(|end| end <= now) {
                continue;
            }
            let item = paths.entry(operation.path.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(item) = item {
                item.insert(operation.method.clone(), operation.value.clone());
            }
        }
        let mut document = self.head.clone();
        let components = self.used_components(&Value::Object(paths.clone()));
        document.insert("paths".to_owned(), Value::Object(paths));
        document.insert("components".to_owned(), components);
        Value::Object(document)
    }

    /// The components that `paths` lead to: what belongs to operations that are gone is nobody's business.
    fn used_components(&self, paths: &Value) -> Value {
        let mut wanted: Vec<String> = Vec::new();
        references(paths, &mut wanted);
        let mut used: Map<String, Value> = Map::new();
        let mut next = 0;
        while let Some(reference) = wanted.get(next).cloned() {
            next += 1;
            let Some((section, name)) =
                reference.strip_prefix("#/components/").and_then(|rest| rest.split_once('/'))
            else {
                continue;
            };
            let name = name.split('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
            let Some(value) = self.components.get(section).and_then(|section| section.get(&name)) else {
                continue;
            };
            let section = used.entry(section.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(section) = section
                && !section.contains_key(&name)
            {
                section.insert(name, value.clone());
                references(value, &mut wanted);
            }
        }
        if let Some(schemes) = self.components.get("securitySchemes") {
            used.insert("securitySchemes".to_owned(), schemes.clone());
        }
        Value::Object(used)
    }
}

/// All `$ref`s below `value`, and what a discriminator maps to.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" || text.starts_with("#/components/") => {
                        if !found.contains(text) {
                            found.push(text.clone());
                        }
                    }
                    member => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
