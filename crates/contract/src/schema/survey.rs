//! What all schemas that speak of one object say together.
//!
//! `allOf: [Base, {…}]` describes one object in two places. Before it can be closed, or a member be
//! called read-only, both places must have been heard.

use std::collections::BTreeSet;

use super::keyword::Dialect;
use super::translate::Direction;
use crate::reading::Node;

/// How many schemas are looked at for one object. Documents need dozens; a stranger's could need ages.
const SCHEMAS: usize = 4096;

/// What is said of one object.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Members that are described somewhere.
    pub(super) declared: BTreeSet<String>,
    /// Members that are required somewhere.
    pub(super) required: BTreeSet<String>,
    /// Members that somewhere only the other side sends.
    pub(super) foreign: BTreeSet<String>,
    /// Members that are objects and described in two places that hold together.
    pub(super) shared: BTreeSet<String>,
    /// Whether members are described at all, or only what kind of value this is.
    pub(super) describes_members: bool,
    /// Whether names are matched by pattern.
    pub(super) has_patterns: bool,
}

/// One description of a member: which schema, and in which branch of which choices it stands.
struct Declaration<'d> {
    name: &'d str,
    schema: Node<'d>,
    branches: Vec<(usize, usize)>,
}

struct Surveyor<'d> {
    dialect: Dialect,
    direction: Direction,
    survey: Survey,
    declarations: Vec<Declaration<'d>>,
    /// The schemas between the start and here: meeting one again is a loop.
    path: Vec<Node<'d>>,
    branches: Vec<(usize, usize)>,
    choices: usize,
    left: usize,
}

impl Survey {
    /// Hears `node` and everything that speaks of the same value.
    pub(super) fn of(node: &Node<'_>, dialect: Dialect, direction: Direction) -> Self {
        let mut surveyor = Surveyor {
            dialect,
            direction,
            survey: Self::default(),
            declarations: Vec::new(),
            path: Vec::new(),
            branches: Vec::new(),
            choices: 0,
            left: SCHEMAS,
        };
        surveyor.hear(node);
        surveyor.finish()
    }
}

impl<'d> Surveyor<'d> {
    fn hear(&mut self, node: &Node<'d>) {
        if self.left == 0 || self.path.iter().any(|open| open.identity() == node.identity()) {
            return;
        }
        self.left -= 1;
        self.path.push(node.clone());
        if let Some(Ok(target)) = node.reference() {
            self.hear(&target);
            if self.dialect == Dialect::V30 {
                self.path.pop();
                return;
            }
        }
        self.hear_members(node);
        for keyword in ["allOf", "anyOf", "oneOf"] {
            if let Some(parts) = node.child(keyword) {
                self.hear_parts(&parts, keyword != "allOf");
            }
        }
        for keyword in ["if", "then", "else"] {
            if let Some(part) = node.child(keyword) {
                self.hear(&part);
            }
        }
        if let Some(parts) = node.child("dependentSchemas") {
            for (_, part) in parts.members() {
                self.hear(&part);
            }
        }
        self.path.pop();
    }

    fn hear_members(&mut self, node: &Node<'d>) {
        if let Some(properties) = node.child("properties") {
            for (name, schema) in properties.members() {
                self.survey.describes_members = true;
                self.survey.declared.insert(name.to_owned());
                if is_foreign(&schema, self.direction) {
                    self.survey.foreign.insert(name.to_owned());
                }
                self.declarations.push(Declaration { name, schema, branches: self.branches.clone() });
            }
        }
        if node.child("patternProperties").is_some() && self.dialect == Dialect::V31 {
            self.survey.describes_members = true;
            self.survey.has_patterns = true;
        }
        if let Some(required) = node.child("required") {
            let names = required.value().as_array().into_iter().flatten().filter_map(|name| name.as_str());
            self.survey.required.extend(names.map(str::to_owned));
        }
    }

    fn hear_parts(&mut self, parts: &Node<'d>, is_choice: bool) {
        self.choices += 1;
        let choice = self.choices;
        for (index, part) in parts.items().enumerate() {
            if is_choice {
                self.branches.push((choice, index));
            }
            self.hear(&part);
            if is_choice {
                self.branches.pop();
            }
        }
    }

    fn finish(mut self) -> Survey {
        self.declarations.sort_by_key(|declaration| declaration.name);
        for pair in self.declarations.chunk_by(|a, b| a.name == b.name) {
            let clash = pair
                .iter()
                .enumerate()
                .any(|(index, first)| pair.iter().skip(index + 1).any(|second| first.clashes_with(second)));
            if let (true, Some(first)) = (clash, pair.first()) {
                self.survey.shared.insert(first.name.to_owned());
            }
        }
        self.survey
    }
}

impl Declaration<'_> {
    /// Whether both hold at once, are different, and each lists members of its own.
    fn clashes_with(&self, other: &Self) -> bool {
        let exclusive = self.branches.iter().any(|(choice, branch)| {
            other.branches.iter().any(|(theirs, other)| choice == theirs && branch != other)
        });
        !exclusive
            && self.schema.target_identity() != other.schema.target_identity()
            && lists_members(&self.schema)
            && lists_members(&other.schema)
    }
}

impl Node<'_> {
    fn target_identity(&self) -> (usize, String) {
        let target = self.resolved();
        let (document, pointer) = target.as_ref().unwrap_or(self).identity();
        (document, pointer.to_owned())
    }
}

fn lists_members(node: &Node<'_>) -> bool {
    let Ok(node) = node.resolved() else { return false };
    let is_composed = ["allOf", "anyOf", "oneOf"].iter().any(|keyword| node.child(keyword).is_some());
    is_composed || node.child("properties").is_some() || node.says_false("additionalProperties")
}

/// Whether only the other side sends this member: it, or the schema that it refers to, says so.
pub(super) fn is_foreign(node: &Node<'_>, direction: Direction) -> bool {
    let keyword = direction.foreign();
    node.says(keyword) || node.resolved().is_ok_and(|target| target.says(keyword))
}
