//! The id by which a refusal, or any request, can be looked up later.

use std::fmt;

use uuid::Uuid;

use crate::time::Timestamp;

/// Correlation id of one request: a UUID version 7 that the gateway makes itself (RFC 9562 §5.7).
///
/// It goes into the `x-request-id` response header, the problem document's `instance`, and the audit
/// event. A client's own id is recorded beside it and never used in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiptId(Uuid);

impl ReceiptId {
    /// An id for a request that arrived at `at`, made unguessable by ten random bytes.
    #[must_use]
    pub fn new(at: Timestamp, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at.as_millis(), random).into_uuid())
    }

    /// Reads an id as [`fmt::Display`] prints it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// Its 16 bytes, of which the last eight are random but for two bits that are never zero together.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Writes the id's 36 characters into `buffer`, without allocation.
    #[must_use]
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; 36];
        f.write_str(self.encode(&mut buffer))
    }
}

impl fmt::Debug for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_id_reads_back() {
        let id = ReceiptId::new(Timestamp::from_seconds(1_764_000_000), &[7; 10]);
        assert_eq!(ReceiptId::parse(&id.to_string()), Some(id));
    }
}
