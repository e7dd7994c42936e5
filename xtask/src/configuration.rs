//! The reference page of `portcullis.yaml` and its JSON Schema, both from the types of the configuration.
//!
//! In: the schema that `gateway` derives from its serde types. Out: one section for each block of the file,
//! in the order in which a reader meets them, each with one row per key.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use portcullis_gateway::schema;
use serde_json::{Map, Value};

use crate::page::notice;

/// How to write both again.
pub(crate) const COMMAND: &str = "cargo xtask configuration";

const INTRODUCTION: &str = "
# Configuration

Every key of `portcullis.yaml`. Unknown keys are mistakes. `portcullis check --effective` prints what holds for a
given file, defaults included. For completion in an editor, point it to
[schema/portcullis.schema.json](../../schema/portcullis.schema.json).
";

/// Blocks of the file are definitions of the schema; these are single values with a notation of their own.
const NOTATIONS: [(&str, &str); 5] = [
    ("ByteSize", "size: `16 KiB`, `1 MiB`, `1024`"),
    ("Period", "period: `100ms`, `30s`, `5m`, `2h`, `7d`"),
    ("Rate", "rate: `100/s`, `600/5m`"),
    ("SecretReference", "`${env:NAME}` or `${file:PATH}`"),
    ("OneOrMany", "text, or list of text"),
];

/// The JSON Schema, for editors.
pub(crate) fn json_schema() -> String {
    // A `Value` always has a JSON form.
    serde_json::to_string_pretty(&schema()).unwrap_or_default() + "\n"
}

/// The page's text.
pub(crate) fn page() -> String {
    let mut text = notice(COMMAND);
    text.push_str(INTRODUCTION);
    let schema = schema();
    Reference { schema: &schema, told: BTreeSet::new(), text: &mut text }.block("", &schema);
    text
}

/// Writes blocks, each definition once.
struct Reference<'a> {
    schema: &'a Value,
    told: BTreeSet<&'a str>,
    text: &'a mut String,
}

impl<'a> Reference<'a> {
    /// The section of the block at `path`, then those of the blocks within.
    fn block(&mut self, path: &str, block: &'a Value) {
        let Some(properties) = block.get("properties").and_then(Value::as_object) else { return };
        // Writing to a `String` cannot fail, here and below.
        let heading = if path.is_empty() { "The file" } else { path };
        let _ = write!(self.text, "\n## {}\n\n{}\n\n", code(heading), description(block));
        self.text.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
        let mut within = Vec::new();
        for (key, property) in properties {
            let value = self.value(property);
            for name in &value.blocks {
                if self.told.insert(name) {
                    within.push((value.path(path, key), *name));
                }
            }
            let _ = writeln!(
                self.text,
                "| `{key}` | {} | {} | {} |",
                value.text,
                default(key, property, block),
                self.meaning(property)
            );
        }
        for (path, name) in within {
            if let Some(definition) = self.definition(name) {
                self.block(&path, definition);
            }
        }
    }

    fn definition(&self, name: &str) -> Option<&'a Value> {
        self.schema.get("$defs")?.get(name)
    }

    /// What may stand as the value of `property`.
    fn value(&self, property: &'a Value) -> ValueForm<'a> {
        if let Some(name) = referred(property) {
            return self.named(name);
        }
        let alternatives = property.get("anyOf").or_else(|| property.get("oneOf")).and_then(Value::as_array);
        if let Some(alternatives) = alternatives {
            return self.either(alternatives);
        }
        let kind = type_name(property);
        if kind == "array" {
            let item = property.get("items").map_or_else(ValueForm::default, |items| self.value(items));
            return ValueForm { text: format!("list: {}", item.text), blocks: item.blocks, place: "[]" };
        }
        if let Some(values) = property.get("additionalProperties").filter(|values| values.is_object()) {
            let item = self.value(values);
            return ValueForm {
                text: format!("by name: {}", item.text),
                blocks: item.blocks,
                place: ".NAME",
            };
        }
        if let Some(properties) = property.get("properties").and_then(Value::as_object) {
            // One of several forms, too small for a table of its own.
            let keys = properties
                .iter()
                .map(|(key, property)| format!("{key}: {}", self.value(property).text.replace('`', "")));
            return ValueForm::plain(&format!("`{{ {} }}`", keys.collect::<Vec<_>>().join(", ")));
        }
        ValueForm::plain(match kind {
            "string" => "text",
            "integer" => "number",
            "boolean" => "`true` or `false`",
            other => other,
        })
    }

    fn named(&self, name: &'a str) -> ValueForm<'a> {
        if let Some((_, notation)) = NOTATIONS.iter().find(|(known, _)| *known == name) {
            return ValueForm::plain(notation);
        }
        match self.definition(name) {
            Some(definition) if definition.get("properties").is_some() => {
                ValueForm { text: String::from("block, see below"), blocks: vec![name], place: "" }
            }
            Some(definition) => self.value(definition),
            None => ValueForm::default(),
        }
    }

    fn either(&self, alternatives: &'a [Value]) -> ValueForm<'a> {
        let is_null = |alternative: &&Value| type_name(alternative) == "null";
        let mut form = ValueForm::default();
        for alternative in alternatives.iter().filter(|alternative| !is_null(alternative)) {
            let one = match words(alternative) {
                Some(words) => ValueForm::plain(&words),
                None => self.value(alternative),
            };
            let separator = if form.text.is_empty() { "" } else { ", or " };
            form.text = format!("{}{separator}{}", form.text, one.text);
            form.blocks.extend(one.blocks);
            form.place = one.place;
        }
        form
    }

    /// What the property says of itself, and what its words mean.
    fn meaning(&self, property: &'a Value) -> String {
        let mut meaning = description(property);
        let alternatives = property.get("anyOf").and_then(Value::as_array).map_or(&[] as &[Value], |all| all);
        let names = alternatives.iter().filter_map(referred).chain(referred(property));
        for definition in names.filter_map(|name| self.definition(name)) {
            let words = definition.get("oneOf").and_then(Value::as_array).map_or(&[] as &[Value], |all| all);
            for word in words {
                if let Some(text) = self::words(word) {
                    let _ = write!(meaning, "<br>{text}: {}", description(word));
                }
            }
        }
        meaning
    }
}

/// What may stand as a value.
#[derive(Default)]
struct ValueForm<'a> {
    text: String,
    /// The definitions of the blocks that may stand there.
    blocks: Vec<&'a str>,
    /// What comes between the key and the block's own keys.
    place: &'static str,
}

impl ValueForm<'_> {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), blocks: Vec::new(), place: "" }
    }

    fn path(&self, parent: &str, key: &str) -> String {
        let dot = if parent.is_empty() { "" } else { "." };
        format!("{parent}{dot}{key}{}", self.place)
    }
}

fn referred(property: &Value) -> Option<&str> {
    property.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// The fixed words of an alternative, if it has any.
fn words(alternative: &Value) -> Option<String> {
    if let Some(word) = alternative.get("const").and_then(Value::as_str) {
        return Some(format!("`{word}`"));
    }
    let words = alternative.get("enum")?.as_array()?;
    Some(
        words
            .iter()
            .filter_map(Value::as_str)
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", or "),
    )
}

/// The type, or the first one beside `null`.
fn type_name(property: &Value) -> &str {
    match property.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("")
        }
        _ => "",
    }
}

fn description(of: &Value) -> String {
    let text = of.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn default(key: &str, property: &Value, block: &Value) -> String {
    let required = block.get("required").and_then(Value::as_array);
    if required.is_some_and(|keys| keys.iter().any(|required| required == key)) {
        return String::from("*must be set*");
    }
    match property.get("default") {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(Value::Object(_)) => String::from("see below"),
        Some(value) => format!("`{}`", plain(value)),
    }
}

/// A default as one would write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members_text(members),
        other => other.to_string(),
    }
}

fn members_text(members: &Map<String, Value>) -> String {
    members.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect::<Vec<_>>().join(", ")
}

fn code(heading: &str) -> String {
    if heading.contains(' ') { heading.to_owned() } else { format!("`{heading}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_schema_is_in_the_page() {
        let page = page();
        let schema = schema();
        let blocks = schema.get("$defs").and_then(Value::as_object).expect("definitions");
        for block in blocks.values().chain([&schema]) {
            let keys = block.get("properties").and_then(Value::as_object);
            for key in keys.into_iter().flat_map(Map::keys) {
                assert!(page.contains(&format!("| `{key}` |")), "{key}");
            }
        }
    }

    #[test]
    fn no_type_name_of_the_code_is_in_the_page() {
        let page = page();
        let schema = schema();
        let blocks = schema.get("$defs").and_then(Value::as_object).expect("definitions");
        for name in blocks.keys().filter(|name| name.ends_with("Config")) {
            assert!(!page.contains(name.as_str()), "{name}");
        }
    }
}
