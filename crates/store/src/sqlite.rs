//! SQLite: a file, one thread that writes, two that read.
//!
//! Write-ahead log, so that readers never wait for the writer; full synchronization, so that a revocation that
//! was answered survives a loss of power. Other processes (the subcommands) may have the same file open.

use std::path::Path;
use std::thread;
use std::time::Duration;

use portcullis_domain::StoreError;
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, TransactionBehavior};
use tokio::sync::mpsc;

use crate::lanes::{Changed, Lanes, Read, Rows, Write};
use crate::schema::{Dialect, MIGRATIONS, NEWEST, VERSION_TABLE};
use crate::secret_file::{make_folder, make_private};
use crate::statement::{Affects, Row, Statement, Value};
use crate::store::OpenError;

const READERS: usize = 2;
/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the file, makes its tables newer if they are older, and starts the threads.
pub(crate) fn open(file: &Path) -> Result<Lanes, OpenError> {
    let unusable = |error: std::io::Error| OpenError::Unusable {
        what: file.display().to_string(),
        why: error.to_string(),
    };
    make_folder(file.parent().unwrap_or(Path::new(""))).map_err(unusable)?;
    // Before SQLite does: the log and the index beside it get the mode of the file.
    make_private(file).map_err(unusable)?;
    let broken = |error: rusqlite::Error| OpenError::Unusable {
        what: file.display().to_string(),
        why: error.to_string(),
    };
    let mut writer = connect(file).map_err(broken)?;
    migrate(&mut writer, file)?;
    let (lanes, ends) = Lanes::new(READERS);
    for (index, reads) in ends.reads.into_iter().enumerate() {
        let reader = connect(file).map_err(broken)?;
        reader.pragma_update(None, "query_only", true).map_err(broken)?;
        start(format!("store-read-{index}"), move || read_all(&reader, reads)).map_err(unusable)?;
    }
    start("store-write".to_owned(), move || write_all(writer, ends.writes)).map_err(unusable)?;
    Ok(lanes)
}

fn start(name: String, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name(name).spawn(work).map(drop)
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What a manipulated file could make a query do (sqlite.org/security.html).
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What was deleted must not be found in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn migrate(connection: &mut Connection, file: &Path) -> Result<(), OpenError> {
    let broken = |error: rusqlite::Error| OpenError::Unusable {
        what: file.display().to_string(),
        why: error.to_string(),
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken)?;
    transaction.execute_batch(VERSION_TABLE).map_err(broken)?;
    let found: Option<i64> = transaction
        .query_row("SELECT max(version) FROM portcullis_schema", [], |row| row.get(0))
        .map_err(broken)?;
    let found = found.unwrap_or(0);
    if found > NEWEST {
        return Err(OpenError::Newer { found, known: NEWEST });
    }
    for (version, statements) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        for statement in *statements {
            transaction.execute_batch(&Dialect::SQLITE.say(statement)).map_err(broken)?;
        }
        transaction
            .execute("INSERT INTO portcullis_schema (version) VALUES ($1)", [version])
            .map_err(broken)?;
    }
    transaction.commit().map_err(broken)
}

fn read_all(connection: &Connection, mut reads: mpsc::Receiver<Read>) {
    while let Some(Read { statement, answer }) = reads.blocking_recv() {
        // Whoever asked may have stopped waiting.
        let _ = answer.send(read(connection, &statement));
    }
}

fn write_all(mut connection: Connection, mut writes: mpsc::Receiver<Write>) {
    while let Some(Write { statements, answer }) = writes.blocking_recv() {
        let _ = answer.send(write(&mut connection, &statements));
    }
}

fn read(connection: &Connection, statement: &Statement) -> Rows {
    let mut prepared = connection.prepare_cached(statement.text).map_err(|error| refused(&error))?;
    let columns = prepared.column_count();
    let parameters: Vec<&dyn ToSql> = statement.parameters.iter().map(|value| value as &dyn ToSql).collect();
    let mut rows = prepared.query(parameters.as_slice()).map_err(|error| refused(&error))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|error| refused(&error))? {
        let values = (0..columns).map(|index| Ok(value(row.get_ref(index)?)));
        let values: rusqlite::Result<Vec<Value>> = values.collect();
        found.push(Row::new(values.map_err(|error| refused(&error))?));
    }
    Ok(found)
}

fn write(connection: &mut Connection, statements: &[Statement]) -> Changed {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| refused(&error))?;
    let mut changed = Vec::with_capacity(statements.len());
    for statement in statements {
        let mut prepared = transaction.prepare_cached(statement.text).map_err(|error| refused(&error))?;
        let parameters: Vec<&dyn ToSql> =
            statement.parameters.iter().map(|value| value as &dyn ToSql).collect();
        let count = prepared.execute(parameters.as_slice()).map_err(|error| refused(&error))?;
        if statement.affects == Affects::One && count != 1 {
            return Err(StoreError::Conflict);
        }
        changed.push(u64::try_from(count).unwrap_or(u64::MAX));
    }
    transaction.commit().map_err(|error| refused(&error))?;
    Ok(changed)
}

fn value(field: ValueRef<'_>) -> Value {
    match field {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        // No column of ours is one.
        ValueRef::Real(_) => Value::Text(Type::Real.to_string()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ToSqlOutput::Borrowed;
        Ok(Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn refused(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            tracing::error!(%error, "the store is damaged");
            StoreError::Unreadable
        }
        Some(_) | None => {
            tracing::error!(%error, "the store cannot be used");
            StoreError::Unavailable
        }
    }
}
