//! Reads YAML 1.2 with the core schema.
//!
//! In: text that is UTF-8 and printable. Out: calls to the [`Builder`]. Called by
//! [`crate::Document::parse`]. Refused on purpose, because readers disagree about them or because they
//! have no form in JSON: merge keys, tags beyond the core schema, keys that are not scalars, several
//! documents in one file.

use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};
use serde_json::Value;

use crate::builder::{Builder, Stop};
use crate::codes;
use crate::diagnostic::{Diagnostic, quote};
use crate::place::Place;
use crate::scalar::{self, Unusable};
use crate::source::{CharOffsets, Source};

/// Reads the text of `source` into `builder`.
pub(crate) fn read(source: &Arc<Source>, builder: &mut Builder) -> Result<(), Stop> {
    let mut reader = Reader { source, offsets: CharOffsets::new(source.text()), builder, documents: 0 };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(source.text());
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                let range = reader.offsets.byte(span.start.index())..reader.offsets.byte(span.end.index());
                reader.event(event, range)?;
            }
            Err(error) => return reader.scan_error(&error),
        }
    }
    Ok(())
}

struct Reader<'r> {
    source: &'r Arc<Source>,
    offsets: CharOffsets<'r>,
    builder: &'r mut Builder,
    documents: usize,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(range),
            Event::Scalar(text, style, _, tag) if self.builder.wants_key() => {
                let range = self.closed(style, range);
                self.key(&text, style, tag.as_deref(), range)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let range = self.closed(style, range);
                let value = self.value(&text, style, tag.as_deref(), &range)?;
                self.builder.scalar(value, range, named(anchor))
            }
            Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..)
                if self.builder.wants_key() =>
            {
                self.refuse(
                    Diagnostic::error(codes::file::KEY_REFUSED, "key is not plain text")
                        .help("write the key as text on the same line as its value"),
                    range,
                )
            }
            Event::Alias(anchor) => self.builder.alias(anchor, range),
            Event::SequenceStart(anchor, tag) => {
                self.container_tag(tag.as_deref(), "seq", &range)?;
                self.builder.open_array(range.start, named(anchor))
            }
            Event::MappingStart(anchor, tag) => {
                self.container_tag(tag.as_deref(), "map", &range)?;
                self.builder.open_object(range.start, named(anchor))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                // Up to the bracket: the scanner counts a comment behind it in.
                let is_bracket =
                    self.source.text().get(range.start..).is_some_and(|rest| rest.starts_with([']', '}']));
                self.builder.close(if is_bracket { range.start + 1 } else { range.end })
            }
        }
    }

    /// The range of a scalar up to its closing quote: the scanner counts a comment behind it in.
    fn closed(&self, style: ScalarStyle, range: Range<usize>) -> Range<usize> {
        let quote = match style {
            ScalarStyle::DoubleQuoted => b'"',
            ScalarStyle::SingleQuoted => b'\'',
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => return range,
        };
        let bytes = self.source.slice(range.clone()).as_bytes();
        let mut at = 1;
        while let Some(&byte) = bytes.get(at) {
            let is_escape = byte == b'\\' && quote == b'"'
                || byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote);
            match byte {
                _ if is_escape => at += 2,
                _ if byte == quote => return range.start..range.start + at + 1,
                _ => at += 1,
            }
        }
        range
    }

    fn document(&mut self, range: Range<usize>) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        self.refuse(
            Diagnostic::error(codes::file::DOCUMENT_SECOND, "file holds more than one YAML document")
                .label("the second one starts here")
                .help("put each document into a file of its own"),
            range,
        )
    }

    fn key(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        range: Range<usize>,
    ) -> Result<(), Stop> {
        if style == ScalarStyle::Plain && tag.is_none() {
            if text.is_empty() {
                return self.refuse(
                    Diagnostic::error(codes::file::KEY_REFUSED, "key is missing before `:`")
                        .help("write a key, or `\"\"` if it is meant to be empty"),
                    range,
                );
            }
            if text == "<<" {
                return self.refuse(
                    Diagnostic::error(codes::file::KEY_REFUSED, "merge key `<<` is not part of YAML 1.2")
                        .label("readers disagree about what this means")
                        .help("repeat the keys, or name the whole value with an alias"),
                    range,
                );
            }
        } else if let Some(tag) = tag {
            self.value(text, style, Some(tag), &range)?;
        }
        // Keys are kept as they are written: `200:` in the responses of an OpenAPI document is `"200"`.
        self.builder.key(text.to_owned(), range)
    }

    fn value(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        range: &Range<usize>,
    ) -> Result<Value, Stop> {
        let meaning = match (tag, style) {
            (None, ScalarStyle::Plain) => scalar::plain(text),
            (None, _) => Ok(Value::String(text.to_owned())),
            // The non-specific tag `!` says "text", whatever it looks like (YAML 1.2.2 §6.9.1).
            (Some(tag), _) if is_non_specific(tag) => Ok(Value::String(text.to_owned())),
            (Some(tag), _) => match core_suffix(tag).and_then(|suffix| scalar::tagged(suffix, text)) {
                Some(meaning) => meaning,
                None => return Err(self.refuse_tag(tag, range)),
            },
        };
        let message = match meaning {
            Ok(value) => return Ok(value),
            Err(Unusable::NotFinite) => format!("number {} is not finite", quote(text)),
            Err(Unusable::NotOfTag) => format!("value {} does not fit its tag", quote(text)),
        };
        self.builder.mistake(
            Diagnostic::error(codes::file::VALUE_REFUSED, message)
                .at(Place::text(self.source, range.clone()))
                .help("write a number of ordinary size, or put the text in quotes"),
        )?;
        Ok(Value::Null)
    }

    fn container_tag(&mut self, tag: Option<&Tag>, core: &str, range: &Range<usize>) -> Result<(), Stop> {
        match tag {
            None => Ok(()),
            Some(tag) if is_non_specific(tag) || core_suffix(tag) == Some(core) => Ok(()),
            Some(tag) => Err(self.refuse_tag(tag, range)),
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, range: &Range<usize>) -> Stop {
        let written = match core_suffix(tag) {
            Some(suffix) => format!("!!{suffix}"),
            None => format!("{}{}", tag.handle, tag.suffix),
        };
        let diagnostic =
            Diagnostic::error(codes::file::TAG_REFUSED, format!("tag {} is not known", quote(&written)))
                .at(Place::text(self.source, range.clone()))
                .help("remove the tag; secrets and other files are named as `${env:NAME}` or `${file:PATH}`");
        let _ = self.builder.fatal(diagnostic);
        Stop
    }

    fn refuse(&mut self, diagnostic: Diagnostic, range: Range<usize>) -> Result<(), Stop> {
        self.builder.fatal(diagnostic.at(Place::text(self.source, range)))
    }

    fn scan_error(&mut self, error: &ScanError) -> Result<(), Stop> {
        if let Some(tab) = self.tab_in_indentation(error.marker()) {
            return self.refuse(
                Diagnostic::error(codes::file::TAB_IN_INDENTATION, "tab in the indentation")
                    .label("YAML indents with spaces only")
                    .help("replace the tab with spaces"),
                tab..tab + 1,
            );
        }
        let at = self.offsets.byte(error.marker().index());
        if error.info().contains("recursion limit") {
            // The scanner looks ahead of its events and gives up before the builder can count.
            return self.builder.refuse_depth(&(at..at));
        }
        let end =
            self.source.slice(at..self.source.text().len()).chars().next().map_or(at, |c| at + c.len_utf8());
        let diagnostic =
            Diagnostic::error(codes::file::SYNTAX, format!("not well-formed YAML: {}", error.info()));
        let diagnostic = match help_for(error.info()) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        };
        self.refuse(diagnostic.label("reading stopped here"), at..end)
    }

    /// The first tab before the text of the line at `marker`, or of a line beside it: the scanner may
    /// notice at the token before or after.
    fn tab_in_indentation(&self, marker: &Marker) -> Option<usize> {
        let line = marker.line().saturating_sub(1);
        [line, line + 1, line.saturating_sub(1)].into_iter().find_map(|line| {
            let range = self.source.line_range(line);
            let text = self.source.slice(range.clone());
            let indentation = text.len() - text.trim_start_matches([' ', '\t']).len();
            text.get(..indentation)?.find('\t').map(|tab| range.start + tab)
        })
    }
}

fn named(anchor: usize) -> Option<usize> {
    (anchor != 0).then_some(anchor)
}

fn core_suffix(tag: &Tag) -> Option<&str> {
    tag.is_yaml_core_schema().then_some(tag.suffix.as_str())
}

fn is_non_specific(tag: &Tag) -> bool {
    (tag.handle == "!" && tag.suffix.is_empty()) || (tag.handle.is_empty() && tag.suffix == "!")
}

fn help_for(info: &str) -> Option<&'static str> {
    if info.contains("mapping values are not allowed") {
        return Some("put a value that contains `: ` in quotes, or check the indentation");
    }
    if info.contains("cannot start any token") || info.contains("unexpected character") {
        return Some("put a value that starts with a special character in quotes");
    }
    if info.contains("while parsing a flow") {
        return Some("a `{` or `[` above is not closed, or a comma is missing");
    }
    if info.contains("unexpected end of stream") && info.contains("quoted scalar") {
        return Some("a quote is opened and never closed");
    }
    if info.contains("simple key") || info.contains("expected ':'") {
        return Some("a line without `key: value` or `- value` stands where one is expected");
    }
    None
}
