//! The text of a file, and how an offset becomes a line and a column.

use std::ops::Range;

/// A file's name and text.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    text: String,
    /// Byte offset at which each line starts.
    line_starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(index, _)| index + 1)).collect();
        Self { name: name.into(), text, line_starts }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text in `range`; empty if the range does not lie on characters.
    pub(crate) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Line and column of a byte, both counted from one; the column counts characters.
    pub(crate) fn position(&self, byte: usize) -> (usize, usize) {
        let byte = byte.min(self.text.len());
        let line = self.line_index(byte);
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        (line + 1, self.slice(start..byte).chars().count() + 1)
    }

    /// Index of the line that holds `byte`, counted from zero.
    pub(crate) fn line_index(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= byte).saturating_sub(1)
    }

    /// Bytes of the line with this index, without its line break.
    pub(crate) fn line_range(&self, index: usize) -> Range<usize> {
        let end = self.text.len();
        let start = self.line_starts.get(index).copied().unwrap_or(end);
        let next = self.line_starts.get(index + 1).copied().unwrap_or(end);
        start..start + self.slice(start..next).trim_end_matches(['\n', '\r']).len()
    }

    /// The part of `range` on its first line, so that an underlined text is never a page long.
    pub(crate) fn first_line(&self, range: Range<usize>) -> Range<usize> {
        let line = self.line_range(self.line_index(range.start));
        range.start..range.end.min(line.end).max(range.start)
    }

    pub(crate) fn is_one_line(&self, range: &Range<usize>) -> bool {
        self.line_index(range.start) == self.line_index(range.end)
    }
}

/// From the character offsets of the YAML parser to byte offsets, in constant time.
pub(crate) enum CharOffsets<'t> {
    /// Each character is one byte.
    Ascii { length: usize },
    /// The byte offset of every [`STRIDE`]th character.
    Mixed { text: &'t str, checkpoints: Vec<usize> },
}

const STRIDE: usize = 128;

impl<'t> CharOffsets<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        if text.is_ascii() {
            return Self::Ascii { length: text.len() };
        }
        let checkpoints = text.char_indices().step_by(STRIDE).map(|(byte, _)| byte).collect();
        Self::Mixed { text, checkpoints }
    }

    /// The byte at which the character with this index starts; the end of the text if there is none.
    pub(crate) fn byte(&self, character: usize) -> usize {
        match self {
            Self::Ascii { length } => character.min(*length),
            Self::Mixed { text, checkpoints } => {
                let from = checkpoints.get(character / STRIDE).copied().unwrap_or(text.len());
                let rest = text.get(from..).unwrap_or_default();
                rest.char_indices().nth(character % STRIDE).map_or(text.len(), |(byte, _)| from + byte)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let source = Source::new("a.yaml", "übel: 1\r\nb: 2\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position("übel".len()), (1, 5));
        assert_eq!(source.position("übel: 1\r\n".len()), (2, 1));
        assert_eq!(source.position(1000), (3, 1));
    }

    #[test]
    fn a_line_is_given_without_its_break() {
        let source = Source::new("a.yaml", "one\r\ntwo\nthree");
        let lines: Vec<&str> = (0..4).map(|line| source.slice(source.line_range(line))).collect();
        assert_eq!(lines, ["one", "two", "three", ""]);
    }

    proptest! {
        #[test]
        fn character_offsets_agree_with_counting(text in "[a-cä€\u{1F600}\n]{0,600}", index in 0usize..700) {
            let counted = text.char_indices().nth(index).map_or(text.len(), |(byte, _)| byte);
            prop_assert_eq!(CharOffsets::new(&text).byte(index), counted);
        }
    }
}
