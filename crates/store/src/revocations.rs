//! Revocations, as they are kept.

use portcullis_domain::{
    Revocation, RevocationKind, RevocationStore, Revocations, Sequence, StoreError, StoreFuture, Timestamp,
};

use crate::statement::{Row, Statement, Value, next_change};
use crate::store::Store;

/// Stands for "whenever it was issued": no bound is wider.
const WHENEVER: i64 = i64::MAX;

const REVOKE: &str = "INSERT INTO revocation (kind, issuer, value, issued_before, revoked_at, forget_at, cause, \
    changed) VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT value FROM change_counter)) \
    ON CONFLICT (kind, issuer, value) DO UPDATE SET \
    issued_before = CASE WHEN excluded.issued_before > revocation.issued_before \
        THEN excluded.issued_before ELSE revocation.issued_before END, \
    forget_at = CASE WHEN excluded.forget_at > revocation.forget_at \
        THEN excluded.forget_at ELSE revocation.forget_at END, \
    revoked_at = excluded.revoked_at, cause = excluded.cause, changed = excluded.changed";
const SINCE: &str = "SELECT kind, issuer, value, issued_before, revoked_at, forget_at, cause, changed \
    FROM revocation WHERE changed > $1 ORDER BY changed LIMIT $2";
const FORGET: &str = "DELETE FROM revocation WHERE forget_at <= $1";

impl RevocationStore for Store {
    fn revoke(&self, revocation: Revocation) -> StoreFuture<'_, ()> {
        let parameters = [
            Value::from(revocation.kind.name()),
            Value::from(&*revocation.issuer),
            Value::from(&*revocation.value),
            revocation.issued_before.map_or(Value::Integer(WHENEVER), Value::from),
            Value::from(revocation.revoked_at),
            Value::from(revocation.forget_at),
            Value::from(&*revocation.cause),
        ];
        let revoke = Statement::new(REVOKE, parameters).affecting_one();
        Box::pin(async move { self.write(vec![next_change(), revoke]).await.map(drop) })
    }

    fn revoked_since(&self, sequence: Sequence, limit: u32) -> StoreFuture<'_, Revocations> {
        Box::pin(async move {
            let parameters = [Value::from(sequence.0), Value::Integer(i64::from(limit))];
            let mut revocations = Revocations { sequence, made: Vec::new() };
            for mut row in self.read(Statement::new(SINCE, parameters)).await? {
                revocations.made.push(revocation(&mut row)?);
                revocations.sequence = Sequence(row.bits()?);
            }
            Ok(revocations)
        })
    }

    fn forget_revocations(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.write_one(Statement::new(FORGET, [Value::from(now)])))
    }
}

fn revocation(row: &mut Row) -> Result<Revocation, StoreError> {
    Ok(Revocation {
        kind: RevocationKind::from_name(&row.text()?).ok_or(StoreError::Unreadable)?,
        issuer: row.text()?.into(),
        value: row.text()?.into(),
        issued_before: match row.integer()? {
            WHENEVER => None,
            bound => Some(Timestamp::from_millis(bound.cast_unsigned())),
        },
        revoked_at: row.moment()?,
        forget_at: row.moment()?,
        cause: row.text()?.into(),
    })
}
