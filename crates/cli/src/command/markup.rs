//! Text within HTML and XML.

/// Text that cannot become markup, as content or within a quoted value; what XML cannot hold is left out (XML 1.0 §2.2).
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            _ if character.is_control() || matches!(character, '\u{FFFE}' | '\u{FFFF}') => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_named_becomes_markup() {
        assert_eq!(escaped("<a b=\"c\">'&"), "&lt;a b=&quot;c&quot;&gt;&#39;&amp;");
        assert_eq!(escaped("one\n\u{1b}[31mtwo\u{FFFE}"), "one&#10;[31mtwo");
    }
}
