//! Takes a multipart body apart (RFC 2046 §5.1), as strictly as the grammar allows.
//!
//! In: bytes that were read whole, and the boundary. Out: parts that borrow from them. Whatever one reader
//! takes for a boundary and another for content is refused: the boundary in the middle of a line or behind
//! a lone LF, with something behind it, or as the beginning of a longer one; a body that begins before its
//! first boundary (preamble) or goes on behind its last (epilogue).

use http::HeaderName;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use memchr::memmem::{self, Finder};
use portcullis_domain::{Denial, Reason};
use portcullis_message::MediaType;

use super::boundary::Boundary;
use super::disposition::Disposition;

/// How many parts one body may have.
const PARTS: usize = 1024;
/// How many bytes the headers of one part may have.
const HEAD: usize = 4 << 10;
/// How many headers one part may have.
const HEADERS: usize = 8;

const LINE: &[u8] = b"\r\n";
const BLANK: &[u8] = b"\r\n\r\n";
const CONTENT_TRANSFER_ENCODING: &str = "content-transfer-encoding";

/// One part.
pub(super) struct Part<'b> {
    pub(super) disposition: Disposition<'b>,
    pub(super) media_type: Option<MediaType<'b>>,
    pub(super) content: &'b [u8],
}

/// Calls `visit` for each part, in order.
///
/// # Errors
/// [`Reason::BodyMalformed`], and what `visit` says.
pub(super) fn each_part<'b>(
    body: &'b [u8],
    boundary: &Boundary,
    mut visit: impl FnMut(Part<'b>) -> Result<(), Denial>,
) -> Result<(), Denial> {
    let delimiter = boundary.delimiter();
    let finder = Finder::new(delimiter);
    let mut rest =
        body.strip_prefix(delimiter).ok_or_else(|| malformed("the body does not begin with its boundary"))?;
    for _ in 0..PARTS {
        if let Some(behind) = rest.strip_prefix(b"--") {
            return is_nothing(behind);
        }
        let part = rest.strip_prefix(LINE).ok_or_else(|| malformed("something stands behind a boundary"))?;
        let end = finder.find(part).ok_or_else(|| malformed("the last boundary is missing"))?;
        let (section, after) = part.split_at_checked(end).unwrap_or_default();
        let section = section
            .strip_suffix(LINE)
            .ok_or_else(|| malformed("the boundary stands in the middle of a line"))?;
        visit(read_part(section)?)?;
        rest = after.strip_prefix(delimiter).unwrap_or_default();
    }
    match rest.strip_prefix(b"--") {
        Some(behind) => is_nothing(behind),
        None => Err(malformed("the body has too many parts")),
    }
}

/// What stands behind the last boundary: nothing, or the end of its line.
fn is_nothing(behind: &[u8]) -> Result<(), Denial> {
    if behind.is_empty() || behind == LINE {
        Ok(())
    } else {
        Err(malformed("the body goes on behind its last boundary"))
    }
}

fn read_part(section: &[u8]) -> Result<Part<'_>, Denial> {
    let reach = section.get(..HEAD + BLANK.len()).unwrap_or(section);
    let end = memmem::find(reach, BLANK).ok_or_else(|| malformed("the headers of a part do not end"))?;
    let (head, content) = section.split_at_checked(end).unwrap_or_default();
    let content = content.strip_prefix(BLANK).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| malformed("the headers of a part are not UTF-8"))?;
    let mut disposition = None;
    let mut media_type = None;
    let mut seen: Vec<HeaderName> = Vec::new();
    for line in head.split("\r\n") {
        let (name, value) = field(line)?;
        if seen.len() >= HEADERS || seen.contains(&name) {
            return Err(malformed("a part has too many headers, or one twice"));
        }
        if name == CONTENT_DISPOSITION {
            disposition =
                Some(Disposition::read(value).ok_or_else(|| malformed("a part is named in no known way"))?);
        } else if name == CONTENT_TYPE {
            let parsed = MediaType::from_text(value).map_err(|_| malformed("the media type of a part"))?;
            // RFC 7578 §4.3: deprecated; its parts would go unseen.
            if parsed.essence().starts_with("multipart/") {
                return Err(malformed("a part has parts"));
            }
            media_type = Some(parsed);
        } else if name == CONTENT_TRANSFER_ENCODING {
            // RFC 7578 §4.7: deprecated; who decodes sees something else than who does not.
            return Err(malformed("a part has a transfer encoding"));
        }
        seen.push(name);
    }
    let disposition = disposition.ok_or_else(|| malformed("a part has no name"))?;
    Ok(Part { disposition, media_type, content })
}

/// A header line: no folding, no space before the colon, no control characters.
fn field(line: &str) -> Result<(HeaderName, &str), Denial> {
    let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header of a part has no colon"))?;
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| malformed("a header of a part has a malformed name"))?;
    let value = value.trim_matches([' ', '\t']);
    if value.chars().any(char::is_control) {
        return Err(malformed("a header of a part has a control character"));
    }
    Ok((name, value))
}

fn malformed(why: &'static str) -> Denial {
    Denial::new(Reason::BodyMalformed).with_note(why)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parts(body: &str) -> Result<Vec<(String, String)>, String> {
        let value = HeaderValue::from_static("multipart/form-data; boundary=b");
        let boundary = Boundary::of(&MediaType::parse(&value).unwrap()).unwrap();
        let mut parts = Vec::new();
        let read = each_part(body.as_bytes(), &boundary, |part| {
            let content = String::from_utf8_lossy(part.content).into_owned();
            parts.push((part.disposition.name.to_owned(), content));
            Ok(())
        });
        read.map(|()| parts).map_err(|denial| denial.note().unwrap().as_str().to_owned())
    }

    const HEAD_A: &str = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        Ok(pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn parts_are_what_stands_between_boundaries() {
        assert_eq!(parts(&format!("--b\r\n{HEAD_A}1\r\n--b--")), pairs(&[("a", "1")]));
        assert_eq!(parts(&format!("--b\r\n{HEAD_A}\r\n--b--\r\n")), pairs(&[("a", "")]));
        assert_eq!(
            parts(&format!("--b\r\n{HEAD_A}1\n2\r\n\r\n\r\n--b\r\n{HEAD_A}3\r\n--b--\r\n")),
            pairs(&[("a", "1\n2\r\n\r\n"), ("a", "3")])
        );
        assert_eq!(parts("--b--"), pairs(&[]));
    }

    #[test]
    fn what_two_readers_would_cut_in_two_ways_is_refused() {
        for bad in [
            String::new(),
            "--b".to_owned(),
            "--b\r\n".to_owned(),
            format!("\r\n--b\r\n{HEAD_A}1\r\n--b--"),
            format!("preamble\r\n--b\r\n{HEAD_A}1\r\n--b--"),
            format!("--b\r\n{HEAD_A}1\r\n--b--\r\nepilogue"),
            format!("--b\r\n{HEAD_A}1\r\n--b--\r\n--b\r\n{HEAD_A}2\r\n--b--"),
            format!("--b\r\n{HEAD_A}1\r\n--b"),
            format!("--b\r\n{HEAD_A}1\r\n"),
            format!("--b\r\n{HEAD_A}1--b--"),
            format!("--b\r\n{HEAD_A}1\n--b--"),
            format!("--b\r\n{HEAD_A}1\r\n--bc\r\n--b--"),
            format!("--b \r\n{HEAD_A}1\r\n--b--"),
            format!("--b\n{HEAD_A}1\r\n--b--"),
            format!("--b\r\n{HEAD_A}1\r\n--b-"),
            "--b\r\nContent-Disposition: form-data; name=\"a\"\n\n1\r\n--b--".to_owned(),
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n--b--".to_owned(),
        ] {
            assert!(parts(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn headers_of_parts_are_few_and_plain() {
        let with = |lines: &str| parts(&format!("--b\r\n{lines}{HEAD_A}1\r\n--b--"));
        assert_eq!(with("X-Other: x\r\nContent-Type: text/plain\r\n"), pairs(&[("a", "1")]));
        for bad in [
            "Content-Transfer-Encoding: base64\r\n".to_owned(),
            "content-transfer-encoding: 8bit\r\n".to_owned(),
            "Content-Type: multipart/mixed; boundary=c\r\n".to_owned(),
            "Content-Type: text\r\n".to_owned(),
            "Content-Type: text/plain\r\nContent-Type: text/plain\r\n".to_owned(),
            "Content-Disposition: form-data; name=\"b\"\r\n".to_owned(),
            "X-A : b\r\n".to_owned(),
            "X-A: b\r\n c\r\n".to_owned(),
            "X-A: b\0\r\n".to_owned(),
            "X-A\r\n".to_owned(),
            ": b\r\n".to_owned(),
            format!("X-A: {}\r\n", "b".repeat(HEAD)),
            (0..HEADERS).map(|index| format!("X-{index}: b\r\n")).collect::<String>(),
        ] {
            assert!(with(&bad).is_err(), "{bad:?}");
        }
        assert!(parts("--b\r\nX-A: b\r\n\r\n1\r\n--b--").is_err(), "no name");
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let body = |count: usize| format!("{}--b--", format!("--b\r\n{HEAD_A}1\r\n").repeat(count));
        assert_eq!(parts(&body(PARTS)).map(|parts| parts.len()), Ok(PARTS));
        assert!(parts(&body(PARTS + 1)).is_err());
    }
}
