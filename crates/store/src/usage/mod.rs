//! Counts of traffic, as they are kept: rows that only grow by adding, so that several gateways add up.
//!
//! A batch is one transaction and has a name. When the answer to it is lost on the way, the gateway sends it
//! again; the name is there already, and nothing is counted twice.

mod statements;

use portcullis_domain::{
    CallEnd, CallEnds, Consumer, ConsumerKind, Learnt, MemberPlace, Observation, StoreError, StoreFuture,
    Stray, StrayMember, Timestamp, Usage, UsageBatch, UsageBounds, UsageStore, UsedOperation,
};

use crate::statement::{Row, Statement, Value};
use crate::store::Store;

/// Most bytes of a text that is part of a row's name: PostgreSQL takes no larger ones into an index.
const NAME: usize = 255;
const DAY: u64 = 86_400_000;
/// How long the name of a batch is remembered.
const BATCH_MEMORY: u64 = DAY;

impl UsageStore for Store {
    fn add_usage(&self, mut batch: UsageBatch) -> StoreFuture<'_, ()> {
        // In one order everywhere: two gateways must not wait for each other's rows.
        batch
            .used
            .sort_by(|one, other| (&one.operation, &one.consumer).cmp(&(&other.operation, &other.consumer)));
        batch.strays.sort_by(|one, other| stray_name(one).cmp(&stray_name(other)));
        batch.members.sort_by(|one, other| member_name(one).cmp(&member_name(other)));
        batch.observed.sort();
        let first =
            Statement::new(statements::BATCH, [Value::from(batch.id.0.to_vec()), Value::from(batch.at)]);
        let observed = batch.observed.iter().map(|(api, version)| {
            let parameters = [name(api), name(version), Value::from(batch.at), Value::from(batch.lost_at)];
            Statement::new(statements::OBSERVE, parameters)
        });
        let statements = std::iter::once(first)
            .chain(batch.used.iter().map(add_used))
            .chain(batch.strays.iter().map(add_stray))
            .chain(batch.members.iter().map(add_member))
            .chain(observed)
            .collect();
        Box::pin(async move {
            match self.write(statements).await {
                // Its name is there: it was added before.
                Ok(_) | Err(StoreError::Conflict) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    fn usage_since(&self, since: Timestamp) -> StoreFuture<'_, Vec<Usage>> {
        Box::pin(async move {
            let rows = self.read(Statement::new(statements::USED, [day(since)])).await?;
            rows.into_iter().map(read_used).collect()
        })
    }

    fn strays_since(&self, since: Timestamp) -> StoreFuture<'_, Vec<Stray>> {
        Box::pin(async move {
            let rows = self.read(Statement::new(statements::STRAYS, [Value::from(since)])).await?;
            rows.into_iter().map(read_stray).collect()
        })
    }

    fn stray_members_since(&self, since: Timestamp) -> StoreFuture<'_, Vec<StrayMember>> {
        Box::pin(async move {
            let rows = self.read(Statement::new(statements::MEMBERS, [Value::from(since)])).await?;
            rows.into_iter().map(read_member).collect()
        })
    }

    fn observations(&self) -> StoreFuture<'_, Vec<Observation>> {
        Box::pin(async move {
            let rows = self.read(Statement::new(statements::OBSERVATIONS, [])).await?;
            rows.into_iter().map(read_observation).collect()
        })
    }

    fn forget_usage(&self, now: Timestamp, bounds: UsageBounds) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let today = now.as_millis() / DAY;
            let offset = Value::from(u64::from(bounds.rows));
            let crowded = self.read(Statement::new(statements::CROWDED_DAY, [offset])).await?;
            let crowded = crowded.into_iter().next().map(|mut row| row.bits()).transpose()?;
            // The day that is not over stays: who counts bounds it.
            let from = crowded.map_or(0, |day| (day + 1).min(today)).max(bounds.since.as_millis() / DAY);
            let began = Timestamp::from_millis(from.saturating_mul(DAY));
            let old_batches = Timestamp::from_millis(now.as_millis().saturating_sub(BATCH_MEMORY));
            let forget = vec![
                Statement::new(statements::FORGET_USED, [Value::from(from)]),
                Statement::new(statements::FORGET_STRAYS, [Value::from(bounds.since)]),
                Statement::new(statements::FORGET_MEMBERS, [Value::from(bounds.since)]),
            ];
            let forgotten = self.write(forget).await?.into_iter().sum();
            let follow = vec![
                Statement::new(statements::BEGIN_LATER, [Value::from(began)]),
                Statement::new(statements::FORGET_BATCHES, [Value::from(old_batches)]),
            ];
            self.write(follow).await?;
            Ok(forgotten)
        })
    }

    fn find_learnt(&self, api: &str) -> StoreFuture<'_, Option<Learnt>> {
        let statement = Statement::new(statements::FIND_LEARNT, [name(api)]);
        Box::pin(async move {
            let read = |mut row: Row| Ok(Learnt { revision: row.bits()?, content: row.bytes()? });
            self.read(statement).await?.into_iter().next().map(read).transpose()
        })
    }

    fn keep_learnt(&self, api: &str, learnt: Learnt) -> StoreFuture<'_, ()> {
        let statement = match learnt.revision {
            0 => Statement::new(statements::FIRST_LEARNT, [name(api), Value::from(learnt.content)]),
            revision => Statement::new(
                statements::NEXT_LEARNT,
                [Value::from(learnt.content), name(api), Value::from(revision)],
            ),
        };
        Box::pin(async move { self.write_one(statement.affecting_one()).await.map(drop) })
    }
}

fn stray_name(stray: &Stray) -> (&str, &str, &str, &str) {
    (&stray.api, &stray.version, &stray.method, &stray.template)
}

fn member_name(member: &StrayMember) -> (&UsedOperation, MemberPlace, &str) {
    (&member.operation, member.place, &member.name)
}

fn add_used(usage: &Usage) -> Statement {
    let Usage { operation, consumer, ends, first_at, last_at, peak } = usage;
    let mut parameters = vec![
        name(&operation.api),
        name(&operation.version),
        name(&operation.operation),
        Value::from(consumer.kind.name()),
        name(&consumer.issuer),
        name(&consumer.subject),
        name(&consumer.client),
        day(*last_at),
    ];
    parameters.extend(CallEnd::ALL.map(|end| count(ends.ended(end))));
    parameters.extend([Value::from(*first_at), Value::from(*last_at), Value::from(u64::from(*peak))]);
    Statement::new(statements::ADD_USED, parameters)
}

fn add_stray(stray: &Stray) -> Statement {
    let parameters = [
        name(&stray.api),
        name(&stray.version),
        name(&stray.method),
        name(&stray.template),
        count(stray.refused),
        count(stray.answered),
        Value::from(stray.first_at),
        Value::from(stray.last_at),
        Value::from(statements::STRAYS_OF_API),
    ];
    Statement::new(statements::ADD_STRAY, parameters)
}

fn add_member(member: &StrayMember) -> Statement {
    let parameters = [
        name(&member.operation.api),
        name(&member.operation.version),
        name(&member.operation.operation),
        Value::from(member.place.name()),
        name(&member.name),
        count(member.times),
        Value::from(member.first_at),
        Value::from(member.last_at),
        Value::from(statements::MEMBERS_OF_OPERATION),
    ];
    Statement::new(statements::ADD_MEMBER, parameters)
}

fn read_used(mut row: Row) -> Result<Usage, StoreError> {
    let operation = read_operation(&mut row)?;
    let kind = ConsumerKind::from_name(&row.text()?).ok_or(StoreError::Unreadable)?;
    let consumer = Consumer {
        kind,
        issuer: row.text()?.into(),
        subject: row.text()?.into(),
        client: row.text()?.into(),
    };
    let mut ends = [0; CallEnd::ALL.len()];
    for count in &mut ends {
        *count = row.bits()?;
    }
    let ends = CallEnds::of(ends);
    let (first_at, last_at) = (row.moment()?, row.moment()?);
    let peak = u32::try_from(row.bits()?).unwrap_or(u32::MAX);
    Ok(Usage { operation, consumer, ends, first_at, last_at, peak })
}

fn read_operation(row: &mut Row) -> Result<UsedOperation, StoreError> {
    Ok(UsedOperation { api: row.text()?.into(), version: row.text()?.into(), operation: row.text()?.into() })
}

fn read_stray(mut row: Row) -> Result<Stray, StoreError> {
    Ok(Stray {
        api: row.text()?.into(),
        version: row.text()?.into(),
        method: row.text()?.into(),
        template: row.text()?.into(),
        refused: row.bits()?,
        answered: row.bits()?,
        first_at: row.moment()?,
        last_at: row.moment()?,
    })
}

fn read_member(mut row: Row) -> Result<StrayMember, StoreError> {
    Ok(StrayMember {
        operation: read_operation(&mut row)?,
        place: MemberPlace::from_name(&row.text()?).ok_or(StoreError::Unreadable)?,
        name: row.text()?.into(),
        times: row.bits()?,
        first_at: row.moment()?,
        last_at: row.moment()?,
    })
}

fn read_observation(mut row: Row) -> Result<Observation, StoreError> {
    Ok(Observation {
        api: row.text()?.into(),
        version: row.text()?.into(),
        began_at: row.moment()?,
        last_at: row.moment()?,
        lost_at: row.maybe_moment()?,
    })
}

fn day(moment: Timestamp) -> Value {
    Value::from(moment.as_millis() / DAY)
}

/// A count as the database adds it: it must not wrap into a negative number.
fn count(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX / 2))
}

/// A text that is part of a row's name: cut if it is long, and without the one character that PostgreSQL takes
/// in no text. A batch with either would be refused for ever.
fn name(text: &str) -> Value {
    if text.len() <= NAME && !text.contains('\0') {
        return Value::from(text);
    }
    const MARK: char = '…';
    let mut clean = text.replace('\0', "\u{FFFD}");
    if clean.len() > NAME {
        let room = NAME - MARK.len_utf8();
        let end = (0..=room).rev().find(|end| clean.is_char_boundary(*end)).unwrap_or(0);
        clean.truncate(end);
        clean.push(MARK);
    }
    Value::from(clean)
}
