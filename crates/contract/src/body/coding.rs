//! Content codings: bodies that come compressed (RFC 9110 §8.4, VAL-09).
//!
//! In: the Content-Encoding fields and bytes that were read whole. Out: the bytes behind the coding, within
//! the operation's bound, or a refusal. Called by [`crate::Operation`]. Which codings are listed, the
//! operator says; without a list there is none. What was judged is forwarded, so the gateway sends the
//! decoded bytes and no Content-Encoding (VAL-11). Not here: zstd, for which there is no decoder in the
//! tree that is not C.
//!
//! A few bytes can stand for gigabytes. What is written out never exceeds the bound, and never more than
//! `ratio` times what came in: memory and time are those of an honest body.

use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, HeaderMap};
use portcullis_domain::{Denial, Reason};
use smallvec::SmallVec;

/// How much is decoded between two looks at the bounds, in bytes.
const STEP: usize = 16 << 10;
/// What a body may grow to whatever the ratio: tiny bodies compress in leaps.
const ALWAYS: usize = 4 << 10;

/// A coding that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// RFC 1952; `x-gzip` is the same (RFC 9110 §8.4.1.3).
    Gzip,
    /// RFC 1950 around RFC 1951 (RFC 9110 §8.4.1.2).
    Deflate,
    /// RFC 7932.
    Brotli,
}

impl ContentCoding {
    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match name {
            _ if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            _ if is("deflate") => Some(Self::Deflate),
            _ if is("br") => Some(Self::Brotli),
            _ => None,
        }
    }

    /// The bytes behind `body`: at most `limit`, and at most `ratio` times as many.
    pub(crate) fn decode(self, body: &[u8], limit: usize, ratio: u32) -> Result<Vec<u8>, Denial> {
        let most = body.len().saturating_mul(ratio as usize).max(ALWAYS).min(limit);
        match self {
            Self::Gzip => {
                let mut decoder = MultiGzDecoder::new(body);
                let decoded = gather(&mut decoder, most)?;
                ends(decoder.into_inner()).map(|()| decoded)
            }
            Self::Deflate => {
                let mut decoder = ZlibDecoder::new(body);
                let decoded = gather(&mut decoder, most)?;
                ends(decoder.into_inner()).map(|()| decoded)
            }
            Self::Brotli => {
                let mut decoder = Decompressor::new(body, STEP);
                let decoded = gather(&mut decoder, most)?;
                ends(decoder.into_inner()).map(|()| decoded)
            }
        }
    }
}

/// Which codings an API takes, and how far a body may grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentCodings {
    listed: SmallVec<[ContentCoding; 4]>,
    ratio: u32,
}

impl Default for ContentCodings {
    fn default() -> Self {
        Self::new([], Self::RATIO)
    }
}

impl ContentCodings {
    /// How many times its size a body may grow to, where nothing else is said.
    pub const RATIO: u32 = 100;

    /// These codings; a body may grow to `ratio` times its size.
    pub fn new(listed: impl IntoIterator<Item = ContentCoding>, ratio: u32) -> Self {
        Self { listed: listed.into_iter().collect(), ratio }
    }

    pub(crate) const fn ratio(&self) -> u32 {
        self.ratio
    }

    /// The one coding of a message; `None` for a message that is not coded.
    ///
    /// # Errors
    /// [`Reason::ContentCodingUnsupported`] for a coding that is not listed, and for more than one: what is
    /// compressed twice is a bomb or a way around somebody (RFC 9110 §15.5.16 says what to answer).
    pub(crate) fn of(&self, headers: &HeaderMap) -> Result<Option<ContentCoding>, Denial> {
        let mut found = None;
        for field in headers.get_all(CONTENT_ENCODING) {
            for name in field.to_str().map_err(|_| self.refuse())?.split(',') {
                let name = name.trim_matches([' ', '\t']);
                if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                    continue;
                }
                let coding = ContentCoding::from_name(name).filter(|coding| self.listed.contains(coding));
                let coding = coding.filter(|_| found.is_none()).ok_or_else(|| self.refuse())?;
                found = Some(coding);
            }
        }
        Ok(found)
    }

    pub(crate) fn refuse(&self) -> Denial {
        let names: Vec<&str> = self.listed.iter().map(|coding| coding.name()).collect();
        let accepted = if names.is_empty() { "identity".to_owned() } else { names.join(", ") };
        Denial::new(Reason::ContentCodingUnsupported).with_field("accept-encoding", accepted)
    }
}

fn gather(decoder: &mut impl Read, most: usize) -> Result<Vec<u8>, Denial> {
    let mut decoded = Vec::new();
    loop {
        let before = decoded.len();
        let step = STEP.min((most - before).saturating_add(1));
        match decoder.by_ref().take(step as u64).read_to_end(&mut decoded) {
            Ok(0) => return Ok(decoded),
            Ok(_) if decoded.len() > most => {
                return Err(
                    Denial::new(Reason::BodyTooLarge).with_note("the body grows too far when decoded")
                );
            }
            Ok(_) => {}
            Err(_) => return Err(malformed("the content coding is broken")),
        }
    }
}

/// What stands behind the end, nobody has judged.
fn ends(left: &[u8]) -> Result<(), Denial> {
    if left.is_empty() { Ok(()) } else { Err(malformed("something stands behind the coded body")) }
}

fn malformed(why: &'static str) -> Denial {
    Denial::new(Reason::BodyMalformed).with_note(why)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// `{"text":"x"}` as one uncompressed meta-block (RFC 7932 §9.2).
    const BROTLI: &[u8] = b"\x8b\x05\x80{\"text\":\"x\"}\x03";

    fn reason(result: Result<Vec<u8>, Denial>) -> Result<Vec<u8>, Reason> {
        result.map_err(|denial| denial.reason())
    }

    #[test]
    fn each_coding_is_undone() {
        let text = br#"{"text":"x"}"#;
        assert_eq!(ContentCoding::Gzip.decode(&gzip(text), 100, 100).unwrap(), text);
        assert_eq!(ContentCoding::Deflate.decode(&zlib(text), 100, 100).unwrap(), text);
        assert_eq!(ContentCoding::Brotli.decode(BROTLI, 100, 100).unwrap(), text);
    }

    #[test]
    fn the_bound_holds_exactly() {
        let body = gzip(&[b'x'; 1000]);
        assert_eq!(ContentCoding::Gzip.decode(&body, 1000, 100).map(|body| body.len()).unwrap(), 1000);
        assert_eq!(reason(ContentCoding::Gzip.decode(&body, 999, 100)), Err(Reason::BodyTooLarge));
    }

    // proves-part: VAL-09 (a bomb costs no more than the bound; the gateway's walk shows the answers)
    #[test]
    fn a_bomb_is_given_up_at_the_ratio() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 70_000);
        let refused = |limit, ratio| reason(ContentCoding::Gzip.decode(&bomb, limit, ratio));
        assert_eq!(refused(usize::MAX, 100), Err(Reason::BodyTooLarge));
        assert_eq!(refused(1 << 20, u32::MAX), Err(Reason::BodyTooLarge));
    }

    /// Counts what it hands on.
    struct Counting<R>(R, usize);

    impl<R: Read> Read for Counting<R> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1 += read;
            Ok(read)
        }
    }

    // proves-part: VAL-09 (memory stays flat: no more is ever made than one byte beyond the bound)
    #[test]
    fn no_more_is_decoded_than_the_bound() {
        let bomb = gzip(&vec![0; 64 << 20]);
        for most in [0, 1, 1000, STEP - 1, STEP, STEP + 1, 1 << 20] {
            let mut decoder = Counting(MultiGzDecoder::new(&bomb[..]), 0);
            let refused = gather(&mut decoder, most).map(drop).map_err(|denial| denial.reason());
            assert_eq!((refused, decoder.1), (Err(Reason::BodyTooLarge), most + 1));
        }
    }

    #[test]
    fn what_is_broken_or_goes_on_behind_its_end_is_refused() {
        for (coding, whole) in [
            (ContentCoding::Gzip, gzip(b"hello")),
            (ContentCoding::Deflate, zlib(b"hello")),
            (ContentCoding::Brotli, BROTLI.to_vec()),
        ] {
            let refused = |body: &[u8]| reason(coding.decode(body, 1000, 100));
            assert_eq!(refused(b"hello"), Err(Reason::BodyMalformed), "{coding:?}");
            assert_eq!(refused(&whole[..whole.len() - 1]), Err(Reason::BodyMalformed), "{coding:?}");
            assert_eq!(refused(&[&whole[..], b"x"].concat()), Err(Reason::BodyMalformed), "{coding:?}");
        }
        let twice = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(ContentCoding::Gzip.decode(&twice, 10, 100).unwrap(), b"ab", "RFC 1952 §2.2: members");
    }

    #[test]
    fn only_one_listed_coding_is_taken() {
        let of = |codings: &ContentCodings, fields: &[&'static str]| {
            let headers: HeaderMap =
                fields.iter().map(|field| (CONTENT_ENCODING, HeaderValue::from_static(field))).collect();
            codings.of(&headers).map_err(|denial| denial.fields()[0].1.clone())
        };
        let none = ContentCodings::default();
        let some = ContentCodings::new([ContentCoding::Gzip, ContentCoding::Brotli], 100);
        assert_eq!(of(&none, &[]), Ok(None));
        assert_eq!(of(&none, &["identity"]), Ok(None));
        assert_eq!(of(&none, &["gzip"]), Err("identity".to_owned()));
        assert_eq!(of(&some, &["GZIP"]), Ok(Some(ContentCoding::Gzip)));
        assert_eq!(of(&some, &["x-gzip"]), Ok(Some(ContentCoding::Gzip)));
        for fields in [&["deflate"][..], &["gzip, gzip"], &["gzip", "br"], &["gzip;q=1"], &["sdch"]] {
            assert_eq!(of(&some, fields), Err("gzip, br".to_owned()), "{fields:?}");
        }
    }
}
