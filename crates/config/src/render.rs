//! Diagnostics as text for people, in the shape of a compiler's.
//!
//! In: diagnostics in order. Out: text, with ANSI colors if asked for. Two things are never shown:
//! values that may be secrets, and characters that would act on the terminal.

use std::ops::Range;
use std::sync::Arc;

use codespan_reporting::diagnostic as codespan;
use codespan_reporting::files::{Error, Files, Location};
use codespan_reporting::term::termcolor::{Ansi, NoColor, WriteColor};
use codespan_reporting::term::{self, Config, Styles, StylesWriter};

use crate::diagnostic::{Diagnostic, Severity, is_reordering, push_printable};
use crate::diagnostics::Color;
use crate::place::Place;
use crate::source::Source;

/// A line longer than this is shown in part: minified JSON has lines of megabytes.
const LONGEST_LINE: usize = 200;
/// Bytes shown on each side of a label in a line that is too long.
const CONTEXT: usize = 60;

pub(crate) fn render(diagnostics: &[&Diagnostic], color: Color) -> String {
    let bytes = match color {
        Color::Never => {
            let mut out = NoColor::new(Vec::new());
            print(diagnostics, &mut out);
            out.into_inner()
        }
        Color::Always => {
            let mut out = Ansi::new(Vec::new());
            print(diagnostics, &mut out);
            out.into_inner()
        }
    };
    String::from_utf8_lossy(&bytes).into_owned()
}

fn print(diagnostics: &[&Diagnostic], mut out: &mut dyn WriteColor) {
    let mut shown = Shown::blotting(diagnostics);
    let (config, styles) = (Config::default(), Styles::default());
    for diagnostic in diagnostics {
        let report = report(diagnostic, &mut shown);
        let emitted =
            term::emit_to_write_style(&mut StylesWriter::new(&mut out, &styles), &config, &shown, &report);
        // Memory takes every write, and places come from the files themselves.
        debug_assert!(emitted.is_ok(), "{emitted:?}");
    }
}

fn report(diagnostic: &Diagnostic, shown: &mut Shown) -> codespan::Diagnostic<usize> {
    let severity = match diagnostic.severity {
        Severity::Error => codespan::Severity::Error,
        Severity::Warning => codespan::Severity::Warning,
    };
    let mut labels = Vec::new();
    if let Some(place) = &diagnostic.place {
        let (file, range) = shown.window(place);
        labels.push(codespan::Label::primary(file, range).with_message(printable(&diagnostic.label)));
    }
    for (place, label) in &diagnostic.related {
        let (file, range) = shown.window(place);
        labels.push(codespan::Label::secondary(file, range).with_message(printable(label)));
    }
    codespan::Diagnostic::new(severity)
        .with_code(diagnostic.code)
        .with_message(printable(&diagnostic.message))
        .with_labels(labels)
        .with_notes(diagnostic.help.iter().map(|help| format!("help: {}", printable(help))).collect())
}

fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    text.chars().for_each(|character| push_printable(&mut printable, character));
    printable
}

/// What is shown of the files: their text with blots, and windows into lines that are too long.
struct Shown {
    files: Vec<ShownFile>,
}

struct ShownFile {
    source: Arc<Source>,
    text: String,
    /// The bytes of the source that `text` stands for.
    window: Option<Range<usize>>,
}

impl Shown {
    /// The files of `diagnostics`, in which every value is blotted out that may be a secret.
    fn blotting(diagnostics: &[&Diagnostic]) -> Self {
        let mut shown = Self { files: Vec::new() };
        for diagnostic in diagnostics {
            let related = diagnostic.related.iter().map(|(place, _)| place);
            for place in diagnostic.place.iter().chain(related) {
                shown.file(place.source());
            }
        }
        for place in
            diagnostics.iter().filter(|diagnostic| diagnostic.concealed).filter_map(|d| d.place.as_ref())
        {
            let file = shown.file(place.source());
            if let Some(file) = shown.files.get_mut(file) {
                file.blot(place.whole_span());
            }
        }
        shown
    }

    fn file(&mut self, source: &Arc<Source>) -> usize {
        let known =
            self.files.iter().position(|file| file.window.is_none() && Arc::ptr_eq(&file.source, source));
        known.unwrap_or_else(|| {
            let text = harmless(source.text());
            self.files.push(ShownFile { source: Arc::clone(source), text, window: None });
            self.files.len() - 1
        })
    }

    /// The file and range to label for `place`.
    fn window(&mut self, place: &Place) -> (usize, Range<usize>) {
        let (source, range) = (place.source(), place.span());
        let file = self.file(source);
        let line = source.line_range(source.line_index(range.start));
        if line.len() <= LONGEST_LINE {
            return (file, range);
        }
        let text = self.files.get(file).map(|file| file.text.as_str()).unwrap_or_default();
        let end = floor(text, range.end.min(range.start + CONTEXT));
        let window = floor(text, range.start.saturating_sub(CONTEXT).max(line.start))
            ..floor(text, (end + CONTEXT).min(line.end));
        let text = text.get(window.clone()).unwrap_or_default().to_owned();
        let range = range.start - window.start..end.max(range.start) - window.start;
        self.files.push(ShownFile { source: Arc::clone(source), text, window: Some(window) });
        (self.files.len() - 1, range)
    }

    fn at(&self, id: usize) -> Result<&ShownFile, Error> {
        self.files.get(id).ok_or(Error::FileMissing)
    }
}

impl ShownFile {
    /// Replaces each byte by a star, so that offsets stay as they are.
    fn blot(&mut self, range: Range<usize>) {
        let blots: String = self
            .text
            .get(range.clone())
            .unwrap_or_default()
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { '*' })
            .collect();
        self.text.replace_range(range, &blots);
    }
}

/// The text with question marks, of the same length in bytes, for what a terminal would act on. Other
/// control characters never come this far: [`crate::encoding`] refuses them.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let acts = match character {
            // Alone it returns to the start of the line, and what follows overwrites what was shown.
            '\r' => characters.peek() != Some(&'\n'),
            '\u{85}' => true,
            _ => is_reordering(character),
        };
        match acts {
            true => harmless.extend(std::iter::repeat_n('?', character.len_utf8())),
            false => harmless.push(character),
        }
    }
    harmless
}

fn floor(text: &str, index: usize) -> usize {
    text.floor_char_boundary(index)
}

impl<'a> Files<'a> for Shown {
    type FileId = usize;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: usize) -> Result<&'a str, Error> {
        Ok(self.at(id)?.source.name())
    }

    fn source(&'a self, id: usize) -> Result<&'a str, Error> {
        Ok(&self.at(id)?.text)
    }

    fn line_index(&'a self, id: usize, byte: usize) -> Result<usize, Error> {
        let file = self.at(id)?;
        Ok(match file.window {
            None => file.source.line_index(byte),
            Some(_) => 0,
        })
    }

    fn line_number(&'a self, id: usize, line: usize) -> Result<usize, Error> {
        let file = self.at(id)?;
        Ok(match &file.window {
            None => line + 1,
            Some(window) => file.source.line_index(window.start) + 1,
        })
    }

    fn location(&'a self, id: usize, byte: usize) -> Result<Location, Error> {
        let file = self.at(id)?;
        let byte = file.window.as_ref().map_or(byte, |window| window.start + byte);
        let (line_number, column_number) = file.source.position(byte);
        Ok(Location { line_number, column_number })
    }

    fn line_range(&'a self, id: usize, line: usize) -> Result<Range<usize>, Error> {
        let file = self.at(id)?;
        Ok(match &file.window {
            None => file.source.line_range(line),
            Some(window) => 0..window.len(),
        })
    }
}
