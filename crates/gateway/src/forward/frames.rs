//! Where the frames of a WebSocket end (RFC 6455 §5.2).
//!
//! In: the bytes of one direction, in pieces of any size. Out: whether the last frame is complete, and how
//! many bytes belong to it. Called by [`super::tunnel`], which may put in a frame of its own only between
//! two others. Looks at lengths alone: what the frames say is between the peers.

/// The place in a stream of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// The part of a frame's header that has come.
    header: [u8; LONGEST_HEADER],
    header_bytes: usize,
    /// Bytes of the payload that are still to come.
    payload_left: u64,
}

/// Two bytes, eight of length, four of masking key.
const LONGEST_HEADER: usize = 14;

impl Frames {
    /// Whether no frame is under way.
    pub(crate) const fn is_between(&self) -> bool {
        self.header_bytes == 0 && self.payload_left == 0
    }

    /// Goes past `bytes`.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.finish(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Goes past those of `bytes` that belong to the frame under way, or to the first one if none is, and
    /// tells how many they are.
    pub(crate) fn finish(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.payload_left == 0 {
            let Some(byte) = bytes.get(taken) else { return taken };
            taken += 1;
            if let Some(place) = self.header.get_mut(self.header_bytes) {
                *place = *byte;
            }
            self.header_bytes += 1;
            if self.header_bytes == self.header_length() {
                self.payload_left = self.payload_length();
                self.header_bytes = 0;
                if self.payload_left == 0 {
                    return taken;
                }
            }
        }
        let there = bytes.len().saturating_sub(taken);
        let payload = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(there);
        self.payload_left -= payload as u64;
        taken + payload
    }

    /// As far as it can be told: at least one more byte than there is while the second has not come.
    const fn header_length(&self) -> usize {
        let [_, second, ..] = self.header;
        if self.header_bytes < 2 {
            return 2;
        }
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        2 + extended + mask
    }

    const fn payload_length(&self) -> u64 {
        let [_, second, a, b, c, d, e, f, g, h, ..] = self.header;
        match second & 0x7F {
            126 => u16::from_be_bytes([a, b]) as u64,
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            short => short as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of `length` bytes, unmasked.
    fn frame(length: usize) -> Vec<u8> {
        let mut bytes = vec![0x82];
        match u16::try_from(length) {
            Ok(short) if short < 126 => bytes.push(u8::try_from(short).unwrap()),
            Ok(medium) => {
                bytes.push(126);
                bytes.extend(medium.to_be_bytes());
            }
            Err(_) => {
                bytes.push(127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.resize(bytes.len() + length, 0xFF);
        bytes
    }

    #[test]
    fn a_frame_ends_where_its_length_says_in_pieces_of_any_size() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let bytes = frame(length);
            for piece in [1, 3, 1000, bytes.len()] {
                let mut frames = Frames::default();
                for (index, chunk) in bytes.chunks(piece).enumerate() {
                    assert_eq!(frames.is_between(), index == 0, "{length} in pieces of {piece}");
                    frames.pass(chunk);
                }
                assert!(frames.is_between(), "{length} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_masked_frame_has_a_longer_header() {
        let mut frames = Frames::default();
        frames.pass(&[0x81, 0x82, 1, 2, 3, 4, 5]);
        assert!(!frames.is_between());
        frames.pass(&[6]);
        assert!(frames.is_between());
    }

    #[test]
    fn only_the_frame_under_way_is_finished() {
        let mut frames = Frames::default();
        let two = [frame(10), frame(300)].concat();
        frames.pass(&two[..4]);
        assert_eq!(frames.finish(&two[4..]), 8);
        assert!(frames.is_between());
        frames.pass(&two[12..]);
        assert!(frames.is_between());
    }
}
