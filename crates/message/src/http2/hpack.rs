//! Reading a field section of HTTP/2 as far as it must be known what is in it (RFC 7541).
//!
//! In: whole field blocks, in the order in which they came. Out: whether there are pseudo-headers, and
//! whether a path has a fragment. Called by [`super::Http2Guard`]. Strings are not kept: of an entry of the
//! dynamic table only its size and what it may mean is remembered, so a connection costs little and a block
//! that repeats itself is read without looking at a string.

use std::collections::VecDeque;

use super::huffman;

/// A block that is no HPACK: the two ends no longer agree on their tables (RFC 7541 §2.3.3, §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// What a field section holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) has_pseudo: bool,
    pub(super) has_fragment: bool,
}

/// What a name means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Regular,
    Pseudo,
    /// `:path`.
    Path,
}

/// Whether a value of `:path` has a `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fragment {
    Absent,
    Present,
}

/// A field as it is remembered: without its strings.
#[derive(Clone, Copy, Debug)]
struct Entry {
    name: Name,
    name_length: usize,
    fragment: Fragment,
    /// As the table counts it (RFC 7541 §4.1).
    size: usize,
}

/// Whether a field enters the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// The decoder's table of one connection (RFC 7541 §2.3.2).
#[derive(Debug)]
pub(super) struct Table {
    entries: VecDeque<Entry>,
    size: usize,
    limit: usize,
}

/// What a decoder allows unless it says otherwise, and we never do (RFC 9113 §6.5.2).
const TABLE_BYTES: usize = 4096;
/// What an entry counts beside its strings (RFC 7541 §4.1).
const ENTRY_BYTES: usize = 32;
/// Longer than any string or index of a block that is handed on.
const LARGEST_INTEGER: usize = 1 << 28;

impl Table {
    pub(super) const fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: TABLE_BYTES }
    }

    /// Reads a whole field block.
    ///
    /// # Errors
    /// [`Broken`]; no later block of the connection can be read then.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<Contents, Broken> {
        let mut rest = block;
        let mut contents = Contents::default();
        while let Some(first) = rest.first().copied() {
            // RFC 7541 §6: the first bits say what it is, the others begin a number.
            let entry = if first & 0x80 != 0 {
                self.at(integer(&mut rest, 7)?)?
            } else if first & 0x40 != 0 {
                let entry = self.literal(&mut rest, 6, Keep::Yes)?;
                self.insert(entry);
                entry
            } else if first & 0x20 != 0 {
                self.resize(integer(&mut rest, 5)?)?;
                continue;
            } else {
                self.literal(&mut rest, 4, Keep::No)?
            };
            contents.has_pseudo |= entry.name != Name::Regular;
            contents.has_fragment |= entry.name == Name::Path && entry.fragment == Fragment::Present;
        }
        Ok(contents)
    }

    /// The entry at an index of both tables together (RFC 7541 §2.3.3). The static ones have no fragment,
    /// and their sizes count nowhere.
    fn at(&self, index: usize) -> Result<Entry, Broken> {
        let place = index.checked_sub(1).ok_or(Broken)?;
        match STATIC_NAMES.get(place) {
            Some(name) => {
                let (name, name_length) = (Name::of(name.as_bytes()), name.len());
                Ok(Entry { name, name_length, fragment: Fragment::Absent, size: 0 })
            }
            None => self.entries.get(place - STATIC_NAMES.len()).copied().ok_or(Broken),
        }
    }

    /// A field whose value at least is spelled out (RFC 7541 §6.2).
    fn literal(&self, rest: &mut &[u8], prefix: u32, keep: Keep) -> Result<Entry, Broken> {
        let (name, name_length) = match integer(rest, prefix)? {
            0 => spelled_name(string(rest)?)?,
            index => {
                let entry = self.at(index)?;
                (entry.name, entry.name_length)
            }
        };
        let value = string(rest)?;
        let mut entry = Entry { name, name_length, fragment: Fragment::Absent, size: 0 };
        // What is neither remembered nor a path need not be looked at.
        if keep == Keep::Yes || name == Name::Path {
            let mut length = 0;
            value.each(|octet| {
                length += 1;
                if octet == b'#' {
                    entry.fragment = Fragment::Present;
                }
            })?;
            entry.size = name_length + length + ENTRY_BYTES;
        }
        Ok(entry)
    }

    /// RFC 7541 §4.4: what does not fit empties the table and is not remembered.
    fn insert(&mut self, entry: Entry) {
        self.evict(self.limit.saturating_sub(entry.size));
        if entry.size <= self.limit {
            self.size += entry.size;
            self.entries.push_front(entry);
        }
    }

    /// RFC 7541 §6.3.
    fn resize(&mut self, limit: usize) -> Result<(), Broken> {
        if limit > TABLE_BYTES {
            return Err(Broken);
        }
        self.limit = limit;
        self.evict(limit);
        Ok(())
    }

    fn evict(&mut self, room: usize) {
        while self.size > room {
            match self.entries.pop_back() {
                Some(entry) => self.size -= entry.size,
                None => self.size = 0,
            }
        }
    }
}

impl Name {
    fn of(name: &[u8]) -> Self {
        match name {
            b":path" => Self::Path,
            [b':', ..] => Self::Pseudo,
            _ => Self::Regular,
        }
    }
}

fn spelled_name(name: Text<'_>) -> Result<(Name, usize), Broken> {
    // As much of it as can be told from `:path`.
    let mut start = [0; 6];
    let mut length = 0;
    name.each(|octet| {
        if let Some(place) = start.get_mut(length) {
            *place = octet;
        }
        length += 1;
    })?;
    Ok((Name::of(start.get(..length.min(6)).unwrap_or_default()), length))
}

/// A string as it stands in the block.
enum Text<'b> {
    Plain(&'b [u8]),
    Huffman(&'b [u8]),
}

impl Text<'_> {
    fn each(&self, each: impl FnMut(u8)) -> Result<(), Broken> {
        match self {
            Self::Plain(octets) => octets.iter().copied().for_each(each),
            Self::Huffman(coded) => huffman::decode(coded, each)?,
        }
        Ok(())
    }
}

/// RFC 7541 §5.2.
fn string<'b>(rest: &mut &'b [u8]) -> Result<Text<'b>, Broken> {
    let is_coded = rest.first().ok_or(Broken)? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (octets, behind) = rest.split_at_checked(length).ok_or(Broken)?;
    *rest = behind;
    Ok(if is_coded { Text::Huffman(octets) } else { Text::Plain(octets) })
}

/// A number that begins in the last `prefix` bits of the first octet (RFC 7541 §5.1).
fn integer(rest: &mut &[u8], prefix: u32) -> Result<usize, Broken> {
    let mut octets = rest.iter();
    let full = (1usize << prefix) - 1;
    let mut value = usize::from(*octets.next().ok_or(Broken)?) & full;
    if value == full {
        let mut shift = 0;
        loop {
            let octet = *octets.next().ok_or(Broken)?;
            value += usize::from(octet & 0x7f) << shift;
            shift += 7;
            if value > LARGEST_INTEGER || shift > 28 {
                return Err(Broken);
            }
            if octet & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = octets.as_slice();
    Ok(value)
}

/// The names of the static table (RFC 7541 appendix A).
#[rustfmt::skip]
const STATIC_NAMES: [&str; 61] = [
    ":authority", ":method", ":method", ":path", ":path", ":scheme", ":scheme",
    ":status", ":status", ":status", ":status", ":status", ":status", ":status",
    "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "accept",
    "access-control-allow-origin", "age", "allow", "authorization", "cache-control", "content-disposition",
    "content-encoding", "content-language", "content-length", "content-location", "content-range",
    "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match",
    "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link",
    "location", "max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh",
    "retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent",
    "vary", "via", "www-authenticate",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(has_pseudo: bool, has_fragment: bool) -> Result<Contents, Broken> {
        Ok(Contents { has_pseudo, has_fragment })
    }

    /// A literal whose name is spelled out; `first` is its first octet.
    fn field(first: u8, name: &str, value: &str) -> Vec<u8> {
        let mut bytes = vec![first];
        for text in [name, value] {
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    // RFC 7541 appendix C.4: three requests on one connection, Huffman-coded.
    #[test]
    fn the_requests_of_the_standard_are_read_and_remembered() {
        let mut table = Table::new();
        let first = [
            0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4,
            0xff,
        ];
        assert_eq!(table.read(&first), contents(true, false));
        assert_eq!(table.size, 57);
        let second = [0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
        assert_eq!(table.read(&second), contents(true, false));
        assert_eq!(table.size, 110);
        let third = [
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f, 0x89, 0x25,
            0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ];
        assert_eq!(table.read(&third), contents(true, false));
        assert_eq!(table.size, 164);
    }

    #[test]
    fn a_fragment_is_found_however_the_path_is_written() {
        // By the index of its name, spelled out, never to be indexed, and Huffman-coded (`/#`).
        assert_eq!(Table::new().read(&[0x04, 2, b'/', b'#']), contents(true, true));
        for first in [0x00, 0x10, 0x40] {
            assert_eq!(Table::new().read(&field(first, ":path", "/a#b")), contents(true, true));
            assert_eq!(Table::new().read(&field(first, ":path", "/a")), contents(true, false));
            assert_eq!(Table::new().read(&field(first, ":paths", "/a#b")), contents(true, false));
            assert_eq!(Table::new().read(&field(first, "x-path", "/a#b")), contents(false, false));
        }
        // `/` is 011000, `#` is 1111 1111 1010.
        assert_eq!(
            Table::new().read(&[0x04, 0x83, 0b0110_0011, 0b1111_1110, 0b1011_1111]),
            contents(true, true)
        );
    }

    #[test]
    fn what_was_remembered_keeps_its_meaning_and_is_forgotten_in_order() {
        let mut table = Table::new();
        assert_eq!(table.read(&field(0x40, ":path", "/a#b")), contents(true, true));
        assert_eq!(table.read(&field(0x40, "x-a", "1")), contents(false, false));
        assert_eq!(table.read(&[0xbf]), contents(true, true), "the path is second by now");
        assert_eq!(table.read(&[0xbe]), contents(false, false));
        // Its name with another value.
        assert_eq!(table.read(&[0x0f, 48, 2, b'/', b'#']), contents(true, true));
        // Room for one entry only.
        assert_eq!(table.read(&[0x3f, 10]), contents(false, false));
        assert_eq!(table.read(&[0xbf]), Err(Broken));
        assert_eq!(table.size, 36);
    }

    #[test]
    fn what_is_too_large_for_the_table_empties_it() {
        let mut table = Table::new();
        let _ = table.read(&field(0x40, "x-a", "1"));
        let mut large = vec![0x40, 3, b'x', b'-', b'b', 0x7f, 0x81, 0x1f];
        large.extend(vec![b'a'; 127 + 1 + 31 * 128]);
        assert_eq!(table.read(&large), contents(false, false));
        assert_eq!((table.size, table.entries.len()), (0, 0));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for broken in [
            &[0x80][..],
            &[0xbe],
            &[0x41],
            &[0x41, 5, b'a'],
            &[0x3f, 0xe2, 0x1f],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x04, 0x81, 0x00],
        ] {
            assert_eq!(Table::new().read(broken), Err(Broken), "{broken:x?}");
        }
    }
}
