//! Brings the schemas that requests and answers need into one JSON Schema 2020-12 document.
//!
//! Each schema node is written once for each way of reading it, however many operations use it, and
//! `$ref`s become references within that document. On the way, dialect differences vanish, objects are
//! closed, `readOnly` members are ruled out of requests and `writeOnly` ones of answers, and whatever
//! cannot be enforced is reported.
//!
//! Requests come first. At [`Translator::turn_to_answers`] what was written so far is kept for answers too
//! if nothing in the document tells the two directions apart; most large documents are like that.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use portcullis_config::{Diagnostic, Place, codes};
use serde_json::{Map, Value, json};

use super::inherit::Heirs;
use super::keyword::{Dialect, Meaning, meaning};
use super::loops;
use super::rule;
use super::set::{Engine, Schemas};
use super::write::{Writer, malformed};
use crate::options::{Objects, ReadOnly, Unbounded};
use crate::reading::{Findings, Node};

/// How many definitions a document may need. The largest real ones need some thousands.
const DEFINITIONS: usize = 100_000;

/// A schema that values can be checked against, by its number in [`Schemas`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Root(pub(super) usize);

/// How schemas are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) objects: Objects,
    pub(crate) read_only: ReadOnly,
    pub(crate) unbounded: Unbounded,
}

/// Under which name a `readOnly` member's schema stands in requests: nothing satisfies it.
pub(super) const READ_ONLY: &str = "readOnly";
/// The same for a `writeOnly` member in answers.
pub(super) const WRITE_ONLY: &str = "writeOnly";

/// Who sends the values that are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Clients do.
    Request,
    /// The API does.
    Answer,
}

impl Direction {
    /// What marks a member that only the other side sends.
    pub(super) const fn foreign(self) -> &'static str {
        match self {
            Self::Request => READ_ONLY,
            Self::Answer => WRITE_ONLY,
        }
    }
}

/// What a schema describes, which decides how it is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reading {
    /// A value.
    Whole,
    /// A value, of exactly this schema and not of one that builds on it.
    Exact,
    /// A value that other schemas describe too; whoever joins them closes it.
    Part(Rc<Joined>),
    /// A value that is only looked at: inside `not` or `if`, closing would open.
    AsWritten,
}

/// What the schemas that join on one value say together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Joined {
    pub(super) foreign: BTreeSet<String>,
    pub(super) shared: BTreeSet<String>,
    /// Whether the schema that joins them names members itself.
    pub(super) names_members: bool,
}

/// Whether a schema speaks of the value of the definition it stands in, or of one within.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Same,
    Within,
}

struct Definition {
    schema: Value,
    /// The definitions that speak of the same value.
    same: Vec<usize>,
    place: Place,
}

type Key = ((usize, String), Reading);

/// Collects schemas. One for each contract.
pub(crate) struct Translator<'d> {
    dialect: Dialect,
    pub(super) rules: Rules,
    pub(super) direction: Direction,
    pub(super) engine: Engine,
    heirs: Heirs<'d>,
    /// The document's top, for what concerns all schemas.
    place: Place,
    definitions: Vec<Definition>,
    known: HashMap<Key, usize>,
    waiting: VecDeque<(usize, Node<'d>, Reading)>,
    current: usize,
}

impl<'d> Translator<'d> {
    pub(crate) fn new(root: &Node<'d>, dialect: Dialect, rules: Rules) -> Self {
        Self {
            dialect,
            rules,
            direction: Direction::Request,
            engine: Engine::new(),
            heirs: Heirs::of(root),
            place: root.place(),
            definitions: Vec::new(),
            known: HashMap::new(),
            waiting: VecDeque::new(),
            current: 0,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Adds a schema that values will be checked against.
    pub(crate) fn root(&mut self, node: &Node<'d>) -> Root {
        Root(self.definition(node, &Reading::Whole))
    }

    /// From here on schemas are those of answers.
    pub(crate) fn turn_to_answers(&mut self, root: &Node<'d>, findings: &mut Findings<'_>) {
        self.write_waiting(findings);
        self.direction = Direction::Answer;
        if root.library_mentions(&[READ_ONLY, WRITE_ONLY]) {
            self.known.clear();
        }
    }

    fn write_waiting(&mut self, findings: &mut Findings<'_>) {
        while let Some((index, node, reading)) = self.waiting.pop_front() {
            self.current = index;
            let schema = self.schema(&node, &reading, Depth::Same, findings);
            if let Some(definition) = self.definitions.get_mut(index) {
                definition.schema = schema;
            }
        }
    }

    /// Writes everything that was asked for and compiles it.
    pub(crate) fn finish(mut self, findings: &mut Findings<'_>) -> Option<Schemas> {
        self.write_waiting(findings);
        if self.definitions.len() >= DEFINITIONS {
            let what = format!("the schemas need more than {DEFINITIONS} definitions");
            findings.refuse(Diagnostic::error(codes::contract::SCHEMA_REFUSED, what).at(self.place));
            return None;
        }
        let edges: Vec<Vec<usize>> =
            self.definitions.iter_mut().map(|definition| std::mem::take(&mut definition.same)).collect();
        if let Some(definition) = loops::first(&edges).and_then(|index| self.definitions.get(index)) {
            findings.refuse(
                Diagnostic::error(codes::contract::SCHEMA_LOOP, "this schema leads back to itself")
                    .at(definition.place.clone())
                    .label("checking a value against it would never end")
                    .help("a schema may only meet itself again inside a property or an item"),
            );
            return None;
        }
        let schemas = self.definitions.into_iter().map(|definition| definition.schema).collect();
        match self.engine.compile(schemas) {
            Ok(schemas) => Some(schemas),
            Err(why) => {
                let what = format!("the validator does not take the schemas: {why}");
                findings.refuse(Diagnostic::error(codes::contract::SCHEMA_REFUSED, what).at(self.place));
                None
            }
        }
    }

    fn definition(&mut self, node: &Node<'d>, reading: &Reading) -> usize {
        let (document, pointer) = node.identity();
        let key = ((document, pointer.to_owned()), reading.clone());
        if let Some(index) = self.known.get(&key) {
            return *index;
        }
        let index = self.definitions.len();
        if index >= DEFINITIONS {
            // Reported at the end; nothing is compiled from here on.
            self.waiting.clear();
            return index;
        }
        self.known.insert(key, index);
        self.definitions.push(Definition {
            schema: Value::Bool(false),
            same: Vec::new(),
            place: node.place(),
        });
        self.waiting.push_back((index, node.clone(), reading.clone()));
        index
    }

    /// A reference to the definition of `target`.
    pub(super) fn refer(&mut self, target: &Node<'d>, reading: &Reading, depth: Depth) -> Value {
        let index = self.definition(target, reading);
        if let (Depth::Same, Some(current)) = (depth, self.definitions.get_mut(self.current)) {
            current.same.push(index);
        }
        json!({ "$ref": format!("#/$defs/{index}") })
    }

    fn schema(
        &mut self,
        node: &Node<'d>,
        reading: &Reading,
        depth: Depth,
        findings: &mut Findings<'_>,
    ) -> Value {
        let members = match node.value() {
            Value::Object(members) => members,
            Value::Bool(all) if self.dialect == Dialect::V31 => return Value::Bool(*all),
            _ => {
                malformed(node, "a schema is an object", findings);
                return Value::Bool(false);
            }
        };
        if let Some(inner) = self.sole_part(node, members) {
            return self.part(&inner, reading, depth, findings);
        }
        if *reading == Reading::Whole && is_base(members) {
            let heirs = self.heirs.of_base(node);
            if !heirs.is_empty() {
                let all = std::iter::once(node).chain(&heirs);
                let any: Vec<Value> = all.map(|heir| self.refer(heir, &Reading::Exact, depth)).collect();
                return json!({ "anyOf": any });
            }
        }
        Writer::new(self, node, members, reading, depth).write(findings)
    }

    /// A schema, or the reference that stands for it.
    pub(super) fn part(
        &mut self,
        node: &Node<'d>,
        reading: &Reading,
        depth: Depth,
        findings: &mut Findings<'_>,
    ) -> Value {
        if self.dialect == Dialect::V30 && node.text("$ref").is_some() {
            rule::refuse_beside_reference(node, findings);
        }
        match node.reference() {
            Some(target) if self.is_only_reference(node) => match target {
                Ok(target) => self.refer(&target, reading, depth),
                Err(diagnostic) => {
                    findings.refuse(*diagnostic);
                    Value::Bool(false)
                }
            },
            _ => self.schema(node, reading, depth, findings),
        }
    }

    fn is_only_reference(&self, node: &Node<'d>) -> bool {
        let asserts = |name: &String| matches!(meaning(self.dialect, name), Meaning::Assertion(_));
        self.dialect == Dialect::V30
            || node.object().is_some_and(|members| members.keys().filter(|name| asserts(name)).count() == 1)
    }

    /// The one schema that says all that this one says: a bare `$ref`, or an `allOf` of one.
    fn sole_part(&self, node: &Node<'d>, members: &Map<String, Value>) -> Option<Node<'d>> {
        if members.get("$ref").is_some_and(Value::is_string) {
            return self.is_only_reference(node).then(|| node.clone());
        }
        let mut assertions =
            members.keys().filter(|name| matches!(meaning(self.dialect, name), Meaning::Assertion(_)));
        let (Some(only), None) = (assertions.next(), assertions.next()) else { return None };
        if !matches!(only.as_str(), "allOf" | "anyOf" | "oneOf") || members.contains_key("discriminator") {
            return None;
        }
        let parts = node.child(only)?;
        let mut items = parts.items();
        let (Some(part), None) = (items.next(), items.next()) else { return None };
        Some(part)
    }
}

/// Whether others may build on this schema: it tells them apart, and does not list them.
fn is_base(members: &Map<String, Value>) -> bool {
    members.contains_key("discriminator") && !members.contains_key("oneOf") && !members.contains_key("anyOf")
}
