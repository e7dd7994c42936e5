//! Whether what a client accepts is among what an operation answers with (VAL-07, RFC 9110 §12.5.1).

use http::header::{ACCEPT, HeaderMap};

use super::Range;

/// Whether some declared response can satisfy `Accept`. A field that cannot be read asks for nothing.
pub(crate) fn is_satisfiable(headers: &HeaderMap, offered: &[Range]) -> bool {
    let mut fields = headers.get_all(ACCEPT).iter().peekable();
    if fields.peek().is_none() || offered.is_empty() {
        return true;
    }
    fields.any(|field| {
        field.to_str().is_ok_and(|text| text.split(',').any(|element| is_satisfied(element, offered)))
    })
}

fn is_satisfied(element: &str, offered: &[Range]) -> bool {
    let (range, parameters) = element.split_once(';').unwrap_or((element, ""));
    let is_refused = parameters.split(';').any(|parameter| {
        let (name, weight) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim().eq_ignore_ascii_case("q") && weight.trim().parse::<f32>().is_ok_and(|q| q == 0.0)
    });
    !is_refused && Range::parse(range).is_some_and(|range| offered.iter().any(|offer| offer.meets(&range)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    // proves-part: VAL-07 (the choice; the gateway answers 406)
    #[test]
    fn only_a_declared_type_satisfies() {
        let satisfies = |accept: &'static str, offered: &[&str]| {
            let headers: HeaderMap = [(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
            let offered: Vec<Range> = offered.iter().map(|text| Range::parse(text).unwrap()).collect();
            is_satisfiable(&headers, &offered)
        };
        assert!(satisfies("application/json", &["application/json"]));
        assert!(satisfies("text/html, */*;q=0.1", &["application/json"]));
        assert!(satisfies("application/*", &["application/problem+json"]));
        assert!(satisfies("image/png", &[]));
        assert!(satisfies("image/png", &["*/*"]));
        assert!(!satisfies("image/png", &["application/json"]));
        assert!(!satisfies("application/json;q=0", &["application/json"]));
        assert!(is_satisfiable(&HeaderMap::new(), &[Range::All]));
    }
}
