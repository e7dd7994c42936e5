//! The key under which ids and owners are digested.
//!
//! It is drawn by lot when it is first needed, and kept sealed beside the digests: when the root secret is
//! replaced, the seal is made anew and the digests stay good. Without it nobody can try ids or names against
//! a stolen table.

use std::fmt;

use aws_lc_rs::hmac::{self, Context};
use aws_lc_rs::rand;
use portcullis_domain::{ObjectKey, OwnerKey, Secret, StoreError, StoreFuture};
use zeroize::Zeroizing;

use super::statements;
use crate::statement::{Row, Statement, Value};
use crate::store::Store;

/// Where the sealed key belongs.
const PLACE: &[u8] = b"ownership secret";

/// Digests ids and owners.
#[derive(Clone)]
pub struct LedgerKey(hmac::Key);

impl LedgerKey {
    fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The object of type `kind` with this id, where ids are told apart by `realm`; `tenant` is empty unless
    /// each tenant counts its own.
    #[must_use]
    pub fn object(&self, realm: &str, kind: &str, tenant: &str, id: &str) -> ObjectKey {
        let digest = self.digest(b'o', [realm, kind, tenant, id]);
        let mut key = [0; 12];
        for (to, from) in key.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        ObjectKey(key)
    }

    /// The party that `authority` (an issuer, the name of a claim) calls `name`.
    #[must_use]
    pub fn owner(&self, authority: &str, name: &str) -> OwnerKey {
        OwnerKey(self.number(b'p', [authority, name]))
    }

    /// The mark of an object on what lies in it.
    #[must_use]
    pub fn parent(&self, object: ObjectKey) -> u64 {
        let ObjectKey([a, b, c, d, e, f, g, h, ..]) = object;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1
    }

    fn number<const N: usize>(&self, what: u8, parts: [&str; N]) -> u64 {
        let digest = self.digest(what, parts);
        let bytes = digest.as_ref().first_chunk().copied().unwrap_or_default();
        // Databases count with a sign; without it their order is ours.
        u64::from_be_bytes(bytes) >> 1
    }

    /// Lengths stand before the parts, so that no two lists of parts read alike.
    fn digest<const N: usize>(&self, what: u8, parts: [&str; N]) -> hmac::Tag {
        let mut context = Context::with_key(&self.0);
        context.update(&[what]);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey")
    }
}

impl Store {
    /// The key under which ids and owners are digested here; made if there is none.
    #[must_use]
    pub fn ledger_key(&self) -> StoreFuture<'_, LedgerKey> {
        Box::pin(async move {
            let sealed = match self.sealed_ledger_key().await? {
                Some(sealed) => sealed,
                None => {
                    let mut secret = Zeroizing::new([0; 32]);
                    rand::fill(&mut *secret).map_err(|_| StoreError::Unavailable)?;
                    let sealed = self.keyring.seal(PLACE, &Secret::new(secret.to_vec()))?;
                    self.write_one(Statement::new(statements::FIRST_SECRET, [Value::from(sealed)])).await?;
                    // Another gateway may have been first.
                    self.sealed_ledger_key().await?.ok_or(StoreError::Unreadable)?
                }
            };
            let secret = self.keyring.open(PLACE, &sealed)?;
            if !self.keyring.is_newest_seal(&sealed) {
                let sealed = self.keyring.seal(PLACE, &secret)?;
                self.write_one(Statement::new(statements::NEXT_SECRET, [Value::from(sealed)])).await?;
            }
            Ok(LedgerKey::new(secret.expose()))
        })
    }

    async fn sealed_ledger_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.read(Statement::new(statements::SECRET, [])).await?;
        rows.into_iter().next().map(|mut row: Row| row.bytes()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_wherever_anything_does() {
        let key = LedgerKey::new(b"a key of this test");
        let objects = [
            key.object("shop", "order", "", "7"),
            key.object("shop", "orde", "r", "7"),
            key.object("shop", "order", "7", ""),
            key.object("sho", "porder", "", "7"),
            LedgerKey::new(b"another").object("shop", "order", "", "7"),
        ];
        for (index, one) in objects.iter().enumerate() {
            assert_eq!(objects.iter().filter(|other| *other == one).count(), 1, "{index}");
        }
        assert_eq!(objects[0], key.object("shop", "order", "", "7"));
        assert_ne!(key.owner("https://id.example", "alice"), key.owner("https://id.exampl", "ealice"));
    }
}
