//! The boundary that a multipart body names (RFC 2046 §5.1.1).

use portcullis_domain::{Denial, Reason};
use portcullis_message::MediaType;

/// How many characters a boundary may have.
const MOST: usize = 70;

/// Spellings of the parameter in pieces or in another charset (RFC 2231 §3 and §4): who knows them reads
/// another boundary than who does not.
const OTHER_SPELLINGS: [&str; 3] = ["boundary*", "boundary*0", "boundary*0*"];

/// What stands before each part, with its two hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boundary(String);

impl Boundary {
    /// The boundary of a media type. Several of them were refused when it was read.
    ///
    /// # Errors
    /// [`Reason::BodyMalformed`] if there is none, or none that every reader reads alike.
    pub(crate) fn of(media_type: &MediaType<'_>) -> Result<Self, Denial> {
        let refuse = |why: &'static str| Denial::new(Reason::BodyMalformed).with_note(why);
        if OTHER_SPELLINGS.iter().any(|name| media_type.parameter(name).is_some()) {
            return Err(refuse("the boundary is spelled in another way"));
        }
        let text = media_type.parameter("boundary").ok_or_else(|| refuse("the body names no boundary"))?;
        let is_sound = !text.is_empty()
            && text.len() <= MOST
            && !text.ends_with(' ')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte));
        if is_sound { Ok(Self(format!("--{text}"))) } else { Err(refuse("the boundary is malformed")) }
    }

    /// The delimiter: two hyphens and the boundary.
    pub(super) fn delimiter(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn boundary(parameters: &str) -> Option<String> {
        let value = HeaderValue::from_str(&format!("multipart/form-data{parameters}")).unwrap();
        Boundary::of(&MediaType::parse(&value).ok()?).ok().map(|boundary| boundary.0)
    }

    #[test]
    fn a_boundary_has_the_characters_of_the_standard() {
        assert_eq!(boundary("; boundary=x").as_deref(), Some("--x"));
        assert_eq!(boundary("; boundary=\"a b:c\"").as_deref(), Some("--a b:c"));
        assert_eq!(boundary(&format!("; boundary={}", "a".repeat(70))).map(|text| text.len()), Some(72));
        for bad in ["", "; boundary=\"\"", "; boundary=\"a \"", "; boundary=\"a@b\"", "; boundary=\"a\\\"b\""]
        {
            assert_eq!(boundary(bad), None, "{bad}");
        }
        assert_eq!(boundary(&format!("; boundary={}", "a".repeat(71))), None);
    }

    #[test]
    fn two_boundaries_are_none() {
        for bad in [
            "; boundary=a; boundary=b",
            "; boundary=a; BOUNDARY=a",
            "; boundary=a; boundary*=utf-8''b",
            "; boundary=a; boundary*0=b",
            "; boundary*0=a; boundary*1=b",
        ] {
            assert_eq!(boundary(bad), None, "{bad}");
        }
    }
}
