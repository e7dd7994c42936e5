//! XML: its text and its attributes. No entity is expanded, and no document type is taken (XXE, billion laughs).

use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::Xml;

/// How deep elements may be.
const DEPTH: usize = 256;

/// What a document says.
///
/// # Errors
/// Why it is none, or more than is read.
pub(super) fn read(body: &[u8]) -> Result<Xml, String> {
    let text = std::str::from_utf8(body).map_err(|_| "XML: not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut xml = Xml::default();
    let mut content = Vec::new();
    let (mut depth, mut elements) = (0usize, 0usize);
    loop {
        match reader.read_event().map_err(|error| format!("XML: {error}"))? {
            Event::Start(start) => {
                depth += 1;
                elements += 1;
                if depth > DEPTH {
                    return Err(format!("XML: deeper than {DEPTH}"));
                }
                attributes(&start, &mut xml)?;
            }
            Event::Empty(empty) => {
                elements += 1;
                attributes(&empty, &mut xml)?;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) if depth > 0 => content.extend_from_slice(text.as_bytes()),
            Event::CData(text) if depth > 0 => content.extend_from_slice(text.as_bytes()),
            Event::GeneralRef(name) if depth > 0 => {
                let written = name.to_string();
                let meant = unescape(&format!("&{written};")).map(|text| text.into_owned());
                content.extend(
                    meant.map_err(|_| format!("XML: the entity `{written}` is not expanded"))?.into_bytes(),
                );
            }
            Event::DocType(_) => return Err("XML: a document type is not taken".to_owned()),
            Event::Eof if depth > 0 => return Err("XML: an element is not closed".to_owned()),
            Event::Eof => break,
            Event::Text(text) if !text.trim().is_empty() => {
                return Err("XML: text outside of the root".to_owned());
            }
            Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_) => {}
        }
    }
    if elements == 0 {
        return Err("XML: no element".to_owned());
    }
    xml.texts.push(content);
    Ok(xml)
}

fn attributes(start: &quick_xml::events::BytesStart<'_>, xml: &mut Xml) -> Result<(), String> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("XML: {error}"))?;
        let meant = unescape(&attribute.value)
            .map_err(|_| "XML: an entity in an attribute is not expanded".to_owned())?;
        xml.attributes.push(meant.into_owned().into_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_are_seen() {
        let xml = read(
            br#"<?xml version="1.0"?><a x="1 &lt; 2"><b>one</b><![CDATA[<two>]]>&amp;&#65;<!-- no --></a>"#,
        )
        .unwrap();
        assert_eq!(xml.attributes, [b"1 < 2".to_vec()]);
        assert_eq!(xml.texts, [b"one<two>&A".to_vec()]);
    }

    #[test]
    fn entities_and_document_types_are_errors() {
        for bad in [
            "",
            "text",
            "<a>",
            "<a>&own;</a>",
            "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>",
            "<a x=\"&own;\"/>",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = format!("{}{}", "<a>".repeat(DEPTH + 1), "</a>".repeat(DEPTH + 1));
        assert!(read(deep.as_bytes()).is_err());
    }
}
