//! What must last: API keys, revocations, sessions, counts of traffic, and whose objects are.
//!
//! In: records in the words of `domain`. Out: the same, after a restart too, and at every replica that shares
//! the database. Called by the gateway and by the subcommands; the layers see the traits of `domain` only.
//! SQLite in a file by default, PostgreSQL by address; one set of statements, one test suite (decision 0009).
//!
//! At rest nothing is of use to whoever steals the file: of keys and session ids there are keyed digests, and
//! content is sealed ([`keyring`]). Every statement is a constant with parameters; no text of a stranger
//! becomes part of one. What is not done here: caches and the decision what an unreachable store means, see
//! the gateway's `lasting`.

mod api_keys;
mod compile;
pub mod config;
mod counts;
mod grants;
mod keyring;
mod lanes;
mod ownership;
mod postgres;
mod revocations;
mod schema;
mod secret_file;
mod sessions;
mod sqlite;
mod statement;
mod store;
mod usage;
mod weak;

pub use compile::{Location, RootSecrets, Settings, compile};
pub use keyring::Keyring;
pub use ownership::LedgerKey;
pub use schema::NEWEST;
pub use store::{OpenError, Store};
