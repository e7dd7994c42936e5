//! Card numbers: finding them and leaving the first six and last four digits (PCI DSS 3.4.1).
//!
//! A card number is 13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1 Annex B). Asked in two ways.
//! [`at`] is for what is remembered and errs towards hiding: digits together or in groups with single
//! spaces, dashes or their URL forms between. An order number that fails the check stays as it is; one in
//! ten passes by chance and is masked, which is the lesser evil. [`is_in`] is for raising an alarm and errs
//! towards silence: only digits that stand alone, in the groups that are printed on cards, with a number
//! and a length that some issuer uses.

use super::Found;

const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// How many digits of a run are looked at together.
const REACH: usize = 40;

/// What the digits at `at` are.
pub(crate) enum Digits {
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
pub(crate) fn at(bytes: &[u8], at: usize) -> Digits {
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
            (ends_group && passes_luhn(card.iter().map(|digit| digit.value))).then_some(card)
        })
    })
}

fn passes_luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit) << (place % 2);
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

/// Whether a card number stands somewhere in `text`, on its own.
pub(super) fn is_in(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + offset;
        let end = end_of_printed(text, start);
        if stands_alone(text, start, end) && is_issued(text.get(start..end).unwrap_or_default()) {
            return true;
        }
        at = end;
    }
    false
}

/// The end of digits in groups, all with the same separator.
fn end_of_printed(text: &[u8], start: usize) -> usize {
    let mut end = end_of_digits(text, start);
    let Some(separator) = text.get(end).copied().filter(|byte| matches!(byte, b' ' | b'-')) else {
        return end;
    };
    while text.get(end) == Some(&separator) && text.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = end_of_digits(text, end + 1);
    }
    end
}

/// Whether the digits are no part of something longer: a UUID, a hash, a decimal number.
fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: &u8| matches!(byte, b'-' | b'.' | b'_' | b'+' | b'/' | b':');
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let is_open = |near: Option<&u8>, far: Option<&u8>| match near {
        None => true,
        Some(byte) if byte.is_ascii_alphanumeric() || !byte.is_ascii() => false,
        Some(byte) => !(joins(byte) && far.is_some_and(u8::is_ascii_alphanumeric)),
    };
    let mut backwards = before.iter().rev();
    is_open(backwards.next(), backwards.next()) && is_open(after.first(), after.get(1))
}

/// Whether printed digits are grouped as on a card, pass the check, and some issuer has such numbers.
fn is_issued(printed: &[u8]) -> bool {
    let mut groups = [0_usize; 6];
    let mut group = 0;
    let mut digits = [0_u8; LONGEST];
    let mut count = 0;
    for byte in printed {
        if !byte.is_ascii_digit() {
            group += 1;
            continue;
        }
        let (Some(size), Some(place)) = (groups.get_mut(group), digits.get_mut(count)) else { return false };
        *size += 1;
        *place = byte - b'0';
        count += 1;
    }
    let is_printed_so = matches!(
        groups,
        [_, 0, ..] | [4, 4, 4, 4, 0, _] | [4, 6, 5, 0, ..] | [4, 6, 4, 0, ..] | [4, 4, 4, 4, 3, 0]
    );
    let digits = digits.get(..count).unwrap_or_default();
    is_printed_so && count >= SHORTEST && has_issuer(digits) && passes_luhn(digits.iter().copied())
}

/// The numbers and lengths of the larger schemes (ISO/IEC 7812 and the schemes' own tables). Cards of 13
/// digits are no longer given out, and one in ten article numbers (EAN-13) from 400 to 499 would pass for one.
fn has_issuer(digits: &[u8]) -> bool {
    let prefix = |length: usize| {
        digits.iter().take(length).fold(0_u32, |number, digit| number * 10 + u32::from(*digit))
    };
    let (two, three, four) = (prefix(2), prefix(3), prefix(4));
    match digits.len() {
        14 => matches!(three, 300..=305) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(two, 51..=55 | 62 | 65)
                || matches!(three, 644..=649)
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589 | 5018 | 5020 | 5038 | 5893 | 6011)
                || matches!(four, 6304 | 6759 | 6761..=6763)
        }
        17..=19 => matches!(two, 62) || matches!(four, 6304 | 6759 | 6761..=6763),
        _ => false,
    }
}

fn end_of_digits(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{SHORTEST, is_in};
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

    #[test]
    fn an_alarm_is_raised_for_numbers_that_some_issuer_gives_out() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5500-0055-5555-5559",
            "card: 378282246310005.",
            "3782 822463 10005",
            "30569309025904",
            "2223003122003222",
            "6011000990139424",
            "3530111333300000",
            "6304000000000000000",
            "(4111111111111111)",
        ] {
            assert!(is_in(card.as_bytes()), "{card}");
        }
    }

    #[test]
    fn look_alikes_raise_none() {
        for other in [
            // No issuer, or another length than its cards have.
            "1234567812345670",
            "9999999999999995",
            "4222222222222",
            "490154203237518",
            "411111111111111111",
            "79927398713",
            "500000000009",
            "1732442400000",
            "1732442400000000000",
            // Luhn fails.
            "4111111111111112",
            // Parts of something longer.
            "0x4111111111111111",
            "a4111111111111111",
            "4111111111111111f",
            "0.4111111111111111",
            "4111111111111111.5",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00-41111111111111114111111111111111-00f067aa0ba902b7-01",
            "41111111-1111-4111-8111-111111111111",
            "41-1111-1111-1111-11",
            "4111 1111-1111 1111",
            "2026-11-24 06:38:00",
            "+49 4111 1111 1111 11",
        ] {
            assert!(!is_in(other.as_bytes()), "{other}");
        }
        assert_eq!(SHORTEST, 13);
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
