//! Alerts in ArcSight's Common Event Format (CEF, revision 25).
//!
//! In: an alert as the record has it. Out: one line, as the text of a syslog message. In the header `\` and `|` are
//! escaped, in the extension `\`, `=` and line breaks: nobody can write a field, or an event, of his own into it
//! (AUD-09).

use std::fmt::Write as _;

use crate::alert::Told;

/// How bad, from 0 to 10.
const fn severity(word: &str) -> u8 {
    match word.as_bytes() {
        b"critical" => 10,
        b"high" => 8,
        b"medium" => 5,
        _ => 2,
    }
}

/// The alert; `None` for a line that is none.
pub(crate) fn translate(line: &[u8]) -> Option<Vec<u8>> {
    let told = Told::read(line)?;
    let mut text = String::with_capacity(512);
    // Writing to a `String` cannot fail, here and below.
    let _ = write!(
        text,
        "CEF:0|Portcullis|portcullis|{}|{}|{}|{}|",
        env!("CARGO_PKG_VERSION"),
        header(told.text("event")),
        header(told.text("summary")),
        severity(told.text("severity")),
    );
    let mut is_first = true;
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(text, "{}{name}={}", if is_first { "" } else { " " }, extension(value));
            is_first = false;
        }
    };
    field("rt", told.text("time"));
    field("start", told.text("first_seen"));
    field("end", told.text("last_seen"));
    field("act", told.text("action"));
    field("suid", told.text("subject"));
    field("externalId", told.text("explain"));
    for (name, label) in [("detector", "cs1"), ("api", "cs2"), ("operation", "cs3"), ("key", "cs4")] {
        let value = told.text(name);
        if !value.is_empty() {
            field(&format!("{label}Label"), name);
            field(label, value);
        }
    }
    if let Some(confidence) = told.number("confidence") {
        field("cn1Label", "confidence");
        field("cn1", &confidence.to_string());
    }
    field("msg", &told.evidence().join("; "));
    Some(text.into_bytes())
}

fn header(text: &str) -> String {
    escape(text, &['\\', '|'], " ")
}

fn extension(text: &str) -> String {
    escape(text, &['\\', '='], "\\n")
}

fn escape(text: &str, special: &[char], line_break: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push_str(line_break),
            character if character.is_control() => escaped.push(' '),
            character if special.contains(&character) => escaped.extend(['\\', character]),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::line_for_tests as line;

    fn cef(change: impl FnOnce(&mut crate::alert::Alert)) -> String {
        String::from_utf8(translate(&line(change)).unwrap()).unwrap()
    }

    #[test]
    fn an_alert_is_one_line_with_seven_parts() {
        let text = cef(|_| {});
        let parts: Vec<&str> = text.splitn(8, '|').collect();
        assert_eq!(parts[..3], ["CEF:0", "Portcullis", "portcullis"]);
        assert_eq!(parts[4..7], ["authz_fail", "ids of others were tried", "8"]);
        assert!(parts[7].starts_with("rt=2025-11-24T16:00:00.000Z start="), "{text}");
        assert!(
            parts[7].contains(" suid=s-1f ") && parts[7].contains(" cs1Label=detector cs1=enumeration "),
            "{text}"
        );
        assert!(parts[7].contains(" cn1=97 ") && parts[7].ends_with("foreign: 12; /orders/…7"), "{text}");
    }

    #[test]
    fn nobody_writes_fields_or_events_of_his_own() {
        let text = cef(|alert| {
            alert.summary = "a|9|x=y \\| b\r\nCEF:0|Evil|evil|1|x|y|10|".into();
            alert.exemplars = vec!["x act=allow\nCEF:0|Evil\\= \u{1b}[31m".into()];
            alert.subject = Some("s suid=admin".into());
        });
        assert!(!text.contains('\n') && !text.contains('\r') && !text.contains('\u{1b}'), "{text}");
        // Seven bars that are not escaped before the fields, as in every event; in fields a bar means nothing.
        let head = &text[..text.find("rt=").unwrap()];
        let bars = head
            .match_indices('|')
            .filter(|(at, _)| head[..*at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0);
        assert_eq!(bars.count(), 7, "{text}");
        assert!(text.contains("suid=s suid\\=admin") && text.contains("act\\=allow"), "{text}");
    }

    #[test]
    fn other_lines_are_none() {
        assert_eq!(translate(br#"{"event":"sys_startup"}"#), None);
    }
}
