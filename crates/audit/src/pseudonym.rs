//! Names of people, replaced by keyed digests before a line is sealed (AUD-23).
//!
//! In: recorded lines, and the operator's key. Out: the same lines, in which `subject`, `peer`, `client` and `sid` are
//! pseudonyms. The same name gets the same pseudonym, so that what somebody did still stands together; whoever has the
//! key finds out which is whose (`portcullis audit pseudonym`), and once the key is destroyed nobody does. Done by the
//! writer of the record: requests do not wait for it, and no sink ever sees the name.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use portcullis_domain::Secret;

/// Members whose values name somebody. Written like this they are members: within a text the quotes are escaped.
const NAMING: [&[u8]; 4] = [b",\"subject\":\"", b",\"peer\":\"", b",\"client\":\"", b",\"sid\":\""];

/// Fewer can be tried out.
const SHORTEST: usize = 16;

/// Makes pseudonyms.
#[derive(Clone)]
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// With this key; `None` if it has fewer than 16 bytes.
    #[must_use]
    pub fn new(key: &Secret) -> Option<Self> {
        let bytes = key.expose();
        (bytes.len() >= SHORTEST).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The pseudonym of a name.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        let tag = hmac::sign(&self.0, name.as_bytes());
        format!("p-{}", hex::encode(tag.as_ref().get(..12).unwrap_or_default()))
    }

    /// Writes `lines` with pseudonyms in place of names.
    pub(crate) fn rewrite(&self, lines: &[u8], out: &mut Vec<u8>) {
        let mut rest = lines;
        while let Some((before, value, behind)) = next_name(rest) {
            out.extend_from_slice(before);
            let name: Cow<'_, str> = match serde_json::from_slice::<String>(value) {
                Ok(name) => Cow::Owned(name),
                // Not ours to read: hidden as it stands.
                Err(_) => String::from_utf8_lossy(value),
            };
            out.push(b'"');
            out.extend_from_slice(self.of(&name).as_bytes());
            out.push(b'"');
            rest = behind;
        }
        out.extend_from_slice(rest);
    }
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(…)")
    }
}

/// The next value that names somebody, with its quotes, and what stands before and behind it.
fn next_name(lines: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let found =
        NAMING.iter().filter_map(|naming| Some(memchr::memmem::find(lines, naming)? + naming.len() - 1));
    let start = found.min()?;
    let (before, from) = lines.split_at_checked(start)?;
    let mut length = 1;
    loop {
        length += memchr::memchr2(b'"', b'\\', from.get(length..)?)?;
        if *from.get(length)? == b'"' {
            break;
        }
        // Whatever is escaped does not end the text.
        length += 2;
    }
    let (value, behind) = from.split_at_checked(length + 1)?;
    Some((before, value, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new(&Secret::new(vec![b'k'; 32])).unwrap()
    }

    fn rewritten(text: &str) -> String {
        let mut out = Vec::new();
        pseudonyms().rewrite(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn who_is_named_gets_a_pseudonym_and_all_else_stays() {
        let line = "{\"time\":\"t\",\"peer\":\"192.0.2.7\",\"note\":\"a \\\",\\\"subject\\\":\\\"x\",\"subject\":\"al\\\"ice\\\\\",\"sid\":\"s\",\"status\":200}\n{\"subject\":\"no comma\"}\n";
        let names = pseudonyms();
        let expected = format!(
            "{{\"time\":\"t\",\"peer\":\"{}\",\"note\":\"a \\\",\\\"subject\\\":\\\"x\",\"subject\":\"{}\",\"sid\":\"{}\",\"status\":200}}\n{{\"subject\":\"no comma\"}}\n",
            names.of("192.0.2.7"),
            names.of("al\"ice\\"),
            names.of("s"),
        );
        assert_eq!(rewritten(line), expected);
        assert_eq!(names.of("alice"), names.of("alice"));
        assert_ne!(names.of("alice"), names.of("bob"));
        assert_eq!(names.of("alice").len(), 26);
    }

    #[test]
    fn what_does_not_end_is_left_alone_and_short_keys_are_not_taken() {
        for text in ["", ",\"peer\":\"", ",\"peer\":\"abc", ",\"peer\":\"abc\\"] {
            assert_eq!(rewritten(text), text);
        }
        assert!(Pseudonyms::new(&Secret::new(vec![b'k'; 15])).is_none());
        assert_eq!(format!("{:?}", pseudonyms()), "Pseudonyms(…)");
    }
}
