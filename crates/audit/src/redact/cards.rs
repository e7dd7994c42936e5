//! Card numbers: finding them and leaving the first six and last four digits (PCI DSS 3.4.1).
//!
//! A card number is 13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1 Annex B), written together or
//! in groups with single spaces, dashes or their URL forms between. An order number that fails the check
//! stays as it is; one in ten passes by chance and is masked, which is the lesser evil.

use super::Found;

const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// How many digits of a run are looked at together.
const REACH: usize = 40;

/// What the digits at `at` are.
pub(super) enum Digits {
    /// They hold a card number.
    Card(Found),
    /// They do not; go on from here.
    Other(usize),
}

#[derive(Clone, Copy, Default)]
struct Digit {
    value: u8,
    offset: usize,
    begins_group: bool,
}

/// Looks at the digits that begin at `at`, where a digit stands.
pub(super) fn at(bytes: &[u8], at: usize) -> Digits {
    let group_end = end_of_digits(bytes, at);
    // Most numbers are short: no need to remember their digits.
    if has_fewer(bytes, at, SHORTEST) {
        return Digits::Other(group_end);
    }
    let mut digits = [Digit::default(); REACH];
    let mut count = 0;
    let mut is_whole = true;
    walk(bytes, at, |digit| match digits.get_mut(count) {
        Some(place) => {
            *place = digit;
            count += 1;
            true
        }
        None => {
            is_whole = false;
            false
        }
    });
    match longest_card(digits.get(..count).unwrap_or_default(), is_whole) {
        Some(card) => Digits::Card(found(bytes, card)),
        None => Digits::Other(group_end),
    }
}

fn has_fewer(bytes: &[u8], at: usize, than: usize) -> bool {
    let mut count = 0;
    walk(bytes, at, |_| {
        count += 1;
        count < than
    });
    count < than
}

/// Visits the digits from `at` on, over single separators, until `visit` has enough.
fn walk(bytes: &[u8], at: usize, mut visit: impl FnMut(Digit) -> bool) {
    let mut offset = at;
    let mut begins_group = true;
    loop {
        match bytes.get(offset) {
            Some(byte) if byte.is_ascii_digit() => {
                if !visit(Digit { value: byte - b'0', offset, begins_group }) {
                    return;
                }
                begins_group = false;
                offset += 1;
            }
            _ => match separator(bytes, offset) {
                Some(length) => {
                    offset += length;
                    begins_group = true;
                }
                None => return,
            },
        }
    }
}

/// How long a separator between two digits is.
fn separator(bytes: &[u8], offset: usize) -> Option<usize> {
    let length = match bytes.get(offset)? {
        b' ' | b'-' | b'+' => 1,
        b'%' if matches!(bytes.get(offset + 1..offset + 3), Some(b"20" | b"2d" | b"2D" | b"2b" | b"2B")) => 3,
        _ => return None,
    };
    bytes.get(offset + length).filter(|next| next.is_ascii_digit()).map(|_| length)
}

/// The first card number that fills whole groups.
fn longest_card(digits: &[Digit], is_whole: bool) -> Option<&[Digit]> {
    if digits.len() < SHORTEST {
        return None;
    }
    let starts = digits.iter().enumerate().filter(|(_, digit)| digit.begins_group).map(|(start, _)| start);
    starts.into_iter().find_map(|start| {
        (SHORTEST..=LONGEST).rev().find_map(|length| {
            let card = digits.get(start..start + length)?;
            let ends_group = match digits.get(start + length) {
                Some(next) => next.begins_group,
                None => is_whole,
            };
            (ends_group && passes_luhn(card)).then_some(card)
        })
    })
}

fn passes_luhn(card: &[Digit]) -> bool {
    let sum: u32 = card
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit.value) << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    // All zeros pass the check and are no card.
    sum.is_multiple_of(10) && sum > 0
}

fn found(bytes: &[u8], card: &[Digit]) -> Found {
    let mut shown = String::with_capacity(card.len());
    for (place, digit) in card.iter().enumerate() {
        let is_kept = place < 6 || place + 4 >= card.len();
        shown.push(if is_kept { char::from(b'0' + digit.value) } else { '*' });
    }
    let start = card.first().map_or(0, |digit| digit.offset);
    let end = card.last().map_or(start, |digit| digit.offset + 1);
    Found { start, end: end_of_track(bytes, end), shown: shown.into() }
}

/// Track data goes on behind the number: `=` or `^`, expiry and service code (ISO/IEC 7813). None of it
/// may be kept (PCI DSS 3.3.1).
fn end_of_track(bytes: &[u8], end: usize) -> usize {
    let rest = bytes.get(end..).unwrap_or_default();
    let is_track = match rest {
        [b'=', expiry @ ..] => expiry.len() >= 4 && expiry.iter().take(4).all(u8::is_ascii_digit),
        [b'^', ..] => true,
        _ => false,
    };
    if !is_track {
        return end;
    }
    let is_end = |byte: &u8| matches!(byte, b'?' | b'&' | b'"' | b'\'' | b';' | b'\n' | b'\r');
    end + rest.iter().position(is_end).unwrap_or(rest.len())
}

fn end_of_digits(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::redact::text;

    #[track_caller]
    fn check(cases: &[(&str, &str)]) {
        for (before, after) in cases {
            assert_eq!(text(before), *after, "from `{before}`");
        }
    }

    #[test]
    fn card_numbers_keep_their_first_six_and_last_four_digits() {
        check(&[
            ("4111111111111111", "411111******1111"),
            ("pay 4111 1111 1111 1111 now", "pay 411111******1111 now"),
            ("{\"pan\":\"5500-0055-5555-5559\"}", "{\"pan\":\"550000******5559\"}"),
            ("3782 822463 10005", "378282*****0005"),
            ("4222222222222", "422222***2222"),
            ("6304000000000000000 and 30569309025904", "630400*********0000 and 305693****5904"),
            ("c=4111+1111+1111+1111", "c=411111******1111"),
            ("c=4111%201111%201111%201111", "c=411111******1111"),
            ("order 123 4111111111111111", "order 123 411111******1111"),
            ("x4111111111111111y", "x411111******1111y"),
        ]);
    }

    #[test]
    fn numbers_that_are_no_card_stay() {
        for plain in [
            "4111111111111112",
            "order 1234567890123",
            "0000000000000000",
            "411111111111",
            "41111111111111111111111111111111111111111111111111111111",
            "2025-11-24 06:38:00",
            "+49 30 901820 ext 12",
        ] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn what_follows_on_the_track_is_dropped() {
        check(&[
            (";4111111111111111=25121010000000000000?", ";411111******1111?"),
            ("%B4111111111111111^DOE/J^2512101?", "%B411111******1111?"),
            ("4111111111111111=x", "411111******1111=x"),
        ]);
    }

    /// Digits with a check digit behind them.
    fn with_check_digit(mut digits: Vec<u8>) -> String {
        let doubled = |place: usize, digit: u8| {
            if place.is_multiple_of(2) { [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][digit as usize] } else { digit }
        };
        let sum: u32 =
            digits.iter().rev().enumerate().map(|(place, digit)| u32::from(doubled(place, *digit))).sum();
        digits.push(((10 - sum % 10) % 10) as u8);
        digits.iter().map(|digit| char::from(b'0' + digit)).collect()
    }

    proptest! {
        // proves-part: AUD-08 (JSON bodies and header fields are not recorded at all)
        #[test]
        fn no_card_number_survives(
            digits in prop::collection::vec(0u8..10, 12..19), separator in "[ +-]?", group in 3usize..7,
            before in "([a-z ]{0,9}[^0-9 +-])?", after in "([^0-9 +-][a-z ]{0,9})?",
        ) {
            let number = with_check_digit(digits);
            prop_assume!(number.bytes().any(|digit| digit != b'0'));
            let groups: Vec<&str> = number.as_bytes().chunks(group).map(|group| std::str::from_utf8(group).unwrap()).collect();
            let masked = text(&format!("{before}{}{after}", groups.join(&separator))).into_owned();
            let middle = &number[6..number.len() - 4];
            let shown = format!("{}{}{}", &number[..6], "*".repeat(middle.len()), &number[number.len() - 4..]);
            prop_assert!(masked.contains(&shown), "{masked}");
        }

        // proves-part: AUD-08 (see above)
        #[test]
        fn an_order_number_that_fails_the_check_is_intact(digits in prop::collection::vec(0u8..10, 12..19), off in 1u8..10) {
            let mut number = with_check_digit(digits).into_bytes();
            let last = number.last_mut().unwrap();
            *last = (*last - b'0' + off) % 10 + b'0';
            let number = String::from_utf8(number).unwrap();
            prop_assert_eq!(text(&number), number.as_str());
        }
    }
}
