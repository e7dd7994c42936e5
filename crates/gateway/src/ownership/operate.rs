//! Owners for the operator's subcommands: which types there are, and taking down what the operator knows.
//!
//! Called by `portcullis objects`, which may run beside the gateway: it asks the store before it refuses.

use portcullis_authz::ledger::{Event, Learned, learn};
use portcullis_domain::{Keeping, ObjectChange, ObjectKey, OwnerKey, OwnershipStore, StoreError, Timestamp};
use portcullis_store::LedgerKey;

use super::rules::OwnedBy;
use crate::config::{GatewayConfig, OwnedByConfig};

/// A type of object, as far as digests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedType {
    /// The API that declares it.
    pub api: String,
    /// Its name.
    pub kind: String,
    /// Where its ids are told apart.
    pub realm: String,
    /// Whose subjects own, if that is clear.
    pub issuer: Option<String>,
    owned_by: OwnedBy,
}

impl OwnedType {
    /// All types of a configuration.
    pub(crate) fn all(config: &GatewayConfig) -> Vec<Self> {
        let types = config.apis.iter().flat_map(|(api, settings)| {
            settings.objects.iter().map(move |(kind, object)| {
                let named = object.issuer.as_ref().and_then(|name| config.identity.get(name));
                let only = config.identity.values().next().filter(|_| config.identity.len() == 1);
                Self {
                    api: api.clone(),
                    kind: kind.clone(),
                    realm: object.realm.clone().unwrap_or_else(|| api.clone()),
                    issuer: named.or(only).map(|issuer| issuer.issuer.clone()),
                    owned_by: match &object.owned_by {
                        OwnedByConfig::Subject => OwnedBy::Subject,
                        OwnedByConfig::Claim(claim) => OwnedBy::Claim(claim.as_str().into()),
                    },
                }
            })
        });
        types.collect()
    }

    /// The object of this type with this id; `tenant` is empty unless each tenant counts its own.
    #[must_use]
    pub fn object(&self, key: &LedgerKey, tenant: &str, id: &str) -> ObjectKey {
        key.object(&self.realm, &self.kind, tenant, id)
    }

    /// The party that `issuer` calls `name`.
    #[must_use]
    pub fn owner(&self, key: &LedgerKey, issuer: &str, name: &str) -> OwnerKey {
        key.owner(&self.owned_by.authority(issuer), name)
    }
}

/// Takes down whose objects are, on the operator's word: a stronger one stays. Tells how many were taken.
///
/// # Errors
/// What the store says; what was taken before stays.
pub async fn import_owners(
    store: &dyn OwnershipStore,
    owners: &[(ObjectKey, OwnerKey)],
    at: Timestamp,
) -> Result<u64, StoreError> {
    let mut changes = Vec::with_capacity(owners.len());
    for (key, owner) in owners {
        let known = store.find_object(*key).await?;
        if let Learned::Changed { object, kind, grant } =
            learn(known.as_ref(), Event::Imported { owner: *owner }, None, at)
        {
            changes.push(ObjectChange { key: *key, object, kind, grant, at, receipt: None });
        }
    }
    let kept = store.keep_objects(changes).await?;
    Ok(kept.into_iter().filter(|keeping| *keeping == Keeping::Kept).count() as u64)
}
