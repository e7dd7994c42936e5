//! What is done to a value before it is looked at.
//!
//! In: bytes. Out: bytes; the same ones, not copied, where there is nothing to do. The meaning of each is that of
//! ModSecurity's reference manual; where the manual leaves something open, what its two engines do decides, and the tests
//! of the Core Rule Set. Nothing here fails: what is malformed stays as it is, as an attacker would have it stay.

mod css;
mod decode;
mod encode;
mod escapes;
mod html;
mod path;
mod space;
mod url;
mod utf8;

use std::borrow::Cow;

use crate::seclang::transformation::Transformation;

/// Applies one transformation.
#[must_use]
pub fn apply(transformation: Transformation, value: &[u8]) -> Cow<'_, [u8]> {
    use Transformation as T;
    match transformation {
        T::Base64Decode => decode::base64(value).into(),
        T::Base64DecodeExt => decode::base64_anywhere(value).into(),
        T::Base64Encode => encode::base64(value).into(),
        T::CmdLine => space::command_line(value).into(),
        T::CompressWhitespace => space::compressed(value),
        T::CssDecode => css::decode(value),
        T::EscapeSeqDecode => escapes::decode(value),
        T::HexDecode => decode::hex(value).into(),
        T::HexEncode => encode::hex(value).into(),
        T::HtmlEntityDecode => html::decode(value),
        T::JsDecode => escapes::decode_javascript(value),
        T::Length => value.len().to_string().into_bytes().into(),
        T::Lowercase => cased(value, u8::is_ascii_uppercase, <[u8]>::to_ascii_lowercase),
        T::NormalizePath => path::normalized(value, path::Separators::Slash),
        T::NormalizePathWin => path::normalized(value, path::Separators::SlashAndBackslash),
        T::RemoveComments => space::without_comments(value),
        T::RemoveCommentsChar => space::without_comment_marks(value),
        T::RemoveNulls => without(value, |byte| byte == 0),
        T::RemoveWhitespace => without(value, space::is_blank),
        T::ReplaceComments => space::comments_as_blanks(value),
        T::ReplaceNulls => replaced(value, 0, b' '),
        T::Sha1 => encode::sha1(value).into(),
        T::Trim => Cow::Borrowed(space::trimmed_start(space::trimmed_end(value))),
        T::TrimLeft => Cow::Borrowed(space::trimmed_start(value)),
        T::TrimRight => Cow::Borrowed(space::trimmed_end(value)),
        T::Uppercase => cased(value, u8::is_ascii_lowercase, <[u8]>::to_ascii_uppercase),
        T::UrlDecode => url::decode(value),
        T::UrlDecodeUni => url::decode_with_unicode(value),
        T::UrlEncode => url::encode(value).into(),
        T::Utf8ToUnicode => utf8::to_unicode(value),
    }
}

fn cased<'v>(value: &'v [u8], is_other: fn(&u8) -> bool, cased: fn(&[u8]) -> Vec<u8>) -> Cow<'v, [u8]> {
    match value.iter().any(is_other) {
        true => cased(value).into(),
        false => value.into(),
    }
}

fn without(value: &[u8], is_gone: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    match value.iter().any(|byte| is_gone(*byte)) {
        true => value.iter().copied().filter(|byte| !is_gone(*byte)).collect::<Vec<u8>>().into(),
        false => value.into(),
    }
}

fn replaced(value: &[u8], from: u8, to: u8) -> Cow<'_, [u8]> {
    match value.contains(&from) {
        true => value.iter().map(|byte| if *byte == from { to } else { *byte }).collect::<Vec<u8>>().into(),
        false => value.into(),
    }
}

/// The number that a hexadecimal digit stands for.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that two hexadecimal digits stand for.
fn byte(high: u8, low: u8) -> Option<u8> {
    Some(digit(high)? << 4 | digit(low)?)
}

/// The byte that four hexadecimal digits stand for: the lower half, and the ASCII character for one of full width.
fn narrow(digits: &[u8]) -> Option<u8> {
    let [a, b, c, d] = *digits else { return None };
    let (high, low) = (byte(a, b)?, byte(c, d)?);
    Some(match (high, low) {
        (0xff, 0x01..=0x5e) => low + 0x20,
        _ => low,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(name: &str, cases: &[(&[u8], &[u8])]) {
        let transformation =
            Transformation::ALL.iter().find(|known| known.name() == name).copied().expect("a transformation");
        for (value, expected) in cases {
            let found = apply(transformation, value);
            assert_eq!(
                String::from_utf8_lossy(&found),
                String::from_utf8_lossy(expected),
                "{name} of {:?}",
                String::from_utf8_lossy(value)
            );
        }
    }

    #[test]
    fn each_does_what_the_manual_says() {
        check(
            "base64Decode",
            &[(b"VGVzdA==", b"Test"), (b"VGVzdA", b"Test"), (b"VGVz dA==", b"Tes"), (b"", b"")],
        );
        check("base64DecodeExt", &[(b"P.HNjcmlwd.D4=", b"<script>")]);
        check("base64Encode", &[(b"Test", b"VGVzdA==")]);
        check(
            "cmdLine",
            &[
                (b"C^OMMAND /C DIR", b"command/c dir"),
                (b"\"command\" ,; x", b"command x"),
                (b"net   (user)", b"net(user)"),
                (b"", b""),
            ],
        );
        check("compressWhitespace", &[(b"a  b\t\n\x0bc", b"a b c"), (b"abc", b"abc")]);
        check(
            "cssDecode",
            &[
                (b"ja\\vascript", b"javascript"),
                (b"\\6aavascript", b"\xaavascript"),
                (b"\\6a avascript", b"javascript"),
                (b"\\00006aavascript", b"javascript"),
                (b"\\ff41\\\n\\x", b"ax"),
                (b"end\\", b"end"),
            ],
        );
        check(
            "escapeSeqDecode",
            &[(b"\\a\\n\\x41\\101\\\\", b"\x07\nAA\\"), (b"\\q\\x4", b"qx4"), (b"\\", b"\\")],
        );
        check("hexDecode", &[(b"54657374", b"Test")]);
        check("hexEncode", &[(b"Test\xff", b"54657374ff")]);
        check(
            "htmlEntityDecode",
            &[
                (b"&lt;a&gt;&quot;&amp;&#65;&#x41;&#X41", b"<a>\"&AAA"),
                (b"&nbsp;&LT", b"\xa0<"),
                (b"&foo;&#;&#x;&", b"&foo;&#;&#x;&"),
            ],
        );
        check(
            "jsDecode",
            &[
                (b"\\u0061\\x62\\143\\n\\'\\q", b"abc\n'q"),
                (b"\\uff1cscript\\uFF1E", b"<script>"),
                (b"\\477", b"'7"),
                (b"a\\", b"a\\"),
            ],
        );
        check("length", &[(b"", b"0"), (b"12345", b"5")]);
        check("lowercase", &[("ÄBC".as_bytes(), "Äbc".as_bytes())]);
        check(
            "normalizePath",
            &[
                (b"/a//b/./c/../d", b"/a/b/d"),
                (b"/../../etc/passwd", b"/etc/passwd"),
                (b"a/../../b", b"../b"),
                (b"/a/b/..", b"/a"),
                (b"/a/..", b"/"),
                (b"dir/", b"dir/"),
                (b"", b""),
                (b"./x", b"x"),
                (b"a\\b", b"a\\b"),
            ],
        );
        check("normalizePathWin", &[(b"\\a\\..\\b", b"/b")]);
        check("removeComments", &[(b"a/*b*/c--d\n", b"ac"), (b"x<!--y-->z", b"xz")]);
        check("removeCommentsChar", &[(b"a/*b*/c--d#e<!--f-->", b"abcdef")]);
        check("removeNulls", &[(b"a\0b", b"ab")]);
        check("removeWhitespace", &[(b" a\t\n\xa0b ", b"ab")]);
        check("replaceComments", &[(b"a/*b*/c", b"a c"), (b"a/*b", b"a "), (b"a*/b", b"a*/b")]);
        check("replaceNulls", &[(b"a\0b", b"a b")]);
        check("trim", &[(b" \ta b\n", b"a b")]);
        check("urlDecode", &[(b"a%20b+c%zz%4", b"a b c%zz%4")]);
        check(
            "urlDecodeUni",
            &[(b"%u0041%uff1c%20+", b"A<  "), (b"%u00zz%u", b"%u00zz%u"), (b"%41%zz%u004", b"A%zz%u004")],
        );
        check("urlEncode", &[(b"a b/*", b"a+b%2f*")]);
        check(
            "utf8toUnicode",
            &[
                ("aé€😀".as_bytes(), b"a%u00e9%u20ac%u1f600"),
                (b"\xc0\xaf", b"%u002f"),
                (b"\xff\xc3", b"\xff\xc3"),
            ],
        );
        check(
            "sha1",
            &[(b"", b"\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09")],
        );
    }

    proptest! {
        #[test]
        fn plain_words_stay_as_they_are(value in "[a-z]{0,40}") {
            use Transformation as T;
            let changes = [T::Base64Decode, T::Base64DecodeExt, T::Base64Encode, T::HexDecode, T::HexEncode, T::Length,
                T::Sha1, T::Uppercase];
            for transformation in Transformation::ALL.iter().filter(|known| !changes.contains(known)) {
                prop_assert_eq!(&*apply(*transformation, value.as_bytes()), value.as_bytes(), "{:?}", transformation);
            }
        }

        #[test]
        fn any_bytes_are_taken(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            for transformation in Transformation::ALL {
                let _ = apply(*transformation, &value);
            }
        }
    }
}
