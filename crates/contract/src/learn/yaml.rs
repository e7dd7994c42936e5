//! Writing YAML that people read: block style, and texts in quotes wherever a reader could take them for something
//! else.

use serde_json::Value;

/// Appends `value` as a document.
pub(super) fn write(value: &Value, text: &mut String) {
    block(value, 0, text);
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                indent(depth, text);
                scalar(name, text);
                text.push(':');
                beside(member, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, text);
                text.push('-');
                beside(item, depth, text);
            }
        }
        other => {
            indent(depth, text);
            flow(other, text);
            text.push('\n');
        }
    }
}

/// What stands behind a name or a dash: on the same line, or below it.
fn beside(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            block(value, depth + 1, text);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            text.push('\n');
            block(value, depth + 1, text);
        }
        other => {
            text.push(' ');
            flow(other, text);
            text.push('\n');
        }
    }
}

fn flow(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => scalar(string, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                flow(item, text);
            }
            text.push(']');
        }
        // JSON is YAML.
        other => text.push_str(&other.to_string()),
    }
}

fn scalar(string: &str, text: &mut String) {
    let is_plain = string.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && string.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/.".contains(&byte))
        && !matches!(
            string.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if is_plain {
        text.push_str(string);
    } else {
        text.push_str(&Value::from(string).to_string());
    }
}

fn indent(depth: usize, text: &mut String) {
    (0..depth).for_each(|_| text.push_str("  "));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = json!({
            "a": { "b": [1, "two", "true", "3", null, true], "c": [], "d": {}, "e": [{ "f": "x: y # z" }, [1, [2]]] },
            "200": "no", "/orders/{id}": "multi\nline \"quoted\"", "": 1.5,
        });
        let mut text = String::new();
        write(&value, &mut text);
        let limits = portcullis_config::Limits::default();
        let read = portcullis_config::Document::parse("x.yaml", text.as_bytes(), &limits);
        assert_eq!(*read.unwrap_or_else(|error| panic!("{error:?}\n{text}")).value(), value, "{text}");
    }
}
