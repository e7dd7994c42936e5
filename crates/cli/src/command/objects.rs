//! `portcullis objects`: whose objects are, how that is known, and how much of it.
//!
//! Ids and owners are kept as keyed digests: whoever asks must know the id, and what is exported is of use to
//! this store alone.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use portcullis_domain::{
    Coverage, ObjectKey, ObjectState, OwnedObject, OwnerKey, OwnershipStore as _, PastChange,
};
use portcullis_gateway::{OwnedType, import_owners};
use portcullis_store::LedgerKey;
use serde_json::{Value, json};

use super::operated::{Common, Desk, written};
use super::say;
use crate::{FINDINGS, WELL};

/// Objects of one page or batch.
const PAGE: u32 = 1_000;
/// From this share of known owners on, and after so many days without a contradiction, a type may be enforced.
const RESOLVED: f64 = 0.99;
const DAYS: u64 = 14;
const NEVER_ASKED: &str = "nothing was counted";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Tell whose an object is, since when, and how that is known.
    Why(Why),
    /// Take down owners from a file with one JSON object on each line: `type`, `id`, `owner`, and where they are
    /// needed `api`, `tenant`, `issuer`; or lines of an export of this store.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Write everything that is known, one JSON object on each line; ids and owners as digests.
    Export,
    /// Tell for which share of requests the owner was known, and which types are ready to be enforced; exit code 2
    /// if one is not.
    Coverage,
    /// Say that you have looked into the contradictions of a type: it is enforced again.
    Settle {
        /// The type.
        kind: String,
        /// The API that declares it, if several do.
        #[arg(long)]
        api: Option<String>,
    },
}

#[derive(clap::Args)]
struct Why {
    /// The type of object.
    kind: String,
    /// Its id.
    id: String,
    /// The API that declares the type, if several do.
    #[arg(long)]
    api: Option<String>,
    /// The tenant, where each counts its own ids.
    #[arg(long, default_value = "")]
    tenant: String,
    /// Somebody who may be its owner: the answer says whether.
    #[arg(long)]
    owner: Option<String>,
    /// The issuer of that name, if the configuration has several.
    #[arg(long)]
    issuer: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let desk = match Desk::open(&arguments.common)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    let key = desk.done("cannot read the key of owners", desk.operated.store.ledger_key())?;
    match &arguments.command {
        Command::Why(why) => tell(&desk, &key, why),
        Command::Import { file } => import(&desk, &key, file),
        Command::Export => export(&desk),
        Command::Coverage => coverage(&desk),
        Command::Settle { kind, api } => settle(&desk, kind, api.as_deref()),
    }
}

/// The type of this name.
fn find<'d>(desk: &'d Desk, kind: &str, api: Option<&str>) -> anyhow::Result<&'d OwnedType> {
    let named = desk.operated.objects.iter().filter(|one| one.kind == kind);
    let mut named = named.filter(|one| api.is_none_or(|api| one.api == api));
    let found = named.next().ok_or_else(|| anyhow!("no API declares objects of type `{kind}`"))?;
    match named.next() {
        Some(other) if other.realm != found.realm => {
            bail!("`{}` and `{}` declare `{kind}`; name one with --api", found.api, other.api)
        }
        Some(_) | None => Ok(found),
    }
}

fn owner(kind: &OwnedType, key: &LedgerKey, issuer: Option<&str>, name: &str) -> anyhow::Result<OwnerKey> {
    let issuer =
        issuer.or(kind.issuer.as_deref()).context("name the issuer: the configuration has several")?;
    Ok(kind.owner(key, issuer, name))
}

fn tell(desk: &Desk, key: &LedgerKey, why: &Why) -> anyhow::Result<u8> {
    let kind = find(desk, &why.kind, why.api.as_deref())?;
    let object = kind.object(key, &why.tenant, &why.id);
    let store = &desk.operated.store;
    let known = desk.done("cannot look it up", store.find_object(object))?;
    let history = desk.done("cannot read its history", store.object_history(object))?;
    let asked = match &why.owner {
        Some(name) => Some(owner(kind, key, why.issuer.as_deref(), name)?),
        None => None,
    };
    let Some(known) = known else {
        let text = format!("nothing is known of {} {}\n", why.kind, why.id);
        desk.answer(&json!({ "object": object.to_string(), "known": false }), text);
        return Ok(WELL);
    };
    let is_owner = asked.map(|asked| known.state == ObjectState::Confirmed && asked == known.owner);
    let told = json!({
        "known": true,
        "is_owner": is_owner,
        "grants": known
            .grants
            .iter()
            .map(|grant| json!({ "to": grant.to.to_string(), "right": grant.right.name() }))
            .collect::<Vec<_>>(),
        "history": history.iter().map(past).collect::<Vec<_>>(),
    });
    let mut shown = shown(object, &known);
    if let (Value::Object(shown), Value::Object(told)) = (&mut shown, told) {
        shown.extend(told);
    }
    desk.answer(&shown, story(why, &known, is_owner, &history)?);
    Ok(WELL)
}

fn story(
    why: &Why,
    known: &OwnedObject,
    is_owner: Option<bool>,
    history: &[PastChange],
) -> anyhow::Result<String> {
    let mut text = String::new();
    let (owner, since) = (known.owner, written(known.at));
    match known.state {
        ObjectState::Claimed => {
            writeln!(text, "{} {}: seen since {since}, not known whose", why.kind, why.id)?;
        }
        ObjectState::Tombstone => writeln!(text, "{} {}: deleted at {since}", why.kind, why.id)?,
        ObjectState::Confirmed => {
            let authority = known.authority.name();
            writeln!(text, "{} {}: owner {owner} since {since}, by {authority}", why.kind, why.id)?;
        }
    }
    match (is_owner, &why.owner) {
        (Some(true), Some(name)) => writeln!(text, "  that is `{name}`")?,
        (Some(false), Some(name)) => writeln!(text, "  that is not `{name}`")?,
        (_, _) => {}
    }
    for grant in &known.grants {
        writeln!(text, "  shared with {} to {}", grant.to, grant.right.name())?;
    }
    for change in history {
        let receipt = change.receipt.map_or_else(String::new, |receipt| format!(" by request {receipt}"));
        writeln!(text, "  {} {} {}{receipt}", written(change.at), change.kind.name(), change.owner)?;
    }
    Ok(text)
}

fn shown(object: ObjectKey, known: &OwnedObject) -> Value {
    json!({
        "object": object.to_string(),
        "owner": known.owner.to_string(),
        "state": known.state.name(),
        "authority": known.authority.name(),
        "version": known.version,
        "since": written(known.at),
    })
}

fn past(change: &PastChange) -> Value {
    json!({
        "kind": change.kind.name(),
        "owner": change.owner.to_string(),
        "authority": change.authority.name(),
        "at": written(change.at),
        "receipt": change.receipt.map(|receipt| receipt.to_string()),
    })
}

fn import(desk: &Desk, key: &LedgerKey, file: &PathBuf) -> anyhow::Result<u8> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    // All lines before the first is taken: a file with a mistake changes nothing.
    let mut owners = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let read = || read_line(desk, key, line);
        if let Some(owned) = read().with_context(|| format!("{}:{}", file.display(), index + 1))? {
            owners.push(owned);
        }
    }
    let mut taken = 0;
    for batch in owners.chunks(PAGE as usize) {
        let store = &desk.operated.store;
        taken += desk.done("cannot keep owners", Box::pin(import_owners(store, batch, desk.now)))?;
    }
    let all = owners.len();
    desk.answer(&json!({ "read": all, "taken": taken }), format!("{taken} of {all} owners were taken\n"));
    Ok(WELL)
}

/// An owner; `None` for a line of an export that names none.
fn read_line(desk: &Desk, key: &LedgerKey, line: &str) -> anyhow::Result<Option<(ObjectKey, OwnerKey)>> {
    let line: Value = serde_json::from_str(line).context("this is no JSON object")?;
    let text = |name: &str| match line.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) | None => None,
    };
    if let Some(object) = text("object") {
        if text("state").is_some_and(|state| state != ObjectState::Confirmed.name()) {
            return Ok(None);
        }
        let owner = text("owner").context("`owner` is missing")?;
        let owner = u64::from_str_radix(&owner, 16).context("`owner` is no digest of an export")?;
        return Ok(Some((read_key(&object).context("`object` is no digest of an export")?, OwnerKey(owner))));
    }
    let kind = text("type").context("`type` is missing")?;
    let kind = find(desk, &kind, text("api").as_deref())?;
    let id = text("id").context("`id` is missing")?;
    let name = text("owner").context("`owner` is missing")?;
    let object = kind.object(key, &text("tenant").unwrap_or_default(), &id);
    Ok(Some((object, owner(kind, key, text("issuer").as_deref(), &name)?)))
}

fn read_key(text: &str) -> Option<ObjectKey> {
    let mut key = [0; 12];
    if text.len() != 24 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(ObjectKey(key))
}

fn export(desk: &Desk) -> anyhow::Result<u8> {
    let mut after = None;
    loop {
        let page = desk.done("cannot read owners", desk.operated.store.list_objects(after, PAGE))?;
        let Some((last, _)) = page.last() else { return Ok(WELL) };
        after = Some(*last);
        let mut lines = String::new();
        for (object, known) in &page {
            writeln!(lines, "{}", shown(*object, known))?;
        }
        say(&lines);
    }
}

fn coverage(desk: &Desk) -> anyhow::Result<u8> {
    let counts = desk.done("cannot read the counts", desk.operated.store.coverage())?;
    let mut text = String::new();
    for one in &counts {
        let share = resolved(one) * 100.0;
        writeln!(text, "{}/{}: {share:.1} % of requests had a known owner", one.realm, one.kind)?;
        writeln!(
            text,
            "  own {}, shared {}, foreign {}, unknown {}; {} contradictions; since {}",
            one.own,
            one.granted,
            one.foreign,
            one.unknown,
            one.contradictions,
            written(one.began_at)
        )?;
        match obstacles(one).as_slice() {
            [] => writeln!(text, "  ready to be enforced")?,
            obstacles => writeln!(text, "  not ready: {}", obstacles.join("; "))?,
        }
    }
    let shown = counts.iter().map(|one| {
        json!({
            "realm": one.realm, "type": one.kind, "own": one.own, "granted": one.granted,
            "foreign": one.foreign, "unknown": one.unknown, "contradictions": one.contradictions,
            "resolved": resolved(one), "since": written(one.began_at), "until": written(one.last_at),
            "obstacles": obstacles(one),
        })
    });
    let mut shown: Vec<Value> = shown.collect();
    let is_counted =
        |kind: &&OwnedType| counts.iter().any(|one| *one.realm == *kind.realm && *one.kind == *kind.kind);
    let mut idle: Vec<&OwnedType> = desk.operated.objects.iter().filter(|kind| !is_counted(kind)).collect();
    // Two versions of one API may mean the same objects.
    idle.dedup_by_key(|kind| (kind.realm.as_str(), kind.kind.as_str()));
    for kind in &idle {
        writeln!(
            text,
            "{}/{}: nobody has asked for one yet\n  not ready: {NEVER_ASKED}",
            kind.realm, kind.kind
        )?;
        shown.push(json!({ "realm": kind.realm, "type": kind.kind, "obstacles": [NEVER_ASKED] }));
    }
    desk.answer(&Value::Array(shown), text);
    let is_ready = idle.is_empty() && counts.iter().all(|one| obstacles(one).is_empty());
    Ok(if is_ready { WELL } else { FINDINGS })
}

/// Which share of requests had a known owner.
fn resolved(counts: &Coverage) -> f64 {
    let known = counts.own + counts.granted + counts.foreign;
    match known + counts.unknown {
        0 => 0.0,
        all => known as f64 / all as f64,
    }
}

/// What keeps a type from being enforced.
fn obstacles(counts: &Coverage) -> Vec<String> {
    let days = counts.last_at.since(counts.began_at).as_secs() / 86_400;
    let mut obstacles = Vec::new();
    if days < DAYS {
        obstacles.push(format!("watched for {days} days of {DAYS}"));
    }
    if resolved(counts) < RESOLVED {
        obstacles.push(format!("owners are known for less than {:.0} %", RESOLVED * 100.0));
    }
    if counts.contradictions > 0 {
        obstacles.push("there are contradictions".to_owned());
    }
    obstacles
}

fn settle(desk: &Desk, kind: &str, api: Option<&str>) -> anyhow::Result<u8> {
    let found = find(desk, kind, api)?;
    let store = &desk.operated.store;
    let is_known = desk.done("cannot settle", store.settle_contradictions(&found.realm, &found.kind))?;
    let said = if is_known { "settled" } else { "there was nothing to settle" };
    desk.answer(&json!({ "settled": is_known }), format!("{kind}: {said}\n"));
    Ok(WELL)
}
