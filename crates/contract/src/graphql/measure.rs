//! What a GraphQL document asks for, with each fragment counted wherever it is spread.
//!
//! Each fragment is measured once and its measure added where it stands, so that a document whose fragments
//! double each other ten times costs no more to judge than it has bytes. Sums do not overflow: they stay at
//! the largest number, which is beyond every limit.

use std::collections::HashMap;

use apollo_parser::cst::{
    Argument, CstNode as _, Definition, Document, Field, IntValue, OperationDefinition, OperationType,
    Selection, SelectionSet, Value,
};
use apollo_parser::{Parser, SyntaxKind, SyntaxNode, SyntaxTree};
use serde_json::{Map, Value as Json};

/// How many tokens a document may have, and how deeply the parser goes into it.
const TOKENS: usize = 10_000;
const NESTED: usize = 64;
/// How deeply sets of fields may lie in one another once all fragments stand where they are spread.
const DEEPEST: usize = 128;

/// Arguments that say how many items of a list are wanted.
const COUNTS: [&str; 3] = ["first", "last", "limit"];

/// What a document asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) depth: u64,
    pub(super) aliases: u64,
    pub(super) root_fields: u64,
    pub(super) directives: u64,
    pub(super) cost: u64,
    pub(super) introspects: bool,
    pub(super) kinds: Vec<Kind>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// Why a document cannot be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax,
    TooMuch,
    NotExecutable,
    FragmentUnknown,
    FragmentRepeated,
    FragmentLoop,
}

/// What a set of fields asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weight {
    depth: u64,
    aliases: u64,
    fields: u64,
    cost: u64,
    introspects: bool,
}

/// A fragment on its way to be measured.
enum Fragment {
    Waiting(SelectionSet),
    /// Its own fields are being measured: meeting it again is a loop.
    Open,
    Done(Weight),
}

struct Measurer<'v> {
    fragments: HashMap<String, Fragment>,
    variables: Option<&'v Map<String, Json>>,
    /// What variables are that were not sent: the largest number that any operation gives.
    defaults: HashMap<String, u64>,
    /// How many sets of fields lie between the operation and here.
    nested: usize,
}

/// Reads `document` within the bounds.
///
/// # Errors
/// [`Fault::Syntax`], [`Fault::TooMuch`], [`Fault::NotExecutable`] for definitions of types.
pub(super) fn parse(document: &str) -> Result<SyntaxTree<Document>, Fault> {
    let tree = Parser::new(document).recursion_limit(NESTED).token_limit(TOKENS).parse();
    if tree.errors().any(apollo_parser::Error::is_limit) {
        return Err(Fault::TooMuch);
    }
    if tree.errors().next().is_some() {
        return Err(Fault::Syntax);
    }
    let is_executable = |definition: Definition| {
        matches!(definition, Definition::OperationDefinition(_) | Definition::FragmentDefinition(_))
    };
    // What defines types has no place in a request.
    if tree.document().definitions().all(is_executable) { Ok(tree) } else { Err(Fault::NotExecutable) }
}

/// What an operation does; one that does not say is a query.
pub(super) fn kind_of(written: Option<OperationType>) -> Kind {
    match written {
        Some(kind) if kind.mutation_token().is_some() => Kind::Mutation,
        Some(kind) if kind.subscription_token().is_some() => Kind::Subscription,
        Some(_) | None => Kind::Query,
    }
}

/// Measures `document`; each number is the largest of any of its operations.
///
/// # Errors
/// See [`Fault`].
pub(super) fn measure(document: &str, variables: Option<&Map<String, Json>>) -> Result<Measured, Fault> {
    let tree = parse(document)?;
    let mut operations = Vec::new();
    let mut fragments = HashMap::new();
    let root = tree.document();
    for definition in root.definitions() {
        match definition {
            Definition::OperationDefinition(operation) => operations.push(operation),
            Definition::FragmentDefinition(fragment) => {
                let name = fragment.fragment_name().and_then(|name| name.name()).ok_or(Fault::Syntax)?;
                let fields = fragment.selection_set().ok_or(Fault::Syntax)?;
                if fragments.insert(name.text().to_string(), Fragment::Waiting(fields)).is_some() {
                    return Err(Fault::FragmentRepeated);
                }
            }
            _ => return Err(Fault::NotExecutable),
        }
    }
    let mut measurer = Measurer { fragments, variables, defaults: HashMap::new(), nested: 0 };
    let mut whole = Weight::default();
    let mut kinds = Vec::with_capacity(operations.len());
    for operation in &operations {
        measurer.hear_defaults(operation);
    }
    for operation in &operations {
        kinds.push(kind_of(operation.operation_type()));
        let fields = operation.selection_set().ok_or(Fault::Syntax)?;
        whole = whole.or(measurer.selection_set(&fields)?);
    }
    if kinds.is_empty() {
        return Err(Fault::NotExecutable);
    }
    // Also those that no operation spreads: some applications look at them all.
    let names: Vec<String> = measurer.fragments.keys().cloned().collect();
    for name in names {
        let weight = measurer.fragment(&name)?;
        whole.introspects |= weight.introspects;
    }
    Ok(Measured {
        depth: whole.depth,
        aliases: whole.aliases,
        root_fields: whole.fields,
        directives: directives(root.syntax()),
        cost: whole.cost,
        introspects: whole.introspects,
        kinds,
    })
}

fn directives(root: &SyntaxNode) -> u64 {
    root.descendants().filter(|node| node.kind() == SyntaxKind::DIRECTIVE).count() as u64
}

impl Measurer<'_> {
    fn hear_defaults(&mut self, operation: &OperationDefinition) {
        let definitions = operation.variable_definitions();
        for definition in definitions.iter().flat_map(|all| all.variable_definitions()) {
            let name = definition.variable().and_then(|variable| variable.name());
            let value = definition.default_value().and_then(|default| default.value());
            if let (Some(name), Some(Value::IntValue(number))) = (name, value) {
                let known = self.defaults.entry(name.text().to_string()).or_default();
                *known = (*known).max(whole(&number));
            }
        }
    }

    fn selection_set(&mut self, set: &SelectionSet) -> Result<Weight, Fault> {
        self.nested += 1;
        if self.nested > DEEPEST {
            return Err(Fault::TooMuch);
        }
        let weight = self.selections(set)?;
        self.nested -= 1;
        Ok(weight)
    }

    fn selections(&mut self, set: &SelectionSet) -> Result<Weight, Fault> {
        let mut sum = Weight::default();
        for selection in set.selections() {
            sum = sum.and(match selection {
                Selection::Field(field) => self.field(&field)?,
                Selection::InlineFragment(fragment) => {
                    self.selection_set(&fragment.selection_set().ok_or(Fault::Syntax)?)?
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name().and_then(|name| name.name()).ok_or(Fault::Syntax)?;
                    self.fragment(&name.text())?
                }
            });
        }
        Ok(sum)
    }

    fn field(&mut self, field: &Field) -> Result<Weight, Fault> {
        let within = match field.selection_set() {
            Some(set) => self.selection_set(&set)?,
            None => Weight::default(),
        };
        let arguments = field.arguments();
        let wanted = arguments.iter().flat_map(|arguments| arguments.arguments());
        let count = wanted.filter_map(|argument| self.count(&argument)).max().unwrap_or(1);
        let name = field.name().ok_or(Fault::Syntax)?;
        Ok(Weight {
            depth: within.depth.saturating_add(1),
            aliases: within.aliases.saturating_add(u64::from(field.alias().is_some())),
            fields: 1,
            cost: count.saturating_mul(within.cost).saturating_add(1),
            introspects: within.introspects || matches!(&*name.text(), "__schema" | "__type"),
        })
    }

    fn fragment(&mut self, name: &str) -> Result<Weight, Fault> {
        let set = match self.fragments.get_mut(name) {
            None => return Err(Fault::FragmentUnknown),
            Some(Fragment::Done(weight)) => return Ok(*weight),
            Some(Fragment::Open) => return Err(Fault::FragmentLoop),
            Some(waiting @ Fragment::Waiting(_)) => match std::mem::replace(waiting, Fragment::Open) {
                Fragment::Waiting(set) => set,
                Fragment::Open | Fragment::Done(_) => return Err(Fault::FragmentLoop),
            },
        };
        let weight = self.selection_set(&set)?;
        self.fragments.insert(name.to_owned(), Fragment::Done(weight));
        Ok(weight)
    }

    /// How many items an argument asks for; what cannot be read asks for more than any limit.
    fn count(&self, argument: &Argument) -> Option<u64> {
        let name = argument.name()?;
        if !COUNTS.contains(&&*name.text()) {
            return None;
        }
        Some(match argument.value()? {
            Value::IntValue(number) => whole(&number),
            Value::Variable(variable) => {
                let name = variable.name()?;
                match self.variables.and_then(|variables| variables.get(&*name.text())) {
                    Some(Json::Number(number)) => number.as_u64().unwrap_or(u64::MAX),
                    None => *self.defaults.get(&*name.text())?,
                    // None is wanted: the API's own bound on lists has to do.
                    Some(Json::Null) => return None,
                    Some(_) => u64::MAX,
                }
            }
            Value::NullValue(_) => return None,
            _ => u64::MAX,
        })
    }
}

/// A number of a document; one that is negative or does not fit is beyond every limit.
fn whole(number: &IntValue) -> u64 {
    number.int_token().and_then(|token| token.text().parse().ok()).unwrap_or(u64::MAX)
}

impl Weight {
    /// Both stand side by side.
    fn and(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            aliases: self.aliases.saturating_add(other.aliases),
            fields: self.fields.saturating_add(other.fields),
            cost: self.cost.saturating_add(other.cost),
            introspects: self.introspects || other.introspects,
        }
    }

    /// One or the other is run.
    fn or(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            aliases: self.aliases.max(other.aliases),
            fields: self.fields.max(other.fields),
            cost: self.cost.max(other.cost),
            introspects: self.introspects || other.introspects,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn measured(document: &str) -> Measured {
        measure(document, None).unwrap()
    }

    #[test]
    fn fields_are_counted_where_fragments_are_spread() {
        let flat = measured("{ a b: c { d e: f } }");
        assert_eq!((flat.depth, flat.aliases, flat.root_fields, flat.cost), (2, 2, 2, 4));
        assert_eq!(flat.kinds, [Kind::Query]);
        let spread =
            measured("{ ...x ... on T { y: a } } fragment x on T { b: c { ...z } } fragment z on T { d: e }");
        assert_eq!((spread.depth, spread.aliases, spread.root_fields, spread.cost), (2, 3, 2, 3));
        let two = measured("query a { b } mutation c { d { e } }");
        assert_eq!((two.depth, two.cost), (2, 2));
        assert_eq!(two.kinds, [Kind::Query, Kind::Mutation]);
        assert_eq!(measured("query @a { b @c @d(e: 1) }").directives, 3);
    }

    // proves-part: VAL-15 (the cost; the gateway's walk shows the refusal)
    #[test]
    fn lists_cost_what_they_ask_for() {
        assert_eq!(measured("{ a(first: 10) { b c } }").cost, 21);
        assert_eq!(measured("{ a(first: 10) { b(last: 10) { c } } }").cost, 1 + 10 * 11);
        assert_eq!(measured("{ a(limit: 99999999999999999999) { b } }").cost, u64::MAX);
        assert_eq!(measured("{ a(limit: -1) { b } }").cost, u64::MAX);
        assert_eq!(measured("{ a(limit: \"all\") { b } }").cost, u64::MAX);
        assert_eq!(measured("query($n: Int = 50) { a(first: $n) { b } }").cost, 51);
        assert_eq!(measured("query($n: Int) { a(first: $n) { b } }").cost, 2);
        let sent = json!({ "n": 7, "m": "7", "l": null });
        let cost = |document| measure(document, sent.as_object()).unwrap().cost;
        assert_eq!(cost("query($n: Int = 50) { a(first: $n) { b } }"), 8);
        assert_eq!(cost("query($m: Int) { a(first: $m) { b } }"), u64::MAX);
        assert_eq!(cost("query($l: Int) { a(first: $l) { b } }"), 2);
    }

    // proves-part: VAL-15 (bounded work; the gateway's walk shows the refusal)
    #[test]
    fn a_document_that_grows_when_it_is_run_is_judged_in_its_own_size() {
        use std::fmt::Write as _;
        // Each fragment spreads the next one twice: 2^100 fields.
        let mut document = "{ ...f0 }".to_owned();
        for index in 0..100 {
            let _ = write!(document, "fragment f{index} on T {{ ...f{0} x: y ...f{0} }}", index + 1);
        }
        document.push_str("fragment f100 on T { z }");
        let measured = measured(&document);
        assert_eq!((measured.cost, measured.aliases), (u64::MAX, u64::MAX));
    }

    #[test]
    fn what_cannot_be_measured_is_told_apart() {
        let fault = |document: &str| measure(document, None).unwrap_err();
        assert_eq!(fault(""), Fault::Syntax);
        assert_eq!(fault("{"), Fault::Syntax);
        assert_eq!(fault("{ a } nonsense"), Fault::Syntax);
        assert_eq!(fault("type A { b: C }"), Fault::NotExecutable);
        assert_eq!(fault("fragment a on T { b }"), Fault::NotExecutable);
        assert_eq!(fault("{ ...a }"), Fault::FragmentUnknown);
        assert_eq!(fault("{ a } fragment f on T { b } fragment f on T { c }"), Fault::FragmentRepeated);
        assert_eq!(fault("{ ...a } fragment a on T { ...b } fragment b on T { ...a }"), Fault::FragmentLoop);
        // Nobody spreads it, and it is a loop all the same.
        assert_eq!(fault("{ x } fragment a on T { b { ...a } }"), Fault::FragmentLoop);
        assert_eq!(fault(&format!("{}a{}", "{ a ".repeat(1000), "}".repeat(1000))), Fault::TooMuch);
        assert_eq!(fault(&format!("{{ a(b: {}1{}) }}", "[".repeat(1000), "]".repeat(1000))), Fault::TooMuch);
        assert_eq!(fault(&format!("{{ {} }}", "a ".repeat(11_000))), Fault::TooMuch);
        let chain: String =
            (0..200).map(|at| format!("fragment f{at} on T {{ a {{ ...f{} }} }}", at + 1)).collect();
        assert_eq!(fault(&format!("{{ ...f0 }} {chain} fragment f200 on T {{ b }}")), Fault::TooMuch);
    }

    #[test]
    fn asking_for_the_schema_is_seen_wherever_it_stands() {
        for document in [
            "{ __schema { types { name } } }",
            "{ x: __schema { types { name } } }",
            "{ a { __type(name: \"T\") { name } } }",
            "{ ... @include(if: true) { __schema { types { name } } } }",
            "{ ...f } fragment f on Query { __schema { types { name } } }",
            "{ a } query b { __schema { types { name } } }",
            "{ a } fragment f on Query { __schema { types { name } } }",
        ] {
            assert!(measured(document).introspects, "{document}");
        }
        assert!(!measured("{ __typename a(b: \"__schema\") # __schema\n }").introspects);
    }
}
