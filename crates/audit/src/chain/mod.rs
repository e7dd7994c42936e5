//! A record whose edits, deletions, swaps and cuts show (AUD-10).
//!
//! In: finished lines. Out: the same lines, each with a running number and a hash over itself and all
//! before it. Called by the writer thread, never on the request path; read back by [`verify`].
//!
//! ```text
//! {"time":…,"seq":41,"chain":"5c…"}
//! {"time":…,"seq":42,"chain":"a0…"}      a0… = SHA-256(5c… as 32 bytes ‖ {"time":…,"seq":42)
//! ```
//!
//! The first line of a file names the hash it goes on from, so a rotated file proves that nothing lies
//! between it and the one before. The head, the last number and hash, is kept in a file beside it: a tail
//! that was cut is missed there. What a hash chain cannot do is stop one who may write both files from
//! making a new chain; see decision 0006 for what does.

mod anchors;
mod head;
mod signature;
mod verify;

pub(crate) use anchors::Anchors;
pub use anchors::{Anchor, read_anchors};
pub use head::Head;
pub(crate) use head::HeadFile;
pub use signature::{NotAKey, PublicKey, Signer};
pub use verify::{Against, Break, BreakKind, Ending, Summary, Verification, verify};
pub(crate) use verify::{LONGEST_LINE, last_record, sequence_of};

use aws_lc_rs::digest;

use crate::line::push_number;

/// A SHA-256 value.
pub(crate) type Hash = [u8; 32];

const SEQUENCE: &[u8] = b",\"seq\":";
const CHAIN: &[u8] = b",\"chain\":\"";
const END: &[u8] = b"\"}\n";

/// Where a chain stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// The number of the last line; zero before the first.
    sequence: u64,
    /// The hash of the last line; zeros before the first.
    hash: Hash,
    scratch: Vec<u8>,
}

impl Chain {
    pub(crate) fn after(head: Head) -> Self {
        Self { sequence: head.sequence, hash: head.hash, scratch: Vec::new() }
    }

    pub(crate) fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash }
    }

    /// Appends `line`, which ends in `}` and a line break, to `sealed`, as the next link.
    pub(crate) fn seal(&mut self, line: &[u8], sealed: &mut Vec<u8>) {
        self.sequence += 1;
        let start = sealed.len();
        sealed.extend_from_slice(line.strip_suffix(b"}\n").unwrap_or(line));
        sealed.extend_from_slice(SEQUENCE);
        push_number(sealed, self.sequence);
        self.hash = link(&self.hash, sealed.get(start..).unwrap_or_default(), &mut self.scratch);
        sealed.extend_from_slice(CHAIN);
        push_hex(sealed, &self.hash);
        sealed.extend_from_slice(END);
    }
}

/// SHA-256 over the hash before and the line's text. One call over one buffer: cheaper than a context.
fn link(previous: &Hash, body: &[u8], scratch: &mut Vec<u8>) -> Hash {
    scratch.clear();
    scratch.extend_from_slice(previous);
    scratch.extend_from_slice(body);
    let mut hash = Hash::default();
    let digest = digest::digest(&digest::SHA256, scratch);
    // SHA-256 has 32 bytes.
    hash.iter_mut().zip(digest.as_ref()).for_each(|(place, byte)| *place = *byte);
    hash
}

fn push_hex(buffer: &mut Vec<u8>, hash: &Hash) {
    let mut text = [0; 64];
    // 32 bytes fill 64 digits.
    let _ = hex::encode_to_slice(hash, &mut text);
    buffer.extend_from_slice(&text);
}

/// 64 lower-case digits. Upper case would be a second spelling of the same record, so it is not read.
fn read_hex(text: &[u8]) -> Option<Hash> {
    let mut hash = Hash::default();
    let is_lower = !text.iter().any(u8::is_ascii_uppercase);
    (is_lower && hex::decode_to_slice(text, &mut hash).is_ok()).then_some(hash)
}
