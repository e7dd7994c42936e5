//! Whether a value looks like an injection into SQL or HTML (`@detectSQLi`, `@detectXSS`).
//!
//! libinjection is the measure: a value is read as tokens in each quoting context, and the fingerprint of its tokens is
//! looked up. Two shortcuts stand in front, which change no verdict: letters, digits and `_` alone are no SQL injection,
//! and without `<`, `=` and control characters nothing is markup.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The fingerprint of an injection into SQL.
pub(crate) fn sqli(value: &[u8]) -> Option<String> {
    if value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    // A fault of the library is no verdict; what it cannot read is suspect.
    match catch_unwind(AssertUnwindSafe(|| libinjectionrs::detect_sqli(value))) {
        Ok(found) => {
            found.is_injection().then(|| found.fingerprint.map(|print| print.to_string()).unwrap_or_default())
        }
        Err(_) => Some("unreadable".to_owned()),
    }
}

/// Whether markup would be injected.
pub(crate) fn is_xss(value: &[u8]) -> bool {
    if !value.iter().any(|byte| matches!(byte, b'<' | b'=')) {
        return false;
    }
    catch_unwind(AssertUnwindSafe(|| libinjectionrs::detect_xss(value).is_injection())).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn injections_are_told_from_prose() {
        assert!(sqli(b"1' OR '1'='1").is_some());
        assert!(sqli(b"-1 UNION SELECT password FROM users--").is_some());
        assert!(sqli(b"select a good book, or two").is_none());
        assert!(is_xss(b"<script>alert(1)</script>"));
        assert!(is_xss(b"\" onload=alert(1) x=\""));
        assert!(!is_xss(b"1 < 2 and 3 = 3"));
    }
}
