//! A database of a real PostgreSQL server, made for one test and dropped with the value.
//!
//! `scripts/postgres` starts the server, once for all tests. A machine without PostgreSQL fails the test and
//! is told what to install.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An empty database.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Starts the server if it is not running, and makes a database in it.
    #[must_use]
    pub fn new() -> Self {
        let output = Command::new(script())
            .arg("start")
            .stderr(Stdio::inherit())
            .output()
            .expect("scripts/postgres can be run");
        assert!(output.status.success(), "PostgreSQL is needed: run scripts/peers");
        let server = String::from_utf8(output.stdout).expect("an address").trim().to_owned();
        let mut random = [0u8; 8];
        aws_lc_rs::rand::fill(&mut random).expect("randomness");
        let name = format!("test_{:016x}", u64::from_be_bytes(random));
        let database = Self { server, name };
        database.sql(&database.server, &format!("CREATE DATABASE {}", database.name));
        database
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("an address with a database");
        format!("{server}/{}", self.name)
    }

    /// The certificate that the server presents, as PEM.
    #[must_use]
    pub fn certificate(&self) -> String {
        let output = Command::new(script()).arg("certificate").output().expect("scripts/postgres can be run");
        assert!(output.status.success(), "the server has no certificate: stop it, and it is started anew");
        String::from_utf8(output.stdout).expect("PEM")
    }

    /// Lets nobody connect any more and ends all connections, as if the server were away.
    pub fn close(&self) {
        let name = &self.name;
        self.sql(&self.server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        self.sql(
            &self.server,
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        );
    }

    /// Lets everybody connect again.
    pub fn open(&self) {
        self.sql(&self.server, &format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name));
    }

    /// Runs a statement in it and gives what `psql` prints.
    pub fn run(&self, statement: &str) -> String {
        self.sql(&self.url(), statement)
    }

    fn sql(&self, url: &str, statement: &str) -> String {
        let output = Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"])
            .args(["--command", statement, url])
            .output()
            .expect("psql is installed: run scripts/peers");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres")
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // What is left over does no harm.
        let _ = Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--command"])
            .arg(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
            .arg(&self.server)
            .output();
    }
}
