//! How values, types and lists of words are called in messages.

use serde_json::Value;

use crate::diagnostic::quote;

/// A value as a message speaks of it: `number `1.1``, `a list`.
pub(crate) fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => quote(&value.to_string()),
        Value::String(text) => format!("text {}", quote(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A value as the subject of a message: text in backticks alone.
pub(crate) fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| found(value), quote)
}

/// A type of JSON Schema as a message speaks of it.
pub(crate) fn type_noun(name: &str) -> &'static str {
    match name {
        "null" => "nothing",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "an object",
        _ => "another type",
    }
}

/// A format of JSON Schema as a message speaks of it.
pub(crate) fn format_noun(name: &str) -> String {
    match name {
        "ip" => "an IP address".to_owned(),
        "ipv4" => "an IPv4 address".to_owned(),
        "ipv6" => "an IPv6 address".to_owned(),
        "uri" | "url" => "an absolute URL".to_owned(),
        "hostname" => "a host name".to_owned(),
        "email" => "an e-mail address".to_owned(),
        "uuid" => "a UUID".to_owned(),
        "date" => "a date".to_owned(),
        "date-time" => "a date with time and zone".to_owned(),
        "regex" => "a regular expression".to_owned(),
        _ => format!("of the form `{name}`"),
    }
}

/// Whether a schema for text takes any text.
pub(crate) fn is_free_text(schema: &Value) -> bool {
    ["pattern", "format", "const", "enum"].into_iter().all(|keyword| schema.get(keyword).is_none())
}

/// The title of a schema with its article: `a byte size`. Titles made from type names are not used.
pub(crate) fn titled(schema: &Value) -> Option<String> {
    let title = schema.get("title")?.as_str()?;
    if !title.starts_with(|first: char| first.is_ascii_lowercase()) {
        return None;
    }
    let article = if title.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    Some(format!("{article} {title}"))
}

/// How a value may look, from the examples of its schema: ``write it like `16 KiB` or `1 MiB` ``.
pub(crate) fn examples(schema: &Value) -> Option<String> {
    let examples: Vec<String> = schema
        .get("examples")?
        .as_array()?
        .iter()
        .map(|example| example.as_str().map_or_else(|| quote(&example.to_string()), quote))
        .collect();
    (!examples.is_empty()).then(|| format!("write it like {}", join(&examples, "or")))
}

/// The first sentence of a schema's description: what the setting is for.
pub(crate) fn purpose(schema: &Value) -> Option<String> {
    let description = schema.get("description")?.as_str()?;
    let paragraph = description.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let sentence = paragraph.split(". ").next().unwrap_or_default().trim_end_matches('.');
    (!sentence.is_empty()).then(|| sentence.to_owned())
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn join(parts: &[String], word: &str) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// ``what: `a`, `b` ``, unless there are none or more than anybody reads.
pub(crate) fn choices(what: &str, known: &[&str]) -> Option<String> {
    const MOST: usize = 16;
    if known.is_empty() || known.len() > MOST {
        return None;
    }
    let quoted: Vec<String> = known.iter().map(|word| quote(word)).collect();
    Some(format!("{what}: {}", quoted.join(", ")))
}

/// The word of `known` that `word` is a misspelling of.
pub(crate) fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    /// Nobody misspells a word longer than this; the distance would take its time.
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace(['-', '_', ' '], "");
    let wanted = plain(word);
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().min(word.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelled_word_finds_the_one_that_was_meant() {
        let known = ["audience", "issuer", "jwks_uri", "at"];
        assert_eq!(nearest("audiense", &known), Some("audience"));
        assert_eq!(nearest("Issuer", &known), Some("issuer"));
        assert_eq!(nearest("jwks-uri", &known), Some("jwks_uri"));
        assert_eq!(nearest("isuser", &known), Some("issuer"));
        assert_eq!(nearest("upstream", &known), None);
        assert_eq!(nearest("x", &known), None);
        assert_eq!(nearest(&"audience".repeat(1000), &known), None);
    }

    #[test]
    fn lists_read_as_prose() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(join(&words(&["a"]), "or"), "a");
        assert_eq!(join(&words(&["a", "b"]), "or"), "a or b");
        assert_eq!(join(&words(&["a", "b", "c"]), "and"), "a, b and c");
    }

    #[test]
    fn the_purpose_is_the_first_sentence() {
        let schema =
            json!({"description": "The name this API has\nat the issuer. Compared exactly.\n\nMore."});
        assert_eq!(purpose(&schema).as_deref(), Some("The name this API has at the issuer"));
    }

    #[test]
    fn titles_that_are_type_names_are_not_shown() {
        assert_eq!(titled(&json!({"title": "byte size"})).as_deref(), Some("a byte size"));
        assert_eq!(titled(&json!({"title": "ListenConfig"})), None);
    }
}
