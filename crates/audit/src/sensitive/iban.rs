//! International bank account numbers (ISO 13616): country, two check digits, the account.

/// Countries and the length of their numbers, from the registry that SWIFT keeps; sorted.
const LENGTHS: [(&[u8; 2], u8); 89] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// Whether such a number stands in `text` on its own, together or in printed groups of four.
pub(super) fn is_in(text: &[u8]) -> bool {
    let is_start = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'+'))
    };
    (0..text.len().saturating_sub(14)).any(|at| is_start(at) && stands_at(text, at))
}

fn stands_at(text: &[u8], at: usize) -> bool {
    let Some([first, second, tens, ones, ..]) = text.get(at..) else { return false };
    if !(tens.is_ascii_digit() && ones.is_ascii_digit()) {
        return false;
    }
    let Ok(found) = LENGTHS.binary_search_by(|(country, _)| (*country).cmp(&[*first, *second])) else {
        return false;
    };
    let Some((_, length)) = LENGTHS.get(found) else { return false };
    let Some((remainder, end)) = remainder(text, at, usize::from(*length)) else { return false };
    remainder == 1 && !text.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// The number modulo 97 with its first four characters moved to the end (ISO 7064), and where it ends.
fn remainder(text: &[u8], at: usize, length: usize) -> Option<(u32, usize)> {
    let mut characters = [0_u8; 34];
    let mut count = 0;
    let mut end = at;
    while count < length {
        let byte = *text.get(end)?;
        end += 1;
        // Printed groups are of four, one space apart.
        if byte == b' ' && count > 0 && count % 4 == 0 && text.get(end)? != &b' ' {
            continue;
        }
        if !(byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return None;
        }
        *characters.get_mut(count)? = byte;
        count += 1;
    }
    let (head, rest) = characters.get(..length)?.split_at_checked(4)?;
    let remainder = rest.iter().chain(head).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    Some((remainder, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countries_are_in_order() {
        assert!(LENGTHS.is_sorted_by(|(left, _), (right, _)| left < right));
    }

    #[test]
    fn account_numbers_are_known_by_country_length_and_check_digits() {
        for good in [
            "DE89370400440532013000",
            "GB82 WEST 1234 5698 7654 32",
            "NO9386011117947",
            "pay to FR1420041010050500013M02606, please",
            "MT84MALT011000012345MTLCAST001S",
            "CH9300762011623852957",
        ] {
            assert!(is_in(good.as_bytes()), "{good}");
        }
        for bad in [
            "DE88370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130001",
            "XX89370400440532013000",
            "XDE89370400440532013000",
            "de89370400440532013000",
            "DE89-3704-0044-0532-0130-00",
            "DE89  3704004405320130 00",
            "DE89",
            "NO93860111179470000000",
        ] {
            assert!(!is_in(bad.as_bytes()), "{bad}");
        }
    }
}
