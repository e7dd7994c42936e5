//! Overhearing requests of an API whose contract is to be learnt.
//!
//! In: some requests with their answers, as they go by. Out: copies, bounded in size and number, for the control
//! thread, which takes shapes from them and drops them ([`super::school`]). Values live no longer than that.
//! Requests of other APIs carry nothing of this.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::FixedState;
use http::{HeaderMap, Response, header};
use portcullis_contract::learn::{Credential, template};

/// Most bytes of a body that are copied; of a larger one only the media type is learnt.
pub(crate) const BODY: usize = 64 * 1024;
/// Operations share these many counters of samples.
const COUNTERS: usize = 256;
/// Most bytes of a query that are looked at.
const QUERY: usize = 4096;

/// How often an API is listened to.
#[derive(Debug)]
pub(crate) struct Learning {
    samples: u32,
    minute: AtomicU64,
    taken: Box<[AtomicU32]>,
}

impl Learning {
    /// Looks at so many requests of each operation in a minute.
    pub(crate) fn new(samples: u32) -> Self {
        let taken = std::iter::repeat_with(AtomicU32::default).take(COUNTERS).collect();
        Self { samples, minute: AtomicU64::default(), taken }
    }

    /// Whether this request is looked at. Two operations may share a counter, and then are looked at less.
    fn takes(&self, method: &str, path: &str, now: Duration) -> bool {
        let minute = now.as_secs() / 60 + 1;
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.taken.iter().for_each(|taken| taken.store(0, Ordering::Relaxed));
        }
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(method.as_bytes());
        hasher.write(template(path).as_bytes());
        let place = usize::try_from(hasher.finish() % COUNTERS as u64).unwrap_or(0);
        self.taken.get(place).is_some_and(|taken| taken.fetch_add(1, Ordering::Relaxed) < self.samples)
    }
}

/// A request and its answer, while they go by. Holds values, so nothing can print it.
pub(crate) struct Overheard {
    pub(super) api: Box<str>,
    pub(super) method: Box<str>,
    pub(super) path: Box<str>,
    pub(super) query: Option<Box<str>>,
    pub(super) credential: Option<Credential>,
    pub(super) request: Option<Copied>,
    pub(super) status: u16,
    pub(super) answer: Option<Copied>,
}

/// A body, as far as it was copied.
pub(super) struct Copied {
    pub(super) media_type: Box<str>,
    /// Nothing if it was too large, or is nothing that is looked into.
    pub(super) body: Option<Vec<u8>>,
}

impl Overheard {
    /// Begins to listen, if this request is one of those that are looked at.
    pub(crate) fn begin(
        learning: &Learning,
        api: &str,
        (method, path, query): (&str, &str, Option<&str>),
        headers: &HeaderMap,
        now: Duration,
    ) -> Option<Box<Self>> {
        learning.takes(method, path, now).then(|| {
            Box::new(Self {
                api: api.into(),
                method: method.into(),
                path: path.into(),
                query: query.filter(|query| query.len() <= QUERY).map(Into::into),
                credential: credential(headers),
                request: Copied::begin(headers),
                status: 0,
                answer: None,
            })
        })
    }

    /// Whether the request's body is worth reading whole, though no stage needs it.
    pub(crate) fn wants_body(&self, length: Option<u64>) -> bool {
        let is_small = length.is_some_and(|length| (1..=BODY as u64).contains(&length));
        is_small && self.request.as_ref().is_some_and(|request| request.body.is_some())
    }

    /// The request's body.
    pub(crate) fn hear_request(&mut self, body: &Bytes) {
        match &mut self.request {
            Some(request) if !body.is_empty() => request.hear(body),
            // A type without a body says nothing.
            Some(_) => self.request = None,
            None => {}
        }
    }

    /// The head of the answer.
    pub(crate) fn hear_answer<B>(&mut self, response: &Response<B>) {
        self.status = response.status().as_u16();
        self.answer = Copied::begin(response.headers());
    }

    /// A piece of the answer's body.
    pub(crate) fn hear_piece(&mut self, piece: &[u8]) {
        if let Some(answer) = &mut self.answer {
            answer.hear(piece);
        }
    }
}

impl Copied {
    /// A body of this type; only JSON without a coding is looked into.
    fn begin(headers: &HeaderMap) -> Option<Self> {
        let media_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = name == "application/json" || name.ends_with("+json");
        let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
        Some(Self { media_type: media_type.into(), body: (is_json && is_plain).then(Vec::new) })
    }

    fn hear(&mut self, piece: &[u8]) {
        if let Some(body) = &mut self.body {
            if body.len() + piece.len() > BODY {
                self.body = None;
            } else {
                body.extend_from_slice(piece);
            }
        }
    }
}

/// Which kind of credential came along.
fn credential(headers: &HeaderMap) -> Option<Credential> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
        return match scheme {
            _ if scheme.eq_ignore_ascii_case(b"bearer") => Some(Credential::Bearer),
            _ if scheme.eq_ignore_ascii_case(b"basic") => Some(Credential::Basic),
            _ => None,
        };
    }
    KEY_HEADERS.into_iter().find(|name| headers.contains_key(*name)).map(|name| Credential::Key(name.into()))
}

/// Where API keys are sent, if not in `Authorization`.
const KEY_HEADERS: [&str; 5] = ["x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_requests_of_an_operation_are_looked_at_in_a_minute() {
        let learning = Learning::new(3);
        let taken = |seconds: u64| {
            let tries = 0..10;
            tries
                .filter(|id| learning.takes("GET", &format!("/orders/{id}"), Duration::from_secs(seconds)))
                .count()
        };
        assert_eq!(taken(0), 3);
        assert_eq!(taken(59), 0);
        assert_eq!(taken(60), 3);
        assert!(learning.takes("POST", "/orders", Duration::from_secs(61)));
    }

    #[test]
    fn a_body_that_is_too_large_or_coded_is_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        let mut copied = Copied::begin(&headers).unwrap();
        copied.hear(&[b'x'; BODY]);
        assert_eq!(copied.body.as_ref().map(Vec::len), Some(BODY));
        copied.hear(b"x");
        assert_eq!(copied.body, None);
        headers.insert(header::CONTENT_ENCODING, http::HeaderValue::from_static("gzip"));
        assert_eq!(Copied::begin(&headers).unwrap().body, None);
    }
}
