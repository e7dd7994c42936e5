//! The HTTP/2 guard: any frames, split in any way, are handed on or refused in the same way.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_message::http2::{Passage, Then};
use portcullis_message::{Bounds, Http2Guard};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fuzz_target!(|input: &[u8]| {
    let Some((size, frames)) = input.split_first() else { return };
    let stream = [PREFACE, frames].concat();
    let whole = passed(&stream, stream.len());
    assert_eq!(passed(&stream, usize::from(*size) + 1), whole, "how bytes are split changed the answer");
});

/// What is handed on of a stream that arrives in pieces of this size.
fn passed(stream: &[u8], size: usize) -> Vec<u8> {
    let mut guard = Http2Guard::new(&Bounds::default());
    let (mut held, mut out) = (Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        held.extend_from_slice(piece);
        loop {
            let Passage { released, then } = guard.inspect(&held);
            out.extend(held.drain(..released));
            match then {
                Then::More => break,
                Then::Instead { length, by } => {
                    held.drain(..length);
                    out.extend(by);
                }
                Then::End(by) => {
                    out.extend(by);
                    return out;
                }
            }
        }
    }
    out
}
