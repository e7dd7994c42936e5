//! API keys, as they are kept.

use portcullis_domain::{
    ApiKeyRecord, KeyChanges, KeyId, KeyPage, KeyReach, KeyRevoked, KeyStore, KeyedDigest, PepperId, Scopes,
    Sequence, StoreError, StoreFuture, Timestamp,
};

use crate::statement::{Row, Statement, Value, next_change};
use crate::store::Store;

/// Most changes that are told at once; whoever asks goes on from the sequence that comes along.
const CHANGES: i64 = 10_000;

const ADD: &str = "INSERT INTO api_key (id, pepper, digest, owner, label, scopes, apis, networks, created_at, \
    expires_at, revoked_at, successor, last_used_at, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
    $11, $12, $13, (SELECT value FROM change_counter))";
const FIND: &str = "SELECT id, pepper, digest, owner, label, scopes, apis, networks, created_at, expires_at, \
    revoked_at, successor, last_used_at FROM api_key WHERE id = $1";
const LIST: &str = "SELECT id, pepper, digest, owner, label, scopes, apis, networks, created_at, expires_at, \
    revoked_at, successor, last_used_at FROM api_key WHERE id > $1 ORDER BY id LIMIT $2";
const LIST_OF_OWNER: &str = "SELECT id, pepper, digest, owner, label, scopes, apis, networks, created_at, \
    expires_at, revoked_at, successor, last_used_at FROM api_key WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3";
/// A key that has a successor is at its end already; an earlier end than the overlap stays.
const REPLACE: &str = "UPDATE api_key SET successor = $1, \
    expires_at = CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END, \
    changed = (SELECT value FROM change_counter) WHERE id = $3 AND revoked_at IS NULL AND successor IS NULL";
const REVOKE: &str = "UPDATE api_key SET revoked_at = $1, changed = (SELECT value FROM change_counter) \
    WHERE id = $2 AND revoked_at IS NULL";
const USED: &str = "UPDATE api_key SET last_used_at = $1 \
    WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
const LATEST: &str = "SELECT value FROM change_counter WHERE id = 1";
const CHANGED: &str = "SELECT id, changed FROM api_key WHERE changed > $1 ORDER BY changed, id LIMIT $2";

impl KeyStore for Store {
    fn add_key(&self, record: ApiKeyRecord) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.write(vec![next_change(), add(record)]).await.map(drop) })
    }

    fn find_key(&self, id: KeyId) -> StoreFuture<'_, Option<ApiKeyRecord>> {
        Box::pin(async move {
            let rows = self.read(Statement::new(FIND, [Value::from(id.0)])).await?;
            rows.into_iter().next().map(record).transpose()
        })
    }

    fn list_keys(&self, page: KeyPage) -> StoreFuture<'_, Vec<ApiKeyRecord>> {
        // Ids are kept as signed integers and listed in that order.
        let after = Value::Integer(page.after.map_or(i64::MIN, |id| id.0.cast_signed()));
        let limit = Value::Integer(i64::from(page.limit));
        let statement = match page.owner {
            None => Statement::new(LIST, [after, limit]),
            Some(owner) => Statement::new(LIST_OF_OWNER, [Value::from(&*owner), after, limit]),
        };
        Box::pin(async move { self.read(statement).await?.into_iter().map(record).collect() })
    }

    fn rotate_key(&self, old: KeyId, successor: ApiKeyRecord, ends: Timestamp) -> StoreFuture<'_, ()> {
        let replace = [Value::from(successor.id.0), Value::from(ends), Value::from(old.0)];
        let replace = Statement::new(REPLACE, replace).affecting_one();
        Box::pin(async move { self.write(vec![next_change(), replace, add(successor)]).await.map(drop) })
    }

    fn revoke_key(&self, id: KeyId, at: Timestamp) -> StoreFuture<'_, KeyRevoked> {
        Box::pin(async move {
            let revoke = Statement::new(REVOKE, [Value::from(at), Value::from(id.0)]).affecting_one();
            match self.write(vec![next_change(), revoke]).await {
                Ok(_) => Ok(KeyRevoked::Now),
                Err(StoreError::Conflict) => Ok(match self.find_key(id).await? {
                    Some(_) => KeyRevoked::Before,
                    None => KeyRevoked::Unknown,
                }),
                Err(error) => Err(error),
            }
        })
    }

    fn note_keys_used(&self, used: Vec<(KeyId, Timestamp)>) -> StoreFuture<'_, ()> {
        let note = |(id, at): (KeyId, Timestamp)| Statement::new(USED, [Value::from(at), Value::from(id.0)]);
        let notes: Vec<_> = used.into_iter().map(note).collect();
        Box::pin(async move { self.write(notes).await.map(drop) })
    }

    fn latest_change(&self) -> StoreFuture<'_, Sequence> {
        Box::pin(async move {
            let mut rows = self.read(Statement::new(LATEST, [])).await?;
            rows.pop().ok_or(StoreError::Unreadable)?.bits().map(Sequence)
        })
    }

    fn keys_changed_since(&self, sequence: Sequence) -> StoreFuture<'_, KeyChanges> {
        Box::pin(async move {
            let parameters = [Value::from(sequence.0), Value::Integer(CHANGES)];
            let mut changes = KeyChanges { sequence, keys: Vec::new() };
            for mut row in self.read(Statement::new(CHANGED, parameters)).await? {
                changes.keys.push(KeyId(row.bits()?));
                changes.sequence = Sequence(row.bits()?);
            }
            Ok(changes)
        })
    }
}

fn add(record: ApiKeyRecord) -> Statement {
    let apis = match &record.reach {
        KeyReach::EveryApi => Value::Null,
        KeyReach::Apis(apis) => Value::from(apis.join("\n")),
    };
    let networks: Vec<String> = record.networks.iter().map(ToString::to_string).collect();
    let parameters = [
        Value::from(record.id.0),
        Value::from(u64::from(record.digest.pepper.0)),
        Value::from(record.digest.bytes.to_vec()),
        Value::from(&*record.owner),
        Value::from(&*record.label),
        Value::from(&record.scopes),
        apis,
        Value::from(networks.join("\n")),
        Value::from(record.created_at),
        Value::from(record.expires_at),
        Value::from(record.revoked_at),
        Value::from(record.successor.map(|id| id.0)),
        Value::from(record.last_used_at),
    ];
    Statement::new(ADD, parameters).affecting_one()
}

fn record(mut row: Row) -> Result<ApiKeyRecord, StoreError> {
    Ok(ApiKeyRecord {
        id: KeyId(row.bits()?),
        digest: KeyedDigest {
            pepper: PepperId(u32::try_from(row.bits()?).map_err(|_| StoreError::Unreadable)?),
            bytes: row.bytes()?.try_into().map_err(|_| StoreError::Unreadable)?,
        },
        owner: row.text()?.into(),
        label: row.text()?.into(),
        scopes: Scopes::parse(&row.text()?),
        reach: match row.maybe_text()? {
            None => KeyReach::EveryApi,
            Some(apis) => KeyReach::Apis(apis.lines().map(Box::from).collect()),
        },
        networks: networks(&row.text()?)?,
        created_at: row.moment()?,
        expires_at: row.moment()?,
        revoked_at: row.maybe_moment()?,
        successor: row.maybe_bits()?.map(KeyId),
        last_used_at: row.maybe_moment()?,
    })
}

/// A network that cannot be read must not make a key good everywhere.
fn networks(text: &str) -> Result<Box<[ipnet::IpNet]>, StoreError> {
    text.lines().map(|line| line.parse().map_err(|_| StoreError::Unreadable)).collect()
}
