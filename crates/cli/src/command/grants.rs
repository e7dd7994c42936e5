//! `portcullis grants`: rights for a while, with a reason, and as many approvals as are asked for.
//!
//! A grant is written to the store; running gateways take it up within `store.poll`, a second at most. It gives
//! what `grants` of the configuration lets be given, and nothing after its end. Who opens and who approves is
//! what they say of themselves: whoever reaches the store could say anything, so it is the store that is guarded,
//! and the record of every gateway says what was changed (AUTHZ-23).

use std::fmt::Write as _;

use anyhow::{bail, ensure};
use portcullis_config::Period;
use portcullis_domain::{
    AccessGrant, Approved, GrantId, GrantState, GrantStore as _, Scopes, Sequence, Timestamp,
};
use portcullis_gateway::Grantable;
use serde_json::{Value, json};

use super::keys::{check_text, scopes};
use super::operated::{Common, Desk, believed, maybe_written, written};
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
    /// Give a subject roles or scopes until an end.
    Open(Open),
    /// Approve a grant that somebody else has opened.
    Approve(Change),
    /// End a grant before its time.
    Close(Change),
    /// List grants that are not over, or all of them.
    List(List),
}

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true)))]
struct Open {
    /// Who gets them: `sub` at the issuer.
    #[arg(long)]
    subject: String,
    /// The issuer of the subject; need not be named if the configuration has only one.
    #[arg(long)]
    issuer: Option<String>,
    /// A role; may be repeated.
    #[arg(long = "role", group = "what")]
    roles: Vec<String>,
    /// A scope; may be repeated.
    #[arg(long = "scope", group = "what")]
    scopes: Vec<String>,
    /// For how long, such as `30m`.
    #[arg(long = "for")]
    duration: Period,
    /// Why: an incident, a ticket. Kept with the grant and shown with its use.
    #[arg(long)]
    cause: String,
    /// How many others must approve; at least as many as the configuration says, which holds when absent.
    #[arg(long)]
    approvals: Option<u8>,
    /// Who opens it.
    #[arg(long, env = "PORTCULLIS_OPERATOR")]
    by: String,
}

#[derive(clap::Args)]
struct Change {
    /// The grant's id, as `grants list` shows it.
    id: GrantId,
    /// Who does it.
    #[arg(long, env = "PORTCULLIS_OPERATOR")]
    by: String,
}

#[derive(clap::Args)]
struct List {
    /// Those that are over as well.
    #[arg(long)]
    all: bool,
}

/// Longest texts that are kept.
const LONGEST_NAME: usize = 256;
const LONGEST_CAUSE: usize = 512;
/// Grants are read in pages of this size.
const PAGE: u32 = 1000;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let desk = match Desk::open(&arguments.common)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    match &arguments.command {
        Command::Open(open) => run_open(&desk, open),
        Command::Approve(change) => run_approve(&desk, change),
        Command::Close(change) => run_close(&desk, change),
        Command::List(list) => run_list(&desk, list),
    }
}

fn run_open(desk: &Desk, open: &Open) -> anyhow::Result<u8> {
    let Some(grantable) = &desk.operated.grants else {
        bail!("nothing may be granted: the configuration has no `grants` section");
    };
    check_text("subject", &open.subject, 1, LONGEST_NAME)?;
    check_text("cause", &open.cause, 1, LONGEST_CAUSE)?;
    check_text("by", &open.by, 1, LONGEST_NAME)?;
    let (roles, scopes) = (scopes(&open.roles)?, scopes(&open.scopes)?);
    check_allowed(grantable, &roles, &scopes)?;
    ensure!(
        !open.duration.0.is_zero() && open.duration.0 <= grantable.longest,
        "nothing is granted for {}; the longest is {}",
        open.duration,
        Period(grantable.longest)
    );
    let needed = open.approvals.unwrap_or(grantable.approvals);
    ensure!(
        needed >= grantable.approvals,
        "the configuration wants {} approvals by others",
        grantable.approvals
    );
    let mut id = [0; 8];
    aws_lc_rs::rand::fill(&mut id)?;
    let grant = AccessGrant {
        id: GrantId(u64::from_be_bytes(id)),
        issuer: believed(desk, open.issuer.as_deref())?.identifier.into(),
        subject: open.subject.as_str().into(),
        roles,
        scopes,
        cause: open.cause.as_str().into(),
        opened_by: open.by.as_str().into(),
        opened_at: desk.now,
        expires_at: desk.now.plus(open.duration.0),
        needed,
        approved_by: Vec::new(),
        closed: None,
        used_at: None,
    };
    desk.done("cannot open the grant", desk.operated.store.open_grant(grant.clone()))?;
    let next = match grant.state(desk.now) {
        GrantState::Waiting => {
            format!("it waits for {needed} to run `portcullis grants approve {}`", grant.id)
        }
        GrantState::Active | GrantState::Expired | GrantState::Closed => {
            "running gateways take it up within a second".to_owned()
        }
    };
    let text = format!("{}\nuntil {}; {next}\n", grant.id, written(grant.expires_at));
    desk.answer(&shown(&grant, desk.now), text);
    Ok(WELL)
}

fn check_allowed(grantable: &Grantable, roles: &Scopes, scopes: &Scopes) -> anyhow::Result<()> {
    for (kind, wanted, allowed) in [("role", roles, &grantable.roles), ("scope", scopes, &grantable.scopes)] {
        for name in wanted.iter() {
            ensure!(
                allowed.contains(name),
                "the {kind} `{name}` may not be granted: see `grants` of the configuration"
            );
        }
    }
    Ok(())
}

fn run_approve(desk: &Desk, change: &Change) -> anyhow::Result<u8> {
    check_text("by", &change.by, 1, LONGEST_NAME)?;
    let store = &desk.operated.store;
    match desk.done("cannot approve the grant", store.approve_grant(change.id, &change.by, desk.now))? {
        Approved::Counted => show(desk, change.id),
        Approved::NotAnother => {
            bail!("`{}` has opened or approved it already: somebody else must approve", change.by)
        }
        Approved::Over => bail!("there is no open grant {}", change.id),
    }
}

fn run_close(desk: &Desk, change: &Change) -> anyhow::Result<u8> {
    check_text("by", &change.by, 1, LONGEST_NAME)?;
    let store = &desk.operated.store;
    match desk.done("cannot close the grant", store.close_grant(change.id, &change.by, desk.now))? {
        true => show(desk, change.id),
        false => {
            desk.answer(&Value::Null, format!("there is no open grant {}\n", change.id));
            Ok(FINDINGS)
        }
    }
}

fn show(desk: &Desk, id: GrantId) -> anyhow::Result<u8> {
    if let Some(grant) = all(desk)?.into_iter().find(|grant| grant.id == id) {
        desk.answer(&shown(&grant, desk.now), line(&grant, desk.now));
    }
    Ok(WELL)
}

fn run_list(desk: &Desk, list: &List) -> anyhow::Result<u8> {
    let mut grants = all(desk)?;
    let is_over =
        |grant: &AccessGrant| matches!(grant.state(desk.now), GrantState::Expired | GrantState::Closed);
    grants.retain(|grant| list.all || !is_over(grant));
    grants.sort_by_key(|grant| (grant.opened_at, grant.id));
    let json = grants.iter().map(|grant| shown(grant, desk.now)).collect();
    let text: String = grants.iter().map(|grant| line(grant, desk.now)).collect();
    desk.answer(&json, if grants.is_empty() { "nothing is granted\n".to_owned() } else { text });
    Ok(WELL)
}

fn all(desk: &Desk) -> anyhow::Result<Vec<AccessGrant>> {
    let (mut grants, mut since) = (Vec::new(), Sequence::default());
    loop {
        let read = desk.operated.store.grants_changed_since(since, PAGE);
        let part = desk.done("cannot read the grants", read)?;
        if part.grants.is_empty() {
            return Ok(grants);
        }
        since = part.sequence;
        grants.extend(part.grants);
    }
}

fn line(grant: &AccessGrant, now: Timestamp) -> String {
    let gives: Vec<String> = (grant.roles.iter().map(|role| format!("role {role}")))
        .chain(grant.scopes.iter().map(|scope| format!("scope {scope}")))
        .collect();
    let mut text = format!(
        "{}  {:<8} {} of {}: {}; until {}; opened by {}",
        grant.id,
        grant.state(now).name(),
        grant.subject,
        grant.issuer,
        gives.join(", "),
        written(grant.expires_at),
        grant.opened_by,
    );
    // Writing to a `String` cannot fail, here and below.
    if grant.needed > 0 {
        let _ = write!(text, "; approved by {} of {}", grant.approved_by.len(), grant.needed);
        if !grant.approved_by.is_empty() {
            let _ = write!(text, " ({})", grant.approved_by.join(", "));
        }
    }
    if let Some(used) = grant.used_at {
        let _ = write!(text, "; first used {}", written(used));
    }
    if let Some((at, by)) = &grant.closed {
        let _ = write!(text, "; closed by {by} {}", written(*at));
    }
    let _ = writeln!(text, "; {}", grant.cause);
    text
}

fn shown(grant: &AccessGrant, now: Timestamp) -> Value {
    json!({
        "id": grant.id.to_string(),
        "state": grant.state(now).name(),
        "issuer": grant.issuer,
        "subject": grant.subject,
        "roles": grant.roles.iter().collect::<Vec<_>>(),
        "scopes": grant.scopes.iter().collect::<Vec<_>>(),
        "cause": grant.cause,
        "opened_by": grant.opened_by,
        "opened_at": written(grant.opened_at),
        "expires_at": written(grant.expires_at),
        "needed": grant.needed,
        "approved_by": grant.approved_by,
        "closed_at": maybe_written(grant.closed.as_ref().map(|(at, _)| *at)),
        "closed_by": grant.closed.as_ref().map(|(_, by)| by),
        "used_at": maybe_written(grant.used_at),
    })
}
