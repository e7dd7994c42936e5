//! A connection to the server, from the first byte to the script that it will run.
//!
//! In: a [`Dial`], which the gateway hands in: sockets and TLS are not this crate's business. Out: a [`Live`] connection
//! over which the script was run once, for a trial. Called by [`crate::shared::link`], which bounds the time.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use portcullis_domain::Secret;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinHandle};

use crate::shared::fault::Fault;
use crate::shared::order::SCRIPT;

/// Calls that may wait to be sent over one connection; whoever comes then waits, and for no longer than its time.
const WAITING: usize = 1_024;

/// A stream of bytes to the server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens streams to servers.
pub trait Dial: Send + Sync {
    /// Opens one to `server`, a host and a port, and encrypts it if that is called for.
    fn dial<'d>(&'d self, server: &'d str) -> BoxFuture<'d, io::Result<Box<dyn Stream>>>;
}

/// Who is asked for admission by the server.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user of the server's access list; the default user if there is none.
    pub user: Option<Box<str>>,
    /// The password.
    pub password: Option<Secret>,
}

/// A connection that works.
#[derive(Clone)]
pub(crate) struct Live {
    connection: MultiplexedConnection,
    /// What the server calls the script.
    pub(crate) sha: Arc<str>,
    driver: Arc<Driver>,
}

/// The task that reads and writes; it ends with the last who uses the connection, whatever is still under way.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Live {
    /// Connects to `server`, logs in and hands it the script. The handle ends with the connection.
    pub(crate) async fn new(
        dial: &dyn Dial,
        server: &str,
        login: &Login,
    ) -> Result<(Self, JoinHandle<()>), Fault> {
        let stream =
            dial.dial(server).await.map_err(|error| Fault::Broken(error.kind().to_string().into()))?;
        // The name of the library is told by a command that older servers refuse.
        let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(user) = &login.user {
            info = info.set_username(user);
        }
        if let Some(password) = login.password.as_ref().and_then(Secret::expose_text) {
            info = info.set_password(password);
        }
        // Whoever calls bounds the time.
        let config =
            AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(WAITING);
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|error| Fault::from(&error))?;
        let ended = tokio::spawn(driver);
        let driver = Arc::new(Driver(ended.abort_handle()));
        let mut live = Self { connection, sha: Arc::from(""), driver };
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(SCRIPT);
        live.sha = match live.call(&load).await? {
            Value::BulkString(sha) => String::from_utf8(sha).map_err(|_| Fault::Nonsense)?.into(),
            _ => return Err(Fault::Nonsense),
        };
        Ok((live, ended))
    }

    /// Makes one call and waits for the answer, for as long as it takes.
    pub(crate) async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        let mut connection = self.connection.clone();
        match connection.send_packed_command(command).await {
            Ok(Value::ServerError(error)) => Err(Fault::of_server(error.code())),
            Ok(value) => Ok(value),
            Err(error) => Err(Fault::from(&error)),
        }
    }

    /// Whether `other` is the same connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.driver, &other.driver)
    }
}
