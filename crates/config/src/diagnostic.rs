//! A mistake in the configuration, as it is shown to the operator.
//!
//! In: what a layer found. Out: text for people ([`Diagnostics::render`]) and JSON for machines. Errors
//! of requests are not shown here: those are denials, and go to the client and the record.

use crate::codes::Code;
use crate::place::Place;

/// Whether a mistake stops the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is not used.
    Error,
    /// The configuration is used, and somebody should look at this.
    Warning,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake: what is wrong, where, and what to do.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) place: Option<Place>,
    pub(crate) label: String,
    pub(crate) related: Vec<(Place, String)>,
    pub(crate) help: Vec<String>,
    pub(crate) concealed: bool,
}

impl Diagnostic {
    /// A mistake that stops the load. `message`: lower case, one line, no final stop, user input in
    /// backticks (see [`quote`]).
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// Something to look at that does not stop the load.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    fn new(code: Code, severity: Severity, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            place: None,
            label: String::new(),
            related: Vec::new(),
            help: Vec::new(),
            concealed: false,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// What is said beside the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another place that plays a part, and which part.
    #[must_use]
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }

    /// What to do; may be said several times.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// What to do, if anything is known.
    #[must_use]
    pub fn help_if(self, help: Option<impl Into<String>>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// The value at this place may be a secret: wherever the diagnostics show its line, the value is
    /// blotted out.
    #[must_use]
    pub fn conceal(mut self) -> Self {
        self.concealed = true;
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Error or warning.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it is, if it is in a file.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }
}

/// User input for a message: in backticks, cut to a readable length, without characters that would
/// act on a terminal.
#[must_use]
pub fn quote(text: &str) -> String {
    const MOST: usize = 80;
    let mut quoted = String::with_capacity(text.len().min(MOST) + 2);
    quoted.push('`');
    for (index, character) in text.chars().enumerate() {
        if index == MOST {
            quoted.push('…');
            break;
        }
        push_printable(&mut quoted, character);
    }
    quoted.push('`');
    quoted
}

/// Writes `character`, or its escape if a terminal would act on it: control characters, and those that
/// reorder the text around them (CVE-2021-42574).
pub(crate) fn push_printable(text: &mut String, character: char) {
    if character.is_control() || is_reordering(character) {
        text.extend(character.escape_default());
    } else {
        text.push(character);
    }
}

pub(crate) fn is_reordering(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_input_is_short_and_cannot_act_on_a_terminal() {
        assert_eq!(quote("plain"), "`plain`");
        assert_eq!(quote("a\x1B[31m\nb\u{202E}c"), "`a\\u{1b}[31m\\nb\\u{202e}c`");
        assert_eq!(quote(&"x".repeat(500)).chars().count(), 83);
    }
}
