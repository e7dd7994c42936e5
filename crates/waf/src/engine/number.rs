//! Texts as numbers.

/// The number at the beginning of a text, as C's `atoi` has it: blanks, a sign, digits; 0 without any.
pub(super) fn leading(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let number =
        digits.fold(0i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if is_negative { -number } else { number }
}

#[cfg(test)]
mod tests {
    use super::leading;

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        let cases: [(&[u8], i64); 6] = [
            (b"12", 12),
            (b" -3x", -3),
            (b"", 0),
            (b"x1", 0),
            (b"+7", 7),
            (b"99999999999999999999", i64::MAX),
        ];
        for (text, number) in cases {
            assert_eq!(leading(text), number);
        }
    }
}
