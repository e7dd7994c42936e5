//! A store for one test, and a look behind it.

use std::sync::Arc;

use portcullis_domain::Secret;
use portcullis_store::{Location, OpenError, RootSecrets, Settings, Store};
use portcullis_testkit::{Authority, Database, Workspace};

/// A place for a store, and the store.
pub(crate) struct Bench {
    place: Place,
    pub(crate) store: Store,
}

enum Place {
    File(Workspace),
    Server(Database),
}

impl Bench {
    pub(crate) fn sqlite() -> Self {
        Self::at(Place::File(Workspace::new()))
    }

    pub(crate) fn postgres() -> Self {
        Self::at(Place::Server(Database::new()))
    }

    fn at(place: Place) -> Self {
        let store = Store::open(&settings(&place)).unwrap();
        Self { place, store }
    }

    /// A second process on the same store, or the same after a restart.
    pub(crate) fn again(&self) -> Result<Store, OpenError> {
        Store::open(&settings(&self.place))
    }

    /// The folder, if it is a file.
    pub(crate) fn workspace(&self) -> &Workspace {
        match &self.place {
            Place::File(workspace) => workspace,
            Place::Server(_) => panic!("not in a file"),
        }
    }

    /// The database, if it is a server's.
    pub(crate) fn database(&self) -> &Database {
        match &self.place {
            Place::Server(database) => database,
            Place::File(_) => panic!("not at a server"),
        }
    }

    /// Runs a statement behind the store's back.
    pub(crate) fn run(&self, statement: &str) {
        match &self.place {
            Place::File(workspace) => rusqlite::Connection::open(workspace.path("data/store.db"))
                .unwrap()
                .execute_batch(statement)
                .unwrap(),
            Place::Server(database) => drop(database.run(statement)),
        }
    }

    /// How many bytes a table takes, indices included.
    pub(crate) fn size_of(&self, table: &str) -> u64 {
        match &self.place {
            Place::File(workspace) => {
                let file = rusqlite::Connection::open(workspace.path("data/store.db")).unwrap();
                let pages = "SELECT sum(pgsize) FROM dbstat WHERE name = ?1";
                match file.query_row(pages, [table], |row| row.get::<_, i64>(0)) {
                    Ok(bytes) => bytes.cast_unsigned(),
                    // Built without that table: all that the file holds, then.
                    Err(_) => {
                        file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
                        std::fs::metadata(workspace.path("data/store.db")).unwrap().len()
                    }
                }
            }
            Place::Server(database) => {
                let bytes = database.run(&format!("SELECT pg_total_relation_size('{table}')"));
                bytes.trim().parse().unwrap()
            }
        }
    }

    /// Everything that is at rest, as whoever steals it would have it.
    pub(crate) fn dump(&self) -> Vec<u8> {
        match &self.place {
            Place::File(workspace) => ["data/store.db", "data/store.db-wal"]
                .iter()
                .flat_map(|name| std::fs::read(workspace.path(name)).unwrap_or_default())
                .collect(),
            Place::Server(database) => ["api_key", "revocation", "session"]
                .map(|table| {
                    // As text and with bytes in hexadecimal, which a search must know.
                    database.run(&format!("SELECT t::text FROM {table} t"))
                })
                .concat()
                .into_bytes(),
        }
    }

    /// Whether `needle` is at rest anywhere, plainly or in hexadecimal.
    pub(crate) fn holds(&self, needle: &[u8]) -> bool {
        let hexadecimal: String = needle.iter().map(|byte| format!("{byte:02x}")).collect();
        let dump = self.dump();
        assert!(!dump.is_empty());
        let has = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
        has(needle) || has(hexadecimal.as_bytes())
    }
}

pub(crate) fn secrets() -> RootSecrets {
    RootSecrets::Given {
        newest: Secret::new(b"a root secret of these tests, 32 bytes or more".to_vec()),
        previous: Vec::new(),
    }
}

fn settings(place: &Place) -> Settings {
    let location = match place {
        Place::File(workspace) => Location::File(workspace.path("data/store.db")),
        Place::Server(database) => location_at(&database.url()),
    };
    Settings {
        location,
        secrets: secrets(),
        poll: std::time::Duration::from_millis(50),
        grace: std::time::Duration::from_secs(1),
    }
}

pub(crate) fn location_at(url: &str) -> Location {
    Location::Postgres { url: Secret::new(url.as_bytes().to_vec()), tls: tls(&Authority::new()) }
}

pub(crate) fn tls(authority: &Authority) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    Arc::new(config)
}
