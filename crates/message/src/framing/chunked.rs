//! A chunked body: sizes, extensions, data, trailer section (RFC 9112 §7.1).
//!
//! In: the bytes of the body. Out: how many may pass. A size line or trailer line passes whole, data at
//! once. Extensions are bounded and not understood (§7.1.1): hyper drops them.

use portcullis_domain::Reason;

use super::lines::{Line, Lines};
use super::{field_line, within};
use crate::bounds::Bounds;
use crate::characters::{hex_digit, is_field_value};

/// As many hexadecimal digits as 64 bits need.
const LONGEST_SIZE: usize = 16;
const CRLF: usize = 2;

/// A chunked body in the making.
#[derive(Debug)]
pub(super) struct ChunkedBody {
    part: Part,
    extension_bytes: usize,
}

#[derive(Debug)]
enum Part {
    Size(Lines),
    Data { remaining: u64 },
    DataEnd,
    Trailer { line: Lines, bytes: usize, fields: usize },
}

/// What passed.
#[derive(Debug)]
pub(super) enum ChunkProgress {
    /// This many bytes; none if more must arrive first.
    Released(usize),
    /// This many bytes, and with them the body ended.
    Ended(usize),
}

impl ChunkedBody {
    pub(super) const fn new() -> Self {
        Self { part: Part::Size(Lines::new()), extension_bytes: 0 }
    }

    pub(super) fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<ChunkProgress, Reason> {
        match &mut self.part {
            Part::Size(lines) => {
                let extension_left = bounds.chunk_extension.saturating_sub(self.extension_bytes);
                match lines.next(bytes, extension_left.saturating_add(LONGEST_SIZE + CRLF)) {
                    Line::Complete(line) => {
                        let released = lines.taken();
                        let (size, extension) = read_size(line)?;
                        if extension > extension_left {
                            return Err(Reason::ChunkMalformed);
                        }
                        self.extension_bytes += extension;
                        self.part = Part::after_size(size);
                        Ok(ChunkProgress::Released(released))
                    }
                    Line::Incomplete => Ok(ChunkProgress::Released(0)),
                    Line::EndsInLf | Line::Overlong(_) => Err(Reason::ChunkMalformed),
                }
            }
            Part::Data { remaining } => {
                let count = within(bytes, *remaining);
                *remaining -= count as u64;
                if *remaining == 0 {
                    self.part = Part::DataEnd;
                }
                Ok(ChunkProgress::Released(count))
            }
            Part::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.part = Part::Size(Lines::new());
                    Ok(ChunkProgress::Released(CRLF))
                }
                [] | [b'\r'] => Ok(ChunkProgress::Released(0)),
                _ => Err(Reason::ChunkMalformed),
            },
            Part::Trailer { line, bytes: before, fields } => {
                let limit = bounds.line.min(bounds.trailer.saturating_sub(*before).saturating_add(CRLF));
                match line.next(bytes, limit) {
                    Line::Complete([]) => Ok(ChunkProgress::Ended(line.taken())),
                    Line::Complete(content) => {
                        let released = line.taken();
                        field_line::read(content)?;
                        *before += released;
                        *fields += 1;
                        if *fields > bounds.fields || *before > bounds.trailer {
                            return Err(Reason::HeadTooLarge);
                        }
                        *line = Lines::new();
                        Ok(ChunkProgress::Released(released))
                    }
                    Line::Incomplete => Ok(ChunkProgress::Released(0)),
                    Line::EndsInLf => Err(Reason::LineEndingMalformed),
                    Line::Overlong(_) => Err(Reason::HeadTooLarge),
                }
            }
        }
    }
}

impl Part {
    const fn after_size(size: u64) -> Self {
        if size == 0 {
            Self::Trailer { line: Lines::new(), bytes: 0, fields: 0 }
        } else {
            Self::Data { remaining: size }
        }
    }
}

/// The size, and how many bytes of extension stand behind it. Whitespace behind the size is refused:
/// §7.1.1 has it only as "bad whitespace", and it has let sizes be read in two ways.
fn read_size(line: &[u8]) -> Result<(u64, usize), Reason> {
    let digits = line.iter().take_while(|byte| hex_digit(**byte).is_some()).count();
    let (size, extension) = line.split_at(digits);
    let is_extension = extension.is_empty() || (extension.starts_with(b";") && is_field_value(extension));
    if !(1..=LONGEST_SIZE).contains(&digits) || !is_extension {
        return Err(Reason::ChunkMalformed);
    }
    let size =
        size.iter().filter_map(|digit| hex_digit(*digit)).fold(0, |size, digit| size << 4 | u64::from(digit));
    Ok((size, extension.len()))
}
