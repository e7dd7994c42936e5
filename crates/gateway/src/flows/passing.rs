//! A step on its way to the upstream and back.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use portcullis_authz::spelling::canonical;

use super::{Flow, Pace};

/// A step that was let through. Dropped without a good answer, it gives its turn back.
pub(crate) struct Passing {
    flow: Arc<Flow>,
    step: usize,
    /// Nothing for a step that makes the object.
    key: Option<u128>,
}

impl Passing {
    pub(crate) const fn new(flow: Arc<Flow>, step: usize, key: Option<u128>) -> Self {
        Self { flow, step, key }
    }

    /// The upstream answered.
    pub(crate) fn hear(mut self, status: StatusCode, headers: &HeaderMap, now: Duration) {
        if !status.is_success() {
            return;
        }
        let key = self.key.take().or_else(|| Some(self.flow.runs.key(&[&made(headers)?])));
        if let Some(key) = key {
            let Flow { runs, steps, pace, .. } = &*self.flow;
            let pace: Pace = *pace;
            runs.succeed(key, self.step, steps.len(), pace, now);
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(key) = self.key
            && self.step > 0
        {
            self.flow.runs.give_back(key);
        }
    }
}

/// The object that an answer says was made: the last segment of `Location` (RFC 9110 §15.3.2).
fn made(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let path = location.split(['?', '#']).next()?;
    let segment = path.trim_end_matches('/').rsplit('/').next().filter(|segment| !segment.is_empty())?;
    Some(canonical(percent_decode_str(segment).decode_utf8().ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_the_last_segment_of_its_location() {
        let of = |location: &'static str| {
            made(&HeaderMap::from_iter([(header::LOCATION, http::HeaderValue::from_static(location))]))
        };
        assert_eq!(of("/orders/7").as_deref(), Some("7"));
        assert_eq!(of("https://api.test/orders/a%2Fb/?x=/y").as_deref(), Some("a/b"));
        assert_eq!(
            of("/o/0190F5FE-7C00-7A00-8000-00000000000A").as_deref(),
            Some("0190f5fe-7c00-7a00-8000-00000000000a")
        );
        assert_eq!(of("/"), None);
    }
}
