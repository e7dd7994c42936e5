//! Grants, as they are kept: one row for each, and one for each approval.

use portcullis_domain::{
    AccessGrant, AccessGrantChanges, Approved, GrantId, GrantStore, Scopes, Sequence, StoreError,
    StoreFuture, Timestamp,
};

use crate::statement::{Row, Statement, Value, next_change};
use crate::store::Store;

const OPEN: &str = "INSERT INTO access_grant (id, issuer, subject, roles, scopes, cause, opened_by, opened_at, \
    expires_at, needed, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
    (SELECT value FROM change_counter))";
/// Only while it is open, and not by whoever opened it.
const APPROVE: &str = "INSERT INTO grant_approval (grant_id, approver, at) \
    SELECT id, $1, $2 FROM access_grant WHERE id = $3 AND opened_by <> $1 AND closed_at IS NULL \
    AND expires_at > $2 ON CONFLICT (grant_id, approver) DO NOTHING";
const TOUCH: &str = "UPDATE access_grant SET changed = (SELECT value FROM change_counter) WHERE id = $1";
const IS_OPEN: &str = "SELECT id FROM access_grant WHERE id = $1 AND closed_at IS NULL AND expires_at > $2";
const CLOSE: &str = "UPDATE access_grant SET closed_at = $1, closed_by = $2, \
    changed = (SELECT value FROM change_counter) WHERE id = $3 AND closed_at IS NULL AND expires_at > $1";
/// Of no interest to gateways, so not a change that they take up.
const USED: &str = "UPDATE access_grant SET used_at = $1 WHERE id = $2 AND used_at IS NULL";
const SINCE: &str = "SELECT id, issuer, subject, roles, scopes, cause, opened_by, opened_at, expires_at, needed, \
    closed_at, closed_by, used_at, changed FROM access_grant WHERE changed > $1 ORDER BY changed LIMIT $2";
const APPROVERS: &str = "SELECT approver FROM grant_approval WHERE grant_id = $1 ORDER BY approver";
const FORGET_APPROVALS: &str = "DELETE FROM grant_approval WHERE grant_id IN \
    (SELECT id FROM access_grant WHERE expires_at < $1)";
const FORGET: &str = "DELETE FROM access_grant WHERE expires_at < $1";

impl GrantStore for Store {
    fn open_grant(&self, grant: AccessGrant) -> StoreFuture<'_, ()> {
        let parameters = [
            Value::from(grant.id.0),
            Value::from(&*grant.issuer),
            Value::from(&*grant.subject),
            Value::from(&grant.roles),
            Value::from(&grant.scopes),
            Value::from(&*grant.cause),
            Value::from(&*grant.opened_by),
            Value::from(grant.opened_at),
            Value::from(grant.expires_at),
            Value::from(u64::from(grant.needed)),
        ];
        let open = Statement::new(OPEN, parameters).affecting_one();
        Box::pin(async move { self.write(vec![next_change(), open]).await.map(drop) })
    }

    fn approve_grant(&self, id: GrantId, by: &str, now: Timestamp) -> StoreFuture<'_, Approved> {
        let parameters = [Value::from(by), Value::from(now), Value::from(id.0)];
        let approve = Statement::new(APPROVE, parameters).affecting_one();
        let touch = Statement::new(TOUCH, [Value::from(id.0)]).affecting_one();
        let is_open = Statement::new(IS_OPEN, [Value::from(id.0), Value::from(now)]);
        Box::pin(async move {
            match self.write(vec![next_change(), approve, touch]).await {
                Ok(_) => Ok(Approved::Counted),
                Err(StoreError::Conflict) if self.read(is_open).await?.is_empty() => Ok(Approved::Over),
                Err(StoreError::Conflict) => Ok(Approved::NotAnother),
                Err(error) => Err(error),
            }
        })
    }

    fn close_grant(&self, id: GrantId, by: &str, now: Timestamp) -> StoreFuture<'_, bool> {
        let parameters = [Value::from(now), Value::from(by), Value::from(id.0)];
        let close = Statement::new(CLOSE, parameters).affecting_one();
        Box::pin(async move {
            match self.write(vec![next_change(), close]).await {
                Ok(_) => Ok(true),
                Err(StoreError::Conflict) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn note_grant_used(&self, id: GrantId, at: Timestamp) -> StoreFuture<'_, ()> {
        let used = Statement::new(USED, [Value::from(at), Value::from(id.0)]);
        Box::pin(async move { self.write_one(used).await.map(drop) })
    }

    fn grants_changed_since(&self, sequence: Sequence, limit: u32) -> StoreFuture<'_, AccessGrantChanges> {
        Box::pin(async move {
            let parameters = [Value::from(sequence.0), Value::Integer(i64::from(limit))];
            let mut changes = AccessGrantChanges { sequence, grants: Vec::new() };
            for mut row in self.read(Statement::new(SINCE, parameters)).await? {
                let mut grant = grant(&mut row)?;
                changes.sequence = Sequence(row.bits()?);
                let approvers = Statement::new(APPROVERS, [Value::from(grant.id.0)]);
                for mut row in self.read(approvers).await? {
                    grant.approved_by.push(row.text()?.into());
                }
                changes.grants.push(grant);
            }
            Ok(changes)
        })
    }

    fn forget_grants(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        let statements = [FORGET_APPROVALS, FORGET].map(|text| Statement::new(text, [Value::from(before)]));
        Box::pin(async move {
            let changed = self.write(statements.into()).await?;
            Ok(changed.last().copied().unwrap_or(0))
        })
    }
}

fn grant(row: &mut Row) -> Result<AccessGrant, StoreError> {
    let mut grant = AccessGrant {
        id: GrantId(row.bits()?),
        issuer: row.text()?.into(),
        subject: row.text()?.into(),
        roles: Scopes::parse(&row.text()?),
        scopes: Scopes::parse(&row.text()?),
        cause: row.text()?.into(),
        opened_by: row.text()?.into(),
        opened_at: row.moment()?,
        expires_at: row.moment()?,
        needed: u8::try_from(row.integer()?).map_err(|_| StoreError::Unreadable)?,
        approved_by: Vec::new(),
        closed: None,
        used_at: None,
    };
    let (closed_at, closed_by) = (row.maybe_moment()?, row.maybe_text()?);
    grant.closed = closed_at.map(|at| (at, closed_by.unwrap_or_default().into()));
    grant.used_at = row.maybe_moment()?;
    Ok(grant)
}
