//! Where a request stands in a distributed trace.
//!
//! In: `traceparent` and `tracestate` as a client or a proxy sent them. Out: a [`TraceParent`], or nothing if they say
//! nothing that can be relied on. Whether it is believed is for the gateway. W3C Trace Context, level 2; unlike most
//! fields here, a malformed one is no reason to refuse: the trace begins anew (§3.2.2, "restart the trace").

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The field that names the trace, and the caller's place in it.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What the vendors on the way have added.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Most characters that are handed on of `tracestate`: as many as every hop has to keep (§3.3.1.5).
const STATE: usize = 512;
/// Most members of `tracestate` (§3.3.1.1).
const MEMBERS: usize = 32;
/// Most characters of a key or of a value (§3.3.1.3).
const PART: usize = 256;

/// A trace. Not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

/// One step of a trace. Not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

/// Whether the steps of a trace are kept somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// They are.
    Recorded,
    /// They are not, as far as is known.
    Unrecorded,
}

/// Whether the last seven bytes of a trace's id are random, as far as is known (§3.2.2.3.2 of level 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Randomness {
    /// They are.
    Random,
    /// Nobody has said so.
    Unknown,
}

/// A place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The step that calls.
    pub span: SpanId,
    /// Whether its steps are kept.
    pub sampling: Sampling,
    /// Whether its id is random.
    pub randomness: Randomness,
}

impl TraceId {
    /// An id of 16 bytes, of which the last seven are random; `None` if all are zero.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// The last seven bytes, by which it is decided what is kept (§5.3).
    #[must_use]
    pub const fn randomness(self) -> u64 {
        u128::from_be_bytes(self.0) as u64 & (u64::MAX >> 8)
    }
}

impl SpanId {
    /// An id of 8 bytes; `None` if all are zero.
    #[must_use]
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl TraceParent {
    /// What the one `traceparent` of a request says (§3.2).
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(TRACEPARENT).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else { return None };
        Self::parse(field.as_bytes())
    }

    fn parse(field: &[u8]) -> Option<Self> {
        let (version, rest) = hex::<1>(field)?;
        let (trace, rest) = hex::<16>(rest.strip_prefix(b"-")?)?;
        let (span, rest) = hex::<8>(rest.strip_prefix(b"-")?)?;
        let ([flags], rest) = hex::<1>(rest.strip_prefix(b"-")?)?;
        match (version, rest) {
            ([0xff], _) => return None,
            ([0], []) => {}
            // §3.2.4: later versions may say more, behind a hyphen.
            ([0], _) => return None,
            (_, [] | [b'-', ..]) => {}
            (_, _) => return None,
        }
        Some(Self {
            trace: TraceId::new(trace)?,
            span: SpanId::new(span)?,
            sampling: if flags & SAMPLED == 0 { Sampling::Unrecorded } else { Sampling::Recorded },
            randomness: if flags & RANDOM == 0 { Randomness::Unknown } else { Randomness::Random },
        })
    }

    /// The field, in version `00`.
    #[must_use]
    pub fn field(&self) -> HeaderValue {
        let sampled = if self.sampling == Sampling::Recorded { SAMPLED } else { 0 };
        let random = if self.randomness == Randomness::Random { RANDOM } else { 0 };
        let flags = sampled | random;
        let mut text = *b"00-tttttttttttttttttttttttttttttttt-ssssssssssssssss-ff";
        let (trace, span) = (self.trace.0.iter(), self.span.0.iter());
        let bytes = trace.chain(span).chain(std::iter::once(&flags));
        for (byte, at) in bytes.zip((3..35).chain(36..52).chain(53..55).step_by(2)) {
            if let Some([high, low]) = text.get_mut(at..at + 2) {
                (*high, *low) = (letter(byte >> 4), letter(byte & 0xf));
            }
        }
        // Digits, letters and hyphens always fit.
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

/// The hexadecimal digit of a number below 16.
const fn letter(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// Exactly `N` bytes in lower-case hexadecimal, and what follows them.
fn hex<const N: usize>(text: &[u8]) -> Option<([u8; N], &[u8])> {
    let (digits, rest) = text.split_at_checked(N.checked_mul(2)?)?;
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some((bytes, rest))
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Leaves of `tracestate` what may be handed on: nothing if it is malformed (§3.3.1), and no more than its first
/// members within 512 characters.
pub fn bound_state(headers: &mut HeaderMap) {
    let Some(first) = headers.get(TRACESTATE) else { return };
    let is_single = headers.get_all(TRACESTATE).iter().nth(1).is_none();
    let state = match is_single {
        true if first.len() <= STATE && is_state(first.as_bytes()) => return,
        _ => kept_state(headers),
    };
    match state {
        Some(state) => drop(headers.insert(TRACESTATE, state)),
        None => drop(headers.remove(TRACESTATE)),
    }
}

fn is_state(state: &[u8]) -> bool {
    members(state).count() <= MEMBERS && members(state).all(is_member)
}

fn kept_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut kept: Vec<u8> = Vec::new();
    let mut count = 0;
    let mut has_room = true;
    for member in headers.get_all(TRACESTATE).iter().flat_map(|field| members(field.as_bytes())) {
        count += 1;
        if count > MEMBERS || !is_member(member) {
            return None;
        }
        // Those on the right are the oldest: from the first that does not fit, all are left out.
        has_room &= kept.len() + usize::from(!kept.is_empty()) + member.len() <= STATE;
        if has_room {
            if !kept.is_empty() {
                kept.push(b',');
            }
            kept.extend_from_slice(member);
        }
    }
    HeaderValue::from_bytes(&kept).ok().filter(|value| !value.is_empty())
}

fn members(state: &[u8]) -> impl Iterator<Item = &[u8]> {
    state.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

fn is_member(member: &[u8]) -> bool {
    let mut parts = member.splitn(2, |byte| *byte == b'=');
    let (Some(key), Some(value)) = (parts.next(), parts.next()) else { return false };
    let is_key_character =
        |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let is_value_character = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=PART).contains(&key.len())
        && key.first().is_some_and(u8::is_ascii_alphanumeric)
        && key.iter().all(is_key_character)
        && (1..=PART).contains(&value.len())
        && value.iter().all(is_value_character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(fields: &[&str]) -> Option<TraceParent> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(TRACEPARENT, HeaderValue::from_str(field).unwrap());
        }
        TraceParent::read(&headers)
    }

    fn bounded(fields: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(TRACESTATE, HeaderValue::from_str(field).unwrap());
        }
        bound_state(&mut headers);
        assert!(headers.get_all(TRACESTATE).iter().count() <= 1);
        headers.get(TRACESTATE).map(|state| state.to_str().unwrap().to_owned())
    }

    // proves-part: AUD-16 (what is sent upstream is shown in the walk)
    #[test]
    fn what_is_no_place_in_a_trace_is_none() {
        let parent = read(&[VALID]).unwrap();
        assert_eq!(parent.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span.to_string(), "00f067aa0ba902b7");
        assert_eq!(parent.sampling, Sampling::Recorded);
        let later = format!("cc-{}-what-is-to-come", VALID.strip_prefix("00-").unwrap());
        assert_eq!(read(&[&later]).unwrap().trace, parent.trace);
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
        assert_eq!(read(&[VALID, VALID]), None, "two places are none");
    }

    #[test]
    fn a_state_is_handed_on_whole_in_part_or_not_at_all() {
        assert_eq!(
            bounded(&["congo=t61rcWkgMzE,rojo=00f067"]).as_deref(),
            Some("congo=t61rcWkgMzE,rojo=00f067")
        );
        assert_eq!(bounded(&["a=1", "b@vendor=2"]).as_deref(), Some("a=1,b@vendor=2"));
        for bad in ["A=1", "a", "a=", "=1", "a=b=c", "a=ü", "a=1,b"] {
            assert_eq!(bounded(&[bad]), None, "{bad}");
        }
        let long =
            |count: usize| (0..count).map(|at| format!("k{at}={}", "x".repeat(60))).collect::<Vec<_>>();
        let state = bounded(&[&long(20).join(",")]).unwrap();
        assert!(state.len() <= STATE && state.starts_with("k0=") && state.ends_with('x'));
        assert_eq!(state.split(',').count(), 8);
        let many = (0..33).map(|at| format!("k{at}=1")).collect::<Vec<_>>().join(",");
        assert_eq!(bounded(&[&many]), None);
    }

    proptest! {
        #[test]
        fn a_written_place_reads_back(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), is_sampled: bool, is_random: bool) {
            let (Some(trace), Some(span)) = (TraceId::new(trace), SpanId::new(span)) else { return Ok(()) };
            let sampling = if is_sampled { Sampling::Recorded } else { Sampling::Unrecorded };
            let randomness = if is_random { Randomness::Random } else { Randomness::Unknown };
            let parent = TraceParent { trace, span, sampling, randomness };
            prop_assert_eq!(TraceParent::parse(parent.field().as_bytes()), Some(parent));
        }

        #[test]
        fn any_field_is_read_or_left(field in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceParent::parse(&field);
            let _ = is_state(&field);
        }
    }
}
