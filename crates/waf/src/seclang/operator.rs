//! What a rule asks of a value: `!@rx ^a`, `@pmFromFile ssrf.data`, `@lt %{tx.limit}`.

use ipnet::IpNet;

use super::files::{Files, resolved};
use super::template::Template;

/// A question, and whether its answer is turned round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Whether the rule matches where the question is answered with no.
    pub negation: Negation,
    /// The question.
    pub test: Test,
}

/// Whether an answer is turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negation {
    /// As it is.
    Plain,
    /// Turned round (`!@`).
    Negated,
}

/// A question about a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Whether a pattern matches.
    Rx(Pattern),
    /// Whether one of these phrases is in it, in any case.
    Pm(Vec<String>),
    /// Whether one of the phrases of these files is.
    PmFromFile(Vec<PhraseFile>),
    /// Whether it begins with this.
    BeginsWith(Template),
    /// Whether it holds this.
    Contains(Template),
    /// Whether it holds this as a word.
    ContainsWord(Template),
    /// Whether it ends with this.
    EndsWith(Template),
    /// Whether it is this.
    StrEq(Template),
    /// The same as `Contains`.
    StrMatch(Template),
    /// Whether it is part of this.
    Within(Template),
    /// Whether, as a number, it compares so.
    Compares(Comparison, Template),
    /// Whether it is an address in one of these networks.
    IpMatch(Vec<IpNet>),
    /// Whether a byte of it is not among these.
    ValidateByteRange(ByteSet),
    /// Whether its percent-encoding is broken.
    ValidateUrlEncoding,
    /// Whether it is no UTF-8.
    ValidateUtf8Encoding,
    /// Whether it looks like an injection into SQL.
    DetectSqli,
    /// Whether it looks like an injection into HTML.
    DetectXss,
    /// Always.
    UnconditionalMatch,
    /// Never.
    NoMatch,
}

/// How numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// At least.
    Ge,
    /// More.
    Gt,
    /// At most.
    Le,
    /// Less.
    Lt,
}

/// A regular expression over bytes: dot matches line ends, `$` the very end alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As it is written.
    pub written: String,
    /// As Rust's engine reads it in byte mode: `\x{HH}` is a byte and no code point.
    pub bytes: String,
}

/// A file of phrases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhraseFile {
    /// Its path.
    pub path: String,
    /// One phrase a line; empty lines and those with `#` are left out.
    pub phrases: Vec<String>,
}

/// Which bytes are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteSet([u64; 4]);

/// The largest phrase file, in bytes: twenty times all of the Core Rule Set's.
const LARGEST_FILE: usize = 4 << 20;

impl Operator {
    /// Reads the second argument of `SecRule` in the file at `beside`.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str, beside: &str, files: &dyn Files) -> Result<Self, String> {
        let (negation, text) = match text.strip_prefix('!') {
            Some(rest) => (Negation::Negated, rest.trim_start()),
            None => (Negation::Plain, text),
        };
        // Without a name it is a pattern.
        let Some(named) = text.strip_prefix('@') else {
            return Ok(Self { negation, test: Test::Rx(Pattern::parse(text)?) });
        };
        let (name, argument) = named.split_once([' ', '\t']).unwrap_or((named, ""));
        Ok(Self { negation, test: test(name, argument.trim_start(), beside, files)? })
    }
}

fn test(name: &str, argument: &str, beside: &str, files: &dyn Files) -> Result<Test, String> {
    let template = || match argument {
        "" => Err(format!("`@{name}` needs an argument")),
        _ => Template::parse(argument),
    };
    let phrases = || argument.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    Ok(match name.to_ascii_lowercase().as_str() {
        "rx" => Test::Rx(Pattern::parse(argument)?),
        "pm" if argument.is_empty() => return Err("`@pm` needs a phrase".to_owned()),
        "pm" => Test::Pm(phrases()),
        "pmfromfile" | "pmf" => Test::PmFromFile(
            phrases().iter().map(|file| PhraseFile::read(file, beside, files)).collect::<Result<_, _>>()?,
        ),
        "beginswith" => Test::BeginsWith(template()?),
        "contains" => Test::Contains(template()?),
        "containsword" => Test::ContainsWord(template()?),
        "endswith" => Test::EndsWith(template()?),
        "streq" => Test::StrEq(Template::parse(argument)?),
        "strmatch" => Test::StrMatch(template()?),
        "within" => Test::Within(template()?),
        "eq" => Test::Compares(Comparison::Eq, number(template()?)?),
        "ge" => Test::Compares(Comparison::Ge, number(template()?)?),
        "gt" => Test::Compares(Comparison::Gt, number(template()?)?),
        "le" => Test::Compares(Comparison::Le, number(template()?)?),
        "lt" => Test::Compares(Comparison::Lt, number(template()?)?),
        "ipmatch" => Test::IpMatch(networks(argument)?),
        "ipmatchfromfile" | "ipmatchf" => {
            let file = PhraseFile::read(argument, beside, files)?;
            Test::IpMatch(networks(&file.phrases.join(","))?)
        }
        "validatebyterange" => Test::ValidateByteRange(ByteSet::parse(argument)?),
        "validateurlencoding" => Test::ValidateUrlEncoding,
        "validateutf8encoding" => Test::ValidateUtf8Encoding,
        "detectsqli" => Test::DetectSqli,
        "detectxss" => Test::DetectXss,
        "unconditionalmatch" => Test::UnconditionalMatch,
        "nomatch" => Test::NoMatch,
        "rbl" | "geolookup" | "gsblookup" | "inspectfile" | "fuzzyhash" | "rsub" | "validatehash"
        | "validatedtd" | "validateschema" | "verifycc" | "verifycpf" | "verifyssn" => {
            return Err(format!("the operator `@{name}` is not supported"));
        }
        _ => return Err(format!("`@{name}` is no operator")),
    })
}

/// Text that is compared as a number must be one, unless a macro stands in it.
fn number(template: Template) -> Result<Template, String> {
    match template.literal() {
        Some(text) if text.trim().parse::<i64>().is_err() => Err(format!("`{text}` is no whole number")),
        Some(_) | None => Ok(template),
    }
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |text: &str| {
        let single = || text.parse::<std::net::IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| single()).map_err(|_| format!("`{text}` is no network"))
    };
    let found: Vec<IpNet> = text
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(network)
        .collect::<Result<_, _>>()?;
    match found.is_empty() {
        true => Err("no network is named".to_owned()),
        false => Ok(found),
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is none, or is too large.
    pub fn parse(written: &str) -> Result<Self, String> {
        let bytes = in_bytes(written);
        let mut parser =
            regex_syntax::ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build();
        parser.parse(&bytes).map_err(|error| one_line(&error))?;
        Ok(Self { written: written.to_owned(), bytes })
    }
}

/// What a parser says over many lines, in one: its last line has the reason.
fn one_line(error: &regex_syntax::Error) -> String {
    let text = error.to_string();
    let reason = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    format!("the pattern is none: {}", reason.trim().trim_start_matches("error: "))
}

/// `\x{HH}` as `\xHH`. In byte mode Rust's engine takes the first for a code point, which in a class is an error and
/// elsewhere another byte than PCRE's.
fn in_bytes(written: &str) -> String {
    let mut bytes = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.push_str(before);
        bytes.push('\\');
        let two =
            |text: &str| text.get(2..4).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if after.starts_with("x{") && two(after) && after.get(4..5) == Some("}") {
            bytes.push('x');
            bytes.push_str(after.get(2..4).unwrap_or_default());
            rest = after.get(5..).unwrap_or_default();
        } else {
            // The escaped character, which may be a backslash, is none to look at.
            let next = after.chars().next();
            bytes.extend(next);
            rest = after.get(next.map_or(0, char::len_utf8)..).unwrap_or_default();
        }
    }
    bytes.push_str(rest);
    bytes
}

impl PhraseFile {
    fn read(name: &str, beside: &str, files: &dyn Files) -> Result<Self, String> {
        let path = resolved(name, beside);
        let text = files.read(&path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        if text.len() > LARGEST_FILE {
            return Err(format!("`{name}` has {} bytes, more than {LARGEST_FILE}", text.len()));
        }
        let phrases: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        match phrases.is_empty() {
            true => Err(format!("`{name}` holds no phrase: the rule would never match")),
            false => Ok(Self { path, phrases }),
        }
    }
}

impl ByteSet {
    fn parse(text: &str) -> Result<Self, String> {
        let mut set = Self([0; 4]);
        for range in text.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let byte =
                |text: &str| text.trim().parse::<u8>().map_err(|_| format!("`{text}` is no byte, 0 to 255"));
            let (first, last) = (byte(first)?, byte(last)?);
            if first > last {
                return Err(format!("the range `{range}` runs backwards"));
            }
            for byte in first..=last {
                if let Some(word) = set.0.get_mut(usize::from(byte >> 6)) {
                    *word |= 1 << (byte & 63);
                }
            }
        }
        Ok(set)
    }

    /// Whether a byte is meant.
    #[must_use]
    pub fn holds(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }
}

impl Test {
    /// The name in rules.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rx(_) => "rx",
            Self::Pm(_) => "pm",
            Self::PmFromFile(_) => "pmFromFile",
            Self::BeginsWith(_) => "beginsWith",
            Self::Contains(_) => "contains",
            Self::ContainsWord(_) => "containsWord",
            Self::EndsWith(_) => "endsWith",
            Self::StrEq(_) => "streq",
            Self::StrMatch(_) => "strmatch",
            Self::Within(_) => "within",
            Self::Compares(Comparison::Eq, _) => "eq",
            Self::Compares(Comparison::Ge, _) => "ge",
            Self::Compares(Comparison::Gt, _) => "gt",
            Self::Compares(Comparison::Le, _) => "le",
            Self::Compares(Comparison::Lt, _) => "lt",
            Self::IpMatch(_) => "ipMatch",
            Self::ValidateByteRange(_) => "validateByteRange",
            Self::ValidateUrlEncoding => "validateUrlEncoding",
            Self::ValidateUtf8Encoding => "validateUtf8Encoding",
            Self::DetectSqli => "detectSQLi",
            Self::DetectXss => "detectXSS",
            Self::UnconditionalMatch => "unconditionalMatch",
            Self::NoMatch => "noMatch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder;

    impl Files for Folder {
        fn read(&self, path: &str) -> Result<String, String> {
            match path {
                "rules/a.data" => Ok("# words\n\nalpha\n beta gamma \n".into()),
                "rules/empty.data" => Ok("# nothing\n".into()),
                _ => Err("no such file".into()),
            }
        }

        fn matching(&self, _: &str) -> Result<Vec<String>, String> {
            Ok(Vec::new())
        }
    }

    fn read(text: &str) -> Result<Operator, String> {
        Operator::parse(text, "rules/1.conf", &Folder)
    }

    #[test]
    fn operators_are_read_with_their_arguments() {
        let negated = read("!@within %{tx.allowed_methods}").unwrap();
        assert_eq!((negated.negation, negated.test.name()), (Negation::Negated, "within"));
        let Test::PmFromFile(files) = read("@pmFromFile a.data").unwrap().test else { panic!("another") };
        assert_eq!(
            (files[0].path.as_str(), files[0].phrases.as_slice()),
            ("rules/a.data", &["alpha".into(), "beta gamma".into()][..])
        );
        let Test::ValidateByteRange(bytes) = read("@validateByteRange 9,10,32-126").unwrap().test else {
            panic!("another")
        };
        assert!(bytes.holds(9) && bytes.holds(126) && !bytes.holds(127) && !bytes.holds(255));
        assert_eq!(read("^a$").unwrap().test.name(), "rx");
        for bad in [
            "@nothing x",
            "@rbl example.org",
            "@lt many",
            "@ipMatch 1.2.3",
            "@ipMatch",
            "@pmFromFile missing.data",
            "@pmFromFile empty.data",
            "@validateByteRange 300",
            "@validateByteRange 9-1",
            "@rx (open",
            "@rx (?=ahead)",
            "@within",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_in_braces_are_bytes() {
        assert_eq!(in_bytes(r"[\x{e2}\x{80}]\\x{41}\x{1F600}"), r"[\xe2\x80]\\x{41}\x{1F600}");
        let pattern = Pattern::parse(r"[\x{e2}\x5c]").unwrap();
        assert_eq!((pattern.written.as_str(), pattern.bytes.as_str()), (r"[\x{e2}\x5c]", r"[\xe2\x5c]"));
    }
}
