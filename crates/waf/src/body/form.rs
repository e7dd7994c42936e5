//! Queries, forms and cookies.

use crate::seclang::transformation::Transformation;
use crate::transform::apply;

/// The parameters of a query or a form: split at `&`, `+` a space, broken encodings kept. A part without `=` is a name.
pub(crate) fn form(text: &[u8], see: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    for part in text.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        let (name, value) = split(part);
        see(decoded(name), decoded(value));
    }
}

/// The cookies of a `Cookie` field, as they were sent.
pub(crate) fn cookies(text: &[u8], see: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    for part in text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii_start).filter(|part| !part.is_empty())
    {
        let (name, value) = split(part);
        see(name.to_vec(), value.to_vec());
    }
}

fn split(part: &[u8]) -> (&[u8], &[u8]) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(at) => (part.get(..at).unwrap_or_default(), part.get(at + 1..).unwrap_or_default()),
        None => (part, &[]),
    }
}

fn decoded(text: &[u8]) -> Vec<u8> {
    apply(Transformation::UrlDecode, text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reader = fn(&[u8], &mut dyn FnMut(Vec<u8>, Vec<u8>));

    fn read(reader: Reader, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        reader(text.as_bytes(), &mut |name, value| {
            found.push(format!("{}={}", String::from_utf8_lossy(&name), String::from_utf8_lossy(&value)));
        });
        found
    }

    #[test]
    fn parameters_are_decoded_and_cookies_are_not() {
        assert_eq!(read(form, "a=1&b+c=%41%zz&&d&=e&f=g=h"), ["a=1", "b c=A%zz", "d=", "=e", "f=g=h"]);
        assert_eq!(read(cookies, "a=1; b=%41;c;; d=e=f"), ["a=1", "b=%41", "c=", "d=e=f"]);
    }
}
