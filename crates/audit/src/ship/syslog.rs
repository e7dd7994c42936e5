//! Recorded lines as messages of syslog (RFC 5424), for TLS (RFC 5425), TCP (RFC 6587 §3.4.1) and UDP (RFC 5426).
//!
//! The event, in whichever words, is the message's text. It is JSON on one line whose control characters are
//! escaped, so nobody can begin a message of his own in it; what stands before it is ours. Frames count octets: a
//! line break inside could not end them either.

use crate::format::Format;
use crate::line::Heading;

/// Most bytes of a datagram: RFC 5426 §3.1 lets receivers cut what is longer than they like.
const DATAGRAM: usize = 8 * 1024;
/// RFC 5424 §6.
const HOSTNAME: usize = 255;
const MSGID: usize = 32;

/// Which part of a system speaks (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// By its number, 0 to 23.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 23 { Some(Self(number)) } else { None }
    }
}

/// How messages are told apart on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Length, space, message: on streams.
    OctetCounting,
    /// One message, one datagram.
    Datagram,
}

/// Who speaks.
#[derive(Clone, Debug)]
pub struct SyslogNames {
    /// The facility.
    pub facility: Facility,
    /// The name of this machine or gateway.
    pub host: String,
}

/// Appends one recorded line as a message.
pub fn syslog_message(
    buffer: &mut Vec<u8>,
    line: &[u8],
    format: Format,
    names: &SyslogNames,
    framing: Framing,
) {
    let mut message = Vec::with_capacity(line.len() + 128);
    write_header(&mut message, &Heading::read(line), names);
    let words = format.word(line);
    match framing {
        Framing::OctetCounting => {
            message.extend_from_slice(&words);
            crate::line::push_number(buffer, message.len() as u64);
            buffer.push(b' ');
        }
        Framing::Datagram => {
            let room = DATAGRAM.saturating_sub(message.len());
            message.extend_from_slice(words.get(..words.len().min(room)).unwrap_or_default());
        }
    }
    buffer.extend_from_slice(&message);
}

/// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA SP`
fn write_header(message: &mut Vec<u8>, heading: &Heading<'_>, names: &SyslogNames) {
    let severity = match heading.level {
        "CRITICAL" => 2,
        "WARN" => 4,
        _ => 6,
    };
    message.push(b'<');
    crate::line::push_number(message, u64::from(names.facility.0) * 8 + severity);
    message.extend_from_slice(b">1 ");
    push_name(message, heading.time, 32);
    push_name(message, &names.host, HOSTNAME);
    message.extend_from_slice(b"portcullis - ");
    push_name(message, heading.event, MSGID);
    match heading.sequence {
        // RFC 5424 §7.3.1: it starts again after 2147483647.
        Some(sequence) => {
            message.extend_from_slice(b"[meta sequenceId=\"");
            crate::line::push_number(message, (sequence - 1) % 2_147_483_647 + 1);
            message.extend_from_slice(b"\"] ");
        }
        None => message.extend_from_slice(b"- "),
    }
}

/// PRINTUSASCII, at least one of them, and a space.
fn push_name(message: &mut Vec<u8>, name: &str, most: usize) {
    let start = message.len();
    message.extend(name.bytes().filter(u8::is_ascii_graphic).take(most));
    if message.len() == start {
        message.push(b'-');
    }
    message.push(b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"{\"time\":\"2025-11-24T06:38:00.123Z\",\"event\":\"authz_fail\",\"level\":\"CRITICAL\",\"note\":\"a\",\"seq\":7,\"chain\":\"0000000000000000000000000000000000000000000000000000000000000000\"}\n";

    fn names() -> SyslogNames {
        SyslogNames { facility: Facility::new(13).unwrap(), host: "edge 1".to_owned() }
    }

    fn message(line: &[u8], framing: Framing) -> String {
        let mut buffer = Vec::new();
        syslog_message(&mut buffer, line, Format::Portcullis, &names(), framing);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn a_message_has_the_parts_of_rfc_5424_and_counts_its_octets() {
        let text = message(LINE, Framing::OctetCounting);
        let (length, message) = text.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
        assert!(
            message.starts_with("<106>1 2025-11-24T06:38:00.123Z edge1 portcullis - authz_fail [meta sequenceId=\"7\"] {\"time\""),
            "{message}"
        );
        assert!(message.ends_with('}'));
    }

    #[test]
    fn a_datagram_is_bounded_and_has_no_frame() {
        let long = [&LINE[..LINE.len() - 2], b",\"x\":\"", &[b'x'; 20_000], b"\"}\n"].concat();
        let text = message(&long, Framing::Datagram);
        assert!(text.starts_with("<106>1 "));
        assert_eq!(text.len(), DATAGRAM);
    }

    #[test]
    fn what_is_no_record_still_makes_a_message() {
        assert!(message(b"{}\n", Framing::Datagram).starts_with("<110>1 - edge1 portcullis - - - {}"));
        let forged = b"{\"time\":\"] x\",\"event\":\"a b\x1b\",\"level\":\"WARN\"}\n";
        assert!(message(forged, Framing::Datagram).starts_with("<108>1 ]x edge1 portcullis - ab - {"));
    }

    #[test]
    fn facilities_end_at_twenty_three() {
        assert_eq!((Facility::new(23), Facility::new(24)), (Some(Facility(23)), None));
    }
}
