//! Saying that a message came through here, and noticing when it comes again (RFC 9110 §7.6.3).
//!
//! In: headers and the pseudonym of this gateway. Out: our entry in Via, or a refusal. The pseudonym
//! must be this gateway's alone: a second one of the same name behind it would look like a loop.

use http::Version;
use http::header::{HeaderMap, HeaderValue, VIA};
use portcullis_domain::Reason;

/// Our entry, for behind those of the hops before us. `received` is the version in which the message came.
/// No product name or version is told. Nothing for a pseudonym that no header can hold.
#[must_use]
pub fn entry(received: Version, pseudonym: &str) -> Option<HeaderValue> {
    let protocol = match received {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    };
    HeaderValue::try_from(format!("{protocol} {pseudonym}")).ok()
}

/// Refuses a request that has been here before.
///
/// # Errors
/// [`Reason::LoopDetected`] if an entry of Via names us.
pub fn refuse_loop(headers: &HeaderMap, pseudonym: &str) -> Result<(), Reason> {
    let names_us = |entry: &[u8]| {
        let mut words = entry.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        words.nth(1).is_some_and(|received_by| received_by.eq_ignore_ascii_case(pseudonym.as_bytes()))
    };
    let has_looped =
        headers.get_all(VIA).iter().any(|line| line.as_bytes().split(|byte| *byte == b',').any(names_us));
    if has_looped { Err(Reason::LoopDetected) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: HTTP-16 (what the upstream sees is shown in the gateway)
    #[test]
    fn our_entry_names_the_version_and_no_product() {
        assert_eq!(entry(Version::HTTP_2, "gate-7f3a").unwrap(), "2.0 gate-7f3a");
        assert_eq!(entry(Version::HTTP_11, "gate-7f3a").unwrap(), "1.1 gate-7f3a");
        assert_eq!(entry(Version::HTTP_10, "gate\r\nx: y"), None);
    }

    // proves-part: HTTP-17 (the loop itself is shown in the gateway)
    #[test]
    fn a_request_that_names_us_has_looped() {
        let refuse = |via: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(VIA, HeaderValue::from_static("1.1 first"));
            headers.append(VIA, HeaderValue::from_static(via));
            refuse_loop(&headers, "gate-7f3a")
        };
        for via in ["2.0 gate-7f3a", "1.1 a, HTTP/1.1  Gate-7F3A (comment), 1.0 b", "1.1\tgate-7f3a"] {
            assert_eq!(refuse(via), Err(Reason::LoopDetected), "{via}");
        }
        for via in ["1.1 gate-7f3b", "1.1 a (gate-7f3a)", "gate-7f3a", ""] {
            assert_eq!(refuse(via), Ok(()), "{via}");
        }
    }
}
