//! What is left of a value that the caller sees masked (VAL-21).
//!
//! In: the characters of a string or number. Out: a JSON string with less in it. What does not look like
//! its class is masked whole: a rule that names the wrong class must not show more than one that names none.

/// How a value is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum MaskAs {
    /// A card number: the first six and last four digits stay (PCI DSS 4.0 §3.4.1).
    Card,
    /// A mail address: the first character and the domain stay.
    Email,
    /// An account number: the country, its check digits and the last four stay.
    Iban,
    /// The last four characters stay, of eight or more.
    Last4,
    /// Nothing stays.
    All,
}

/// A value of which nothing is shown.
pub(super) const WHOLLY: &[u8] = b"\"***\"";

/// Longer values are masked whole.
pub(super) const TEXT: usize = 256;

impl MaskAs {
    /// Puts what is left of `text` into `json`, as a string; `None` stands for what has no text.
    pub(super) fn apply(self, text: Option<&[u8]>, json: &mut Vec<u8>) {
        json.clear();
        let text = text.filter(|text| text.len() <= TEXT).and_then(|text| std::str::from_utf8(text).ok());
        let shown = text.is_some_and(|text| match self {
            Self::Card => card(text, json),
            Self::Email => email(text, json),
            Self::Iban => iban(text, json),
            Self::Last4 => last_four(text, json),
            Self::All => false,
        });
        if !shown {
            json.clear();
            json.extend_from_slice(WHOLLY);
        }
    }
}

/// Thirteen to nineteen digits (ISO/IEC 7812-1), with spaces and hyphens between them.
fn card(text: &str, json: &mut Vec<u8>) -> bool {
    let is_gap = |character: char| matches!(character, ' ' | '-');
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_card = (13..=19).contains(&digits) && text.chars().all(|one| one.is_ascii_digit() || is_gap(one));
    let mut seen = 0;
    is_card && {
        let shown = text.chars().map(|character| {
            seen += usize::from(!is_gap(character));
            if is_gap(character) || seen <= 6 || seen > digits - 4 { character } else { '*' }
        });
        put(shown, json)
    }
}

/// RFC 5321 §4.1.2, as far as one needs it: something, `@`, and a domain without another.
fn email(text: &str, json: &mut Vec<u8>) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let Some(first) = local.chars().next() else { return false };
    !domain.is_empty() && put([first, '*', '*', '*', '@'].into_iter().chain(domain.chars()), json)
}

/// ISO 13616-1: a country, two check digits, and eleven to thirty letters and digits; spaces between.
fn iban(text: &str, json: &mut Vec<u8>) -> bool {
    let length = text.chars().filter(|character| *character != ' ').count();
    let mut head = text.bytes();
    let has_head = head.by_ref().take(2).all(|byte| byte.is_ascii_alphabetic())
        && head.take(2).all(|byte| byte.is_ascii_digit());
    let is_iban = (15..=34).contains(&length)
        && has_head
        && text.chars().all(|character| character.is_ascii_alphanumeric() || character == ' ');
    let mut seen = 0;
    is_iban && {
        let shown = text.chars().map(|character| {
            seen += usize::from(character != ' ');
            if character == ' ' || seen <= 4 || seen > length - 4 { character } else { '*' }
        });
        put(shown, json)
    }
}

fn last_four(text: &str, json: &mut Vec<u8>) -> bool {
    let length = text.chars().count();
    length >= 8
        && put(
            text.chars().enumerate().map(|(at, character)| if at + 4 < length { '*' } else { character }),
            json,
        )
}

/// Writes a JSON string (RFC 8259 §7).
fn put(characters: impl Iterator<Item = char>, json: &mut Vec<u8>) -> bool {
    json.push(b'"');
    for character in characters {
        match character {
            '"' | '\\' => json.extend([b'\\', character as u8]),
            '\0'..='\x1F' => json.extend(format!("\\u{:04x}", u32::from(character)).into_bytes()),
            _ => json.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    json.push(b'"');
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mask: MaskAs, text: &str, expected: &str) {
        let mut json = Vec::new();
        mask.apply(Some(text.as_bytes()), &mut json);
        let shown: String = serde_json::from_slice(&json).unwrap();
        assert_eq!(shown, expected, "{mask:?} of {text}");
    }

    // proves-part: VAL-21 (the gateway's walk shows for whom)
    #[test]
    fn of_a_card_the_first_six_and_last_four_digits_stay() {
        check(MaskAs::Card, "4111111111111111", "411111******1111");
        check(MaskAs::Card, "4111 1111 1111 1111", "4111 11** **** 1111");
        check(MaskAs::Card, "3782-822463-10005", "3782-82****-*0005");
        check(MaskAs::Card, "4222222222222", "422222***2222");
    }

    #[test]
    fn what_is_no_card_is_masked_whole() {
        for text in
            ["", "4111", "411111111111", "41111111111111111111", "4111x1111y1111z1111", "٤١١١١١١١١١١١١١١١"]
        {
            check(MaskAs::Card, text, "***");
        }
    }

    #[test]
    fn other_classes_leave_what_tells_them_apart_and_no_more() {
        check(MaskAs::Email, "ada@example.com", "a***@example.com");
        check(MaskAs::Email, "\"a\\\"@b\"@example.com", "\"***@example.com");
        check(MaskAs::Email, "@example.com", "***");
        check(MaskAs::Email, "ada", "***");
        check(MaskAs::Iban, "DE89370400440532013000", "DE89**************3000");
        check(MaskAs::Iban, "DE89 3704 0044 0532 0130 00", "DE89 **** **** **** **30 00");
        check(MaskAs::Iban, "1234567890123456", "***");
        check(MaskAs::Last4, "078-05-1120", "*******1120");
        check(MaskAs::Last4, "äöüß1234", "****1234");
        check(MaskAs::Last4, "1234567", "***");
        check(MaskAs::All, "anything", "***");
    }

    #[test]
    fn nothing_of_a_long_text_is_shown() {
        check(MaskAs::Last4, &"x".repeat(TEXT + 1), "***");
    }
}
