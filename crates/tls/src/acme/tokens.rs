//! Answers to HTTP-01 challenges (RFC 8555 §8.3).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The answers that the certificate authority may ask for right now.
///
/// Shared by the whole gateway: renewals put answers in, the plaintext listener gives them out before it
/// judges anything else. Empty nearly always.
#[derive(Debug, Default)]
pub struct HttpTokens(RwLock<HashMap<String, Arc<str>>>);

/// What stands before a token in a path.
const WELL_KNOWN: &str = "/.well-known/acme-challenge/";

impl HttpTokens {
    /// The body to answer a GET of `path` with, as `application/octet-stream` and status 200; `None` if
    /// nobody asked for it on our behalf.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<Arc<str>> {
        let token = path.strip_prefix(WELL_KNOWN)?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// Puts an answer in, for as long as what comes back lives.
    pub(crate) fn place(self: &Arc<Self>, token: &str, answer: &str) -> PlacedToken {
        let mut tokens = self.0.write().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.to_owned(), Arc::from(answer));
        PlacedToken { tokens: Arc::clone(self), token: token.to_owned() }
    }
}

/// An answer in place; taken out when dropped.
pub(crate) struct PlacedToken {
    tokens: Arc<HttpTokens>,
    token: String,
}

impl Drop for PlacedToken {
    fn drop(&mut self) {
        self.tokens.0.write().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_given_while_it_is_in_place() {
        let tokens = Arc::new(HttpTokens::default());
        let placed = tokens.place("abc", "abc.thumb");
        assert_eq!(tokens.answer("/.well-known/acme-challenge/abc").as_deref(), Some("abc.thumb"));
        for other in ["/.well-known/acme-challenge/abd", "/.well-known/acme-challenge/", "/abc", "abc"] {
            assert_eq!(tokens.answer(other), None, "{other}");
        }
        drop(placed);
        assert_eq!(tokens.answer("/.well-known/acme-challenge/abc"), None);
    }
}
