//! What an API seems to promise, from its traffic.
//!
//! In: paths, and samples of requests and answers. Out: templates ([`PathTree`]), shapes that only grow by
//! merging ([`Shape`]), and in the end an OpenAPI document ([`Lessons::document`]). Pure inference: the gateway
//! feeds it beside requests, never in their way. No value is kept anywhere: of texts their lengths and forms, of
//! paths and members the words. What is kept is exactly what [`Lessons::to_bytes`] writes; merging what several
//! gateways learnt gives what one would have learnt.

mod document;
mod members;
mod operation;
mod schema;
mod shape;
mod text;
mod tree;
mod words;
mod yaml;

pub use operation::{Content, Credential, Lesson, OperationShape};
pub use shape::Shape;
pub use tree::{DEPTH, Full, GAP, Leaf, NODES, PathTree, SIBLINGS, template};
pub use words::{is_name, is_word};

/// All that was learnt of one API.
#[derive(Clone, Debug, Default)]
pub struct Lessons(PathTree<OperationShape>);

impl Lessons {
    /// Learns from one request and its answer. What never went well is not learnt: whoever can send requests could
    /// fill the tree with paths that are refused.
    ///
    /// # Errors
    /// [`Full`] if there is no room for another path.
    pub fn learn(&mut self, lesson: &Lesson<'_>) -> Result<(), Full> {
        if lesson.status >= 400 && !self.0.knows(lesson.method, lesson.path) {
            return Ok(());
        }
        self.0.note(lesson.method, lesson.path, OperationShape::of(lesson))
    }

    /// Takes in what somebody else learnt.
    ///
    /// # Errors
    /// [`Full`] if not all of it found room.
    pub fn merge(&mut self, other: Self) -> Result<(), Full> {
        self.0.merge(other.0)
    }

    /// How many operations are known.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.0.clone().into_entries().len()
    }

    /// As it is kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Nothing in it has no form in JSON.
        serde_json::to_vec(&self.0.clone().into_entries()).unwrap_or_default()
    }

    /// What was kept; `None` if it was not, or by another program.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let entries: Vec<(Box<str>, String, OperationShape)> = serde_json::from_slice(bytes).ok()?;
        let mut lessons = Self::default();
        for (method, template, shape) in entries {
            lessons.0.note(&method, &template, shape).ok()?;
        }
        Some(lessons)
    }

    /// An OpenAPI document, in YAML, that accepts what was learnt from.
    #[must_use]
    pub fn document(&self, name: &str) -> String {
        let mut tree = self.0.clone();
        tree.settle();
        document::document(name, &tree.into_entries())
    }
}
