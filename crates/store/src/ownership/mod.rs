//! Whose objects are, as it is kept: short rows, and one order in which stories of one object hold.
//!
//! A row is what outranks all others that were told of its object, whoever told them first: the database
//! decides that in the statement that writes, so that two gateways that write at once leave the same behind.
//! First owners are rows alone; what changes later also leaves a line of history, by which other gateways
//! learn that what they remember is old.

mod digest;
mod statements;

use portcullis_domain::{
    Authority, ChangeKind, ChangedObjects, Coverage, Grant, Keeping, ObjectChange, ObjectKey, OwnedObject,
    OwnerKey, OwnershipBounds, OwnershipStore, PastChange, ReceiptId, Right, Sequence, StoreError,
    StoreFuture,
};

use crate::statement::{Row, Statement, Value, next_change};
use crate::store::Store;
pub use digest::LedgerKey;

impl OwnershipStore for Store {
    fn find_object(&self, key: ObjectKey) -> StoreFuture<'_, Option<OwnedObject>> {
        Box::pin(async move {
            let mut found: Option<OwnedObject> = None;
            for mut row in self.read(Statement::new(statements::FIND, [id(key)])).await? {
                let object = read_object(&mut row)?;
                let grantee = row.maybe_bits()?;
                let right = row.maybe_bits()?;
                let object = found.get_or_insert(object);
                if let (Some(to), Some(right)) = (grantee, right.and_then(right_of)) {
                    object.grants.push(Grant { to: OwnerKey(to), right });
                }
            }
            Ok(found)
        })
    }

    fn keep_objects(&self, changes: Vec<ObjectChange>) -> StoreFuture<'_, Vec<Keeping>> {
        Box::pin(async move {
            let mut ordered: Vec<(usize, &ObjectChange)> = changes.iter().enumerate().collect();
            // In one order everywhere: two gateways must not wait for each other's rows.
            ordered.sort_by_key(|(_, change)| change.key);
            let mut statements = Vec::new();
            // If anything is noted in the order of changes, its lock comes before all others.
            let mut places = Vec::with_capacity(ordered.len());
            if ordered.iter().any(|(_, change)| is_noted(change)) {
                statements.push(next_change());
            }
            for (index, change) in ordered {
                places.push((index, statements.len()));
                statements.push(keep(change));
                if let Some(grant) = &change.grant {
                    let parameters = [
                        id(change.key),
                        Value::from(grant.to.0),
                        Value::from(u64::from(change.object.version)),
                        Value::from(grant.right.map_or(0, permits)),
                        Value::from(change.at),
                    ];
                    statements.push(Statement::new(statements::GRANT, parameters));
                }
                if is_noted(change) {
                    statements.push(note(change));
                    statements.push(next_change());
                }
            }
            let changed = self.write(statements).await?;
            let mut kept = vec![Keeping::Outranked; changes.len()];
            for (index, statement) in places {
                if let (Some(kept), Some(1..)) = (kept.get_mut(index), changed.get(statement)) {
                    *kept = Keeping::Kept;
                }
            }
            Ok(kept)
        })
    }

    fn objects_changed_since(&self, since: Sequence, most: u32) -> StoreFuture<'_, ChangedObjects> {
        let parameters = [Value::from(since.0), Value::from(u64::from(most))];
        Box::pin(async move {
            let mut changes = ChangedObjects { keys: Vec::new(), sequence: since };
            for mut row in self.read(Statement::new(statements::CHANGED, parameters)).await? {
                changes.keys.push(read_id(&mut row)?);
                changes.sequence = Sequence(row.bits()?);
            }
            Ok(changes)
        })
    }

    fn object_history(&self, key: ObjectKey) -> StoreFuture<'_, Vec<PastChange>> {
        Box::pin(async move {
            let rows = self.read(Statement::new(statements::HISTORY, [id(key)])).await?;
            rows.into_iter().map(read_change).collect()
        })
    }

    fn list_objects(
        &self,
        after: Option<ObjectKey>,
        most: u32,
    ) -> StoreFuture<'_, Vec<(ObjectKey, OwnedObject)>> {
        let after = Value::from(after.map_or_else(Vec::new, |key| key.0.to_vec()));
        let parameters = [after, Value::from(u64::from(most))];
        Box::pin(async move {
            let rows = self.read(Statement::new(statements::LIST, parameters)).await?;
            let read = |mut row: Row| Ok((read_id(&mut row)?, read_object(&mut row)?));
            rows.into_iter().map(read).collect()
        })
    }

    fn forget_objects(&self, bounds: OwnershipBounds) -> StoreFuture<'_, u64> {
        // Of the same version and state a later moment has the smaller precedence, so each state is looked at
        // by its bits; see `OwnedObject::precedence`.
        let moment = |at: portcullis_domain::Timestamp| Value::from(at);
        let forget = vec![
            Statement::new(statements::FORGET_TOMBSTONES, [moment(bounds.tombstones)]),
            Statement::new(statements::FORGET_OBSERVATIONS, [moment(bounds.observations)]),
            Statement::new(statements::FORGET_HISTORY, [moment(bounds.history)]),
            Statement::new(statements::FORGET_GRANTS, []),
        ];
        Box::pin(async move { Ok(self.write(forget).await?.into_iter().sum()) })
    }

    fn add_coverage(&self, mut counts: Vec<Coverage>) -> StoreFuture<'_, ()> {
        counts.sort_by(|one, other| (&one.realm, &one.kind).cmp(&(&other.realm, &other.kind)));
        let add = |one: &Coverage| {
            let parameters = [
                Value::from(&*one.realm),
                Value::from(&*one.kind),
                Value::from(one.own),
                Value::from(one.granted),
                Value::from(one.foreign),
                Value::from(one.unknown),
                Value::from(one.contradictions),
                Value::from(one.began_at),
                Value::from(one.last_at),
            ];
            Statement::new(statements::COVER, parameters)
        };
        let statements: Vec<_> = counts.iter().map(add).collect();
        Box::pin(async move { self.write(statements).await.map(drop) })
    }

    fn coverage(&self) -> StoreFuture<'_, Vec<Coverage>> {
        Box::pin(async move {
            let rows = self.read(Statement::new(statements::COVERAGE, [])).await?;
            rows.into_iter().map(read_coverage).collect()
        })
    }

    fn settle_contradictions(&self, realm: &str, kind: &str) -> StoreFuture<'_, bool> {
        let statement = Statement::new(statements::SETTLE, [Value::from(realm), Value::from(kind)]);
        Box::pin(async move { Ok(self.write_one(statement).await? > 0) })
    }
}

/// Whether a change may make wrong what other gateways remember, or is worth telling later.
fn is_noted(change: &ObjectChange) -> bool {
    match change.kind {
        ChangeKind::Observed => false,
        ChangeKind::Created | ChangeKind::Asserted | ChangeKind::Imported => change.object.version > 1,
        ChangeKind::Transferred
        | ChangeKind::Shared
        | ChangeKind::Unshared
        | ChangeKind::Deleted
        | ChangeKind::Contradicted => true,
    }
}

fn keep(change: &ObjectChange) -> Statement {
    let object = &change.object;
    let parameters = [
        id(change.key),
        Value::from(object.owner.0),
        Value::from(object.precedence()),
        Value::from(object.parent),
    ];
    Statement::new(statements::KEEP, parameters)
}

/// Noted only if it is what is kept now: what was outranked never happened.
fn note(change: &ObjectChange) -> Statement {
    let parameters = [
        id(change.key),
        Value::from(change.kind.name()),
        Value::from(change.object.owner.0),
        Value::from(change.object.authority.name()),
        Value::from(change.at),
        Value::from(change.receipt.map(|receipt| receipt.to_string())),
        Value::from(change.object.precedence()),
    ];
    Statement::new(statements::NOTE, parameters)
}

fn id(key: ObjectKey) -> Value {
    Value::from(key.0.to_vec())
}

fn read_id(row: &mut Row) -> Result<ObjectKey, StoreError> {
    row.bytes()?.try_into().map(ObjectKey).map_err(|_| StoreError::Unreadable)
}

fn read_object(row: &mut Row) -> Result<OwnedObject, StoreError> {
    let (owner, precedence, parent) = (OwnerKey(row.bits()?), row.bits()?, row.maybe_bits()?);
    OwnedObject::from_precedence(precedence, owner, parent).ok_or(StoreError::Unreadable)
}

fn read_change(mut row: Row) -> Result<PastChange, StoreError> {
    Ok(PastChange {
        kind: ChangeKind::from_name(&row.text()?).ok_or(StoreError::Unreadable)?,
        owner: OwnerKey(row.bits()?),
        authority: Authority::from_name(&row.text()?).ok_or(StoreError::Unreadable)?,
        at: row.moment()?,
        receipt: row.maybe_text()?.and_then(|text| ReceiptId::parse(&text)),
    })
}

fn read_coverage(mut row: Row) -> Result<Coverage, StoreError> {
    Ok(Coverage {
        realm: row.text()?.into(),
        kind: row.text()?.into(),
        own: row.bits()?,
        granted: row.bits()?,
        foreign: row.bits()?,
        unknown: row.bits()?,
        contradictions: row.bits()?,
        began_at: row.moment()?,
        last_at: row.moment()?,
    })
}

const fn permits(right: Right) -> u64 {
    match right {
        Right::Read => 1,
        Right::Write => 2,
    }
}

const fn right_of(permits: u64) -> Option<Right> {
    match permits {
        1 => Some(Right::Read),
        2 => Some(Right::Write),
        _ => None,
    }
}
