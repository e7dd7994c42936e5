//! The framing guard: any bytes, split in any way, against another reader of the same bytes.

#![no_main]

#[path = "../../crates/message/tests/it/reference.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use portcullis_message::{Bounds, FramingGuard, GuardState, Inspection};

fuzz_target!(|stream: &[u8]| {
    let whole = FramingGuard::new(Bounds::default()).inspect(stream);
    let (in_pieces, _) = inspect(stream, pieces(stream));
    assert_eq!(in_pieces, whole, "how bytes are split changed the answer");
    let (byte_by_byte, ends) = inspect(stream, 0..stream.len());
    assert_eq!(byte_by_byte, whole, "byte by byte changed the answer");

    let reading = reference::read(&stream[..whole.released]);
    let reference_ends: Vec<usize> = reading.messages.iter().map(|message| message.end).collect();
    assert_eq!(ends, reference_ends, "the readers disagree about where messages end");
    for message in reading.messages.iter().chain(&reading.unfinished) {
        http::Method::from_bytes(message.method.as_bytes()).expect("hyper takes the method");
        message.target.parse::<http::Uri>().expect("hyper takes the target");
        for (name, value) in message.headers.iter().chain(&message.trailers) {
            http::HeaderName::from_bytes(name.as_bytes()).expect("hyper takes the name");
            http::HeaderValue::from_bytes(value).expect("hyper takes the value");
        }
        let lengths = message.values("content-length").len() + message.values("transfer-encoding").len();
        assert!(lengths <= 1, "the length is left to choose");
        assert!(message.values("host").len() == 1 || message.minor_version == 0, "one host");
    }
});

fn inspect(stream: &[u8], cuts: impl Iterator<Item = usize>) -> (Inspection, Vec<usize>) {
    let mut guard = FramingGuard::new(Bounds::default());
    let mut sum = Inspection { released: 0, refusal: None };
    let mut ends = Vec::new();
    for cut in cuts.chain([stream.len()]) {
        if cut < sum.released || sum.refusal.is_some() {
            continue;
        }
        let inspection = guard.inspect(&stream[sum.released..cut]);
        sum.released += inspection.released;
        sum.refusal = inspection.refusal;
        if inspection.released > 0 && guard.state() == GuardState::Idle {
            ends.push(sum.released);
        }
    }
    (sum, ends)
}

/// Cuts that depend on the input, so that the fuzzer tries other ones with each change.
fn pieces(stream: &[u8]) -> impl Iterator<Item = usize> {
    let mut state = stream.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let length = stream.len();
    let mut at = 0;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        at += usize::try_from(state >> 60).unwrap_or_default() + 1;
        (at < length).then_some(at)
    })
}
