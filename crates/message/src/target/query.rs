//! The query of a target: kept as it was sent, if it is well-formed.
//!
//! In: a query without its `?`. Out: the query as judged and forwarded, borrowed if it is the same;
//! none if nothing is left of it. RFC 3986 §3.4.

use std::borrow::Cow;

use portcullis_domain::Reason;

use crate::characters::{escaped_byte, is_query};

/// The parameter with which Rack, Symfony, Laravel and others let a client replace the method.
const METHOD_OVERRIDE: &[u8] = b"_method";

/// The canonical form of `query`.
pub(super) fn canonical(query: &str) -> Result<Option<Cow<'_, str>>, Reason> {
    judge(query.as_bytes())?;
    if !query.split('&').any(overrides_method) {
        return Ok(Some(Cow::Borrowed(query)));
    }
    let kept: Vec<&str> = query.split('&').filter(|parameter| !overrides_method(parameter)).collect();
    Ok((!kept.is_empty()).then(|| Cow::Owned(kept.join("&"))))
}

fn judge(query: &[u8]) -> Result<(), Reason> {
    let mut rest = query;
    loop {
        let plain = rest.iter().take_while(|byte| is_query(**byte) && **byte != b'%').count();
        rest = match rest.get(plain..).unwrap_or_default() {
            [] => return Ok(()),
            [b'%', high, low, after @ ..] if escaped_byte(*high, *low).is_some() => after,
            _ => return Err(Reason::TargetMalformed),
        };
    }
}

/// Whether the parameter's name is `_method` once decoded.
fn overrides_method(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default().as_bytes();
    let longest = METHOD_OVERRIDE.len() * "%00".len();
    (METHOD_OVERRIDE.len()..=longest).contains(&name.len())
        && percent_encoding::percent_decode(name).eq(METHOD_OVERRIDE.iter().copied())
}
