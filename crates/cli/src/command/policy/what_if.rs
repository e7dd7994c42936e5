//! `portcullis policy what-if`: what a candidate configuration would have decided differently.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use portcullis_config::Period;
use portcullis_domain::{Clock, Timestamp};
use portcullis_gateway::{Change, Group, Options, WhatIf, WhatIfError, what_if};

use super::super::{say, show_start_error};
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The candidate: a whole configuration.
    candidate: PathBuf,
    /// The configuration in force, whose journal is read.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// How far back: a period such as `24h` or `7d`, or a moment such as `2026-11-24T08:00:00Z`.
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    /// Exit with 2 if anything would be allowed that was denied, denied that was allowed, either, or if something
    /// cannot be told.
    #[arg(long, value_enum, value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How far back.
#[derive(Clone, Copy, Debug)]
enum Since {
    Ago(Duration),
    At(Timestamp),
}

/// What makes a pipeline stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// DENY to ALLOW.
    Allow,
    /// ALLOW to DENY.
    Deny,
    /// Either.
    Any,
    /// Decisions that cannot be told.
    Untold,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(Period(ago)) = text.parse() {
        return Ok(Since::Ago(ago));
    }
    let at: jiff::Timestamp =
        text.parse().map_err(|_| format!("`{text}` is neither a period such as `24h` nor a moment"))?;
    Ok(Since::At(Timestamp::from_millis(u64::try_from(at.as_millisecond()).unwrap_or(0))))
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let now = Clock::machine().now().wall;
    let since = match arguments.since {
        None => Timestamp::default(),
        Some(Since::At(at)) => at,
        Some(Since::Ago(ago)) => Timestamp::from_millis(
            now.as_millis().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
        ),
    };
    let told = match what_if(&Options::new(&arguments.config), &arguments.candidate, since) {
        Ok(told) => told,
        Err(WhatIfError::Configuration(error) | WhatIfError::Candidate(error)) => {
            return Ok(show_start_error(&error));
        }
        Err(error @ WhatIfError::Journal(_)) => return Err(error.into()),
    };
    say(&match arguments.format {
        Format::Text => text(&told),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&told)?),
    });
    let is_found = arguments.fail_on.iter().any(|fail_on| found(&told, *fail_on));
    Ok(if is_found { FINDINGS } else { WELL })
}

fn found(told: &WhatIf, fail_on: FailOn) -> bool {
    let has = |change| told.changes.iter().any(|group| group.change == change);
    match fail_on {
        FailOn::Allow => has(Change::DenyToAllow),
        FailOn::Deny => has(Change::AllowToDeny),
        FailOn::Any => !told.changes.is_empty(),
        FailOn::Untold => !told.not_replayed.is_empty(),
    }
}

fn text(told: &WhatIf) -> String {
    let mut text = format!("{} decisions were put to the candidate {}\n", told.decisions, told.candidate);
    let answers = match told.answers_one_in {
        0 => "no answers are in the journal, so nothing shows what would be refused".to_owned(),
        1 => "all answers are in the journal".to_owned(),
        one_in => format!("one answer in {one_in} is in the journal: counts of ALLOW are of these"),
    };
    let _ = writeln!(text, "({answers})");
    if told.lost > 0 {
        let _ = writeln!(text, "({} decisions were lost and are not among them)", told.lost);
    }
    for (change, title) in [(Change::DenyToAllow, "DENY -> ALLOW"), (Change::AllowToDeny, "ALLOW -> DENY")] {
        let groups: Vec<&Group> = told.changes.iter().filter(|group| group.change == change).collect();
        let count: u64 = groups.iter().map(|group| group.count).sum();
        let _ = writeln!(text, "\n{title}  {count}");
        for group in groups {
            let roles = if group.roles.is_empty() { "none".to_owned() } else { group.roles.join(" ") };
            let _ = writeln!(
                text,
                "  {:>6} x  {}  ({}: {})",
                group.count, group.call, group.api, group.operation
            );
            let _ = writeln!(text, "            roles: {roles}");
            let _ = writeln!(text, "            before: {}", group.before);
            let _ = writeln!(text, "            after:  {}", group.after);
            if !group.unseen.is_empty() {
                let _ = writeln!(text, "            still to pass: {}", group.unseen.join(", "));
            }
            let _ = writeln!(text, "            e.g. {}", group.receipts.join(" "));
        }
    }
    let _ = writeln!(text, "\nunchanged  {}", told.same);
    let untold: u64 = told.not_replayed.iter().map(|one| one.count).sum();
    let _ = writeln!(text, "\nnot replayed  {untold}");
    for one in &told.not_replayed {
        let _ = writeln!(text, "  {:>6} x  {}", one.count, one.why);
        let _ = writeln!(text, "            e.g. {}", one.receipts.join(" "));
    }
    text
}
