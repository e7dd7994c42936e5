//! What a rule looks at: `ARGS|!ARGS:password|&REQUEST_HEADERS:Host|XML:/*`.

use super::variable::{Kind, Variable};

/// One variable of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How it counts.
    pub mode: Mode,
    /// Which.
    pub variable: Variable,
    /// Which values of it.
    pub selector: Selector,
}

/// How a target counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its values are looked at.
    Values,
    /// The number of its values is (`&`).
    Count,
    /// Its values are not looked at, whatever else says so (`!`).
    Excluded,
}

/// Which values of a variable are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All.
    All,
    /// Those of this name, in any case; of `XML` the XPath.
    Name(String),
    /// Those whose name matches.
    Pattern(String),
}

/// Reads the targets of a rule.
///
/// # Errors
/// The part that is none, for people.
pub fn targets(text: &str) -> Result<Vec<Target>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (target, after) = target(rest)?;
        found.push(target);
        match after.strip_prefix(['|', ',']) {
            Some(after) => rest = after,
            None if after.trim().is_empty() => return Ok(found),
            None => return Err(format!("`{after}` follows a target")),
        }
    }
}

fn target(text: &str) -> Result<(Target, &str), String> {
    let text = text.trim_start();
    let (mode, text) = match text.strip_prefix(['&', '!']) {
        Some(rest) if text.starts_with('&') => (Mode::Count, rest),
        Some(rest) => (Mode::Excluded, rest),
        None => (Mode::Values, text),
    };
    let length = text.find([':', '|', ',', ' ']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(length).unwrap_or((text, ""));
    let variable = Variable::from_name(name).ok_or_else(|| format!("`{name}` is no variable"))?;
    let (selector, rest) = match rest.strip_prefix(':') {
        None => (Selector::All, rest),
        Some(_) if variable.kind() == Kind::Single => {
            return Err(format!("`{name}` is one value: nothing can be chosen of it"));
        }
        Some(rest) => selector(variable, rest)?,
    };
    Ok((Target { mode, variable, selector }, rest))
}

fn selector(variable: Variable, text: &str) -> Result<(Selector, &str), String> {
    let bare = || {
        let length = text.find(['|', ',']).unwrap_or(text.len());
        text.split_at_checked(length).unwrap_or((text, ""))
    };
    if variable == Variable::Xml {
        let (path, rest) = bare();
        return match path {
            "/*" | "//@*" => Ok((Selector::Name(path.to_owned()), rest)),
            _ => Err(format!("`{path}` is no path that is supported: `/*` for texts, `//@*` for attributes")),
        };
    }
    if let Some(quoted) = text.strip_prefix('\'') {
        let (inner, rest) = quoted.split_once('\'').ok_or_else(|| format!("`{text}` is not closed"))?;
        return Ok((pattern_or_name(inner)?, rest));
    }
    if text.starts_with('/') {
        let (pattern, rest) = pattern(text)?;
        return Ok((Selector::Pattern(pattern), rest));
    }
    let (name, rest) = bare();
    if name.is_empty() {
        return Err("a name is missing behind `:`".to_owned());
    }
    Ok((Selector::Name(name.trim_end().to_owned()), rest))
}

fn pattern_or_name(text: &str) -> Result<Selector, String> {
    match text.starts_with('/') {
        true => pattern(text).map(|(pattern, _)| Selector::Pattern(pattern)),
        false => Ok(Selector::Name(text.to_owned())),
    }
}

/// A pattern between slashes, of which `\/` is none, and what follows it.
fn pattern(text: &str) -> Result<(String, &str), String> {
    let mut characters = text.char_indices().skip(1);
    let mut pattern = String::new();
    while let Some((at, next)) = characters.next() {
        match next {
            '\\' => {
                let Some((_, escaped)) = characters.next() else { break };
                if escaped != '/' {
                    pattern.push('\\');
                }
                pattern.push(escaped);
            }
            '/' => return Ok((pattern, text.get(at + 1..).unwrap_or_default())),
            _ => pattern.push(next),
        }
    }
    Err(format!("the pattern `{text}` is not closed"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Target {
        let mut found = targets(text).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn targets_choose_of_variables() {
        let all = targets("REQUEST_HEADERS|!REQUEST_HEADERS:Cookie|&ARGS|XML:/*|XML://@*").unwrap();
        assert_eq!(all.len(), 5);
        assert_eq!(all[1].mode, Mode::Excluded);
        assert_eq!(all[1].selector, Selector::Name("Cookie".into()));
        assert_eq!((all[2].mode, &all[2].selector), (Mode::Count, &Selector::All));
        assert_eq!(all[4].selector, Selector::Name("//@*".into()));
        let odd = one(r"!ARGS_NAMES:/^[\w]+\[[\w\-]+\]\/|x$/");
        assert_eq!(odd.selector, Selector::Pattern(r"^[\w]+\[[\w\-]+\]/|x$".into()));
        assert_eq!(one("tx:'/^a/'").selector, Selector::Pattern("^a".into()));
        for bad in ["", "NOTHING", "ARGS:", "REMOTE_ADDR:x", "ARGS:/open", "XML:/a/b", "ARGS|", "ARGS ARGS"] {
            assert!(targets(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-Z_:/|!&'\\\\ a-z*@]{0,60}") {
            let _ = targets(&text);
        }
    }
}
