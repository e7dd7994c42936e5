//! What tells a stranger how the API is built, in the body of an error (ERR-01, ASVS 16.5.1).
//!
//! In: the first bytes of an error, or of an answer that nobody declared. Out: what they look like. Only the
//! beginning is looked at, and only there, so that it costs nothing where answers are as they should be.

use memchr::memmem;

/// How much of a body is looked at.
pub(super) const FIRST: usize = 2048;

/// Marks of stack traces, databases and servers, as frameworks print them.
const MARKS: [(&str, &[u8]); 24] = [
    ("python traceback", b"Traceback (most recent call last)"),
    ("java stack trace", b".java:"),
    ("java stack trace", b"Exception in thread \""),
    ("dotnet stack trace", b".cs:line "),
    ("node stack trace", b".js:"),
    ("ruby stack trace", b".rb:"),
    ("php error", b"Fatal error: Uncaught"),
    ("php error", b"Stack trace:\n#0"),
    ("go panic", b"goroutine 1 [running]"),
    ("go panic", b"panic: runtime error"),
    ("rust panic", b"' panicked at "),
    ("debugger page", b"Werkzeug Debugger"),
    ("debugger page", b"DEBUG = True"),
    ("database error", b"SQLSTATE["),
    ("database error", b"You have an error in your SQL syntax"),
    ("database error", b"syntax error at or near"),
    ("database error", b"sqlite3.OperationalError"),
    ("database error", b"java.sql.SQL"),
    ("database error", b"psycopg2."),
    ("database error", b"ORA-0"),
    ("server banner", b"<center>nginx"),
    ("server banner", b"<address>Apache"),
    ("server banner", b"Apache Tomcat/"),
    ("server banner", b"Microsoft-IIS/"),
];

/// What the beginning of an error's body looks like, if it is for the operator and not for the client.
pub(super) fn reveals(first: &[u8]) -> Option<&'static str> {
    let first = first.get(..FIRST).unwrap_or(first);
    let begins = first.trim_ascii_start();
    let is_page = |tag: &[u8]| begins.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    // File names are harmless by themselves: a frame of a trace has a call before them.
    let stands = |mark: &[u8]| {
        memmem::find(first, mark).is_some_and(|at| !mark.starts_with(b".") || is_frame(first, at))
    };
    if let Some((what, _)) = MARKS.iter().find(|(_, mark)| stands(mark)) {
        return Some(what);
    }
    (is_page(b"<!doctype html") || is_page(b"<html")).then_some("error page")
}

/// `at com.example.Shop.order(Shop.java:12)`, `(/srv/shop.js:12:3)`, `shop.rb:12:in`, `in Shop.cs:line 12`.
fn is_frame(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(160)..at).unwrap_or_default();
    let after = text.get(at..).unwrap_or_default();
    let has_call = memmem::rfind(before, b"at ").is_some() || memmem::rfind(before, b"from ").is_some();
    let number = after.iter().position(|byte| matches!(byte, b':' | b' ')).and_then(|end| after.get(end + 1));
    let has_line = number.is_some_and(u8::is_ascii_digit) || after.starts_with(b".cs:line ");
    has_line && (has_call || after.starts_with(b".rb:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_and_banners_are_known_by_their_first_bytes() {
        for (body, what) in [
            ("Traceback (most recent call last):\n  File \"shop.py\", line 3", "python traceback"),
            ("{\"error\":\"NPE\\n\\tat com.example.Shop.order(Shop.java:12)\"}", "java stack trace"),
            ("Error: x\n    at order (/srv/shop/order.js:12:3)", "node stack trace"),
            ("app/shop.rb:12:in `order'", "ruby stack trace"),
            ("   at Shop.Order() in /src/Shop.cs:line 42", "dotnet stack trace"),
            ("{\"detail\":\"SQLSTATE[42P01]: undefined table\"}", "database error"),
            ("<html><head></head><body><center>nginx/1.27</center>", "server banner"),
            ("  <!DOCTYPE html><title>Not found</title>", "error page"),
        ] {
            assert_eq!(reveals(body.as_bytes()), Some(what), "{body}");
        }
    }

    #[test]
    fn errors_that_clients_are_meant_to_read_are_left_alone() {
        for body in [
            "",
            "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}",
            "{\"error\":\"main.js: no such file\"}",
            "{\"error\":\"look at app.js:the bundle\"}",
            "{\"message\":\"order 4711 is closed\",\"trace_id\":\"4bf92f3577b34da6\"}",
            "no such order",
        ] {
            assert_eq!(reveals(body.as_bytes()), None, "{body}");
        }
        let late = format!("{}Traceback (most recent call last)", " ".repeat(FIRST));
        assert_eq!(reveals(late.as_bytes()), None);
    }
}
