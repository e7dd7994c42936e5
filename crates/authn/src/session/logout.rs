//! The end of a session: by the user, or by word of the provider.
//!
//! In: a session's id, or a logout token. Out: nothing that could still be used. First the session is gone here,
//! then the provider is asked to revoke its tokens (RFC 7009) and the user sent there to end what began there
//! (OpenID Connect RP-Initiated Logout §2; OIDC-14). Back-Channel Logout §2.5 to §2.8 (OIDC-15).

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use portcullis_domain::{
    Denial, Issuer, Now, Principal, Reason, Secret, Session, SessionStore, SessionsOf, StoreError, Subject,
};
use url::form_urlencoded;

use super::content::Content;
use super::provider::Metadata;
use super::{RelyingParty, cookie, store_failed};
use crate::bearer::TokenDigest;

/// Under which issuer the store remembers logout tokens that were used.
const LOGOUTS: &str = "urn:portcullis:logout";
/// How long; longer than any is believed.
const LOGOUTS_REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// How long the user waits for the provider to revoke tokens.
const REVOCATION_TIME: Duration = Duration::from_secs(2);

/// What is left of a session.
#[derive(Debug)]
pub struct Ended {
    /// Where the user ends the session at the provider, if it has such a place.
    pub location: Option<String>,
    /// Takes the cookie back.
    pub cookie: HeaderValue,
    /// Whose session it was, for the record.
    pub signed_out: Option<Arc<Principal>>,
}

impl RelyingParty {
    /// Ends a session. One that is not there is no mistake: who logs out wants it gone.
    ///
    /// # Errors
    /// [`Reason::StoreUnavailable`]; the session goes on then, and the user must hear of it.
    pub async fn end(
        self: &Arc<Self>,
        store: &Arc<dyn SessionStore>,
        id: Option<&Secret>,
        origin: &str,
        now: Now,
    ) -> Result<Ended, Denial> {
        let cookie = cookie::clear(&self.plan.cookie, self.plan.same_site);
        let nothing = Ended { location: None, cookie, signed_out: None };
        let Some(id) = id else { return Ok(nothing) };
        let found = self.read(store, id, now).await.ok();
        store.end_session(id).await.map_err(store_failed)?;
        self.memory.forget(Some(&TokenDigest::of(id.expose())));
        let Some((session, content)) = found else { return Ok(nothing) };
        let holder = self.holder(&session.subject, session.sid.as_deref(), session.created_at);
        let ended = Ended { signed_out: Some(Arc::new(holder)), ..nothing };
        let Ok(metadata) = self.provider.metadata().await else {
            tracing::warn!("a session ended here; the provider could not be told");
            return Ok(ended);
        };
        let location = self.end_session_url(&metadata, &content, origin);
        // As a task of its own: a client that goes away must not save the tokens.
        let party = Arc::clone(self);
        let revoking = tokio::spawn(async move { party.revoke(&metadata, &content).await });
        let _ = tokio::time::timeout(REVOCATION_TIME, revoking).await;
        Ok(Ended { location, ..ended })
    }

    /// Ends the sessions that the provider says are over, and tells how many that were. `form` is the body of
    /// its request.
    ///
    /// # Errors
    /// [`Reason::LogoutTokenInvalid`] if any check fails, or the same token came before; a reason of status
    /// 503 if nobody can tell.
    pub async fn end_by_provider(
        &self,
        store: &dyn SessionStore,
        form: &[u8],
        now: Now,
    ) -> Result<u64, Denial> {
        let mut tokens = form_urlencoded::parse(form).filter(|(name, _)| name == "logout_token");
        let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
            return Err(invalid("there is not one `logout_token`"));
        };
        let token = Secret::new(token.into_owned().into_bytes());
        let signed_out = self.signer.signed_out(&token, now).await.map_err(|refusal| {
            let (reason, wait) = (refusal.reason(), refusal.wait());
            let note = refusal.into_note().unwrap_or_default();
            match (reason.status(), wait) {
                (503, Some(wait)) => Denial::new(reason).with_note(note).with_retry_after(wait),
                (503, None) => Denial::new(reason).with_note(note),
                _ => invalid(format!("{reason}: {note}")),
            }
        })?;
        self.note_use(store, &signed_out.id, now).await?;
        let issuer = self.plan.issuer.clone();
        let of = match (signed_out.sid, signed_out.subject) {
            (Some(sid), _) => SessionsOf::Sid { issuer, sid },
            (None, Some(subject)) => SessionsOf::Subject { issuer, subject },
            (None, None) => return Err(invalid("neither `sub` nor `sid`")),
        };
        let ended = store.end_sessions(of).await.map_err(store_failed)?;
        self.memory.forget(None);
        Ok(ended)
    }

    /// A logout token works once, at whichever gateway.
    async fn note_use(&self, store: &dyn SessionStore, token: &str, now: Now) -> Result<(), Denial> {
        let name = format!("logout.{}.{token}", self.plan.issuer);
        let ends_at = now.wall.plus(LOGOUTS_REMEMBERED);
        let used = Session {
            issuer: Issuer::from(LOGOUTS),
            subject: Subject(Arc::clone(&self.plan.scheme)),
            sid: None,
            created_at: now.wall,
            idle_at: ends_at,
            ends_at,
            content: Secret::new(Vec::new()),
        };
        match store.begin_session(&Secret::new(name.into_bytes()), used).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict) => Err(invalid("the token has been used before")),
            Err(error) => Err(store_failed(error)),
        }
    }

    fn end_session_url(&self, metadata: &Metadata, content: &Content, origin: &str) -> Option<String> {
        let mut url = metadata.end_session.clone()?;
        url.query_pairs_mut()
            .append_pair("id_token_hint", content.id_token.expose_text()?)
            .append_pair("client_id", self.plan.client.client())
            .append_pair("post_logout_redirect_uri", &format!("{origin}{}", self.plan.after_logout));
        Some(url.into())
    }

    /// The refresh token takes the access tokens of its grant along (RFC 7009 §2.1); both are told, since not
    /// every provider does so.
    async fn revoke(&self, metadata: &Metadata, content: &Content) {
        let Some(url) = &metadata.revocation else { return };
        let refresh = content.refresh_token.as_ref().map(|token| (token, "refresh_token"));
        for (token, kind) in refresh.into_iter().chain([(&content.access_token, "access_token")]) {
            let token = token.expose_text().unwrap_or_default();
            let parameters = [("token", token), ("token_type_hint", kind)];
            if let Err(failure) = self.provider.tell(url, &self.plan.client, &parameters).await {
                tracing::warn!(?failure, kind, "a token of an ended session was not revoked");
            }
        }
    }
}

fn invalid(note: impl Into<std::borrow::Cow<'static, str>>) -> Denial {
    Denial::new(Reason::LogoutTokenInvalid).with_note(note)
}
