//! A request as people write it down: a command line of curl.
//!
//! In: a text, such as browsers put on the clipboard and guides show. Out: a [`WrittenRequest`], or what of it is not
//! understood. Called by `portcullis explain --request`. No shell reads it and nothing of it is run: a command line
//! that would need one (variables, substitutions, pipes) is refused, and so is every option that is not known, since
//! a request that is not the one that was meant would be explained.

use thiserror::Error;

/// Longer command lines are refused.
pub const LONGEST: usize = 1024 * 1024;
/// More words than this are refused.
const MOST_WORDS: usize = 10_000;

/// A request that somebody wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRequest {
    /// The method, as it is written or as the other options imply.
    pub method: String,
    /// Where it goes.
    pub url: String,
    /// Header fields in their order.
    pub headers: Vec<(String, String)>,
    /// User and password, `user:password`, for `Authorization: Basic`.
    pub user: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What of a command line is not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CurlError {
    /// It is longer than any that a person writes.
    #[error("the command line is longer than {LONGEST} bytes, or has too many words")]
    TooLong,
    /// It is not one of curl.
    #[error("a request is written as `curl …`")]
    NotCurl,
    /// A quote has no end.
    #[error("a quote has no end")]
    Unquoted,
    /// A shell would make something else of it.
    #[error("a shell would make something else of `{0}`, and none runs here: write what is meant")]
    NeedsShell(char),
    /// The option is not known.
    #[error("the option `{0}` is not known here")]
    UnknownOption(String),
    /// The option wants a value.
    #[error("the option `{0}` has no value")]
    NoValue(String),
    /// A header field has no name.
    #[error("a header field is written as `Name: value`")]
    Header,
    /// The body is in a file.
    #[error("the body is in a file: write it out, or put the whole request into a file for `--request FILE`")]
    File,
    /// No address, or more than one.
    #[error("one address is needed, and there are {0}")]
    Addresses(usize),
}

impl WrittenRequest {
    /// Reads a command line.
    ///
    /// # Errors
    /// [`CurlError`].
    pub fn from_curl(text: &str) -> Result<Self, CurlError> {
        let mut words = split(text)?.into_iter();
        match words.next() {
            Some(first) if first == "curl" || first.ends_with("/curl") || first == "curl.exe" => {}
            Some(_) | None => return Err(CurlError::NotCurl),
        }
        let mut draft = Draft::default();
        let mut reads_options = true;
        while let Some(word) = words.next() {
            if word == "--" && reads_options {
                reads_options = false;
            } else if let Some(long) = word.strip_prefix("--").filter(|_| reads_options) {
                draft.long(long, &mut words)?;
            } else if let Some(short) =
                word.strip_prefix('-').filter(|short| reads_options && !short.is_empty())
            {
                draft.short(short, &mut words)?;
            } else {
                draft.urls.push(word);
            }
        }
        draft.finish()
    }
}

/// What an option does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opt {
    Method,
    Header,
    Data,
    RawData,
    EncodedData,
    Json,
    UserAgent,
    Referer,
    User,
    Cookie,
    Url,
    Get,
    Head,
    /// Of no matter for what a server sees, with a value or without.
    IgnoredValue,
    Ignored,
}

const LONG: [(&str, Opt); 46] = [
    ("request", Opt::Method),
    ("header", Opt::Header),
    ("data", Opt::Data),
    ("data-ascii", Opt::Data),
    ("data-binary", Opt::Data),
    ("data-raw", Opt::RawData),
    ("data-urlencode", Opt::EncodedData),
    ("json", Opt::Json),
    ("user-agent", Opt::UserAgent),
    ("referer", Opt::Referer),
    ("user", Opt::User),
    ("cookie", Opt::Cookie),
    ("url", Opt::Url),
    ("get", Opt::Get),
    ("head", Opt::Head),
    ("output", Opt::IgnoredValue),
    ("write-out", Opt::IgnoredValue),
    ("max-time", Opt::IgnoredValue),
    ("connect-timeout", Opt::IgnoredValue),
    ("cacert", Opt::IgnoredValue),
    ("retry", Opt::IgnoredValue),
    ("resolve", Opt::IgnoredValue),
    ("connect-to", Opt::IgnoredValue),
    ("dump-header", Opt::IgnoredValue),
    ("max-redirs", Opt::IgnoredValue),
    ("silent", Opt::Ignored),
    ("show-error", Opt::Ignored),
    ("verbose", Opt::Ignored),
    ("include", Opt::Ignored),
    ("insecure", Opt::Ignored),
    ("location", Opt::Ignored),
    ("compressed", Opt::Ignored),
    ("fail", Opt::Ignored),
    ("fail-with-body", Opt::Ignored),
    ("http1.0", Opt::Ignored),
    ("http1.1", Opt::Ignored),
    ("http2", Opt::Ignored),
    ("http2-prior-knowledge", Opt::Ignored),
    ("http3", Opt::Ignored),
    ("globoff", Opt::Ignored),
    ("path-as-is", Opt::Ignored),
    ("no-buffer", Opt::Ignored),
    ("no-progress-meter", Opt::Ignored),
    ("ipv4", Opt::Ignored),
    ("ipv6", Opt::Ignored),
    ("remote-name", Opt::Ignored),
];

const SHORT: [(char, &str); 25] = [
    ('X', "request"),
    ('H', "header"),
    ('d', "data"),
    ('A', "user-agent"),
    ('e', "referer"),
    ('u', "user"),
    ('b', "cookie"),
    ('G', "get"),
    ('I', "head"),
    ('o', "output"),
    ('w', "write-out"),
    ('m', "max-time"),
    ('D', "dump-header"),
    ('s', "silent"),
    ('S', "show-error"),
    ('v', "verbose"),
    ('i', "include"),
    ('k', "insecure"),
    ('L', "location"),
    ('f', "fail"),
    ('g', "globoff"),
    ('N', "no-buffer"),
    ('4', "ipv4"),
    ('6', "ipv6"),
    ('O', "remote-name"),
];

fn long_option(name: &str) -> Option<Opt> {
    LONG.iter().find(|(known, _)| *known == name).map(|(_, option)| *option)
}

impl Opt {
    const fn has_value(self) -> bool {
        !matches!(self, Self::Get | Self::Head | Self::Ignored)
    }
}

#[derive(Default)]
struct Draft {
    method: Option<String>,
    urls: Vec<String>,
    headers: Vec<(String, String)>,
    user: Option<String>,
    /// Pieces that curl joins with `&`.
    data: Vec<String>,
    joins_url: bool,
    asks_head: bool,
    is_json: bool,
}

impl Draft {
    fn long(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), CurlError> {
        let option = long_option(word).ok_or_else(|| CurlError::UnknownOption(format!("--{word}")))?;
        let value = match option.has_value() {
            true => rest.next().ok_or_else(|| CurlError::NoValue(format!("--{word}")))?,
            false => String::new(),
        };
        self.apply(option, value)
    }

    /// `-sSX POST` and `-XPOST`: options in one word, the last of which may have its value there.
    fn short(&mut self, letters: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), CurlError> {
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            let known = SHORT.iter().find(|(known, _)| *known == letter);
            let option = known.and_then(|(_, long)| long_option(long));
            let option = option.ok_or_else(|| CurlError::UnknownOption(format!("-{letter}")))?;
            if !option.has_value() {
                self.apply(option, String::new())?;
                continue;
            }
            let value = match letters.as_str() {
                "" => rest.next().ok_or_else(|| CurlError::NoValue(format!("-{letter}")))?,
                here => here.to_owned(),
            };
            return self.apply(option, value);
        }
        Ok(())
    }

    fn apply(&mut self, option: Opt, value: String) -> Result<(), CurlError> {
        match option {
            Opt::Method => self.method = Some(value),
            Opt::Header => {
                let (name, value) = value.split_once(':').ok_or(CurlError::Header)?;
                if name.trim().is_empty() || name.contains(['\r', '\n']) || value.contains(['\r', '\n']) {
                    return Err(CurlError::Header);
                }
                self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            Opt::Data if value.starts_with('@') => return Err(CurlError::File),
            Opt::Data | Opt::RawData => self.data.push(value),
            Opt::EncodedData => self.data.push(encoded(&value)?),
            Opt::Json if value.starts_with('@') => return Err(CurlError::File),
            Opt::Json => {
                self.is_json = true;
                self.data.push(value);
            }
            Opt::UserAgent => self.field("User-Agent", value)?,
            Opt::Referer => self.field("Referer", value)?,
            // Without `=` it names a file.
            Opt::Cookie if !value.contains('=') => return Err(CurlError::File),
            Opt::Cookie => self.field("Cookie", value)?,
            Opt::User => self.user = Some(value),
            Opt::Url => self.urls.push(value),
            Opt::Get => self.joins_url = true,
            Opt::Head => self.asks_head = true,
            Opt::IgnoredValue | Opt::Ignored => {}
        }
        Ok(())
    }

    fn field(&mut self, name: &str, value: String) -> Result<(), CurlError> {
        self.apply(Opt::Header, format!("{name}: {value}"))
    }

    fn finish(mut self) -> Result<WrittenRequest, CurlError> {
        let [url] = self.urls.as_slice() else { return Err(CurlError::Addresses(self.urls.len())) };
        let mut url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
        let joint = if self.is_json { "" } else { "&" };
        let data = self.data.join(joint);
        let has_body = !self.data.is_empty() && !self.joins_url;
        if self.joins_url && !data.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&data);
        }
        let has = |headers: &[(String, String)], wanted: &str| {
            headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        if has_body && !has(&self.headers, "content-type") {
            let media_type =
                if self.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            self.headers.push(("Content-Type".to_owned(), media_type.to_owned()));
        }
        if self.is_json && !has(&self.headers, "accept") {
            self.headers.push(("Accept".to_owned(), "application/json".to_owned()));
        }
        let implied = match (self.asks_head, has_body) {
            (true, _) => "HEAD",
            (false, true) => "POST",
            (false, false) => "GET",
        };
        Ok(WrittenRequest {
            method: self.method.unwrap_or_else(|| implied.to_owned()),
            url,
            headers: self.headers,
            user: self.user,
            body: if has_body { data.into_bytes() } else { Vec::new() },
        })
    }
}

/// `name=value` with the value encoded, as `--data-urlencode` has it.
fn encoded(value: &str) -> Result<String, CurlError> {
    let (name, value) = match value.split_once('=') {
        Some(("", value)) => ("", value),
        Some((name, value)) if !name.contains('@') => (name, value),
        None if !value.contains('@') => ("", value),
        Some(_) | None => return Err(CurlError::File),
    };
    let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
    Ok(if name.is_empty() { value.to_string() } else { format!("{name}={value}") })
}

/// The words of a command line, as a POSIX shell splits them if nothing in it has to be run or looked up.
fn split(text: &str) -> Result<Vec<String>, CurlError> {
    if text.len() > LONGEST {
        return Err(CurlError::TooLong);
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\\' => match letters.next() {
                // The line goes on.
                Some('\n') => {}
                Some('\r') if letters.peek() == Some(&'\n') => {
                    letters.next();
                }
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err(CurlError::Unquoted),
            },
            '\'' => single(&mut letters, word.get_or_insert_default())?,
            '"' => double(&mut letters, word.get_or_insert_default())?,
            '$' if letters.peek() == Some(&'\'') => {
                letters.next();
                dollar(&mut letters, word.get_or_insert_default())?;
            }
            '$' | '`' | '|' | ';' | '<' | '>' | '(' | ')' => return Err(CurlError::NeedsShell(letter)),
            // In an address without quotes a shell would take this for its own.
            '&' => return Err(CurlError::NeedsShell('&')),
            '#' if word.is_none() => return Err(CurlError::NeedsShell('#')),
            other => word.get_or_insert_default().push(other),
        }
        if words.len() > MOST_WORDS {
            return Err(CurlError::TooLong);
        }
    }
    words.extend(word);
    Ok(words)
}

fn single(letters: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), CurlError> {
    loop {
        match letters.next() {
            Some('\'') => return Ok(()),
            Some(letter) => word.push(letter),
            None => return Err(CurlError::Unquoted),
        }
    }
}

fn double(letters: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), CurlError> {
    loop {
        match letters.next() {
            Some('"') => return Ok(()),
            Some('\\') => match letters.next() {
                Some('\n') => {}
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => return Err(CurlError::Unquoted),
            },
            Some(letter @ ('$' | '`')) => return Err(CurlError::NeedsShell(letter)),
            Some(letter) => word.push(letter),
            None => return Err(CurlError::Unquoted),
        }
    }
}

/// `$'…'`, which browsers write: backslashes as in C.
fn dollar(letters: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), CurlError> {
    loop {
        match letters.next() {
            Some('\'') => return Ok(()),
            Some('\\') => match letters.next() {
                Some('n') => word.push('\n'),
                Some('r') => word.push('\r'),
                Some('t') => word.push('\t'),
                Some(escaped @ ('\'' | '"' | '\\' | '?' | '!')) => word.push(escaped),
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                    word.push(code.ok_or(CurlError::NeedsShell('\\'))?);
                }
                Some(_) => return Err(CurlError::NeedsShell('\\')),
                None => return Err(CurlError::Unquoted),
            },
            Some(letter) => word.push(letter),
            None => return Err(CurlError::Unquoted),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> WrittenRequest {
        WrittenRequest::from_curl(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[track_caller]
    fn check(text: &str, expected: &CurlError) {
        assert_eq!(WrittenRequest::from_curl(text).as_ref(), Err(expected), "{text}");
    }

    #[test]
    fn what_guides_and_browsers_write_is_read() {
        let shown = read(
            "curl -sS -X DELETE 'https://api.example/orders/7?force=1&x=2' \\\n  -H \"Authorization: Bearer abc\" \\\n  -H 'X-Note: it'\\''s'",
        );
        assert_eq!(
            (shown.method.as_str(), shown.url.as_str()),
            ("DELETE", "https://api.example/orders/7?force=1&x=2")
        );
        assert_eq!(shown.headers[0], ("Authorization".into(), "Bearer abc".into()));
        assert_eq!(shown.headers[1].1, "it's");
        let copied = read("curl 'https://a.example/x' --data-raw $'{\"a\":\"it\\'s \\u0041\"}' --compressed");
        assert_eq!((copied.method.as_str(), copied.body.as_slice()), ("POST", &br#"{"a":"it's A"}"#[..]));
        let json = read(r#"curl -XPUT --json '{"a":1}' -A me -u alice:secret a.example/x"#);
        assert_eq!(json.url, "http://a.example/x");
        assert_eq!((json.method.as_str(), json.user.as_deref()), ("PUT", Some("alice:secret")));
        let has = |name: &str| json.headers.iter().any(|(known, _)| known == name);
        assert!(has("User-Agent") && has("Content-Type") && has("Accept"));
        let get = read("curl -G https://a.example/s -d q=1 --data-urlencode 'r=a b'");
        assert_eq!((get.method.as_str(), get.url.as_str()), ("GET", "https://a.example/s?q=1&r=a%20b"));
        assert!(get.body.is_empty() && get.headers.is_empty());
        assert_eq!(read("curl -I https://a.example").method, "HEAD");
    }

    #[test]
    fn what_would_not_be_the_request_that_was_meant_is_refused() {
        check("wget https://a.example", &CurlError::NotCurl);
        check("curl https://a.example -H 'A: b", &CurlError::Unquoted);
        check("curl https://a.example/?a=1&b=2", &CurlError::NeedsShell('&'));
        check("curl https://a.example -H \"Authorization: Bearer $TOKEN\"", &CurlError::NeedsShell('$'));
        check("curl https://a.example/`id`", &CurlError::NeedsShell('`'));
        check("curl https://a.example | sh", &CurlError::NeedsShell('|'));
        check("curl https://a.example --cert me.pem", &CurlError::UnknownOption("--cert".into()));
        check("curl https://a.example -F a=b", &CurlError::UnknownOption("-F".into()));
        check("curl https://a.example -H", &CurlError::NoValue("-H".into()));
        check("curl https://a.example -H nothing", &CurlError::Header);
        check("curl https://a.example -H $'A: b\\r\\nC: d'", &CurlError::Header);
        check("curl https://a.example -d @/etc/passwd", &CurlError::File);
        check("curl https://a.example -b jar.txt", &CurlError::File);
        check("curl", &CurlError::Addresses(0));
        check("curl https://a.example https://b.example", &CurlError::Addresses(2));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_stumble(text in "(curl )?[ -~\\n]{0,80}") {
            let _ = WrittenRequest::from_curl(&text);
        }

        #[test]
        fn a_quoted_word_is_what_was_quoted(value in "[ -&(-~]{0,40}") {
            let read = read(&format!("curl https://a.example --data-raw '{value}'"));
            prop_assert_eq!(read.body, value.into_bytes());
        }
    }
}
