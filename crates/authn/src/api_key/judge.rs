//! Whether a key is believed, and for whom.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::api_key::is_in_any;
use portcullis_domain::{
    Assurance, Denial, Issuer, KeyId, KeyStore, Matching, Now, Pepper, Principal, PrincipalKind, Reason,
    Scopes, StoreError,
};
use serde_json::Map;

use super::format::read;
use super::hot::{HotKey, HotKeys, Standing};
use super::place::{AcceptedKeys, ShownKey};
use super::uses::Uses;
use crate::authenticator::{Recognition, Recognized};
use crate::refusal::Refusal;
use crate::revoked::{Revocable, Revoked};

/// The issuer of principals that were recognized by a key: this gateway. No token's `iss` can be it, since
/// it is no URL.
pub const ISSUER: &str = "api-key";
/// When to come back while the store is away.
const COME_BACK: Duration = Duration::from_secs(5);

/// Recognizes applications by their keys. One for the process: a reload changes neither keys nor their cache.
pub struct ApiKeys {
    store: Arc<dyn KeyStore>,
    pepper: Arc<dyn Pepper>,
    revoked: Arc<Revoked>,
    hot: HotKeys,
    uses: Uses,
    issuer: Issuer,
    claims: Arc<Map<String, serde_json::Value>>,
    roles: Scopes,
}

/// What a key is shown for.
#[derive(Clone, Copy, Debug)]
pub struct KeyContext<'r> {
    /// The API's name in `portcullis.yaml`.
    pub api: &'r str,
    /// Where the request comes from.
    pub address: IpAddr,
}

impl ApiKeys {
    /// Keys of this store, of which so many are remembered.
    #[must_use]
    pub fn new(
        store: Arc<dyn KeyStore>,
        pepper: Arc<dyn Pepper>,
        revoked: Arc<Revoked>,
        capacity: usize,
    ) -> Self {
        Self {
            store,
            pepper,
            revoked,
            hot: HotKeys::new(capacity),
            uses: Uses::new(),
            issuer: Issuer::from(ISSUER),
            claims: Arc::default(),
            roles: Scopes::default(),
        }
    }

    /// Finds out which application is calling. Waits only if the key was not used lately.
    ///
    /// # Errors
    /// [`Reason::KeyMalformed`] before anything is looked up. [`Reason::KeyUnknown`], [`Reason::KeyExpired`],
    /// [`Reason::KeyRevoked`], [`Reason::KeyMisplaced`]; all look alike to the client.
    /// [`Reason::StoreUnavailable`] (503) if nobody can tell.
    pub async fn identify(
        &self,
        shown: &ShownKey,
        accepted: &AcceptedKeys,
        context: KeyContext<'_>,
        now: Now,
    ) -> Result<Recognized, Denial> {
        self.recognize(shown, accepted, context, now).await.map_err(|refusal| accepted.refuse(refusal))
    }

    async fn recognize(
        &self,
        shown: &ShownKey,
        accepted: &AcceptedKeys,
        context: KeyContext<'_>,
        now: Now,
    ) -> Result<Recognized, Refusal> {
        let scheme = accepted
            .scheme_of(shown)
            .ok_or_else(|| Refusal::because(Reason::KeyMisplaced, "the operation takes no key there"))?;
        let key = read(shown.expose())
            .map_err(|_| Refusal::because(Reason::KeyMalformed, "the form or the checksum is wrong"))?;
        let (hot, by) = self.find(key.id).await?;
        match self.pepper.compare(shown.expose(), &hot.digest()) {
            Matching::Same => {}
            Matching::Different => {
                return Err(Refusal::because(Reason::KeyUnknown, "the id exists, the secret is another"));
            }
            Matching::PepperMissing => {
                return Err(Refusal::because(
                    Reason::StoreUnavailable,
                    "the key was digested under a secret that is not configured any more",
                ));
            }
        }
        judge(&hot, key.id, context, now)?;
        let principal = self.principal(&hot, key.id, scheme);
        self.revoked.refuse(&Revocable::by(&principal, None), now)?;
        if hot.is_worth_noting(now.wall) {
            self.uses.note(key.id, now.wall);
        }
        Ok(Recognized { principal: Arc::new(principal), by })
    }

    async fn find(&self, id: KeyId) -> Result<(Arc<HotKey>, Recognition), Refusal> {
        if let Some(hot) = self.hot.find(id) {
            return Ok((hot, Recognition::Memory));
        }
        let before = self.hot.before();
        match self.store.find_key(id).await {
            Ok(Some(record)) => Ok((self.hot.keep(record, before), Recognition::Verification)),
            Ok(None) => Err(Refusal::because(Reason::KeyUnknown, "there is no key with this id")),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn principal(&self, hot: &HotKey, id: KeyId, scheme: &Arc<str>) -> Principal {
        Principal {
            issuer: self.issuer.clone(),
            // The application: its rotated keys share its limits and its objects.
            subject: hot.profile.owner.clone(),
            kind: PrincipalKind::Client,
            // The record tells one key of an application from another.
            client: Some(Arc::from(id.to_string())),
            scopes: hot.profile.scopes.clone(),
            roles: self.roles.clone(),
            expires_at: Some(hot.expires_at()),
            claims: Arc::clone(&self.claims),
            scheme: Arc::clone(scheme),
            assurance: Assurance::default(),
        }
    }

    /// The id of a text that is a key of ours, and a good one; for keys that stand where none belongs.
    ///
    /// # Errors
    /// What the store says.
    pub async fn recognize_leaked(&self, text: &[u8], now: Now) -> Result<Option<KeyId>, StoreError> {
        let Ok(key) = read(text) else { return Ok(None) };
        let hot = match self.hot.find(key.id) {
            Some(hot) => hot,
            None => {
                let before = self.hot.before();
                let Some(record) = self.store.find_key(key.id).await? else { return Ok(None) };
                self.hot.keep(record, before)
            }
        };
        // The id is public: only whoever has the secret may have a key revoked by showing it.
        let is_ours = self.pepper.compare(text, &hot.digest()) == Matching::Same;
        Ok((is_ours && hot.standing(now.wall) == Standing::Good).then_some(key.id))
    }

    /// Ends a key, in the store and here.
    ///
    /// # Errors
    /// What the store says.
    pub async fn revoke(&self, id: KeyId, now: Now) -> Result<(), StoreError> {
        self.store.revoke_key(id, now.wall).await?;
        self.hot.forget(&[id]);
        Ok(())
    }

    /// Forgets keys that were changed, here or elsewhere; the next request asks the store.
    pub fn forget(&self, keys: &[KeyId]) {
        self.hot.forget(keys);
    }

    /// Tells the store which keys were used.
    ///
    /// # Errors
    /// What the store says; what was not written is lost, and noted anew at the next use.
    pub async fn write_uses(&self) -> Result<(), StoreError> {
        self.uses.write(&*self.store).await
    }

    #[cfg(test)]
    pub(crate) const fn hot(&self) -> &HotKeys {
        &self.hot
    }
}

/// Whether a key that is what it says may be used here and now.
fn judge(hot: &HotKey, id: KeyId, context: KeyContext<'_>, now: Now) -> Result<(), Refusal> {
    match hot.standing(now.wall) {
        Standing::Good => {}
        Standing::Expired => return Err(Refusal::because(Reason::KeyExpired, format!("key {id} has ended"))),
        Standing::Revoked => {
            return Err(Refusal::because(Reason::KeyRevoked, format!("key {id} was revoked")));
        }
    }
    if !is_in_any(&hot.profile.networks, context.address) {
        return Err(Refusal::because(Reason::KeyMisplaced, format!("key {id} is not for this network")));
    }
    if let Some(apis) = &hot.profile.apis
        && !apis.iter().any(|api| **api == *context.api)
    {
        return Err(Refusal::because(Reason::KeyMisplaced, format!("key {id} is not for this API")));
    }
    Ok(())
}

fn unavailable(error: StoreError) -> Refusal {
    Refusal::because(Reason::StoreUnavailable, error.to_string()).retry_after(COME_BACK)
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeys").field("hot", &self.hot).finish_non_exhaustive()
    }
}
