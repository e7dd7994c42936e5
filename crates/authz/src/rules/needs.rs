//! Which facts a policy reads, so that nothing else is looked up for it.
//!
//! In: a policy as Cedar's JSON form has it, once, when it is compiled. Out: the attributes it names, the roles
//! and groups, and which places it compares with truths.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::spelling::{is_shouted_uuid, starts_shouted_uuid};

/// A part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A path parameter.
    Path,
    /// A name in the query.
    Query,
    /// A header.
    Header,
    /// A place in the JSON body: a JSON pointer (RFC 6901), `*` for every item.
    Body,
}

impl Part {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Path, Self::Query, Self::Header, Self::Body];

    /// Its name in the context of a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that rules want to know of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Where it stands.
    pub part: Part,
    /// Under which name.
    pub name: String,
    /// What it is taken for.
    pub holds: Holds,
}

/// What a place is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// Texts; numbers and truths as they are written.
    Texts,
    /// True or false, and nothing else: policies compare it with these.
    Truths,
}

/// What one or several policies read.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Chains of attributes, from the variable on: `context`, `path`, `id`.
    pub(super) chains: BTreeSet<Vec<String>>,
    /// Type and id of each entity that is named.
    pub(super) entities: BTreeSet<(String, String)>,
    /// What is compared with true or false.
    truths: BTreeSet<Vec<String>>,
    /// A UUID that is not in lower case, as all are that it could meet.
    pub(super) shouted_uuid: Option<String>,
}

impl Needs {
    /// What a policy reads.
    pub(super) fn of(policy: &Value) -> Self {
        let mut needs = Self::default();
        needs.visit(policy);
        needs
    }

    /// Whether an attribute is read.
    pub(super) fn reads(&self, variable: &str, attribute: &str) -> bool {
        self.chains
            .iter()
            .any(|chain| matches!(chain.as_slice(), [v, a, ..] if v == variable && a == attribute))
    }

    /// The members of a record that are read.
    pub(super) fn members(&self, variable: &str, record: &str) -> impl Iterator<Item = &str> {
        self.chains.iter().filter_map(move |chain| match chain.as_slice() {
            [v, r, name] if v == variable && r == record => Some(name.as_str()),
            _ => None,
        })
    }

    /// Places of the body that are compared with true or false.
    pub(super) fn truths(&self) -> impl Iterator<Item = String> {
        self.truths.iter().filter_map(|chain| match chain.as_slice() {
            [variable, record, name] if variable == "context" && record == "body" => Some(name.clone()),
            _ => None,
        })
    }

    /// What is wanted of the request, where `truths` are the places of the body that hold nothing else.
    pub(super) fn wanted(&self, truths: &BTreeSet<String>) -> BTreeSet<Wanted> {
        let holds = |part, name: &str| match part == Part::Body && truths.contains(name) {
            true => Holds::Truths,
            false => Holds::Texts,
        };
        let names = Part::ALL
            .into_iter()
            .flat_map(|part| self.members("context", part.name()).map(move |name| (part, name)));
        names.map(|(part, name)| Wanted { part, name: name.to_owned(), holds: holds(part, name) }).collect()
    }

    /// Whether something of the body is read.
    pub(super) fn reads_body(&self) -> bool {
        self.reads("context", "body")
    }

    /// A record that is used as a whole, whose members nobody could tell.
    pub(super) fn whole_record(&self) -> Option<&str> {
        const RECORDS: [(&str, &str); 5] = [
            ("context", "path"),
            ("context", "query"),
            ("context", "header"),
            ("context", "body"),
            ("principal", "claims"),
        ];
        self.chains.iter().find_map(|chain| match chain.as_slice() {
            [variable] if variable == "context" => Some("context"),
            [variable, record] if RECORDS.contains(&(variable, record)) => Some(record.as_str()),
            _ => None,
        })
    }

    fn visit(&mut self, value: &Value) {
        let members = match value {
            Value::Array(items) => return items.iter().for_each(|item| self.visit(item)),
            Value::Object(members) => members,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
        };
        if let Some(chain) = chain(value) {
            // The principal by itself is no attribute: what it is in, is seen by the entities.
            if chain != ["principal"] && chain != ["action"] && chain != ["resource"] {
                self.chains.insert(chain);
            }
            return;
        }
        if let (Some(Value::String(kind)), Some(Value::String(id))) = (members.get("type"), members.get("id"))
        {
            self.entities.insert((kind.clone(), id.clone()));
        }
        if let (Some(left), Some(right)) = (members.get("left"), members.get("right")) {
            for (attribute, other) in [(left, right), (right, left)] {
                let Some(attribute) = chain(attribute) else { continue };
                if is_truth(other) {
                    self.truths.insert(attribute);
                }
            }
        }
        if let Some(Value::String(text)) = members.get("Value")
            && is_shouted_uuid(text)
        {
            self.shouted_uuid = Some(text.clone());
        }
        if let Some(pattern) = members.get("pattern").and_then(Value::as_array)
            && let Some(run) = runs(pattern).into_iter().find(|run| starts_shouted_uuid(run))
        {
            self.shouted_uuid = Some(run);
        }
        for (key, member) in members {
            // Annotations are remarks, not conditions.
            if key != "annotations" {
                self.visit(member);
            }
        }
    }
}

/// `context.path.id` and `context.path has id` are both about `context`, `path`, `id`.
fn chain(value: &Value) -> Option<Vec<String>> {
    if let Some(variable) = value.get("Var") {
        return Some(vec![variable.as_str()?.to_owned()]);
    }
    let access = value.get(".").or_else(|| value.get("has"))?;
    let mut chain = chain(access.get("left")?)?;
    chain.push(access.get("attr")?.as_str()?.to_owned());
    Some(chain)
}

/// Whether it is a truth, or a set of them.
fn is_truth(value: &Value) -> bool {
    match value.get("Set") {
        Some(Value::Array(items)) => !items.is_empty() && items.iter().all(is_truth),
        _ => value.get("Value").is_some_and(Value::is_boolean),
    }
}

/// The texts between the wildcards of a pattern.
fn runs(pattern: &[Value]) -> Vec<String> {
    let mut runs = vec![String::new()];
    for part in pattern {
        match (part.get("Literal").and_then(Value::as_str), runs.last_mut()) {
            (Some(literal), Some(run)) => run.push_str(literal),
            (Some(_), None) | (None, _) => runs.push(String::new()),
        }
    }
    runs
}
