//! Which values a GraphQL request gives to the arguments of its fields.
//!
//! In: the JSON of a request as [`super::check_body`] takes it, or its query. Out: for each field's name the
//! arguments of every place where it stands: under whatever alias, in whatever fragment, in operations that
//! `operationName` does not choose. Called by [`crate::Operation`] for the gateway, which looks for ids in them
//! (AUTHZ-09). A field is told by its name alone: no schema of the API is known, so a name that two types have
//! is both. GraphQL, October 2021, §2.6 and §2.10.

use std::cell::Cell;
use std::collections::HashMap;

use apollo_parser::cst::{Argument, CstNode as _, Field, OperationType, Value, VariableDefinition};
use portcullis_message::json::{JsonBounds, parse};
use serde_json::{Map, Value as Json};

use super::measure;
use super::{LONGEST, query_request};

/// What all values may weigh together, about in bytes: a variable counts wherever it stands, or a document that
/// names a large one a thousand times would be a thousand of it.
const MOST: usize = 4 << 20;

/// What is asked for, as far as arguments go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What fields are given: `{"order": [{"id": "7"}, {"id": 8}]}`.
    pub arguments: Json,
    /// Whether some operation changes something.
    pub effect: Effect,
}

/// Whether operations change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// All only look.
    Looks,
    /// One is a mutation.
    Changes,
}

/// The arguments of all requests in a body; `None` if they cannot be told.
pub(crate) fn in_body(body: &Json) -> Option<Given> {
    let mut hearing = Hearing::new();
    match body {
        Json::Array(requests) => requests.iter().try_for_each(|request| hearing.hear(request))?,
        request => hearing.hear(request)?,
    }
    Some(hearing.done())
}

/// The arguments of the request that stands in a query; none if none does.
pub(crate) fn in_query(query: Option<&str>) -> Option<Given> {
    let mut hearing = Hearing::new();
    let request = query_request(query).ok()?;
    if request.contains_key("query") {
        hearing.hear(&Json::Object(request))?;
    }
    Some(hearing.done())
}

/// What was heard so far.
struct Hearing {
    fields: Map<String, Json>,
    effect: Effect,
    left: Cell<usize>,
}

impl Hearing {
    fn new() -> Self {
        Self { fields: Map::new(), effect: Effect::Looks, left: Cell::new(MOST) }
    }

    fn done(self) -> Given {
        Given { arguments: Json::Object(self.fields), effect: self.effect }
    }

    fn hear(&mut self, request: &Json) -> Option<()> {
        // A stored document, named by its hash alone, says nothing of what it is given.
        let document = request.get("query")?.as_str().filter(|document| document.len() <= LONGEST)?;
        let sent = match request.get("variables") {
            None | Some(Json::Null) => None,
            Some(variables) => Some(variables.as_object()?),
        };
        let tree = measure::parse(document).ok()?;
        let root = tree.document();
        let nodes = || root.syntax().descendants();
        let mut variables = Variables { sent, defaults: HashMap::new(), left: &self.left };
        for definition in nodes().filter_map(VariableDefinition::cast) {
            variables.hear_default(&definition);
        }
        if nodes().filter_map(OperationType::cast).any(|kind| kind.mutation_token().is_some()) {
            self.effect = Effect::Changes;
        }
        for field in nodes().filter_map(Field::cast) {
            let name = field.name()?.text().to_string();
            let arguments = field.arguments();
            let mut members = Map::new();
            for argument in arguments.iter().flat_map(|arguments| arguments.arguments()) {
                let (name, value) = variables.argument(&argument)?;
                // Stands it twice (§5.4.2), one application refuses it and another takes the first or the last.
                if members.insert(name, value).is_some() {
                    return None;
                }
            }
            if !members.is_empty()
                && let Json::Array(all) = self.fields.entry(name).or_insert_with(|| Json::Array(Vec::new()))
            {
                all.push(Json::Object(members));
            }
        }
        Some(())
    }
}

/// What variables are.
struct Variables<'v> {
    sent: Option<&'v Map<String, Json>>,
    /// Of those that were not sent, by every operation that names one.
    defaults: HashMap<String, Vec<Json>>,
    left: &'v Cell<usize>,
}

impl Variables<'_> {
    fn hear_default(&mut self, definition: &VariableDefinition) {
        let name = definition.variable().and_then(|variable| variable.name());
        let value = definition.default_value().and_then(|default| default.value());
        if let (Some(name), Some(value)) = (name, value)
            // A default holds no variables (§2.10), and one that cannot be read is no default.
            && let Some(value) = self.value(value)
        {
            self.defaults.entry(name.text().to_string()).or_default().push(value);
        }
    }

    fn argument(&self, argument: &Argument) -> Option<(String, Json)> {
        Some((argument.name()?.text().to_string(), self.value(argument.value()?)?))
    }

    /// `value`, if there is room for one more of it.
    fn taken<'j>(&self, value: &'j Json) -> Option<&'j Json> {
        self.left.set(self.left.get().checked_sub(weight(value))?);
        Some(value)
    }

    /// What a value is; `None` for none. The parser bounds how deeply they lie in each other.
    fn value(&self, value: Value) -> Option<Json> {
        Some(match value {
            Value::Variable(variable) => {
                let name = variable.name()?.text().to_string();
                match (self.sent.and_then(|sent| sent.get(&name)), self.defaults.get(&name)) {
                    (Some(sent), _) => self.taken(sent)?.clone(),
                    (None, Some(defaults)) => {
                        defaults.iter().try_for_each(|default| self.taken(default).map(drop))?;
                        Json::Array(defaults.clone())
                    }
                    (None, None) => Json::Null,
                }
            }
            Value::StringValue(text) => Json::String(String::from(text)),
            Value::IntValue(number) => number_of(number.int_token()?.text()),
            Value::FloatValue(number) => number_of(number.float_token()?.text()),
            Value::BooleanValue(truth) => Json::Bool(truth.true_token().is_some()),
            Value::NullValue(_) => Json::Null,
            Value::EnumValue(word) => Json::String(word.name()?.text().to_string()),
            Value::ListValue(list) => {
                Json::Array(list.values().map(|item| self.value(item)).collect::<Option<_>>()?)
            }
            Value::ObjectValue(object) => {
                let member = |name: apollo_parser::cst::Name, value| {
                    Some((name.text().to_string(), self.value(value)?))
                };
                let members = object.object_fields().map(|field| member(field.name()?, field.value()?));
                Json::Object(members.collect::<Option<_>>()?)
            }
        })
    }
}

fn weight(value: &Json) -> usize {
    32 + match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(weight).sum(),
        Json::Object(members) => members.iter().map(|(name, member)| name.len() + weight(member)).sum(),
    }
}

/// A number as JSON has it. One with more digits than that stays the text that it is: an `ID` may be one (§3.5.5).
fn number_of(text: &str) -> Json {
    let number = parse(text.as_bytes(), &JsonBounds::default()).ok();
    let is_long = |number: &Json| number.is_f64() && text.bytes().all(|byte| byte.is_ascii_digit());
    number.filter(|number| number.is_number() && !is_long(number)).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn given(document: &str, variables: Json) -> Json {
        in_body(&json!({ "query": document, "variables": variables })).unwrap().arguments
    }

    #[test]
    fn arguments_are_found_under_any_alias_in_any_fragment_and_operation() {
        let document =
            "query a($mine: ID!) { mine: order(id: $mine) { id } other: order(id: \"8\") { ...f } }
                        query b { order(id: 9) { id } }
                        fragment f on Order { items(first: 2) { refund(of: {order: [10, 11]}) } }";
        assert_eq!(
            given(document, json!({ "mine": "7" })),
            json!({
                "order": [{ "id": "7" }, { "id": "8" }, { "id": 9 }],
                "items": [{ "first": 2 }],
                "refund": [{ "of": { "order": [10, 11] } }],
            })
        );
    }

    #[test]
    fn variables_are_what_was_sent_or_else_what_any_operation_says() {
        let document =
            "query a($o: ID = 1) { order(id: $o) { id } } query b($o: ID = 2) { x: order(id: $o) { id } }";
        assert_eq!(given(document, json!({})), json!({ "order": [{ "id": [1, 2] }, { "id": [1, 2] }] }));
        assert_eq!(given(document, json!({ "o": 3 })), json!({ "order": [{ "id": 3 }, { "id": 3 }] }));
        assert_eq!(
            given(document, json!({ "o": null })),
            json!({ "order": [{ "id": null }, { "id": null }] })
        );
        assert_eq!(given("{ order(id: $no) { id } }", json!({})), json!({ "order": [{ "id": null }] }));
        let input = given("mutation($i: In!) { move(input: $i) { id } }", json!({ "i": { "ids": [1, 2] } }));
        assert_eq!(input, json!({ "move": [{ "input": { "ids": [1, 2] } }] }));
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        assert_eq!(
            given(r#"{ a(s: "x\u0037", n: -0, f: 1.5, e: OPEN, t: true, l: [1, "2"]) }"#, json!({})),
            json!({ "a": [{
                "s": "x7", "n": number_of("-0"), "f": 1.5, "e": "OPEN", "t": true, "l": [1, "2"],
            }] })
        );
        let long = given("{ a(n: 99999999999999999999999) }", json!({}));
        assert_eq!(long["a"][0]["n"], "99999999999999999999999");
    }

    #[test]
    fn batches_are_heard_whole_and_what_cannot_be_read_is_not_taken_for_nothing() {
        let one = |id: u64| json!({ "query": format!("{{ order(id: {id}) {{ id }} }}") });
        assert_eq!(
            in_body(&json!([one(1), one(2)])).unwrap().arguments,
            json!({ "order": [{ "id": 1 }, { "id": 2 }] })
        );
        let two = json!({ "query": "query a { b } mutation c { d }" });
        assert_eq!(in_body(&two).unwrap().effect, Effect::Changes);
        assert_eq!(in_body(&one(1)).unwrap().effect, Effect::Looks);
        for bad in [
            json!({}),
            json!({ "query": "{" }),
            json!({ "query": "type A { b: C }" }),
            json!({ "query": "{ order(id: 1, id: 2) { id } }" }),
            json!({ "query": "{ a }", "variables": [] }),
            json!([{ "query": "{ a }" }, { "extensions": { "persistedQuery": { "sha256Hash": "x" } } }]),
            json!("x"),
            // A large variable many times.
            json!({
                "query": format!("{{ {} }}", "a(b: $v) ".repeat(1_000)),
                "variables": { "v": "x".repeat(10_000) },
            }),
        ] {
            assert_eq!(in_body(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_request_in_the_query_is_heard_too() {
        let query = "query=query(%24o:ID!)%7Border(id:%24o)%7Bid%7D%7D&variables=%7B%22o%22:7%7D";
        assert_eq!(in_query(Some(query)).unwrap().arguments, json!({ "order": [{ "id": 7 }] }));
        assert_eq!(in_query(Some("page=2")).unwrap().arguments, json!({}));
        assert_eq!(in_query(None).unwrap().arguments, json!({}));
        assert_eq!(in_query(Some("query=%7Ba%7D&query=%7Bb%7D")), None);
        assert_eq!(in_query(Some("query=%7B")), None);
    }
}
