//! What the members of one object must be to each other (VAL-25, ASVS 2.2.3).
//!
//! In: `x-portcullis-rules`, a list such as `[{less_than: [/start, /end]}]`, and the schema it stands in.
//! Out: a keyword of the validator. How two members compare is decided when the contract is compiled, from
//! what the schema says of them: numbers without rounding, dates and moments as such, other text by its
//! characters. A member that is absent or null breaks no comparison: `required` asks for presence.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{RULES, Rule, decimal};
use crate::extension::malformed;
use crate::reading::{Findings, Node};
use crate::schema::keyword::Dialect;
use crate::schema::shape::{Shape, each_schema};
use crate::schema::types::{Type, Types};

/// How many schemas are looked at to find a member.
const SCHEMAS: usize = 256;
/// How many rules one object may have, and how many members one rule.
const LISTED: usize = 64;

/// What a rule demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Demand {
    /// The first is less than the second.
    LessThan,
    /// The first is at most the second.
    LessOrEqual,
    /// Both are the same.
    Equal,
    /// Where the first is, the others are.
    RequiredWith,
    /// Exactly one of them is there.
    OneOf,
}

impl Demand {
    const ALL: [Self; 5] = [Self::LessThan, Self::LessOrEqual, Self::Equal, Self::RequiredWith, Self::OneOf];

    const fn name(self) -> &'static str {
        match self {
            Self::LessThan => "less_than",
            Self::LessOrEqual => "less_or_equal",
            Self::Equal => "equal",
            Self::RequiredWith => "required_with",
            Self::OneOf => "one_of",
        }
    }

    const fn compares(self) -> bool {
        matches!(self, Self::LessThan | Self::LessOrEqual | Self::Equal)
    }
}

/// As what two members are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Number,
    /// `format: date-time`, whatever the offset.
    Moment,
    /// `format: date`.
    Day,
    Text,
}

/// One rule, in the form that the validator's document holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Relation {
    demand: Demand,
    /// `None` if nothing is compared.
    kind: Option<Kind>,
    /// Where the members are, token by token.
    members: Vec<Vec<String>>,
}

/// The rules of one object.
#[derive(Debug)]
pub(super) struct Rules(Vec<Relation>);

impl Rule for Rules {
    fn read(written: &Value) -> Result<Self, String> {
        Vec::deserialize(written).map(Self).map_err(|error| error.to_string())
    }

    fn faults<'r>(&'r self, value: &'r Value) -> impl Iterator<Item = Cow<'static, str>> + 'r {
        let relations = if value.is_object() { self.0.as_slice() } else { &[] };
        relations.iter().filter(|relation| !relation.holds(value)).map(|relation| relation.expected().into())
    }
}

impl Relation {
    fn holds(&self, object: &Value) -> bool {
        let mut present = self.members.iter().map(|path| find(object, path));
        match self.demand {
            Demand::OneOf => present.flatten().count() == 1,
            Demand::RequiredWith => {
                present.next().flatten().is_none() || present.all(|member| member.is_some())
            }
            Demand::LessThan | Demand::LessOrEqual | Demand::Equal => {
                let (Some(Some(first)), Some(Some(second)), Some(kind)) =
                    (present.next(), present.next(), self.kind)
                else {
                    return true;
                };
                // What cannot be compared is not let through: its schema refuses it, or should.
                kind.compare(first, second).is_some_and(|ordering| match self.demand {
                    Demand::LessThan => ordering == Ordering::Less,
                    Demand::LessOrEqual => ordering != Ordering::Greater,
                    Demand::Equal | Demand::RequiredWith | Demand::OneOf => ordering == Ordering::Equal,
                })
            }
        }
    }

    fn expected(&self) -> String {
        let names: Vec<String> = self.members.iter().map(|path| format!("`{}`", pointer(path))).collect();
        let (first, others) = names.split_first().map_or(("", &[][..]), |(first, others)| (first, others));
        let others = others.join(", ");
        match self.demand {
            Demand::LessThan => format!("{first} less than {others}"),
            Demand::LessOrEqual => format!("{first} at most {others}"),
            Demand::Equal => format!("{first} equal to {others}"),
            Demand::RequiredWith => format!("{others} together with {first}"),
            Demand::OneOf => format!("exactly one of {}", names.join(", ")),
        }
    }
}

impl Kind {
    fn compare(self, first: &Value, second: &Value) -> Option<Ordering> {
        if self == Self::Number {
            let (Value::Number(first), Value::Number(second)) = (first, second) else { return None };
            return decimal::compare(first, second);
        }
        let (first, second) = (first.as_str()?, second.as_str()?);
        match self {
            Self::Moment => Some(moment(first)?.cmp(&moment(second)?)),
            Self::Day => {
                let day = |text: &str| text.parse::<jiff::civil::Date>().ok();
                Some(day(first)?.cmp(&day(second)?))
            }
            Self::Text | Self::Number => Some(first.cmp(second)),
        }
    }

    /// As what values of `schema` are compared, if they can be.
    fn of(schema: &Node<'_>, dialect: Dialect) -> Option<Self> {
        const NULL: Types = Types::NONE.with(Type::Null);
        let types = Shape::of(schema, dialect).types.union(NULL);
        let only = |kinds: &[Type]| kinds.iter().copied().collect::<Types>().union(NULL) == types;
        if only(&[Type::Integer]) || only(&[Type::Number]) || only(&[Type::Integer, Type::Number]) {
            return Some(Self::Number);
        }
        if !only(&[Type::String]) {
            return None;
        }
        let mut formats = BTreeSet::new();
        each_schema(schema, dialect, &mut |part| formats.extend(part.text("format")));
        if formats.len() > 1 {
            return None;
        }
        match formats.first().copied() {
            Some("date-time") => Some(Self::Moment),
            Some("date") => Some(Self::Day),
            // A time of day has no order that holds across offsets; a duration has none at all.
            Some("time" | "duration") => None,
            Some(_) | None => Some(Self::Text),
        }
    }
}

/// RFC 3339; `2026-01-01T01:00:00+01:00` and `2026-01-01T00:00:00Z` are one moment.
fn moment(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok()
}

/// The member at `path`, unless it is absent or null.
fn find<'v>(object: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(object, |value, name| value.get(name.as_str())).filter(|value| !value.is_null())
}

fn pointer(path: &[String]) -> String {
    path.iter().fold(String::new(), |text, token| text + "/" + &crate::reading::escape(token))
}

/// Reads the rules of `schema`; mistakes go to `findings`.
pub(super) fn compile(
    extension: &Node<'_>,
    schema: &Node<'_>,
    dialect: Dialect,
    findings: &mut Findings<'_>,
) -> Option<Value> {
    let written = extension.value().as_array().filter(|rules| (1..=LISTED).contains(&rules.len()));
    if written.is_none() {
        findings.refuse(
            malformed(extension, format!("`{RULES}` is a list of 1 to {LISTED} rules"))
                .help("write `[{ less_than: [/start, /end] }]`"),
        );
        return None;
    }
    let object = Types::NONE.with(Type::Object);
    if Shape::of(schema, dialect).types.union(Types::NONE.with(Type::Null)) != object.with(Type::Null) {
        findings.refuse(
            malformed(extension, format!("`{RULES}` speaks of objects, and this schema allows other values"))
                .help("say `type: object` beside it"),
        );
        return None;
    }
    let relations: Option<Vec<Relation>> =
        extension.items().map(|rule| relation(&rule, schema, dialect, findings)).collect();
    Some(json!(relations?))
}

fn relation(
    rule: &Node<'_>,
    schema: &Node<'_>,
    dialect: Dialect,
    findings: &mut Findings<'_>,
) -> Option<Relation> {
    let sole = rule
        .object()
        .filter(|members| members.len() == 1)
        .and_then(|members| members.keys().next())
        .map(String::as_str);
    let Some(demand) = Demand::ALL.into_iter().find(|demand| sole == Some(demand.name())) else {
        let known: Vec<String> = Demand::ALL.iter().map(|demand| format!("`{}`", demand.name())).collect();
        findings.refuse(malformed(rule, format!("a rule says one of {}", known.join(", "))));
        return None;
    };
    let list = rule.child(demand.name())?;
    let count = list.value().as_array().map_or(0, Vec::len);
    if !(if demand.compares() { 2..=2 } else { 2..=LISTED }).contains(&count) {
        let many = if demand.compares() { "two members" } else { "two members or more" };
        findings.refuse(
            malformed(&list, format!("`{}` lists {many}", demand.name())).help("write `[/start, /end]`"),
        );
        return None;
    }
    let mut members = Vec::with_capacity(count);
    let mut kinds = Vec::with_capacity(count);
    for item in list.items() {
        let path = read_pointer(&item, findings)?;
        let member = declared(schema, &path, &item, findings)?;
        kinds.push(Kind::of(&member, dialect));
        members.push(path);
    }
    let kind = match kinds.as_slice() {
        _ if !demand.compares() => None,
        [Some(first), Some(second)] if first == second => Some(*first),
        _ => {
            findings.refuse(
                malformed(&list, "these members cannot be compared".to_owned())
                    .label("both must be numbers, or text of the same format")
                    .help("say their `type`, and `format: date` or `format: date-time` where it is one"),
            );
            return None;
        }
    };
    Some(Relation { demand, kind, members })
}

/// The tokens of a JSON pointer (RFC 6901 §4).
fn read_pointer(node: &Node<'_>, findings: &mut Findings<'_>) -> Option<Vec<String>> {
    let text = node.value().as_str().and_then(|text| text.strip_prefix('/'));
    let Some(text) = text else {
        findings.refuse(
            malformed(node, "this is no JSON pointer to a member".to_owned())
                .help("write `/start` or `/period/start`"),
        );
        return None;
    };
    Some(text.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

/// The schema of the member at `path`.
fn declared<'d>(
    schema: &Node<'d>,
    path: &[String],
    place: &Node<'_>,
    findings: &mut Findings<'_>,
) -> Option<Node<'d>> {
    let mut node = schema.clone();
    for name in path {
        match property(&node, name, &mut SCHEMAS.clone()) {
            Some(member) => node = member,
            None => {
                findings.refuse(
                    malformed(place, format!("there is no property `{name}`"))
                        .label("a member that is not declared cannot be relied on")
                        .help("name a property that this schema, or an `allOf` of it, describes"),
                );
                return None;
            }
        }
    }
    Some(node)
}

/// What `node`, or what it refers to or joins, says of the property `name`.
fn property<'d>(node: &Node<'d>, name: &str, left: &mut usize) -> Option<Node<'d>> {
    *left = left.checked_sub(1)?;
    if let Some(own) = node.child("properties").and_then(|properties| properties.child(name)) {
        return Some(own);
    }
    if let Some(Ok(target)) = node.reference()
        && let Some(found) = property(&target, name, left)
    {
        return Some(found);
    }
    let parts = node.child("allOf")?;
    parts.items().find_map(|part| property(&part, name, left))
}
