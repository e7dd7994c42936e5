//! The two cookies of a browser session, and keeping them between the browser and us (OIDC-11).
//!
//! In: the Cookie field of a request; the Set-Cookie fields of an upstream's answer. Out: what was in our
//! cookies, and both without them: no upstream sees a session's name, and none can plant one (session
//! fixation). The `__Host-` prefix makes the browser refuse such a cookie without Secure, with a Domain, or
//! from a plaintext page (RFC 6265bis §4.1.3.2), so that no sibling host can plant one either.

use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use portcullis_domain::Secret;

/// What every name of ours begins with.
pub(crate) const PREFIX: &str = "__Host-";
/// Holds the id of a login under way.
pub(crate) const LOGIN: &str = "__Host-login";

/// Whether a page of another site may bring the cookie along when it sends the user to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SameSite {
    /// When the user follows a link.
    Lax,
    /// Never.
    Strict,
}

/// What was found under one name.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Absent,
    /// One value.
    One(Secret),
    /// Several: nobody can say which one is meant.
    Several,
}

/// The names of our cookies, whose upstreams never see them.
#[derive(Clone, Debug, Default)]
pub struct OwnCookies(Box<[Box<str>]>);

impl OwnCookies {
    /// These session cookies, and the one of logins.
    #[must_use]
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(Box::from).collect();
        if !names.is_empty() {
            names.push(LOGIN.into());
        }
        Self(names.into())
    }

    /// Takes our cookies out of a request.
    pub fn strip(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let ours = |pair: &[u8]| self.0.iter().any(|name| name_of(pair) == name.as_bytes());
        let fields = headers.get_all(COOKIE).iter();
        if !fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';')).any(ours) {
            // What is not ours goes on as it came.
            return;
        }
        let kept: Vec<HeaderValue> = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|field| {
                let pairs = field.as_bytes().split(|byte| *byte == b';');
                let kept: Vec<&[u8]> = pairs.map(<[u8]>::trim_ascii).filter(|pair| !ours(pair)).collect();
                let kept = kept.join(b"; ".as_slice());
                HeaderValue::from_bytes(&kept).ok().filter(|kept| !kept.is_empty())
            })
            .collect();
        headers.remove(COOKIE);
        for field in kept {
            headers.append(COOKIE, field);
        }
    }

    /// Takes out of an answer what would overwrite our cookies.
    pub fn guard(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() || !headers.contains_key(SET_COOKIE) {
            return;
        }
        let ours = |field: &HeaderValue| {
            // A cookie without a name is sent back as its value alone: `=__Host-session=x` looks like ours.
            let start = field.as_bytes().iter().position(|byte| !matches!(byte, b'=' | b' ' | b'\t'));
            let pair = field.as_bytes().get(start.unwrap_or(0)..).unwrap_or_default();
            let name = name_of(pair);
            self.0.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
        };
        let kept: Vec<HeaderValue> =
            headers.get_all(SET_COOKIE).iter().filter(|f| !ours(f)).cloned().collect();
        headers.remove(SET_COOKIE);
        for field in kept {
            headers.append(SET_COOKIE, field);
        }
    }
}

/// What a request has under `name`.
pub(crate) fn find(headers: &HeaderMap, name: &str) -> Found {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| name_of(pair) == name.as_bytes() && pair.len() > name.len())
        .map(|pair| pair.get(name.len() + 1..).unwrap_or_default());
    match (values.next(), values.next()) {
        (None, _) => Found::Absent,
        (Some(value), None) => Found::One(Secret::new(value.to_vec())),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// A cookie of ours. Without an age it ends with the browser.
pub(crate) fn set(name: &str, value: &Secret, same_site: SameSite, age: Option<u64>) -> HeaderValue {
    let same_site = match same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
    };
    let value = value.expose_text().unwrap_or_default();
    let age = age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{age}");
    let mut field = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    field.set_sensitive(true);
    field
}

/// Takes a cookie of ours back.
pub(crate) fn clear(name: &str, same_site: SameSite) -> HeaderValue {
    set(name, &Secret::new(Vec::new()), same_site, Some(0))
}

fn name_of(pair: &[u8]) -> &[u8] {
    let end = pair.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(pair.len());
    pair.get(..end).unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "__Host-session";

    fn cookies(fields: &[&'static str]) -> HeaderMap {
        fields.iter().map(|field| (COOKIE, HeaderValue::from_static(field))).collect()
    }

    #[track_caller]
    fn check_found(fields: &[&'static str], expected: Option<&str>) {
        match (find(&cookies(fields), SESSION), expected) {
            (Found::One(value), Some(expected)) => {
                assert_eq!(value.expose_text(), Some(expected), "{fields:?}")
            }
            (Found::Absent, None) => {}
            (found, expected) => panic!("{fields:?}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name() {
        check_found(&["a=1; __Host-session=x; b=2"], Some("x"));
        check_found(&["a=1", "__Host-session=x="], Some("x="));
        check_found(&["__Host-session="], Some(""));
        check_found(&["__host-session=x; __Host-session2=x; x__Host-session=x; __Host-session"], None);
        check_found(&[], None);
        let twice = find(&cookies(&["__Host-session=x; __Host-session=y"]), SESSION);
        assert!(matches!(twice, Found::Several));
        assert!(matches!(find(&cookies(&["__Host-session=x", "__Host-session=x"]), SESSION), Found::Several));
    }

    #[test]
    fn no_upstream_sees_our_cookies() {
        let own = OwnCookies::new([SESSION]);
        let stripped = |fields: &[&'static str]| {
            let mut headers = cookies(fields);
            own.strip(&mut headers);
            headers.get_all(COOKIE).iter().map(|v| v.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(stripped(&["a=1; __Host-session=x; b=2"]), ["a=1; b=2"]);
        assert_eq!(stripped(&["__Host-session=x;__Host-login=y"]), [""; 0]);
        assert_eq!(stripped(&["__Host-session=x", "a=1"]), ["a=1"]);
        assert_eq!(stripped(&["a=1;b=2"]), ["a=1;b=2"]);
    }

    // proves-part: OIDC-11 (what the browser gets is shown by the gateway's walk tests)
    #[test]
    fn no_upstream_plants_our_cookies() {
        let own = OwnCookies::new([SESSION]);
        for planted in [
            "__Host-session=evil; Path=/; Secure",
            "__host-SESSION=evil",
            " __Host-session =evil",
            "=__Host-session=evil",
            "= =__Host-session=evil",
            "__Host-login=evil",
            "__Host-session",
        ] {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::from_static("theme=dark"));
            headers.append(SET_COOKIE, HeaderValue::from_static(planted));
            own.guard(&mut headers);
            let kept: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
            assert_eq!(kept, ["theme=dark"], "{planted}");
        }
    }

    #[test]
    fn our_cookie_says_all_that_a_browser_must_keep_to() {
        let cookie = set(SESSION, &Secret::new(b"id".to_vec()), SameSite::Lax, None);
        assert_eq!(cookie, "__Host-session=id; Path=/; Secure; HttpOnly; SameSite=Lax");
        let gone = clear(SESSION, SameSite::Strict);
        assert_eq!(gone, "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_with_them_ours_are_found_and_taken_out(
            pairs in proptest::collection::vec("(__Host-session|__Host-login|[a-z_=\"; -]{0,12})(=[ -:<-~]{0,8})?", 0..6),
        ) {
            let own = OwnCookies::new([SESSION]);
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::try_from(pairs.join(";")).unwrap());
            own.strip(&mut headers);
            for name in [SESSION, LOGIN] {
                proptest::prop_assert!(matches!(find(&headers, name), Found::Absent));
            }
            let before = headers.clone();
            own.strip(&mut headers);
            proptest::prop_assert_eq!(before, headers);
        }
    }
}
