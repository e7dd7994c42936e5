//! PostgreSQL: one thread with a runtime of its own, a connection that writes and two that read.
//!
//! A connection that broke is made anew for the next question; while the server is away every question is
//! answered at once with [`StoreError::Unavailable`], and it is tried again twice a second.

mod tls;

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, mpsc as blocking};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use portcullis_domain::{Secret, StoreError};
use rustls::ClientConfig;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config};

use crate::lanes::{Changed, Lanes, Read, Rows, Write};
use crate::schema::{Dialect, MIGRATIONS, NEWEST, VERSION_TABLE};
use crate::statement::{Affects, Row, Statement, Value};
use crate::store::OpenError;
use tls::Connector;

const READERS: usize = 2;
/// How long one question may take, connecting included.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a server that is away is left alone.
const PAUSE: Duration = Duration::from_millis(500);
/// Names the lock under which tables are changed; any number that nobody else uses.
const LOCK: i64 = 0x706f_7274_6375_6c6c;

type Refusal = Box<dyn std::error::Error + Sync + Send>;

/// Connects, makes the tables newer if they are older, and starts the thread.
pub(crate) fn open(url: &Secret, tls: Arc<ClientConfig>) -> Result<Lanes, OpenError> {
    let mut config: Config =
        url.expose_text().and_then(|text| text.parse().ok()).ok_or(OpenError::AddressMalformed)?;
    // Elsewhere than on this machine a password and every record would be there for all to read.
    let is_here = config.get_hosts().iter().all(is_here);
    match (is_here, config.get_ssl_mode()) {
        (false, _) => drop(config.ssl_mode(SslMode::Require)),
        // A server on this machine has a certificate that nobody vouches for, as often as not.
        (true, SslMode::Prefer) => drop(config.ssl_mode(SslMode::Disable)),
        (true, _) => {}
    }
    config.connect_timeout(PATIENCE).application_name("portcullis");
    let (lanes, ends) = Lanes::new(READERS);
    let (ready, opened) = blocking::channel();
    let work = move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(unusable(&error)))),
        };
        runtime.block_on(async move {
            let line = || Line { config: config.clone(), tls: Connector::new(Arc::clone(&tls)), open: None };
            let mut writer = line();
            let migrated = writer.migrate().await;
            let is_open = migrated.is_ok();
            let _ = ready.send(migrated);
            if !is_open {
                return;
            }
            for reads in ends.reads {
                tokio::spawn(line().answer(reads));
            }
            writer.obey(ends.writes).await;
        });
    };
    thread::Builder::new().name("store".to_owned()).spawn(work).map_err(|error| unusable(&error))?;
    opened.recv().map_err(|error| unusable(&error))??;
    Ok(lanes)
}

fn unusable(error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Unusable { what: "PostgreSQL".to_owned(), why: error.to_string() }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    }
}

/// A connection that is made when it is needed.
struct Line {
    config: Config,
    tls: Connector,
    open: Option<Open>,
}

struct Open {
    client: Client,
    prepared: HashMap<&'static str, tokio_postgres::Statement>,
}

impl Line {
    async fn open(&mut self) -> Result<&mut Open, StoreError> {
        if self.open.as_ref().is_none_or(|open| open.client.is_closed()) {
            self.open = None;
            let connected = self.connect().await.map_err(|why| {
                tracing::error!(why, "the store cannot be reached");
                StoreError::Unavailable
            })?;
            self.open = Some(connected);
        }
        self.open.as_mut().ok_or(StoreError::Unavailable)
    }

    async fn connect(&self) -> Result<Open, String> {
        let (client, connection) = timeout(PATIENCE, self.config.connect(self.tls.clone()))
            .await
            .map_err(|_| "it does not answer in time".to_owned())?
            .map_err(|error| describe(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "the connection to the store broke");
            }
        });
        Ok(Open { client, prepared: HashMap::new() })
    }

    async fn migrate(&mut self) -> Result<(), OpenError> {
        let open = self.open.insert(self.connect().await.map_err(|why| unusable(&why))?);
        let refused = |error: tokio_postgres::Error| unusable(&describe(&error));
        let transaction = open.client.transaction().await.map_err(refused)?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(refused)?;
        transaction.batch_execute(VERSION_TABLE).await.map_err(refused)?;
        let row = transaction
            .query_one("SELECT max(version) FROM portcullis_schema", &[])
            .await
            .map_err(refused)?;
        let found: i64 = row.try_get::<_, Option<i64>>(0).map_err(refused)?.unwrap_or(0);
        if found > NEWEST {
            return Err(OpenError::Newer { found, known: NEWEST });
        }
        for (version, statements) in (1i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
            for statement in *statements {
                transaction.batch_execute(&Dialect::POSTGRES.say(statement)).await.map_err(refused)?;
            }
            let note = "INSERT INTO portcullis_schema (version) VALUES ($1)";
            transaction.execute(note, &[&version]).await.map_err(refused)?;
        }
        transaction.commit().await.map_err(refused)
    }

    async fn answer(mut self, mut reads: mpsc::Receiver<Read>) {
        while let Some(Read { statement, answer }) = reads.recv().await {
            let rows = within(self.read(&statement)).await;
            if rows.is_err() && self.lost() {
                let _ = answer.send(rows);
                // Those who wait meanwhile are told at once and not one after the other.
                rest(async {
                    while let Some(Read { answer, .. }) = reads.recv().await {
                        let _ = answer.send(Err(StoreError::Unavailable));
                    }
                })
                .await;
            } else {
                // Whoever asked may have stopped waiting.
                let _ = answer.send(rows);
            }
        }
    }

    async fn obey(mut self, mut writes: mpsc::Receiver<Write>) {
        while let Some(Write { statements, answer }) = writes.recv().await {
            let changed = within(self.write(&statements)).await;
            if changed.is_err() && self.lost() {
                let _ = answer.send(changed);
                rest(async {
                    while let Some(Write { answer, .. }) = writes.recv().await {
                        let _ = answer.send(Err(StoreError::Unavailable));
                    }
                })
                .await;
            } else {
                let _ = answer.send(changed);
            }
        }
    }

    /// Whether there is no connection to ask another question with.
    fn lost(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.client.is_closed())
    }

    async fn read(&mut self, statement: &Statement) -> Rows {
        let open = self.open().await?;
        let prepared = open.prepare(statement.text).await?;
        let parameters: Vec<&(dyn ToSql + Sync)> =
            statement.parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = open.client.query(&prepared, &parameters).await.map_err(|error| refused(&error))?;
        let read = |row: tokio_postgres::Row| {
            let values: Result<Vec<Value>, _> = (0..row.len()).map(|index| row.try_get(index)).collect();
            values.map(Row::new).map_err(|_| StoreError::Unreadable)
        };
        rows.into_iter().map(read).collect()
    }

    async fn write(&mut self, statements: &[Statement]) -> Changed {
        let open = self.open().await?;
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            prepared.push(open.prepare(statement.text).await?);
        }
        let transaction = open.client.transaction().await.map_err(|error| refused(&error))?;
        let mut changed = Vec::with_capacity(statements.len());
        for (statement, prepared) in statements.iter().zip(&prepared) {
            let parameters: Vec<&(dyn ToSql + Sync)> =
                statement.parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            let count = transaction.execute(prepared, &parameters).await.map_err(|error| refused(&error))?;
            if statement.affects == Affects::One && count != 1 {
                return Err(StoreError::Conflict);
            }
            changed.push(count);
        }
        transaction.commit().await.map_err(|error| refused(&error))?;
        Ok(changed)
    }
}

impl Open {
    async fn prepare(&mut self, text: &'static str) -> Result<tokio_postgres::Statement, StoreError> {
        if let Some(prepared) = self.prepared.get(text) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(text).await.map_err(|error| refused(&error))?;
        self.prepared.insert(text, prepared.clone());
        Ok(prepared)
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(PATIENCE, answer).await.unwrap_or(Err(StoreError::Unavailable))
}

async fn rest(meanwhile: impl Future<Output = ()>) {
    tokio::select! {
        () = sleep(PAUSE) => {}
        () = meanwhile => {}
    }
}

/// The server's words, without the values that a unique index would have it repeat.
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

fn refused(error: &tokio_postgres::Error) -> StoreError {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        return StoreError::Conflict;
    }
    tracing::error!(error = describe(error), "the store cannot be used");
    StoreError::Unavailable
}

impl ToSql for Value {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => value.to_sql(&Type::INT8, out),
            Self::Text(text) => text.to_sql(&Type::TEXT, out),
            Self::Bytes(bytes) => bytes.to_sql(&Type::BYTEA, out),
        }
    }

    fn accepts(of: &Type) -> bool {
        matches!(*of, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Refusal> {
        match *of {
            Type::INT8 => i64::from_sql(of, raw).map(Self::Integer),
            Type::BYTEA => <Vec<u8>>::from_sql(of, raw).map(Self::Bytes),
            _ => String::from_sql(&Type::TEXT, raw).map(Self::Text),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Refusal> {
        Ok(Self::Null)
    }

    fn accepts(of: &Type) -> bool {
        matches!(*of, Type::INT8 | Type::TEXT | Type::BYTEA)
    }
}
