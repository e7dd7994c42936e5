//! Counts of long quotas, as they are kept.

use portcullis_domain::{CountStore, KeptCount, StoreError, StoreFuture, Timestamp};

use crate::statement::{Row, Statement, Value};
use crate::store::Store;

const KEEP: &str = "INSERT INTO limit_count (place, key, until_at, spent) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (place, key) DO UPDATE SET until_at = excluded.until_at, spent = excluded.spent";
const KEPT: &str = "SELECT place, key, until_at, spent FROM limit_count WHERE place = $1 AND until_at > $2 \
    ORDER BY until_at DESC LIMIT $3";
const FORGET: &str = "DELETE FROM limit_count WHERE until_at <= $1";

impl CountStore for Store {
    fn keep_counts(&self, mut counts: Vec<KeptCount>) -> StoreFuture<'_, ()> {
        // In one order everywhere: two gateways must not wait for each other's rows.
        counts.sort_by(|one, other| (&one.place, one.key).cmp(&(&other.place, other.key)));
        let keep = |count: &KeptCount| {
            let parameters = [
                Value::from(&*count.place),
                Value::from(count.key),
                Value::from(count.until),
                Value::from(u64::from(count.spent)),
            ];
            Statement::new(KEEP, parameters)
        };
        let statements = counts.iter().map(keep).collect();
        Box::pin(async move { self.write(statements).await.map(drop) })
    }

    fn kept_counts(&self, place: &str, now: Timestamp, most: u32) -> StoreFuture<'_, Vec<KeptCount>> {
        let parameters = [Value::from(place), Value::from(now), Value::Integer(i64::from(most))];
        let statement = Statement::new(KEPT, parameters);
        Box::pin(async move { self.read(statement).await?.into_iter().map(count).collect() })
    }

    fn forget_counts(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.write_one(Statement::new(FORGET, [Value::from(now)])))
    }
}

fn count(mut row: Row) -> Result<KeptCount, StoreError> {
    Ok(KeptCount {
        place: row.text()?.into(),
        key: row.bits()?,
        until: row.moment()?,
        spent: u32::try_from(row.bits()?).map_err(|_| StoreError::Unreadable)?,
    })
}
