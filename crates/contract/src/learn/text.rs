//! What texts have in common: their length, their form, and perhaps the few words they are.
//!
//! No text is kept. Lengths are kept as powers of two; a form is kept while every text has it; words are kept
//! only under names that enumerations have, only while they are few, and only if they are words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::words::is_word;

/// Most words of an enumeration.
const WORDS: usize = 8;
/// Most letters of one.
const LETTERS: usize = 24;
/// Names of members and parameters whose values are words of the API, and not of a person.
const ENUMERATIONS: [&str; 22] = [
    "status",
    "state",
    "type",
    "kind",
    "currency",
    "category",
    "role",
    "sort",
    "order",
    "direction",
    "unit",
    "mode",
    "level",
    "priority",
    "severity",
    "language",
    "locale",
    "plan",
    "channel",
    "format",
    "scope",
    "method",
];

/// Some texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextShape {
    /// Bits of the longest length.
    length: u8,
    forms: Forms,
    /// `None` if they are not few or no words.
    words: Option<BTreeSet<Box<str>>>,
}

/// Forms that every text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Forms(u16);

/// A form that texts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Number,
    Boolean,
    Uuid,
    Date,
    DateTime,
    Email,
    Ipv4,
    Ipv6,
}

impl Form {
    const ALL: [Self; 9] = [
        Self::Integer,
        Self::Number,
        Self::Boolean,
        Self::Uuid,
        Self::Date,
        Self::DateTime,
        Self::Email,
        Self::Ipv4,
        Self::Ipv6,
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The `format` of a string that has it.
    pub(super) const fn format(self) -> Option<&'static str> {
        Some(match self {
            Self::Integer | Self::Number | Self::Boolean => return None,
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Email => "email",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }

    /// Stricter than validators are: what has the form here has it everywhere.
    fn is_of(self, text: &str) -> bool {
        match self {
            Self::Integer => is_integer(text),
            Self::Number => is_integer(text) || is_decimal(text),
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Uuid => has_pattern(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
            Self::Date => is_date(text),
            Self::DateTime => is_date_time(text),
            Self::Email => is_email(text),
            Self::Ipv4 => text.parse::<std::net::Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<std::net::Ipv6Addr>().is_ok(),
        }
    }
}

impl TextShape {
    /// The shape of one text, under this name.
    #[must_use]
    pub(super) fn of(text: &str, name: &str) -> Self {
        let forms = Form::ALL.into_iter().filter(|form| form.is_of(text));
        Self {
            length: bits(text.chars().count() as u64),
            forms: Forms(forms.fold(0, |bits, form| bits | form.bit())),
            words: may_be_enumerated(name, text).then(|| BTreeSet::from([text.into()])),
        }
    }

    /// Takes in other texts.
    pub(super) fn merge(&mut self, other: Self) {
        self.length = self.length.max(other.length);
        self.forms = Forms(self.forms.0 & other.forms.0);
        self.words = self.words.take().zip(other.words).and_then(|(mut words, others)| {
            words.extend(others);
            (words.len() <= WORDS).then_some(words)
        });
    }

    /// Whether every text has this form.
    pub(super) const fn has(&self, form: Form) -> bool {
        self.forms.0 & form.bit() != 0
    }

    /// The `format` that every text has.
    pub(super) fn format(&self) -> Option<&'static str> {
        Form::ALL.into_iter().filter(|form| self.has(*form)).find_map(Form::format)
    }

    /// The words that they are.
    pub(super) const fn words(&self) -> Option<&BTreeSet<Box<str>>> {
        self.words.as_ref()
    }

    /// A bound on their lengths, with room for twice the longest.
    pub(super) fn longest(&self) -> u64 {
        with_headroom(self.length).max(16)
    }
}

/// How many bits a number takes.
pub(super) fn bits(number: u64) -> u8 {
    u8::try_from(u64::BITS - number.leading_zeros()).unwrap_or(64)
}

/// A power of two that leaves room for twice as much as these bits hold.
pub(super) fn with_headroom(bits: u8) -> u64 {
    1u64.checked_shl(u32::from(bits) + 1).unwrap_or(u64::MAX)
}

fn may_be_enumerated(name: &str, text: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_enumeration = ENUMERATIONS.into_iter().any(|word| name.ends_with(word));
    is_enumeration
        && text.len() <= LETTERS
        && !text.bytes().any(|byte| byte.is_ascii_digit() || byte == b'.')
        && is_word(&text.to_ascii_lowercase())
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_canonical = digits == "0" || !digits.starts_with('0');
    is_canonical
        && (1..=18).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && text != "-0"
}

fn is_decimal(text: &str) -> bool {
    let Some((whole, part)) = text.split_once('.') else { return false };
    let is_whole = is_integer(whole) || whole == "-0";
    is_whole && (1..=18).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// `x` is a hexadecimal digit, `9` a decimal one, everything else is itself.
fn has_pattern(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'x' => byte.is_ascii_hexdigit(),
            b'9' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

fn is_date(text: &str) -> bool {
    has_pattern(text, "9999-99-99") && text.parse::<jiff::civil::Date>().is_ok()
}

/// RFC 3339 with capital letters and an offset in minutes.
fn is_date_time(text: &str) -> bool {
    let Some((moment, offset)) = text.split_at_checked(19) else { return false };
    let (fraction, zone) = match offset.find(['Z', '+', '-']) {
        Some(at) => offset.split_at_checked(at).unwrap_or((offset, "")),
        None => return false,
    };
    let is_fraction = fraction.is_empty()
        || fraction.strip_prefix('.').is_some_and(|digits| {
            (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
    let is_zone = zone == "Z" || has_pattern(zone, "+99:99") || has_pattern(zone, "-99:99");
    has_pattern(moment, "9999-99-99T99:99:99")
        // A leap second is a moment to few readers.
        && moment.get(17..).is_some_and(|seconds| seconds < "60")
        && is_fraction
        && is_zone
        && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (1..=64).contains(&local.len())
        && local.bytes().all(is_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str], name: &str) -> TextShape {
        let mut shapes = texts.iter().map(|text| TextShape::of(text, name));
        let mut shape = shapes.next().unwrap();
        shapes.for_each(|other| shape.merge(other));
        shape
    }

    #[test]
    fn a_form_holds_while_every_text_has_it() {
        for (texts, format) in [
            (vec!["2026-11-24T12:00:00Z", "2026-11-24T12:00:00.5+02:00"], Some("date-time")),
            (vec!["2026-11-24T12:00:00Z", "2026-11-24"], None),
            (vec!["2024-02-29"], Some("date")),
            (vec!["2025-02-29"], None),
            (vec!["3fa85f64-5717-4562-b3fc-2c963f66afa6"], Some("uuid")),
            (vec!["alice@example.com", "b.o+b@mail.example.org"], Some("email")),
            (vec!["alice@example"], None),
            (vec!["192.0.2.1"], Some("ipv4")),
            (vec!["::1"], Some("ipv6")),
            (vec!["plain"], None),
        ] {
            assert_eq!(of(&texts, "x").format(), format, "{texts:?}");
        }
        assert!(of(&["1", "-20", "0"], "x").has(Form::Integer));
        assert!(!of(&["1", "01"], "x").has(Form::Integer));
        assert!(of(&["1", "2.50"], "x").has(Form::Number));
    }

    #[test]
    fn words_are_kept_where_enumerations_are_and_nowhere_else() {
        let words = |texts: &[&str], name: &str| of(texts, name).words().map_or(0, BTreeSet::len);
        assert_eq!(words(&["OPEN", "CLOSED", "IN_PROGRESS"], "orderStatus"), 3);
        assert_eq!(words(&["alice", "bob"], "firstName"), 0);
        assert_eq!(words(&["open", "tok_4eC39HqLyjWDarjtT1"], "state"), 0, "what is no word is kept nowhere");
        let many: Vec<_> = ["be", "ce", "de", "fe", "ge", "he", "ke", "le", "me"].into_iter().collect();
        assert_eq!(words(&many, "type"), 0, "more are no enumeration");
    }

    #[test]
    fn lengths_have_headroom() {
        assert_eq!(of(&["x"], "x").longest(), 16);
        assert_eq!(of(&[&"x".repeat(100)], "x").longest(), 256);
        assert_eq!((bits(0), bits(1), bits(255), bits(u64::MAX)), (0, 1, 8, 64));
        assert_eq!(with_headroom(64), u64::MAX);
    }
}
