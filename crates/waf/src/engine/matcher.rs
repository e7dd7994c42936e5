//! A question, ready to be asked of values.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};

use super::expand::expand;
use super::number::leading;
use super::transaction::Transaction;
use crate::seclang::operator::{ByteSet, Comparison, Test};
use crate::seclang::template::Template;

/// The largest automaton of one pattern, in bytes: the Core Rule Set's largest needs a tenth of it.
const LARGEST: usize = 32 << 20;

/// A question, ready to be asked.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Rx(Regex),
    Phrases(AhoCorasick),
    Text(Texts, Template),
    Number(Comparison, Template),
    Networks(Vec<IpNet>),
    Bytes(ByteSet),
    UrlEncoding,
    Utf8,
    Sqli,
    Xss,
    Always,
    Never,
}

/// How texts compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    BeginsWith,
    Contains,
    ContainsWord,
    EndsWith,
    Equals,
    Within,
}

/// What a value is found to hold: up to ten captures, the whole first.
pub(super) type Captured = Vec<Vec<u8>>;

impl Matcher {
    /// Makes a question ready.
    ///
    /// # Errors
    /// Why a pattern or a list of phrases is too much.
    pub(super) fn new(test: &Test) -> Result<Self, String> {
        let phrases = |phrases: Vec<&String>| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostFirst)
                .build(phrases)
                .map(Self::Phrases)
                .map_err(|error| error.to_string())
        };
        Ok(match test {
            Test::Rx(pattern) => Self::Rx(
                RegexBuilder::new(&pattern.bytes)
                    .unicode(false)
                    .dot_matches_new_line(true)
                    .size_limit(LARGEST)
                    .build()
                    .map_err(|error| error.to_string())?,
            ),
            Test::Pm(list) => phrases(list.iter().collect())?,
            Test::PmFromFile(files) => phrases(files.iter().flat_map(|file| &file.phrases).collect())?,
            Test::BeginsWith(text) => Self::Text(Texts::BeginsWith, text.clone()),
            Test::Contains(text) | Test::StrMatch(text) => Self::Text(Texts::Contains, text.clone()),
            Test::ContainsWord(text) => Self::Text(Texts::ContainsWord, text.clone()),
            Test::EndsWith(text) => Self::Text(Texts::EndsWith, text.clone()),
            Test::StrEq(text) => Self::Text(Texts::Equals, text.clone()),
            Test::Within(text) => Self::Text(Texts::Within, text.clone()),
            Test::Compares(comparison, number) => Self::Number(*comparison, number.clone()),
            Test::IpMatch(networks) => Self::Networks(networks.clone()),
            Test::ValidateByteRange(bytes) => Self::Bytes(bytes.clone()),
            Test::ValidateUrlEncoding => Self::UrlEncoding,
            Test::ValidateUtf8Encoding => Self::Utf8,
            Test::DetectSqli => Self::Sqli,
            Test::DetectXss => Self::Xss,
            Test::UnconditionalMatch => Self::Always,
            Test::NoMatch => Self::Never,
        })
    }

    /// Asks; what was captured, if the answer is yes.
    pub(super) fn ask(&self, value: &[u8], transaction: &Transaction) -> Option<Captured> {
        let whole = || vec![value.to_vec()];
        let when = |holds: bool| holds.then(whole);
        match self {
            Self::Rx(pattern) => pattern.captures(value).map(|found| {
                found
                    .iter()
                    .take(10)
                    .map(|group| group.map(|group| group.as_bytes().to_vec()).unwrap_or_default())
                    .collect()
            }),
            Self::Phrases(phrases) => {
                phrases.find(value).map(|found| vec![value.get(found.range()).unwrap_or_default().to_vec()])
            }
            Self::Text(how, text) => compare(*how, value, &expand(text, transaction)),
            Self::Number(how, number) => {
                let (left, right) = (leading(value), leading(&expand(number, transaction)));
                when(match how {
                    Comparison::Eq => left == right,
                    Comparison::Ge => left >= right,
                    Comparison::Gt => left > right,
                    Comparison::Le => left <= right,
                    Comparison::Lt => left < right,
                })
            }
            Self::Networks(networks) => {
                let address = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                when(address.is_some_and(|address: std::net::IpAddr| {
                    networks.iter().any(|network| network.contains(&address))
                }))
            }
            Self::Bytes(bytes) => when(value.iter().any(|byte| !bytes.holds(*byte))),
            Self::UrlEncoding => when(has_broken_encoding(value)),
            Self::Utf8 => when(std::str::from_utf8(value).is_err()),
            Self::Sqli => crate::inject::sqli(value).map(|fingerprint| vec![fingerprint.into_bytes()]),
            Self::Xss => when(crate::inject::is_xss(value)),
            Self::Always => Some(whole()),
            Self::Never => None,
        }
    }
}

fn compare(how: Texts, value: &[u8], text: &[u8]) -> Option<Captured> {
    let holds = match how {
        Texts::BeginsWith => value.starts_with(text),
        Texts::EndsWith => value.ends_with(text),
        Texts::Equals => value == text,
        Texts::Contains => memchr::memmem::find(value, text).is_some(),
        Texts::ContainsWord => {
            memchr::memmem::find_iter(value, text).any(|at| is_word(value, at, text.len()))
        }
        Texts::Within => memchr::memmem::find(text, value).is_some(),
    };
    let captured: Cow<'_, [u8]> = match how {
        Texts::Contains | Texts::ContainsWord | Texts::BeginsWith | Texts::EndsWith => text.into(),
        Texts::Equals | Texts::Within => value.into(),
    };
    holds.then(|| vec![captured.into_owned()])
}

fn is_word(value: &[u8], at: usize, length: usize) -> bool {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let before = at.checked_sub(1).and_then(|before| value.get(before));
    !part(before) && !part(value.get(at + length))
}

/// Whether a percent sign is not followed by two hexadecimal digits.
fn has_broken_encoding(value: &[u8]) -> bool {
    value.iter().enumerate().filter(|(_, byte)| **byte == b'%').any(|(at, _)| {
        !value.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
