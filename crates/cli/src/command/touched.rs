//! What a credential had touched, from the audit file: which operations, how often, from where, with which end.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::Path;

use anyhow::Context as _;
use portcullis_authn::api_key::ISSUER;
use portcullis_domain::KeyId;
use serde_json::{Value, json};

/// Which events: those in which all of these fields have these values.
pub(crate) struct Wanted(Vec<(&'static str, String)>);

/// What was touched.
#[derive(Default)]
pub(crate) struct Report {
    events: u64,
    first: Option<String>,
    last: Option<String>,
    operations: BTreeMap<Operation, u64>,
    addresses: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    api: String,
    operation: String,
    outcome: String,
}

/// So many addresses are told apart; a stolen key that came from more has been passed around.
const ADDRESSES: usize = 1000;

impl Wanted {
    /// Events of one API key.
    pub(crate) fn api_key(id: KeyId) -> Self {
        Self(vec![("issuer", ISSUER.to_owned()), ("client_id", id.to_string())])
    }

    /// Events in which `field` has this value, of this issuer.
    pub(crate) fn claim(issuer: &str, field: &'static str, value: &str) -> Self {
        Self(vec![("issuer", issuer.to_owned()), (field, value.to_owned())])
    }

    /// Events of this issuer.
    pub(crate) fn issuer(issuer: &str) -> Self {
        Self(vec![("issuer", issuer.to_owned())])
    }

    fn matches(&self, event: &Value) -> bool {
        self.0.iter().all(|(field, value)| event.get(field).and_then(Value::as_str) == Some(value))
    }
}

/// Reads the record from its beginning. Lines that are no events of requests are passed over.
pub(crate) fn report(file: &Path, wanted: &Wanted) -> anyhow::Result<Report> {
    let record = match File::open(file) {
        Ok(record) => record,
        // Nothing was recorded yet.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Report::default()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the record `{}`", file.display()));
        }
    };
    let mut report = Report::default();
    for line in BufReader::new(record).lines() {
        let line = line.with_context(|| format!("cannot read the record `{}`", file.display()))?;
        // The last line may be half written.
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        if wanted.matches(&event) {
            report.add(&event);
        }
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, event: &Value) {
        let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.events += 1;
        let time = text("time");
        self.first.get_or_insert_with(|| time.clone());
        self.last = Some(time);
        let operation =
            Operation { api: text("api"), operation: text("operation"), outcome: text("outcome") };
        *self.operations.entry(operation).or_default() += 1;
        let address = match text("client") {
            client if client.is_empty() => text("peer"),
            client => client,
        };
        if self.addresses.len() < ADDRESSES || self.addresses.contains_key(&address) {
            *self.addresses.entry(address).or_default() += 1;
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let operations: Vec<Value> = self
            .operations
            .iter()
            .map(|(Operation { api, operation, outcome }, times)| {
                json!({ "api": api, "operation": operation, "outcome": outcome, "times": times })
            })
            .collect();
        json!({
            "events": self.events,
            "first": self.first,
            "last": self.last,
            "operations": operations,
            "addresses": self.addresses,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(first), Some(last)) = (&self.first, &self.last) else {
            return writeln!(f, "the record shows no request with it");
        };
        writeln!(f, "the record shows {} requests, from {first} to {last}", self.events)?;
        for (Operation { api, operation, outcome }, times) in &self.operations {
            writeln!(f, "  {times:>8} × {outcome:<8}  {api} {operation}")?;
        }
        for (address, times) in &self.addresses {
            writeln!(f, "  {times:>8} × from {address}")?;
        }
        Ok(())
    }
}
