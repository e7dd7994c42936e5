//! What the subcommands that work on the store have in common.

use std::fmt::Display;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use portcullis_authn::api_key;
use portcullis_domain::{Clock, StoreError, StoreFuture, Timestamp};
use portcullis_gateway::{BelievedIssuer, Operated, Options, operate};
use serde_json::{Value, json};

use super::{say, show_start_error};

/// Which configuration, and how to answer.
#[derive(clap::Args)]
pub(crate) struct Common {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG", global = true)]
    config: PathBuf,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// An open store, and the moment at which the command was given.
pub(crate) struct Desk {
    pub(crate) operated: Operated,
    pub(crate) now: Timestamp,
    runtime: tokio::runtime::Runtime,
    form: Form,
}

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

impl Desk {
    /// Opens the store of the configuration; the mistakes are shown, and the exit code comes back.
    pub(crate) fn open(common: &Common) -> anyhow::Result<Result<Self, u8>> {
        let operated = match operate(&Options::new(&common.config)) {
            Ok(operated) => operated,
            Err(error) => return Ok(Err(show_start_error(&error))),
        };
        Ok(Ok(Self {
            operated,
            now: Clock::machine().now().wall,
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            form: if common.json { Form::Json } else { Form::Text },
        }))
    }

    /// Waits for the store.
    pub(crate) fn ask<T>(&self, answer: StoreFuture<'_, T>) -> Result<T, StoreError> {
        self.runtime.block_on(answer)
    }

    /// Waits for the store, and says what was tried if it fails.
    pub(crate) fn done<T>(&self, what: &str, answer: StoreFuture<'_, T>) -> anyhow::Result<T> {
        self.ask(answer).with_context(|| what.to_owned())
    }

    /// Answers as JSON or as text, whichever was asked for.
    pub(crate) fn answer(&self, json: &Value, text: impl Display) {
        match self.form {
            Form::Json => say(&format!("{json}\n")),
            Form::Text => say(&text.to_string()),
        }
    }
}

/// The issuer that is meant: the one that is named, or the only one.
pub(crate) fn believed(desk: &Desk, named: Option<&str>) -> anyhow::Result<BelievedIssuer> {
    let believed = &desk.operated.issuers;
    let names = || believed.iter().map(|issuer| &*issuer.identifier).collect::<Vec<_>>().join(", ");
    match (named, believed.as_slice()) {
        (Some(named), _) if named == api_key::ISSUER => {
            Ok(BelievedIssuer { identifier: named.to_owned(), maximum_lifetime: None })
        }
        (Some(named), _) => match believed.iter().find(|issuer| issuer.identifier == *named) {
            Some(issuer) => Ok(issuer.clone()),
            None => bail!("the configuration believes no issuer `{named}`; it believes {}", names()),
        },
        (None, [only]) => Ok(only.clone()),
        (None, []) => bail!("the configuration believes no issuer; name one with `--issuer`"),
        (None, [_, _, ..]) => bail!("name one with `--issuer`: the configuration believes {}", names()),
    }
}

/// A moment as people and programs read it (RFC 3339).
pub(crate) fn written(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(moment) => moment.to_string(),
        // Beyond the year 9999.
        Err(_) => "never".to_owned(),
    }
}

/// The same where there may be none.
pub(crate) fn maybe_written(moment: Option<Timestamp>) -> Value {
    moment.map_or(Value::Null, |moment| json!(written(moment)))
}

/// A moment as it is given: RFC 3339, or `now`.
pub(crate) fn read_moment(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if text == "now" {
        return Ok(now);
    }
    let moment: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("`{text}` is no moment; write `now` or one like `2026-11-24T12:00:00Z`"))?;
    Ok(Timestamp::from_millis(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
}
