//! An open store.

use std::io;
use std::sync::Arc;

use portcullis_domain::StoreError;
use thiserror::Error;

use crate::compile::{Location, RootSecrets, Settings};
use crate::keyring::Keyring;
use crate::lanes::{Changed, Lanes, Rows};
use crate::secret_file::{make_folder, read_or_make};
use crate::statement::Statement;
use crate::weak::weakness;
use crate::{postgres, sqlite};

/// Keeps what must last. Shared by all workers; see the traits of `domain` for what it can be asked.
#[derive(Debug)]
pub struct Store {
    lanes: Lanes,
    pub(crate) keyring: Arc<Keyring>,
}

/// Why a store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be reached, read or written.
    #[error("the store `{what}` cannot be used: {why}")]
    Unusable {
        /// The file, or the kind of server; never an address that may hold a password.
        what: String,
        /// What the system says.
        why: String,
    },
    /// A newer program made it.
    #[error(
        "the store has version {found} of its tables, and this program knows {known}; use the newer program"
    )]
    Newer {
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The address is none of PostgreSQL.
    #[error("the address of the store is no `postgresql://` address")]
    AddressMalformed,
    /// The root secret cannot be read or made.
    #[error("the secret of the store cannot be had: {0}")]
    Secret(io::Error),
    /// The root secret protects nothing.
    #[error("the secret of the store cannot be used: {0}")]
    SecretWeak(&'static str),
}

impl Store {
    /// Opens the store, makes its tables newer if they are older, and starts the threads that speak to it.
    /// They end when the value is dropped. Blocks while it does so.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let keyring = keyring(&settings.secrets)?;
        let lanes = match &settings.location {
            Location::File(file) => sqlite::open(file)?,
            Location::Postgres { url, tls } => postgres::open(url, Arc::clone(tls))?,
        };
        Ok(Self { lanes, keyring: Arc::new(keyring) })
    }

    /// Recognizes the secrets whose digests are kept here.
    #[must_use]
    pub fn pepper(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring)
    }

    pub(crate) async fn read(&self, statement: Statement) -> Rows {
        self.lanes.read(statement).await
    }

    pub(crate) async fn write(&self, statements: Vec<Statement>) -> Changed {
        self.lanes.write(statements).await
    }

    /// Runs one statement, and tells how many rows it changed.
    pub(crate) async fn write_one(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(self.write(vec![statement]).await?.into_iter().sum())
    }
}

fn keyring(secrets: &RootSecrets) -> Result<Keyring, OpenError> {
    match secrets {
        RootSecrets::Given { newest, previous } => Ok(Keyring::new(newest, previous)),
        RootSecrets::File(file) => {
            let folder = file.parent().unwrap_or(std::path::Path::new(""));
            make_folder(folder).map_err(OpenError::Secret)?;
            let secret = read_or_make(file).map_err(OpenError::Secret)?;
            match weakness(secret.expose()) {
                Some(why) => Err(OpenError::SecretWeak(why)),
                None => Ok(Keyring::new(&secret, &[])),
            }
        }
    }
}
