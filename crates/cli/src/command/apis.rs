//! `portcullis inventory --apis`: which APIs there are, whose they are, and where they stand.

use std::fmt::Write as _;

use portcullis_gateway::{ApiFacts, OperationAccess, OperationFacts, Options, apis};
use serde_json::{Value, json};

use super::operated::{maybe_written, written};
use super::{say, show_start_error};
use crate::WELL;

/// Whether people or programs read it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Lines,
    Json,
}

pub(crate) fn run(options: &Options, form: Form) -> anyhow::Result<u8> {
    let apis = match apis(options) {
        Ok(apis) => apis,
        Err(error) => return Ok(show_start_error(&error)),
    };
    match form {
        Form::Json => say(&format!("{}\n", Value::Array(apis.iter().map(shown).collect()))),
        Form::Lines => say(&lines(&apis)?),
    }
    Ok(WELL)
}

fn shown(api: &ApiFacts) -> Value {
    let operation = |operation: &OperationFacts| {
        json!({
            "id": operation.id,
            "address": operation.address,
            "access": access(operation.access),
            "state": operation.state.name(),
        })
    };
    let mut value = json!({
        "name": api.name,
        "group": api.group,
        "version": api.version,
        "lifecycle": {
            "state": api.state.name(),
            "deprecated_at": maybe_written(api.lifecycle.deprecated_at),
            "sunset_at": maybe_written(api.lifecycle.sunset_at),
            "successor": api.lifecycle.successor,
            "policy": api.lifecycle.policy,
        },
        "hosts": api.hosts,
        "mount": api.mount,
        "upstreams": api.upstreams,
        "operations": api.operations.iter().map(operation).collect::<Vec<_>>(),
        "public_operations": api.public_operations(),
    });
    // Owner, environment, exposure, data class and third parties stand beside the name.
    if let (Value::Object(members), Value::Object(inventory)) = (&mut value, &api.inventory) {
        members.extend(inventory.clone());
    }
    value
}

const fn access(access: OperationAccess) -> &'static str {
    match access {
        OperationAccess::Public => "public",
        OperationAccess::Authenticated => "authenticated",
    }
}

fn lines(apis: &[ApiFacts]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for api in apis {
        writeln!(text, "{} {}", api.name, api.version)?;
        let said =
            |name: &str| api.inventory.get(name).and_then(Value::as_str).unwrap_or("not said").to_owned();
        for (label, name) in [
            ("owner", "owner"),
            ("environment", "environment"),
            ("exposure", "exposure"),
            ("data class", "data_class"),
        ] {
            writeln!(text, "  {label:<13} {}", said(name))?;
        }
        let mut life = api.state.name().to_owned();
        for (label, at) in [("deprecated", api.lifecycle.deprecated_at), ("sunset", api.lifecycle.sunset_at)]
        {
            if let Some(at) = at {
                write!(life, ", {label} {}", written(at))?;
            }
        }
        if let Some(successor) = &api.lifecycle.successor {
            write!(life, ", successor {successor}")?;
        }
        writeln!(text, "  {:<13} {life}", "lifecycle")?;
        writeln!(text, "  {:<13} {}", "third parties", third_parties(&api.inventory))?;
        writeln!(text, "  {:<13} {} {}", "served at", api.hosts.join(" "), api.mount)?;
        writeln!(text, "  {:<13} {}", "upstreams", api.upstreams.join(" "))?;
        writeln!(
            text,
            "  {:<13} {}, {} public",
            "operations",
            api.operations.len(),
            api.public_operations()
        )?;
    }
    Ok(text)
}

fn third_parties(inventory: &Value) -> String {
    let Some(listed) = inventory.get("third_parties").and_then(Value::as_array) else {
        return "not said".to_owned();
    };
    if listed.is_empty() {
        return "none".to_owned();
    }
    let name =
        |party: &Value| party.as_str().or_else(|| party.get("name")?.as_str()).unwrap_or_default().to_owned();
    listed.iter().map(name).collect::<Vec<_>>().join(", ")
}
