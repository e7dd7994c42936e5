//! Reading a made-up request: a command line of curl, or the request itself as it would travel.
//!
//! In: text. Out: a [`MadeUp`]. Whatever is not understood is refused: it would not be the request that was meant.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Uri};
use portcullis_message::curl::{CurlError, WrittenRequest};
use std::net::SocketAddr;
use thiserror::Error;

use super::made_up::MadeUp;

/// What of a request that was written down is not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotRead {
    /// The command line is not understood.
    #[error("{0}")]
    Curl(#[from] CurlError),
    /// There is no such method or address.
    #[error("`{0}` cannot be asked for: write an address such as `https://api.example.com/orders/7`")]
    Address(String),
    /// It does not begin as a request does.
    #[error("a request begins with a line such as `GET /orders/7 HTTP/1.1`, or with `curl`")]
    Line,
    /// A line of the head is no header field.
    #[error("line {0} is no header field: write `Name: value`, and an empty line before the body")]
    Header(usize),
    /// Nobody says whom it is for.
    #[error("there is no `Host` field: which API is meant?")]
    Host,
}

impl MadeUp {
    /// Reads a request that comes from this address.
    ///
    /// # Errors
    /// [`NotRead`].
    pub fn read(text: &str, from: SocketAddr) -> Result<Self, NotRead> {
        let start = text.trim_start();
        match start.split_whitespace().next() {
            Some(first) if first == "curl" || first.ends_with("/curl") || first == "curl.exe" => {
                Self::of(WrittenRequest::from_curl(start)?, from)
            }
            Some(_) | None => raw(start, from),
        }
    }

    fn of(written: WrittenRequest, from: SocketAddr) -> Result<Self, NotRead> {
        let WrittenRequest { method, url, mut headers, user, body } = written;
        // What only browsers look at never leaves them (RFC 3986 §3.5).
        let shown = url.split('#').next().unwrap_or_default();
        let uri: Uri = shown.parse().map_err(|_| NotRead::Address(url.escape_debug().to_string()))?;
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(NotRead::Address(url.escape_debug().to_string()));
        }
        if let Some(user) = user {
            headers.push(("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(user))));
        }
        Ok(Self { method: method_of(&method)?, url: uri, headers, body, from })
    }
}

fn method_of(text: &str) -> Result<Method, NotRead> {
    text.parse().map_err(|_| NotRead::Address(text.escape_debug().to_string()))
}

/// A request as it would travel. It comes over TLS, unless its address says otherwise.
fn raw(text: &str, from: SocketAddr) -> Result<MadeUp, NotRead> {
    let mut rest = text;
    let line = next_line(&mut rest);
    let mut words = line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Err(NotRead::Line) };
    if words.next().is_some_and(|version| !version.starts_with("HTTP/")) || words.next().is_some() {
        return Err(NotRead::Line);
    }
    let mut headers = Vec::new();
    let mut number = 1;
    while !rest.is_empty() {
        number += 1;
        let line = next_line(&mut rest);
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or(NotRead::Header(number))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let host =
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, host)| host.clone());
    let url = match target.contains("://") {
        true => target.to_owned(),
        false => format!("https://{}{target}", host.ok_or(NotRead::Host)?),
    };
    let body = rest.strip_suffix('\n').unwrap_or(rest).to_owned().into_bytes();
    // The length is that of the body that is here.
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    MadeUp::of(WrittenRequest { method: method.to_owned(), url, headers, user: None, body }, from)
}

fn next_line<'t>(rest: &mut &'t str) -> &'t str {
    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
    *rest = after;
    line.strip_suffix('\r').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<MadeUp, NotRead> {
        MadeUp::read(text, SocketAddr::from(([192, 0, 2, 1], 0)))
    }

    #[test]
    fn a_request_is_read_as_it_would_travel_and_as_a_command_line() {
        let raw =
            read("POST /orders?x=1 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 99\r\n\r\n{\"a\":1}\n")
                .unwrap();
        assert_eq!(
            (raw.method.as_str(), raw.url.to_string().as_str()),
            ("POST", "https://api.test/orders?x=1")
        );
        assert_eq!((raw.headers.len(), raw.body.as_slice()), (1, &b"{\"a\":1}"[..]));
        let curl = read("  curl -u alice:secret http://api.test/x#top").unwrap();
        assert_eq!(curl.url.to_string(), "http://api.test/x");
        assert_eq!(curl.headers[0].1, "Basic YWxpY2U6c2VjcmV0");
    }

    #[test]
    fn what_is_no_request_says_what_is_missing() {
        assert_eq!(read("").unwrap_err(), NotRead::Line);
        assert_eq!(read("GET /x HTTP/1.1\n").unwrap_err(), NotRead::Host);
        assert_eq!(read("GET /x HTTP/1.1\nHost: a\nnonsense\n").unwrap_err(), NotRead::Header(3));
        assert!(matches!(read("curl ftp://a.test/x").unwrap_err(), NotRead::Address(_)));
        assert!(matches!(read("curl https://a.test/ -F a=b").unwrap_err(), NotRead::Curl(_)));
    }
}
