//! A file as statements, a statement as a directive and its arguments.
//!
//! A statement ends with its line, unless the line ends in a backslash. `#` begins a comment where a statement could
//! begin. Arguments are separated by blanks and may stand in quotation marks, within which `\"` is one.

use std::ops::Range;

use portcullis_config::Place;

/// One statement.
#[derive(Clone, Debug)]
pub(super) struct RawStatement {
    pub(super) place: Place,
    pub(super) directive: String,
    pub(super) arguments: Vec<Argument>,
}

/// One argument of a statement, without its quotation marks.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) text: String,
    pub(super) place: Place,
}

/// What is wrong with the form of a statement.
#[derive(Clone, Debug)]
pub(super) struct Unclosed {
    pub(super) place: Place,
}

/// The statements of a file whose whole text is at `file`.
pub(super) fn statements(text: &str, file: &Place) -> Vec<Result<RawStatement, Unclosed>> {
    let mut found = Vec::new();
    let mut rest = Lines { text, at: 0 };
    while let Some(first) = rest.next() {
        let line = text.get(first.clone()).unwrap_or_default();
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let start = first.end - trimmed.len();
        let mut end = first.end;
        while ends_in_backslash(text.get(start..end).unwrap_or_default()) {
            match rest.next() {
                Some(next) => end = next.end,
                None => break,
            }
        }
        found.push(statement(text, start..end, file));
    }
    found
}

fn statement(text: &str, range: Range<usize>, file: &Place) -> Result<RawStatement, Unclosed> {
    let joined = Joined::new(text, range.clone());
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(argument) = joined.next_argument(&mut at) {
        let place =
            |range: Range<usize>| file.bytes(joined.original(range.start)..joined.original(range.end));
        match argument {
            Ok((text, range)) => parts.push(Argument { text, place: place(range) }),
            Err(range) => return Err(Unclosed { place: place(range) }),
        }
    }
    let mut parts = parts.into_iter();
    let directive = parts.next().map(|argument| argument.text).unwrap_or_default();
    Ok(RawStatement { place: file.bytes(range), directive, arguments: parts.collect() })
}

/// Text and where it stands.
type Spanned = (String, Range<usize>);

/// A statement's lines, joined: without the backslashes and line ends between them.
struct Joined {
    text: String,
    /// Where in the file each joined stretch begins: its place here, its place there.
    stretches: Vec<(usize, usize)>,
}

impl Joined {
    fn new(text: &str, range: Range<usize>) -> Self {
        let mut joined = Self { text: String::new(), stretches: Vec::new() };
        let mut at = range.start;
        for line in text.get(range).unwrap_or_default().split_inclusive('\n') {
            let kept = line.trim_end_matches(['\n', '\r']);
            let is_last = kept.len() == line.len();
            let kept = match kept.strip_suffix('\\') {
                Some(kept) if !is_last => kept,
                Some(_) | None => kept,
            };
            joined.stretches.push((joined.text.len(), at));
            joined.text.push_str(kept);
            at += line.len();
        }
        joined
    }

    /// Where in the file a byte of the joined text is.
    fn original(&self, at: usize) -> usize {
        let index = self.stretches.partition_point(|(here, _)| *here <= at);
        match index.checked_sub(1).and_then(|index| self.stretches.get(index)) {
            Some((here, there)) => there + (at - here),
            None => at,
        }
    }

    /// The next argument and where it stands here, or where one stands that is not closed.
    fn next_argument(&self, at: &mut usize) -> Option<Result<Spanned, Range<usize>>> {
        let rest = self.text.get(*at..)?;
        let start = *at + (rest.len() - rest.trim_start().len());
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let Some(quote) = quote else {
            let length = rest.find(|next: char| next.is_ascii_whitespace()).unwrap_or(rest.len());
            *at = start + length;
            return Some(Ok((rest.get(..length).unwrap_or_default().to_owned(), start..*at)));
        };
        let mut text = String::new();
        let mut characters = rest.char_indices().skip(1).peekable();
        while let Some((offset, next)) = characters.next() {
            match next {
                '\\' if characters.peek().is_some_and(|(_, after)| *after == quote) => {
                    text.push(quote);
                    characters.next();
                }
                _ if next == quote => {
                    *at = start + offset + 1;
                    return Some(Ok((text, start + 1..start + offset)));
                }
                _ => text.push(next),
            }
        }
        *at = self.text.len();
        Some(Err(start..self.text.len()))
    }
}

fn ends_in_backslash(line: &str) -> bool {
    line.trim_end_matches(['\n', '\r']).ends_with('\\')
}

/// The lines of a text, without their ends.
struct Lines<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').unwrap_or(rest.len());
        let start = self.at;
        self.at = start + length + 1;
        let line = rest.get(..length).unwrap_or_default();
        Some(start..start + line.trim_end_matches('\r').len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Result<RawStatement, Unclosed>> {
        statements(text, &Place::whole_text("a.conf", text))
    }

    #[test]
    fn lines_that_end_in_a_backslash_go_on() {
        let text = "# no\n\nSecRule ARGS|!ARGS:x \"@rx a\\\"b\\d\" \\\n    \"id:1,\\\n    deny\"\r\nSecMarker 'END'\n";
        let found: Vec<_> = read(text).into_iter().map(Result::unwrap).collect();
        let shown: Vec<Vec<&str>> =
            found.iter().map(|one| one.arguments.iter().map(|part| part.text.as_str()).collect()).collect();
        assert_eq!(shown, [vec!["ARGS|!ARGS:x", "@rx a\"b\\d", "id:1,    deny"], vec!["END"]]);
        assert_eq!(found[0].directive, "SecRule");
        assert_eq!((found[0].place.line(), found[1].place.line()), (3, 6));
        let actions = &found[0].arguments[2].place;
        assert_eq!((actions.line(), actions.column()), (4, 6));
    }

    #[test]
    fn an_open_quotation_names_its_place() {
        let Err(unclosed) = &read("SecAction \"id:1,deny\nSecMarker X\n")[0] else { panic!("it was closed") };
        assert_eq!((unclosed.place.line(), unclosed.place.column()), (1, 11));
    }

    proptest! {
        #[test]
        fn any_text_is_split(text in "(?s)[ -~\n\\\\\"'ä]{0,120}") {
            for statement in read(&text) {
                match statement {
                    Ok(statement) => prop_assert!(statement.place.line() > 0),
                    Err(unclosed) => prop_assert!(unclosed.place.line() > 0),
                }
            }
        }
    }
}
