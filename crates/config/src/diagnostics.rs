//! All mistakes of one load, in order.

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity};
use crate::place::Place;
use crate::render;

/// Whether a rendering carries terminal colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Never,
    /// ANSI escapes.
    Always,
}

/// All mistakes found so far.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether any of them stops the load.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// Those that stop the load.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Error)
    }

    /// Those that do not.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Warning)
    }

    /// All of them, as they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// All of them by file and place; those without a place first. What was found twice is there once.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<_> =
            self.0.iter().map(|diagnostic| (Order::of(diagnostic), diagnostic)).collect();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        sorted.dedup_by(|(a, _), (b, _)| a == b);
        sorted.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }

    /// For people, ordered by file and place; ends in a line break.
    #[must_use]
    pub fn render(&self, color: Color) -> String {
        render::render(&self.sorted(), color)
    }

    /// For machines, ordered by file and place: an array of objects with `code`, `severity`, `message`,
    /// `label`, `help`, `place` (`file`, `line`, `column`, `pointer`) and `related`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.sorted().into_iter().map(diagnostic_json).collect()
    }

    fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter().filter(move |diagnostic| diagnostic.severity == severity)
    }
}

/// By what diagnostics are ordered.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Order<'d> {
    place: Option<(&'d str, usize, usize)>,
    severity: Severity,
    code: &'d str,
    message: &'d str,
}

impl<'d> Order<'d> {
    fn of(diagnostic: &'d Diagnostic) -> Self {
        let place = diagnostic.place.as_ref().map(|place| {
            let span = place.span();
            (place.file(), span.start, span.end)
        });
        Self { place, severity: diagnostic.severity, code: diagnostic.code.0, message: &diagnostic.message }
    }
}

fn diagnostic_json(diagnostic: &Diagnostic) -> Value {
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .map(|(place, label)| json!({ "place": place_json(place), "label": label }))
        .collect();
    json!({
        "code": diagnostic.code.0,
        "severity": diagnostic.severity.name(),
        "message": diagnostic.message,
        "place": diagnostic.place.as_ref().map(place_json),
        "label": diagnostic.label,
        "related": related,
        "help": diagnostic.help,
    })
}

fn place_json(place: &Place) -> Value {
    json!({ "file": place.file(), "line": place.line(), "column": place.column(), "pointer": place.pointer() })
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        self.0.extend(more);
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
