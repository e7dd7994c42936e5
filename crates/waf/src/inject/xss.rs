//! Whether markup would be injected: what a browser would run, or would load.
//!
//! In: a value. Out: yes or no. The value is read as if it landed between tags, within a tag, and within each kind of
//! quoted value; in each place it is looked for tags, attributes, addresses and comments that bring code. The lists are
//! those of libinjection, whose verdicts are the measure.

use super::events::EVENTS;
use super::html::{Context, Token, Tokens};

/// Every place in which a value may land.
const CONTEXTS: [Context; 5] =
    [Context::Text, Context::Tag, Context::Value(b'\''), Context::Value(b'"'), Context::Value(b'`')];

/// Tags that bring code, or change what addresses mean.
const TAGS: [&[u8]; 20] = [
    b"applet",
    b"base",
    b"comment",
    b"embed",
    b"frame",
    b"frameset",
    b"handler",
    b"iframe",
    b"import",
    b"isindex",
    b"link",
    b"listener",
    b"meta",
    b"noscript",
    b"object",
    b"script",
    b"style",
    b"vmlframe",
    b"xml",
    b"xss",
];

/// What an attribute makes of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    /// Nothing to fear.
    Plain,
    /// It runs it, or is wrong to have at all.
    Code,
    /// It follows it.
    Address,
    /// It is the name of another attribute.
    Name,
}

const ATTRIBUTES: [(&[u8], Attribute); 20] = [
    (b"action", Attribute::Address),
    (b"attributename", Attribute::Name),
    (b"by", Attribute::Address),
    (b"background", Attribute::Address),
    (b"dataformatas", Attribute::Code),
    (b"datasrc", Attribute::Code),
    (b"dynsrc", Attribute::Address),
    (b"filter", Attribute::Code),
    (b"formaction", Attribute::Address),
    (b"folder", Attribute::Address),
    (b"from", Attribute::Address),
    (b"handler", Attribute::Address),
    (b"href", Attribute::Address),
    (b"lowsrc", Attribute::Address),
    (b"poster", Attribute::Address),
    (b"src", Attribute::Address),
    (b"style", Attribute::Code),
    (b"to", Attribute::Address),
    (b"values", Attribute::Address),
    (b"xlink:href", Attribute::Address),
];

/// Addresses that are code.
const SCHEMES: [&[u8]; 4] = [b"data", b"view-source", b"vbscript", b"java"];

/// Whether markup would be injected.
pub(super) fn is_xss(value: &[u8]) -> bool {
    CONTEXTS.iter().any(|context| runs(Tokens::new(value, *context)))
}

fn runs(tokens: Tokens<'_>) -> bool {
    let mut attribute = Attribute::Plain;
    for token in tokens {
        let is_found = match token {
            Token::Other => false,
            Token::DocumentType => true,
            Token::Tag(name) => is_code_tag(name),
            Token::Attribute(name) => {
                attribute = kind(name);
                continue;
            }
            Token::Value(value) => match attribute {
                Attribute::Plain => false,
                Attribute::Code => true,
                Attribute::Address => is_code_address(value),
                Attribute::Name => kind(value) != Attribute::Plain,
            },
            Token::Comment(text) => is_code_comment(text),
        };
        if is_found {
            return true;
        }
        attribute = Attribute::Plain;
    }
    false
}

fn is_code_tag(name: &[u8]) -> bool {
    if name.len() < 3 {
        return false;
    }
    let is_family = |family: &[u8]| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(family));
    TAGS.iter().any(|tag| is_named(name, tag)) || is_family(b"svg") || is_family(b"xsl")
}

fn kind(name: &[u8]) -> Attribute {
    if name.len() < 2 {
        return Attribute::Plain;
    }
    if name.len() >= 5 {
        let begins =
            |start: &[u8]| name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
        // Namespaces bring tags of their own.
        if is_handler(name) || begins(b"xmlns") || begins(b"xlink") {
            return Attribute::Code;
        }
    }
    ATTRIBUTES.iter().find(|(known, _)| is_named(name, known)).map_or(Attribute::Plain, |(_, kind)| *kind)
}

/// Whether an attribute handles an event.
fn is_handler(name: &[u8]) -> bool {
    let [b'o' | b'O', b'n' | b'N', event @ ..] = name else { return false };
    let event = event.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase);
    EVENTS.binary_search_by(|known| known.bytes().cmp(event.clone())).is_ok()
}

/// Whether a name is this one, in any case, without its NUL bytes.
fn is_named(name: &[u8], known: &[u8]) -> bool {
    let mut letters = name.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase);
    known.iter().all(|letter| letters.next() == Some(*letter)) && letters.next().is_none()
}

/// Conditional comments, and what old browsers took for declarations of XML.
fn is_code_comment(text: &[u8]) -> bool {
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    text.contains(&b'`')
        || text.len() > 3 && (begins(b"[if") || begins(b"xml"))
        || text.len() > 5 && (begins(b"import") || begins(b"entity"))
}

fn is_code_address(value: &[u8]) -> bool {
    let start = value.iter().position(|byte| (33..127).contains(byte)).unwrap_or(value.len());
    let value = value.get(start..).unwrap_or_default();
    SCHEMES.iter().any(|scheme| begins_with(value, scheme))
}

/// Whether a value, with its character references resolved, begins with a scheme, whatever line breaks stand between.
fn begins_with(mut value: &[u8], scheme: &[u8]) -> bool {
    let mut letters = scheme.iter();
    let mut wanted = letters.next();
    let mut is_first = true;
    while !value.is_empty() {
        let Some(letter) = wanted else { return true };
        let (character, length) = character(value);
        value = value.get(length..).unwrap_or_default();
        if is_first && character <= 32 || character == 0 || character == 10 {
            continue;
        }
        is_first = false;
        if u32::from(*letter) != lower(character) {
            return false;
        }
        wanted = letters.next();
    }
    wanted.is_none()
}

fn lower(character: u32) -> u32 {
    match character {
        0x41..=0x5a => character + 32,
        other => other,
    }
}

/// The first character, a numeric reference resolved, and how many bytes it takes.
fn character(value: &[u8]) -> (u32, usize) {
    let plain = (value.first().copied().map_or(0, u32::from), 1);
    let (digits, base, start) = match value {
        [b'&', b'#', b'x' | b'X', digits @ ..] => (digits, 16, 3),
        [b'&', b'#', digits @ ..] => (digits, 10, 2),
        _ => return plain,
    };
    let mut code = 0u32;
    let mut count = 0;
    for byte in digits {
        let Some(digit) = char::from(*byte).to_digit(base) else { break };
        code = code * base + digit;
        if code > 0x10_00ff {
            return plain;
        }
        count += 1;
    }
    match count {
        0 => plain,
        count => (code, start + count + usize::from(digits.get(count) == Some(&b';'))),
    }
}
