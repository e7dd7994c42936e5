//! Whether a value looks like an injection into SQL or HTML (`@detectSQLi`, `@detectXSS`).
//!
//! libinjection is the measure. For HTML the detector is our own ([`xss`]); for SQL a port of libinjection answers, see
//! decision 0034. Two shortcuts stand in front, which change no verdict: letters, digits and `_` alone are no SQL
//! injection, and without `<` and `=` nothing is markup.

mod events;
mod html;
mod xss;

/// The fingerprint of an injection into SQL.
pub(crate) fn sqli(value: &[u8]) -> Option<String> {
    if value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    let found = libinjectionrs::detect_sqli(value);
    found.is_injection().then(|| found.fingerprint.map(|print| print.to_string()).unwrap_or_default())
}

/// Whether markup would be injected.
pub(crate) fn is_xss(value: &[u8]) -> bool {
    memchr::memchr2(b'<', b'=', value).is_some() && xss::is_xss(value)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;
    use crate::seclang::transformation::Transformation;
    use crate::transform::apply;

    #[test]
    fn injections_are_told_from_prose() {
        assert!(sqli(b"1' OR '1'='1").is_some());
        assert!(sqli(b"-1 UNION SELECT password FROM users--").is_some());
        assert!(sqli(b"select a good book, or two").is_none());
        for attack in [
            "<script>alert(1)</script>",
            "\" onload=alert(1) x=\"",
            "<a href=\"jav&#x0A;ascript:alert(1)\">",
            "<a href=' &#106;avascript:alert(1)'>",
            "<svg/onload=alert(1)>",
            "<!--[if gte IE 4]>",
            "<animate attributeName=href to=javascript:alert(1)>",
            "<!DOCTYPE html>",
            "x' style='width:expression(alert(1))",
        ] {
            assert!(is_xss(attack.as_bytes()), "{attack}");
        }
        for prose in
            ["1 < 2 and 3 = 3", "a <b>bold</b> word", "x = y", "<a href=\"/orders\">orders</a>", "on = off"]
        {
            assert!(!is_xss(prose.as_bytes()), "{prose}");
        }
    }

    /// Lines of a file of attacks, those that are commented left out.
    fn attacks(kind: &str) -> Vec<Vec<u8>> {
        let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
        let folder = option_env!("PORTCULLIS_VECTORS").map_or(beside, PathBuf::from).join("waf/libinjection");
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: {} is absent", folder.display());
            return Vec::new();
        };
        let files = entries
            .filter_map(|entry| entry.ok())
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(kind)));
        let texts = files.map(|entry| std::fs::read(entry.path()).unwrap());
        texts
            .flat_map(|text| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>())
            .map(|line| line.trim_ascii().to_vec())
            .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
            .collect()
    }

    #[test]
    fn what_others_have_tried_is_judged_as_libinjection_judges_it() {
        let mut found = 0;
        let lines = attacks("xss-");
        for line in &lines {
            let value = apply(Transformation::UrlDecode, line);
            let verdict = is_xss(&value);
            let measure = libinjectionrs::detect_xss(&value).is_injection();
            assert_eq!(verdict, measure, "{}", String::from_utf8_lossy(&value));
            found += usize::from(verdict);
        }
        println!("{found} of {} lines are injections", lines.len());
        assert!(found * 100 >= lines.len() * 95);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn any_markup_is_judged_as_libinjection_judges_it(
            value in "(?:[<>/=!?%'\"`&#;:\\-\\[\\] \t\n\u{0}a-e]|script|svg|href|src|style|on|onload|java|data|xlink|--|<!|<!--|CDATA|doctype|&#106;|&#x6a;){0,24}"
        ) {
            let value = value.as_bytes();
            prop_assert_eq!(is_xss(value), libinjectionrs::detect_xss(value).is_injection());
        }
    }
}
