//! Base64 and hexadecimal, read as far as they go.

/// From Base64 up to the first byte that is none; padding may be missing.
pub(super) fn base64(value: &[u8]) -> Vec<u8> {
    bits(value.iter().map_while(|byte| sextet(*byte)))
}

/// From Base64, over bytes that are none.
pub(super) fn base64_anywhere(value: &[u8]) -> Vec<u8> {
    bits(value.iter().take_while(|byte| **byte != b'=').filter_map(|byte| sextet(*byte)))
}

/// Six bits each, as bytes; what is left over is dropped.
fn bits(sextets: impl Iterator<Item = u8>) -> Vec<u8> {
    let (mut held, mut count) = (0u32, 0u32);
    let mut bytes = Vec::new();
    for sextet in sextets {
        held = held << 6 | u32::from(sextet);
        count += 6;
        if count >= 8 {
            count -= 8;
            // The upper bits were handed out before.
            bytes.push((held >> count) as u8);
        }
    }
    bytes
}

const fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// From hexadecimal, pair by pair; a digit that is none counts as zero, and one left over is dropped.
pub(super) fn hex(value: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| super::digit(*byte).unwrap_or_default();
    value.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, next| byte << 4 | digit(next))).collect()
}
