//! `portcullis keys`: the whole life of an API key.
//!
//! A key is shown once, on standard output and nowhere else; everything that is said to people goes to standard
//! error, so that `portcullis keys create … > key` holds the key alone.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ipnet::IpNet;
use portcullis_authn::api_key::{self, KeyEnvironment, MadeKey};
use portcullis_config::Period;
use portcullis_domain::{
    ApiKeyRecord, KeyId, KeyPage, KeyReach, KeyRevoked, KeyState, KeyStore as _, Pepper as _, Scopes,
    StoreError, Timestamp,
};
use serde_json::{Value, json};

use super::complain;
use super::operated::{Common, Desk, maybe_written, written};
use super::touched::{self, Wanted};
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a key and show it, once.
    Create(Create),
    /// List keys: owner, scopes, end, last use.
    List(List),
    /// Make a key in the place of another one, which ends after an overlap.
    Rotate(Rotate),
    /// End keys at once.
    Revoke(Revoke),
    /// Show when and for what a key was used, from the store and the audit file.
    ShowUsage(ShowUsage),
}

#[derive(clap::Args)]
struct Create {
    /// The application that will hold it.
    #[arg(long)]
    owner: String,
    /// What it is for.
    #[arg(long, default_value = "")]
    label: String,
    /// A scope it has; may be repeated.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// An API it is good at, by its name in the configuration; may be repeated.
    #[arg(long = "api", required_unless_present = "every_api", conflicts_with = "every_api")]
    apis: Vec<String>,
    /// It is good at every API, those of later configurations too.
    #[arg(long)]
    every_api: bool,
    /// How long it lives, such as `90d`; as `api_keys.lifetime` says when absent.
    #[arg(long)]
    lifetime: Option<Period>,
    /// A network it may be used from, such as `192.0.2.0/24`; may be repeated. From everywhere when absent.
    #[arg(long = "network")]
    networks: Vec<IpNet>,
    /// The environment that stands in the key; as `api_keys.environment` says when absent.
    #[arg(long)]
    environment: Option<KeyEnvironment>,
}

#[derive(clap::Args)]
struct List {
    /// Only keys of this application.
    #[arg(long)]
    owner: Option<String>,
    /// Only keys that can be used.
    #[arg(long)]
    usable: bool,
    /// Only keys that end within this time, such as `14d`; exit code 2 if there are any.
    #[arg(long)]
    ending_within: Option<Period>,
}

#[derive(clap::Args)]
struct Rotate {
    /// The key's id, as `keys list` shows it.
    id: KeyId,
    /// How long the old key stays good, such as `7d`; as `api_keys.overlap` says when absent.
    #[arg(long)]
    overlap: Option<Period>,
    /// How long the new key lives; as `api_keys.lifetime` says when absent.
    #[arg(long)]
    lifetime: Option<Period>,
}

#[derive(clap::Args)]
struct Revoke {
    /// Their ids.
    #[arg(required = true)]
    ids: Vec<KeyId>,
}

#[derive(clap::Args)]
struct ShowUsage {
    /// The key's id.
    id: KeyId,
}

/// Keys are read in pages of this size.
const PAGE: u32 = 1000;
/// An id that is taken is as likely as a 64-bit number drawn twice.
const TRIES: usize = 3;
/// Longest texts that are kept.
const LONGEST_OWNER: usize = 128;
const LONGEST_LABEL: usize = 256;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let desk = match Desk::open(&arguments.common)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    match &arguments.command {
        Command::Create(create) => run_create(&desk, create),
        Command::List(list) => run_list(&desk, list),
        Command::Rotate(rotate) => run_rotate(&desk, rotate),
        Command::Revoke(revoke) => run_revoke(&desk, revoke),
        Command::ShowUsage(show) => run_show_usage(&desk, show),
    }
}

fn run_create(desk: &Desk, create: &Create) -> anyhow::Result<u8> {
    let expires_at = desk.now.plus(lifetime(desk, create.lifetime)?);
    check_text("owner", &create.owner, 1, LONGEST_OWNER)?;
    check_text("label", &create.label, 0, LONGEST_LABEL)?;
    let environment = environment(desk, create.environment.as_ref())?;
    for _ in 0..TRIES {
        let made = api_key::make(&environment)?;
        let record = ApiKeyRecord {
            id: made.id,
            digest: desk.operated.store.pepper().digest(made.text.expose()),
            owner: create.owner.as_str().into(),
            label: create.label.as_str().into(),
            scopes: scopes(&create.scopes)?,
            reach: reach(desk, create)?,
            networks: create.networks.iter().map(IpNet::trunc).collect(),
            created_at: desk.now,
            expires_at,
            revoked_at: None,
            successor: None,
            last_used_at: None,
        };
        match desk.ask(desk.operated.store.add_key(record.clone())) {
            Ok(()) => return show_made(desk, &made, &record),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error).context("cannot keep the key"),
        }
    }
    bail!("cannot find an id that is free")
}

fn run_rotate(desk: &Desk, rotate: &Rotate) -> anyhow::Result<u8> {
    let store = &desk.operated.store;
    let old = known(desk, rotate.id)?;
    let state = old.state(desk.now);
    ensure!(
        state == KeyState::Active,
        "key {} is {}; only an active key can be rotated: make a new one with `portcullis keys create`",
        rotate.id,
        state.name()
    );
    let expires_at = desk.now.plus(lifetime(desk, rotate.lifetime)?);
    let overlap = rotate.overlap.unwrap_or(desk.operated.keys.overlap);
    let made = api_key::make(&environment(desk, None)?)?;
    let successor = ApiKeyRecord {
        id: made.id,
        digest: store.pepper().digest(made.text.expose()),
        created_at: desk.now,
        expires_at,
        last_used_at: None,
        ..old.clone()
    };
    let ends = desk.now.plus(overlap.0);
    match desk.ask(store.rotate_key(rotate.id, successor.clone(), ends)) {
        Ok(()) => {
            complain(&format!(
                "key {} ends at {}; until then both are good\n",
                old.id,
                written(ends.min(old.expires_at))
            ));
            show_made(desk, &made, &successor)
        }
        Err(StoreError::Conflict) => bail!("key {} was changed meanwhile; look at it again", rotate.id),
        Err(error) => Err(error).context("cannot rotate the key"),
    }
}

fn run_revoke(desk: &Desk, revoke: &Revoke) -> anyhow::Result<u8> {
    let mut code = WELL;
    for id in &revoke.ids {
        if end(desk, *id)? == KeyRevoked::Unknown {
            code = FINDINGS;
        }
    }
    Ok(code)
}

/// Ends a key and says what came of it.
pub(crate) fn end(desk: &Desk, id: KeyId) -> anyhow::Result<KeyRevoked> {
    let revoked = desk.done("cannot revoke the key", desk.operated.store.revoke_key(id, desk.now))?;
    let (word, text) = match revoked {
        KeyRevoked::Now => {
            ("revoked", format!("key {id} is revoked; running gateways refuse it within a second\n"))
        }
        KeyRevoked::Before => ("revoked_before", format!("key {id} had been revoked before\n")),
        KeyRevoked::Unknown => ("unknown", format!("there is no key {id}\n")),
    };
    desk.answer(&json!({ "id": id.to_string(), "result": word }), text);
    Ok(revoked)
}

fn run_list(desk: &Desk, list: &List) -> anyhow::Result<u8> {
    let mut text = String::new();
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = KeyPage { owner: list.owner.as_deref().map(Into::into), after, limit: PAGE };
        let found = desk.done("cannot list the keys", desk.operated.store.list_keys(page))?;
        let Some(last) = found.last() else { break };
        after = Some(last.id);
        for record in found.iter().filter(|record| is_wanted(record, list, desk.now)) {
            write_line(&mut text, record, desk.now)?;
            keys.push(shown(record, desk.now));
        }
    }
    let code = if list.ending_within.is_some() && !keys.is_empty() { FINDINGS } else { WELL };
    if keys.is_empty() {
        text.push_str("no keys\n");
    }
    desk.answer(&Value::Array(keys), text);
    Ok(code)
}

fn is_wanted(record: &ApiKeyRecord, list: &List, now: Timestamp) -> bool {
    let is_usable = matches!(record.state(now), KeyState::Active | KeyState::Replaced);
    let ends_in_time =
        |within: Period| is_usable && record.successor.is_none() && record.expires_at <= now.plus(within.0);
    (is_usable || !list.usable) && list.ending_within.is_none_or(ends_in_time)
}

fn write_line(text: &mut String, record: &ApiKeyRecord, now: Timestamp) -> std::fmt::Result {
    let used =
        record.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", written(at)));
    writeln!(
        text,
        "{}  {:<8}  {}  ends {}  {used}  at {}  may {}{}",
        record.id,
        record.state(now).name(),
        record.owner,
        written(record.expires_at),
        reach_text(&record.reach),
        if record.scopes.is_empty() { "nothing in particular".to_owned() } else { record.scopes.to_string() },
        if record.label.is_empty() { String::new() } else { format!("  # {}", record.label) },
    )
}

fn run_show_usage(desk: &Desk, show: &ShowUsage) -> anyhow::Result<u8> {
    let record = known(desk, show.id)?;
    let report = match &desk.operated.record {
        Some(file) => Some(touched::report(file, &Wanted::api_key(show.id))?),
        None => None,
    };
    let mut text = String::new();
    write_line(&mut text, &record, desk.now)?;
    match &report {
        Some(report) => text.push_str(&report.to_string()),
        None => {
            text.push_str("the record is not kept in a file, so what the key touched is not known here\n")
        }
    }
    let mut json = shown(&record, desk.now);
    if let (Some(report), Some(members)) = (&report, json.as_object_mut()) {
        members.insert("touched".to_owned(), report.to_json());
    }
    desk.answer(&json, text);
    Ok(WELL)
}

/// The key itself goes to standard output, and only there.
fn show_made(desk: &Desk, made: &MadeKey, record: &ApiKeyRecord) -> anyhow::Result<u8> {
    let text = made.text.expose_text().context("a key is text")?;
    complain(&format!(
        "key {} of {} is good until {}; it is shown this once and cannot be had again\n",
        record.id,
        record.owner,
        written(record.expires_at)
    ));
    let mut json = shown(record, desk.now);
    if let Some(members) = json.as_object_mut() {
        members.insert("key".to_owned(), json!(text));
    }
    desk.answer(&json, format!("{text}\n"));
    Ok(WELL)
}

fn shown(record: &ApiKeyRecord, now: Timestamp) -> Value {
    let apis = match &record.reach {
        KeyReach::EveryApi => Value::Null,
        KeyReach::Apis(apis) => json!(apis),
    };
    json!({
        "id": record.id.to_string(),
        "state": record.state(now).name(),
        "owner": record.owner,
        "label": record.label,
        "scopes": record.scopes.iter().collect::<Vec<_>>(),
        "apis": apis,
        "networks": record.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": written(record.created_at),
        "expires_at": written(record.expires_at),
        "revoked_at": maybe_written(record.revoked_at),
        "last_used_at": maybe_written(record.last_used_at),
        "successor": record.successor.map(|id| id.to_string()),
    })
}

fn known(desk: &Desk, id: KeyId) -> anyhow::Result<ApiKeyRecord> {
    let found = desk.done("cannot look the key up", desk.operated.store.find_key(id))?;
    found.with_context(|| format!("there is no key {id}; `portcullis keys list` shows which there are"))
}

fn lifetime(desk: &Desk, asked: Option<Period>) -> anyhow::Result<Duration> {
    let settings = &desk.operated.keys;
    let life = asked.unwrap_or(settings.lifetime);
    ensure!(!life.0.is_zero(), "a key that ends at once is of no use");
    ensure!(
        life <= settings.longest_lifetime,
        "a life of {life} is longer than `api_keys.longest_lifetime`, {}",
        settings.longest_lifetime
    );
    Ok(life.0)
}

fn environment(desk: &Desk, asked: Option<&KeyEnvironment>) -> anyhow::Result<KeyEnvironment> {
    match asked {
        Some(environment) => Ok(environment.clone()),
        None => {
            desk.operated.keys.environment.parse().context("`api_keys.environment` cannot stand in a key")
        }
    }
}

fn reach(desk: &Desk, create: &Create) -> anyhow::Result<KeyReach> {
    if create.every_api {
        return Ok(KeyReach::EveryApi);
    }
    for api in &create.apis {
        ensure!(
            desk.operated.apis.contains(api),
            "there is no API `{api}`; the configuration has {}",
            desk.operated.apis.join(", ")
        );
    }
    Ok(KeyReach::Apis(create.apis.iter().map(|api| Box::from(&**api)).collect()))
}

fn reach_text(reach: &KeyReach) -> String {
    match reach {
        KeyReach::EveryApi => "every API".to_owned(),
        KeyReach::Apis(apis) => apis.join(","),
    }
}

/// RFC 6749 §3.3: `%x21 / %x23-5B / %x5D-7E`.
pub(super) fn scopes(scopes: &[String]) -> anyhow::Result<Scopes> {
    let is_token = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
    };
    match scopes.iter().find(|scope| !is_token(scope)) {
        Some(scope) => bail!("`{scope}` is no scope; repeat `--scope` for each"),
        None => Ok(scopes.iter().map(String::as_str).collect()),
    }
}

pub(super) fn check_text(what: &str, text: &str, least: usize, most: usize) -> anyhow::Result<()> {
    ensure!(
        (least..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control),
        "the {what} must have {least} to {most} characters, and none that controls a terminal"
    );
    Ok(())
}
