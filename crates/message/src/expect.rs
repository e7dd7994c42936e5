//! What a client expects before it sends its body (RFC 9110 §10.1.1).
//!
//! In: the head. Out: whether it waits for a 100, or the refusal of an expectation we do not know.
//! hyper sends the 100 when the body is first read; deciding before that is the gateway's.

use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use portcullis_domain::Reason;

use crate::characters::trim_whitespace;

/// Whether the client waits before it sends its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The body follows at once.
    None,
    /// The body follows once 100 was sent.
    Continue,
}

/// Reads Expect. HTTP/1.0 cannot be answered with a 100, so the field is ignored there, as RFC 9110
/// demands.
///
/// # Errors
/// [`Reason::ExpectationUnknown`] for anything but `100-continue`.
pub fn read(parts: &Parts) -> Result<Expectation, Reason> {
    if parts.version <= Version::HTTP_10 {
        return Ok(Expectation::None);
    }
    let mut expectation = Expectation::None;
    for value in parts.headers.get_all(EXPECT) {
        if !trim_whitespace(value.as_bytes()).eq_ignore_ascii_case(b"100-continue") {
            return Err(Reason::ExpectationUnknown);
        }
        expectation = Expectation::Continue;
    }
    Ok(expectation)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read_with(version: Version, values: &[&str]) -> Result<Expectation, Reason> {
        let mut request = Request::get("/").version(version);
        for value in values {
            request = request.header(EXPECT, *value);
        }
        read(&request.body(()).unwrap().into_parts().0)
    }

    // proves-part: HTTP-24 (that no 100 precedes a refusal is shown in the gateway)
    #[test]
    fn only_one_expectation_is_known() {
        assert_eq!(read_with(Version::HTTP_11, &[]), Ok(Expectation::None));
        assert_eq!(read_with(Version::HTTP_11, &["100-Continue"]), Ok(Expectation::Continue));
        for unknown in ["", "100-continue, x", "200-ok", "100-continue;q=1"] {
            assert_eq!(read_with(Version::HTTP_11, &[unknown]), Err(Reason::ExpectationUnknown), "{unknown}");
        }
    }

    #[test]
    fn http_1_0_cannot_expect() {
        assert_eq!(read_with(Version::HTTP_10, &["100-continue"]), Ok(Expectation::None));
        assert_eq!(read_with(Version::HTTP_10, &["x"]), Ok(Expectation::None));
    }
}
