//! The Huffman code of HPACK (RFC 7541 §5.2, appendix B).
//!
//! In: the bytes of one coded string. Out: its octets, one by one. Called by [`super::hpack`]. The code is
//! canonical, so the lengths of appendix B are all there is to know: codes of one length follow one another
//! in the order of their symbols, shorter ones first.

use super::hpack::Broken;

const SYMBOLS: usize = 257;
const END_OF_STRING: u16 = 256;
const LONGEST: usize = 30;

/// Bits of each symbol's code; the last is the end of the string.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The codes of one length.
#[derive(Clone, Copy)]
struct Row {
    first: u32,
    count: u32,
    /// Where their symbols begin in the code's order.
    start: usize,
}

struct Code {
    rows: [Row; LONGEST + 1],
    order: [u16; SYMBOLS],
    /// For the next eight bits: the symbol whose code they begin with and its length, or 0.
    short: [(u8, u8); 256],
}

static CODE: Code = Code::build();

impl Code {
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which checks every index")]
    const fn build() -> Self {
        let mut rows = [Row { first: 0, count: 0, start: 0 }; LONGEST + 1];
        let mut order = [0; SYMBOLS];
        let mut short = [(0, 0); 256];
        let (mut length, mut code, mut place) = (1, 0u32, 0);
        while length <= LONGEST {
            rows[length] = Row { first: code, count: 0, start: place };
            let mut symbol = 0;
            while symbol < SYMBOLS {
                if LENGTHS[symbol] as usize == length {
                    order[place] = symbol as u16;
                    if length <= 8 {
                        let mut tail = 0;
                        while tail < 1 << (8 - length) {
                            short[((code as usize) << (8 - length)) | tail] = (symbol as u8, length as u8);
                            tail += 1;
                        }
                    }
                    code += 1;
                    place += 1;
                    rows[length].count += 1;
                }
                symbol += 1;
            }
            code <<= 1;
            length += 1;
        }
        Self { rows, order, short }
    }

    /// The symbol whose code of `length` bits this is.
    fn symbol(&self, code: u32, length: u32) -> Option<u16> {
        let row = self.rows.get(length as usize)?;
        let offset = code.checked_sub(row.first).filter(|offset| *offset < row.count)?;
        self.order.get(row.start + offset as usize).copied()
    }
}

/// Hands each octet of the string to `each`.
///
/// # Errors
/// A code that is none, an end of the string within it, or padding that is none (RFC 7541 §5.2).
pub(super) fn decode(coded: &[u8], mut each: impl FnMut(u8)) -> Result<(), Broken> {
    let mut coming = coded.iter();
    let (mut window, mut have) = (0u64, 0u32);
    loop {
        while have <= 48 {
            let Some(byte) = coming.next() else { break };
            window = (window << 8) | u64::from(*byte);
            have += 8;
        }
        // The first bits of the window, with ones behind the last.
        let next = |bits: u32| -> u32 {
            let value = if have >= bits {
                window >> (have - bits)
            } else {
                (window << (bits - have)) | ((1 << (bits - have)) - 1)
            };
            (value & ((1 << bits) - 1)) as u32
        };
        let (symbol, length) = CODE.short.get(next(8) as usize).copied().unwrap_or_default();
        if length > 0 && u32::from(length) <= have {
            each(symbol);
            have -= u32::from(length);
            continue;
        }
        if have < 8 {
            // Padding is the beginning of the end's code: ones.
            let ones = (1u32 << have) - 1;
            return if (window as u32) & ones == ones { Ok(()) } else { Err(Broken) };
        }
        let found = (9..=LONGEST as u32)
            .take_while(|length| *length <= have)
            .find_map(|length| CODE.symbol(next(length), length).map(|symbol| (symbol, length)));
        match found {
            Some((END_OF_STRING, _)) | None => return Err(Broken),
            Some((symbol, length)) => {
                each(u8::try_from(symbol).map_err(|_| Broken)?);
                have -= length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8]) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        decode(coded, |octet| octets.push(octet)).ok()?;
        Some(octets)
    }

    /// The bits of one symbol's code, by the definition of a canonical code.
    fn code(symbol: usize) -> (u32, u8) {
        let length = LENGTHS[symbol];
        let row = CODE.rows[usize::from(length)];
        let place = CODE.order.iter().position(|other| usize::from(*other) == symbol).unwrap();
        (row.first + u32::try_from(place - row.start).unwrap(), length)
    }

    fn coded(octets: &[u8]) -> Vec<u8> {
        let mut bits = String::new();
        for octet in octets {
            let (code, length) = code(usize::from(*octet));
            bits.push_str(&format!("{code:0width$b}", width = usize::from(length)));
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        bits.as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect()
    }

    // RFC 7541 appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (coded, text) in [
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f], "custom-key"),
            (&[0x64, 0x02], "302"),
            (&[], ""),
        ] {
            assert_eq!(decoded(coded).unwrap(), text.as_bytes(), "{text}");
        }
        // Appendix B, from both ends of the table.
        assert_eq!(code(usize::from(b'0')), (0x0, 5));
        assert_eq!(code(usize::from(b'#')), (0xffa, 12));
        assert_eq!(code(10), (0x3fff_fffc, 30));
        assert_eq!(code(256), (0x3fff_ffff, 30));
    }

    #[test]
    fn every_octet_is_read_back_alone_and_among_others() {
        for octet in 0..=255 {
            for text in [vec![octet], vec![b'a', octet, b'#'], vec![octet; 9]] {
                assert_eq!(decoded(&coded(&text)).as_ref(), Some(&text));
            }
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for broken in [
            // Zeros as padding; a whole octet of it; the end of the string spelled out.
            &[0b0000_0000][..],
            &[0x64, 0x02, 0xff],
            &[0xff, 0xff, 0xff, 0xff],
            &[0xff],
        ] {
            assert_eq!(decoded(broken), None, "{broken:x?}");
        }
    }
}
