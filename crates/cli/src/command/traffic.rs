//! `portcullis inventory --traffic`: what is called beside what is declared (VER-10); and how counts are shown.

use std::fmt::Write as _;

use portcullis_config::Period;
use portcullis_domain::{CallEnd, Consumer, ConsumerKind, Observation, Stray, StrayMember, Timestamp, Usage};
use portcullis_gateway::{DeclaredOperation, Kept, Options, Traffic, traffic};
use serde_json::{Map, Value, json};

use super::operated::{maybe_written, written};
use super::{complain, say, show_start_error};
use crate::WELL;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// Lists what traffic shows.
pub(crate) fn run(options: &Options, period: Period, form: Form) -> anyhow::Result<u8> {
    let now = options.clock.now().wall;
    let millis = u64::try_from(period.0.as_millis()).unwrap_or(u64::MAX);
    let traffic = match traffic(options, Timestamp::from_millis(now.as_millis().saturating_sub(millis))) {
        Ok(traffic) => traffic,
        Err(error) => return Ok(show_start_error(&error)),
    };
    match form {
        Form::Json => say(&format!("{}\n", json_of(&traffic, now))),
        Form::Text => {
            say_where_counts_are(&traffic);
            say(&lines(&traffic, now)?);
        }
    }
    Ok(WELL)
}

/// Tells people where counts are, when they may not be what they seem.
pub(crate) fn say_where_counts_are(traffic: &Traffic) {
    match traffic.kept {
        Kept::Store if traffic.observed.is_empty() => complain("nothing was counted so far\n"),
        Kept::Store => {
            for observed in traffic.observed.iter().filter(|observed| observed.began_at > traffic.since) {
                let Observation { api, version, began_at, .. } = observed;
                complain(&format!("`{api}@{version}` is counted only since {}\n", written(*began_at)));
            }
        }
        Kept::Nowhere => complain(
            "there is no store: counts are in the memory of the running gateway alone, which shows them at `GET \
             /traffic` of its admin listener; add `store:` to keep them\n",
        ),
    }
}

fn json_of(traffic: &Traffic, now: Timestamp) -> Value {
    let declared = |found: Vec<&DeclaredOperation>| found.into_iter().map(declared).collect::<Vec<_>>();
    let zombies = traffic.zombies(now).map(|found| {
        let mut shown = declared_members(found);
        let consumers: Vec<_> = traffic.consumers(&found.name).map(usage).collect();
        shown.insert("consumers".to_owned(), json!(consumers));
        Value::Object(shown)
    });
    json!({
        "since": written(traffic.since),
        "kept": traffic.kept == Kept::Store,
        "observed": traffic.observed.iter().map(observed).collect::<Vec<_>>(),
        "shadow": traffic.strays.iter().map(stray).collect::<Vec<_>>(),
        "zombie": zombies.collect::<Vec<_>>(),
        "orphan": declared(traffic.orphans().collect()),
        "undeclared_members": traffic.members.iter().map(member).collect::<Vec<_>>(),
    })
}

fn lines(traffic: &Traffic, now: Timestamp) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for stray in &traffic.strays {
        let Stray { api, version, method, template, refused, answered, last_at, .. } = stray;
        let method_and_path = format!("{method} {template}");
        let answers =
            if *answered > 0 { format!(", {answered} answered by the upstream") } else { String::new() };
        writeln!(
            text,
            "shadow   {api}@{version}  {method_and_path}  {} calls{answers}, last {}",
            refused + answered,
            written(*last_at)
        )?;
    }
    for found in traffic.zombies(now) {
        let (calls, last) =
            traffic.consumers(&found.name).fold((0, Timestamp::default()), |(calls, last), usage| {
                (calls + usage.ends.total(), last.max(usage.last_at))
            });
        writeln!(
            text,
            "zombie   {}@{}  {} {}  {calls} calls, last {}",
            found.name.api,
            found.name.version,
            found.method,
            found.template,
            written(last)
        )?;
    }
    for found in traffic.orphans() {
        let DeclaredOperation { name, method, template, .. } = found;
        writeln!(text, "orphan   {}@{}  {method} {template}  never called", name.api, name.version)?;
    }
    for member in &traffic.members {
        let StrayMember { operation, place, name, times, last_at, .. } = member;
        writeln!(
            text,
            "member   {}@{}  {}  {} `{name}`  {times} times, last {}",
            operation.api,
            operation.version,
            operation.operation,
            place.name(),
            written(*last_at)
        )?;
    }
    Ok(text)
}

fn declared(found: &DeclaredOperation) -> Value {
    Value::Object(declared_members(found))
}

fn declared_members(found: &DeclaredOperation) -> Map<String, Value> {
    let members = [
        ("api", json!(found.name.api)),
        ("version", json!(found.name.version)),
        ("operation", json!(found.name.operation)),
        ("method", json!(found.method)),
        ("path", json!(found.template)),
        ("state", json!(found.lifecycle.state.name())),
        ("sunset_at", maybe_written(found.lifecycle.sunset_at)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn stray(stray: &Stray) -> Value {
    json!({
        "api": stray.api, "version": stray.version, "method": stray.method, "path": stray.template,
        "refused": stray.refused, "answered": stray.answered,
        "first_seen": written(stray.first_at), "last_seen": written(stray.last_at),
    })
}

fn member(member: &StrayMember) -> Value {
    json!({
        "api": member.operation.api, "version": member.operation.version,
        "operation": member.operation.operation, "in": member.place.name(), "name": member.name,
        "times": member.times, "first_seen": written(member.first_at), "last_seen": written(member.last_at),
    })
}

/// Since when an API is counted.
pub(crate) fn observed(observation: &Observation) -> Value {
    json!({
        "api": observation.api, "version": observation.version,
        "began_at": written(observation.began_at), "last_at": written(observation.last_at),
        "lost_at": maybe_written(observation.lost_at),
    })
}

/// A consumer and its calls.
pub(crate) fn usage(usage: &Usage) -> Value {
    let Consumer { kind, issuer, subject, client } = &usage.consumer;
    let ends = CallEnd::ALL.map(|end| (end.name().to_owned(), json!(usage.ends.ended(end))));
    json!({
        "kind": kind.name(), "issuer": issuer, "subject": subject, "client": client,
        "operation": usage.operation.operation,
        "calls": usage.ends.total(), "ends": Value::Object(ends.into_iter().collect()),
        "first_seen": written(usage.first_at), "last_seen": written(usage.last_at),
    })
}

/// A consumer in words.
pub(crate) fn of_consumer(consumer: &Consumer) -> String {
    let Consumer { kind, issuer, subject, client } = consumer;
    match kind {
        ConsumerKind::Anonymous => "somebody without a credential".to_owned(),
        ConsumerKind::Others => "others, who are not told apart".to_owned(),
        ConsumerKind::User | ConsumerKind::Client => {
            let mut text = format!("{} `{subject}` of `{issuer}`", kind.name());
            if !client.is_empty() && client != subject {
                // Writing to a string cannot fail.
                let _ = write!(text, " through `{client}`");
            }
            text
        }
    }
}
