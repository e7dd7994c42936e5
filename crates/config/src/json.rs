//! Reads JSON (RFC 8259), strictly, and keeps places.
//!
//! In: text that is UTF-8. Out: calls to the [`Builder`]. Called by [`crate::Document::parse`] for files
//! named `*.json`, for which "it is also YAML" must not hide a mistake. The structure is read here,
//! because no JSON reader tells where values stand; strings and numbers are `serde_json`'s to read.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Number, Value};

use crate::builder::{Builder, Stop};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::place::Place;
use crate::source::Source;

/// Reads the text of `source` into `builder`.
pub(crate) fn read(source: &Arc<Source>, builder: &mut Builder) -> Result<(), Stop> {
    let mut reader = Reader { source, bytes: source.text().as_bytes(), at: 0, builder };
    reader.skip_space();
    reader.value()?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(()),
        Some(_) => reader.fail("text after the end of the document"),
    }
}

struct Reader<'r> {
    source: &'r Arc<Source>,
    bytes: &'r [u8],
    at: usize,
    builder: &'r mut Builder,
}

impl Reader<'_> {
    /// Recursion is bounded: [`Builder::open_object`] refuses to go deeper than the limit.
    fn value(&mut self) -> Result<(), Stop> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let (text, range) = self.string()?;
                self.builder.scalar(Value::String(text), range, None)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) | None => self.fail("expected a value"),
        }
    }

    fn object(&mut self) -> Result<(), Stop> {
        self.builder.open_object(self.at, None)?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            return self.close();
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("expected a key in double quotes");
            }
            let (name, range) = self.string()?;
            self.builder.key(name, range)?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.fail("expected `:` after the key");
            }
            self.at += 1;
            self.skip_space();
            self.value()?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.close(),
                Some(_) | None => return self.fail("expected `,` or `}`"),
            }
            self.skip_space();
        }
    }

    fn array(&mut self) -> Result<(), Stop> {
        self.builder.open_array(self.at, None)?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b']') {
            return self.close();
        }
        loop {
            self.value()?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.close(),
                Some(_) | None => return self.fail("expected `,` or `]`"),
            }
            self.skip_space();
        }
    }

    fn close(&mut self) -> Result<(), Stop> {
        self.at += 1;
        self.builder.close(self.at)
    }

    fn string(&mut self) -> Result<(String, Range<usize>), Stop> {
        let start = self.at;
        let mut end = start + 1;
        loop {
            match self.bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => {
                    self.fail("string is never closed")?;
                    return Err(Stop);
                }
            }
        }
        let range = start..end + 1;
        match serde_json::from_str(self.source.slice(range.clone())) {
            Ok(text) => {
                self.at = range.end;
                Ok((text, range))
            }
            Err(error) => {
                self.fail(&what_serde_says(&error))?;
                Err(Stop)
            }
        }
    }

    fn number(&mut self) -> Result<(), Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let range = self.at..self.at + length;
        match serde_json::from_str::<Number>(self.source.slice(range.clone())) {
            Ok(number) => {
                self.at = range.end;
                self.builder.scalar(Value::Number(number), range, None)
            }
            Err(error) => self.fail(&what_serde_says(&error)),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<(), Stop> {
        let range = self.at..self.at + word.len();
        if self.source.slice(range.clone()) != word {
            return self.fail("expected a value");
        }
        self.at = range.end;
        self.builder.scalar(value, range, None)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Always stops; the `Ok` type lets callers return it from where they are.
    fn fail(&mut self, what: &str) -> Result<(), Stop> {
        let rest = self.source.slice(self.at..self.bytes.len());
        let end = rest.chars().next().map_or(self.at, |character| self.at + character.len_utf8());
        let diagnostic = Diagnostic::error(codes::file::SYNTAX, format!("not well-formed JSON: {what}"))
            .at(Place::text(self.source, self.at..end))
            .label("reading stopped here");
        self.builder.fatal(match rest.bytes().next() {
            None => diagnostic.help("the file ends too early"),
            Some(b'/' | b'#') => diagnostic.help("JSON has no comments"),
            Some(b'\'') => diagnostic.help("JSON has double quotes only"),
            Some(b'}' | b']') => diagnostic.help("remove the comma before it, or write what is missing"),
            Some(_) => diagnostic,
        })
    }
}

/// The message without serde's own line and column, which count from the start of the slice.
fn what_serde_says(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}
