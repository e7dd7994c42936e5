//! What a part says of itself: `form-data; name="…"; filename="…"` (RFC 7578 §4.2).
//!
//! Readers differ most in how they take these texts apart, so few spellings pass: one parameter of each
//! name, no backslash, and `filename*` only in UTF-8 and where it says what `filename` says.

use std::borrow::Cow;

use crate::parameter::{Coding, decode};

/// How many bytes the name of a field may have.
const NAME: usize = 256;
/// How many bytes the name of a file may have: more, no file system takes.
const FILE_NAME: usize = 255;

/// A part's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disposition<'b> {
    /// The field.
    pub(super) name: &'b str,
    /// The file's name at the client, if the part is a file.
    pub(super) file_name: Option<Cow<'b, str>>,
}

impl<'b> Disposition<'b> {
    /// Reads the value of Content-Disposition; `None` if there are two ways to read it.
    pub(super) fn read(value: &'b str) -> Option<Self> {
        let (kind, mut rest) = value.split_once(';')?;
        if !kind.trim_end_matches([' ', '\t']).eq_ignore_ascii_case("form-data") {
            return None;
        }
        let (mut name, mut plain, mut extended) = (None, None, None);
        loop {
            let (key, value, after) = parameter(rest)?;
            let place = match key.to_ascii_lowercase().as_str() {
                "name" => &mut name,
                "filename" => &mut plain,
                "filename*" => &mut extended,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
            match after.trim_start_matches([' ', '\t']).strip_prefix(';') {
                Some(next) => rest = next,
                None if after.is_empty() => break,
                None => return None,
            }
        }
        let name = name.filter(|name| !name.is_empty() && name.len() <= NAME)?;
        let file_name = match (plain, extended.map(|text| extended_value(text).ok_or(()))) {
            (_, Some(Err(()))) => return None,
            (None, None) => None,
            (Some(plain), None) => Some(Cow::Borrowed(plain)),
            (None, Some(Ok(extended))) => Some(extended),
            (Some(plain), Some(Ok(extended))) if plain == extended => Some(extended),
            (Some(_), Some(Ok(_))) => return None,
        };
        Some(Self { name, file_name })
    }
}

/// `name=token` or `name="text"`, and what is left.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (key, rest) = text.trim_start_matches([' ', '\t']).split_once('=')?;
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, after) = quoted.split_once('"')?;
        // Browsers write `%22` for a quote; older clients write `\"`, and name files by their whole path.
        return (!value.contains('\\')).then_some((key, value, after));
    }
    let end = rest.find([';', ' ', '\t']).unwrap_or(rest.len());
    let (value, after) = rest.split_at_checked(end)?;
    let is_token = !value.is_empty()
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    is_token.then_some((key, value, after))
}

/// `UTF-8'language'text` (RFC 8187 §3.2.1).
fn extended_value(text: &str) -> Option<Cow<'_, str>> {
    let (charset, rest) = text.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") || encoded.contains('\'') {
        return None;
    }
    decode(encoded, Coding::Percent)
}

/// Whether a file can be kept under this name without harm (ASVS 5.3.2): no path, nothing that a terminal
/// or a shell would act on, nothing that shows another ending than it has; also after decoding once more.
pub(super) fn is_safe(file_name: &str) -> bool {
    let is_plain = |name: &str| {
        !matches!(name, "" | "." | "..")
            && !name.split(['/', '\\']).any(|piece| piece == "..")
            && !name.chars().any(|character| {
                matches!(character, '/' | '\\')
                    || character.is_control()
                    // Marks and overrides of writing direction: `exe.txt` that is a `txt.exe`.
                    || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
            })
    };
    file_name.len() <= FILE_NAME
        && is_plain(file_name)
        // What is no escape stays as it is: `100%.txt`.
        && decode(file_name, Coding::Percent).is_none_or(|decoded| is_plain(&decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(String, Option<String>)> {
        Disposition::read(value).map(|found| (found.name.to_owned(), found.file_name.map(Cow::into_owned)))
    }

    fn names(name: &str, file: Option<&str>) -> Option<(String, Option<String>)> {
        Some((name.to_owned(), file.map(str::to_owned)))
    }

    #[test]
    fn names_are_read_as_every_reader_reads_them() {
        assert_eq!(read("form-data; name=\"a\""), names("a", None));
        assert_eq!(read("Form-Data ;name=a;filename=x.png"), names("a", Some("x.png")));
        assert_eq!(read("form-data; name=\"a b\"; filename=\"é; x.png\""), names("a b", Some("é; x.png")));
        assert_eq!(read("form-data; name=\"a\"; filename=\"\""), names("a", Some("")));
        assert_eq!(read("form-data; name=a; filename*=UTF-8''%C3%A9.png"), names("a", Some("é.png")));
        let both = "form-data; name=a; filename=\"é.png\"; filename*=utf-8'en'%C3%A9.png";
        assert_eq!(read(both), names("a", Some("é.png")));
    }

    #[test]
    fn names_in_two_readings_are_refused() {
        for bad in [
            "form-data",
            "attachment; name=\"a\"",
            "form-data; filename=\"x\"",
            "form-data; name=\"\"",
            "form-data; name=\"a\"; name=\"b\"",
            "form-data; name=\"a\"; NAME=\"b\"",
            "form-data; name=\"a\"; filename=\"x\"; filename=\"y\"",
            "form-data; name=\"a\"; filename=\"x\"; filename*=UTF-8''y",
            "form-data; name=\"a\"; filename*=ISO-8859-1''x",
            "form-data; name=\"a\"; filename*=UTF-8''%FF",
            "form-data; name=\"a\"; filename*=x",
            "form-data; name*=UTF-8''a",
            "form-data; name=\"a\"; size=3",
            "form-data; name=\"a\\\"b\"",
            "form-data; name=\"a\"b",
            "form-data; name=\"a\" b=c",
            "form-data; name=\"a",
            "form-data; name=a b",
            "form-data; name=\"a\";",
            "form-data; name",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&format!("form-data; name=\"{}\"", "a".repeat(257))), None);
    }

    #[test]
    fn a_file_name_is_no_path() {
        for good in ["x.png", ".config", "a..b", "100%.txt", "50%25.txt", "Grüße 2.pdf", "a'b"] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "C:\\x",
            "..%2fx",
            "%2e%2e",
            "x%00.png",
            "x\0.png",
            "x\n",
            "gpj.\u{202E}exe",
            "%5c",
        ] {
            assert!(!is_safe(bad), "{bad:?}");
        }
        assert!(is_safe(&"a".repeat(255)) && !is_safe(&"a".repeat(256)));
    }
}
