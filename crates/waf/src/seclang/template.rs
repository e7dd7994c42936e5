//! Text with macros: `Matched Data: %{TX.0} found within %{MATCHED_VAR_NAME}`.
//!
//! A macro names a variable, and one value of it behind a dot. Names are in any case. What looks like no macro is text.

use super::variable::{Kind, Variable};

/// Text of which parts are known only when a request is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Segment>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The text itself.
    Text(String),
    /// A variable, and which value of it.
    Macro(Variable, Option<String>),
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// The name in a macro that is no variable, or that needs a name behind a dot and has none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_macro(rest) {
            if !before.is_empty() {
                segments.push(Segment::Text(before.to_owned()));
            }
            segments.push(named(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            segments.push(Segment::Text(rest.to_owned()));
        }
        Ok(Self(segments))
    }

    /// Its parts, in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The whole text, if there is no macro in it.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Segment::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// What stands before the next macro, its name, and what follows.
fn next_macro(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("%{")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn named(text: &str) -> Result<Segment, String> {
    let (name, selector) = match text.split_once(['.', ':']) {
        Some((name, selector)) => (name, Some(selector)),
        None => (text, None),
    };
    let variable = Variable::from_name(name).ok_or_else(|| format!("`{name}` is no variable"))?;
    match (variable.kind(), selector) {
        (Kind::Single, Some(selector)) => Err(format!("`{name}` is one value: it has no part `{selector}`")),
        // Asked for as a whole, a collection has no text.
        (Kind::Named, None | Some("")) => {
            Err(format!("`{name}` needs the name of a value, as in `%{{{name}.x}}`"))
        }
        (_, selector) => Ok(Segment::Macro(variable, selector.map(str::to_owned))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_are_parts_of_a_text() {
        let template = Template::parse("Matched Data: %{TX.0} within %{matched_var_name}").unwrap();
        assert_eq!(
            template.segments(),
            [
                Segment::Text("Matched Data: ".into()),
                Segment::Macro(Variable::Tx, Some("0".into())),
                Segment::Text(" within ".into()),
                Segment::Macro(Variable::MatchedVarName, None),
            ]
        );
        assert_eq!(Template::parse("100 %{ open").unwrap().literal(), Some("100 %{ open"));
        assert_eq!(Template::parse("").unwrap().literal(), Some(""));
        assert!(Template::parse("%{NOTHING}").unwrap_err().contains("`NOTHING`"));
        assert!(Template::parse("%{TX}").is_err());
        assert!(Template::parse("%{REMOTE_ADDR.x}").is_err());
    }
}
