//! Which members the bodies of an operation are said to have, as pointers: for whoever names one in
//! `portcullis.yaml`, to be told when there is none.
//!
//! In: the schemas of bodies and answers in the document. Out: [`Outline`]s, read while a policy is compiled and
//! never on a request. A schema may admit more than it describes; what is not described here may still come.

use std::collections::BTreeSet;

use crate::reading::Node;
use crate::schema::{Dialect, Type, admitted, each_schema, properties};

/// How deeply members are followed: deeper ones are not named by anybody.
const DEEPEST: usize = 8;
/// How many members one outline has.
const MOST: usize = 2_000;

/// The members that are described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Each as a pointer (RFC 6901), with `*` for every item of a list.
    members: BTreeSet<Box<str>>,
    /// Those that may be a text or a number.
    plain: BTreeSet<Box<str>>,
    /// Whether all of a body is described here: no part is left open.
    reach: Reach,
}

/// The outlines of one operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlines {
    pub(crate) request: Outline,
    pub(crate) answers: Outline,
}

impl Outlines {
    pub(crate) fn of(operation: &Node<'_>, dialect: Dialect) -> Self {
        Self {
            request: Outline::of_request(operation, dialect),
            answers: Outline::of_answers(operation, dialect),
        }
    }
}

/// How far an outline goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reach {
    #[default]
    Whole,
    /// Some body has no schema, or more than is followed.
    Partial,
}

impl Outline {
    /// Of the bodies that a request may have.
    fn of_request(operation: &Node<'_>, dialect: Dialect) -> Self {
        let mut outline = Self::default();
        if let Some(Ok(body)) = operation.child("requestBody").map(|body| body.resolved()) {
            outline.hear_content(&body, dialect);
        }
        outline
    }

    /// Of the answers that say that it went well.
    fn of_answers(operation: &Node<'_>, dialect: Dialect) -> Self {
        let mut outline = Self::default();
        for (status, answer) in operation.child("responses").iter().flat_map(Node::members) {
            if let (true, Ok(answer)) = (status.starts_with('2') || status == "default", answer.resolved()) {
                outline.hear_content(&answer, dialect);
            }
        }
        outline
    }

    fn hear_content(&mut self, holder: &Node<'_>, dialect: Dialect) {
        for (_, media_type) in holder.child("content").iter().flat_map(Node::members) {
            match media_type.child("schema") {
                Some(schema) => self.hear(&schema, dialect, String::new(), 0),
                None => self.reach = Reach::Partial,
            }
        }
    }

    fn hear(&mut self, schema: &Node<'_>, dialect: Dialect, at: String, depth: usize) {
        if depth > DEEPEST || self.members.len() >= MOST {
            self.reach = Reach::Partial;
            return;
        }
        let types = admitted(schema, dialect);
        if types.contains(Type::String) || types.contains(Type::Integer) || types.contains(Type::Number) {
            self.plain.insert(at.as_str().into());
        }
        let mut lists = Vec::new();
        let mut maps = Vec::new();
        each_schema(schema, dialect, &mut |part| {
            lists.extend(part.child("items"));
            maps.extend(part.child("additionalProperties").filter(|others| others.value().is_object()));
        });
        for (name, member) in properties(schema, dialect) {
            self.hear(&member, dialect, format!("{at}/{}", crate::reading::escape(name)), depth + 1);
        }
        for inner in lists.iter().chain(&maps) {
            self.hear(inner, dialect, format!("{at}/*"), depth + 1);
        }
        self.members.insert(at.into());
    }

    /// Whether anything is described.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.len() <= 1
    }

    /// The members that may be a text or a number, in order.
    pub fn plain(&self) -> impl Iterator<Item = &str> {
        self.plain.iter().map(|member| &**member).filter(|member| !member.is_empty())
    }

    /// Whether `pointer` leads to a member that is described. Where a list stands, `*` may be left out. Of a body of
    /// which nothing, or not everything, is described nobody can tell.
    #[must_use]
    pub fn may_have(&self, pointer: &str) -> bool {
        let wanted: Vec<&str> = pointer.split('/').skip(1).collect();
        let is_it = |member: &str| {
            let described: Vec<&str> = member.split('/').skip(1).collect();
            leads_to(&wanted, &described)
        };
        self.is_empty() || self.reach == Reach::Partial || self.members.iter().any(|member| is_it(member))
    }
}

/// Whether the segments of a pointer lead to a described member.
fn leads_to(wanted: &[&str], described: &[&str]) -> bool {
    match (wanted, described) {
        ([], []) => true,
        ([one, rest @ ..], [other, others @ ..]) if one == other || *one == "*" || *other == "*" => {
            leads_to(rest, others) || (*other == "*" && leads_to(wanted, others))
        }
        // Every item of the list is meant.
        ([], ["*", others @ ..]) => leads_to(wanted, others),
        (_, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_may_be_left_out_where_a_list_stands() {
        let outline = Outline {
            members: ["", "/items", "/items/*", "/items/*/order_id", "/map", "/map/*", "/map/*/id"]
                .into_iter()
                .map(Box::from)
                .collect(),
            ..Outline::default()
        };
        for there in
            ["", "/items", "/items/*/order_id", "/items/order_id", "/map/*/id", "/map/a/id", "/*/*/id"]
        {
            assert!(outline.may_have(there), "{there}");
        }
        for not in ["/order_id", "/items/*/order", "/items/*/order_id/x", "/map/a/b/id"] {
            assert!(!outline.may_have(not), "{not}");
        }
        assert!(Outline::default().may_have("/anything"));
    }
}
