//! What is sealed in the store: the tokens of a session, and a login under way.
//!
//! JSON, because a later version must be able to read what an earlier one wrote; an unknown member is ignored, a
//! missing one makes the content unreadable, and with it the session unknown.

use std::borrow::Cow;
use std::time::Duration;

use portcullis_domain::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The tokens of a session.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// Which configured scheme began it.
    pub(super) scheme: Box<str>,
    pub(super) access_token: Secret,
    /// When the access token should be replaced, and when it has ended; `None` if the provider did not say.
    pub(super) access: Option<AccessTimes>,
    pub(super) refresh_token: Option<Secret>,
    pub(super) id_token: Secret,
    /// What the page may know of the user.
    pub(super) profile: Map<String, Value>,
}

/// When an access token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AccessTimes {
    pub(super) refresh_at: Timestamp,
    pub(super) ends_at: Timestamp,
}

/// A login under way.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) state: Secret,
    pub(super) nonce: Secret,
    /// PKCE (RFC 7636 §4.1).
    pub(super) verifier: Secret,
    pub(super) redirect_uri: Box<str>,
    pub(super) return_to: Box<str>,
    /// How long ago the user may have authenticated, if that was asked for.
    pub(super) max_age: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
struct WrittenContent<'a> {
    #[serde(borrow)]
    scheme: Cow<'a, str>,
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    refresh_at: Option<u64>,
    access_ends_at: Option<u64>,
    #[serde(borrow)]
    refresh_token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id_token: Cow<'a, str>,
    profile: Cow<'a, Map<String, Value>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenTransaction<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(borrow)]
    nonce: Cow<'a, str>,
    #[serde(borrow)]
    verifier: Cow<'a, str>,
    #[serde(borrow)]
    redirect_uri: Cow<'a, str>,
    #[serde(borrow)]
    return_to: Cow<'a, str>,
    max_age: Option<u64>,
}

impl AccessTimes {
    /// Half a minute before the end, or a quarter of a short life.
    pub(super) fn of(lifetime: Duration, now: Timestamp) -> Self {
        let margin = Duration::from_secs(30).min(lifetime / 4);
        Self { refresh_at: now.plus(lifetime.saturating_sub(margin)), ends_at: now.plus(lifetime) }
    }
}

impl Content {
    /// Whether the access token should be replaced now.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.access.is_some_and(|access| match self.refresh_token {
            Some(_) => now >= access.refresh_at,
            None => now >= access.ends_at,
        })
    }

    /// Whether the access token is good for nothing any more.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.access.is_some_and(|access| now >= access.ends_at)
    }

    pub(super) fn write(&self) -> Secret {
        let written = WrittenContent {
            scheme: Cow::Borrowed(&self.scheme),
            access_token: text(&self.access_token),
            refresh_at: self.access.map(|access| access.refresh_at.as_millis()),
            access_ends_at: self.access.map(|access| access.ends_at.as_millis()),
            refresh_token: self.refresh_token.as_ref().map(text),
            id_token: text(&self.id_token),
            profile: Cow::Borrowed(&self.profile),
        };
        // Texts and numbers always serialize.
        Secret::new(serde_json::to_vec(&written).unwrap_or_default())
    }

    pub(super) fn read(sealed: &Secret) -> Option<Self> {
        let written: WrittenContent<'_> = serde_json::from_slice(sealed.expose()).ok()?;
        let access =
            written.refresh_at.zip(written.access_ends_at).map(|(refresh_at, ends_at)| AccessTimes {
                refresh_at: Timestamp::from_millis(refresh_at),
                ends_at: Timestamp::from_millis(ends_at),
            });
        Some(Self {
            scheme: Box::from(&*written.scheme),
            access_token: secret(&written.access_token),
            access,
            refresh_token: written.refresh_token.as_deref().map(secret),
            id_token: secret(&written.id_token),
            profile: written.profile.into_owned(),
        })
    }
}

impl Transaction {
    pub(super) fn write(&self) -> Secret {
        let written = WrittenTransaction {
            state: text(&self.state),
            nonce: text(&self.nonce),
            verifier: text(&self.verifier),
            redirect_uri: Cow::Borrowed(&self.redirect_uri),
            return_to: Cow::Borrowed(&self.return_to),
            max_age: self.max_age.map(|age| age.as_secs()),
        };
        Secret::new(serde_json::to_vec(&written).unwrap_or_default())
    }

    pub(super) fn read(sealed: &Secret) -> Option<Self> {
        let written: WrittenTransaction<'_> = serde_json::from_slice(sealed.expose()).ok()?;
        Some(Self {
            state: secret(&written.state),
            nonce: secret(&written.nonce),
            verifier: secret(&written.verifier),
            redirect_uri: Box::from(&*written.redirect_uri),
            return_to: Box::from(&*written.return_to),
            max_age: written.max_age.map(Duration::from_secs),
        })
    }
}

/// All of these came as JSON or are our own, and are thereby text.
fn text(secret: &Secret) -> Cow<'_, str> {
    Cow::Borrowed(secret.expose_text().unwrap_or_default())
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let content = Content {
            scheme: "customers".into(),
            access_token: secret("a"),
            access: Some(AccessTimes::of(Duration::from_secs(300), now)),
            refresh_token: Some(secret("r\"\n")),
            id_token: secret("i"),
            profile: Map::from_iter([("sub".to_owned(), "alice".into())]),
        };
        let read = Content::read(&content.write()).unwrap();
        assert_eq!(
            (&*read.scheme, read.access, &read.profile),
            ("customers", content.access, &content.profile)
        );
        assert!(read.refresh_token.unwrap().matches(b"r\"\n"));
        assert!(Content::read(&secret("{}")).is_none());
    }

    #[test]
    fn a_token_is_replaced_before_it_ends() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let after = |seconds| now.plus(Duration::from_secs(seconds));
        let times = AccessTimes::of(Duration::from_secs(300), now);
        assert_eq!((times.refresh_at, times.ends_at), (after(270), after(300)));
        assert_eq!(AccessTimes::of(Duration::from_secs(8), now).refresh_at, after(6));
    }
}
