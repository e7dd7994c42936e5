//! What must hold of the guard for any bytes, however they arrive.

use portcullis_domain::Reason;
use portcullis_message::{Bounds, FramingGuard, GuardState, Inspection};
use proptest::prelude::*;

use crate::{reference, streams};

/// Shows `stream` to a guard in pieces that end at `cuts`; the sum of what it released, and where it
/// came to the end of a message.
pub(crate) fn inspect_in_pieces(stream: &[u8], cuts: &[usize], bounds: Bounds) -> (Inspection, Vec<usize>) {
    let mut guard = FramingGuard::new(bounds);
    let mut released = 0;
    let mut refusal = None;
    let mut ends = Vec::new();
    for cut in cuts.iter().copied().chain([stream.len()]) {
        if cut < released || refusal.is_some() {
            continue;
        }
        let inspection = guard.inspect(&stream[released..cut]);
        released += inspection.released;
        refusal = inspection.refusal;
        if inspection.released > 0 && guard.state() == GuardState::Idle {
            ends.push(released);
        }
    }
    (Inspection { released, refusal }, ends)
}

fn inspect_whole(stream: &[u8], bounds: Bounds) -> Inspection {
    FramingGuard::new(bounds).inspect(stream)
}

fn small_bounds() -> Bounds {
    Bounds { target: 10, method: 5, head: 90, line: 30, fields: 4, chunk_extension: 6, trailer: 16 }
}

/// The reading of whatever the guard releases, which must be the guard's own reading.
#[track_caller]
pub(crate) fn check_against_reference(stream: &[u8]) -> reference::Reading {
    let every_byte: Vec<usize> = (0..stream.len()).collect();
    let (inspection, ends) = inspect_in_pieces(stream, &every_byte, Bounds::default());
    let reading = reference::read(&stream[..inspection.released]);
    let reference_ends: Vec<usize> = reading.messages.iter().map(|message| message.end).collect();
    assert_eq!(ends, reference_ends, "{:?}", String::from_utf8_lossy(stream));
    for message in reading.messages.iter().chain(&reading.unfinished) {
        check_reads_one_way(message);
    }
    reading
}

/// hyper's own types take every part, and nothing about the message's length is left to choose.
#[track_caller]
fn check_reads_one_way(message: &reference::Message) {
    http::Method::from_bytes(message.method.as_bytes()).unwrap();
    message.target.parse::<http::Uri>().unwrap_or_else(|error| panic!("{}: {error}", message.target));
    for (name, value) in message.headers.iter().chain(&message.trailers) {
        http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        http::HeaderValue::from_bytes(value).unwrap();
    }
    let codings = message.values("transfer-encoding");
    let lengths = message.values("content-length");
    assert!(codings.len() + lengths.len() <= 1, "{message:?}");
    assert!(codings.iter().all(|coding| coding.eq_ignore_ascii_case(b"chunked")), "{message:?}");
    assert!(lengths.iter().all(|length| length.iter().all(u8::is_ascii_digit)), "{message:?}");
    assert!(message.values("host").len() == 1 || message.minor_version == 0, "{message:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn well_formed_streams_pass_whole(stream in streams::well_formed()) {
        let inspection = inspect_whole(&stream, Bounds::default());
        prop_assert_eq!(inspection, Inspection { released: stream.len(), refusal: None });
    }

    #[test]
    fn how_bytes_are_split_changes_nothing(
        stream in streams::nearly_well_formed(),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        is_small in any::<bool>(),
    ) {
        let bounds = if is_small { small_bounds() } else { Bounds::default() };
        let whole = inspect_whole(&stream, bounds);
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(inspect_in_pieces(&stream, &cuts, bounds).0, whole);
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(inspect_in_pieces(&stream, &every_byte, bounds).0, whole);
    }

    #[test]
    fn another_reader_sees_the_same_messages(stream in streams::nearly_well_formed()) {
        check_against_reference(&stream);
    }

    #[test]
    fn any_bytes_end_in_an_answer(stream in prop::collection::vec(any::<u8>(), 0..200)) {
        check_against_reference(&stream);
    }
}

#[test]
fn a_slow_sender_costs_no_more_than_a_fast_one() {
    // A head of 30 KiB and a line of 15 KiB, byte by byte: with rescanning this would take minutes.
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: {}\r\nX-B: {}\r\n\r\n",
        "a".repeat(15_000),
        "b".repeat(15_000)
    );
    let every_byte: Vec<usize> = (0..head.len()).collect();
    let (inspection, ends) = inspect_in_pieces(head.as_bytes(), &every_byte, Bounds::default());
    assert_eq!((inspection.released, ends), (head.len(), vec![head.len()]));
}

#[test]
fn the_reference_would_notice_a_lenient_guard() {
    // The reader that the guard is compared with takes bare line feeds, so it cannot be the guard's copy.
    let lenient = reference::read(b"GET / HTTP/1.1\nHost: a\n\n");
    assert_eq!(lenient.messages.len(), 1);
    assert_eq!(
        inspect_whole(b"GET / HTTP/1.1\nHost: a\n\n", Bounds::default()).refusal,
        Some(Reason::LineEndingMalformed)
    );
}
