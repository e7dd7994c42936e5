//! `portcullis detect`: the detectors over a record, and how well they do.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use portcullis_audit::alert::Alert;
use portcullis_audit::detect::replay::{Label, Replay, Replayed, Tally};
use portcullis_audit::detect::{DetectionSettings, Noticed};

use super::say;
use crate::{FINDINGS, WELL};

/// Most alerts that are printed one by one.
const SHOWN: usize = 50;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Put a record to the detectors, and print what they say of whom; exit code 2 if anybody was missed or accused
    /// wrongly.
    Replay(ReplayArguments),
}

#[derive(clap::Args)]
struct ReplayArguments {
    /// The record: a file of JSON lines as the gateway writes it. Name several, oldest first.
    #[arg(required = true)]
    logs: Vec<PathBuf>,
    /// Who is known to have attacked: one `{"subject": "…", "attack": "enumeration"}` to a line.
    #[arg(long)]
    labels: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let Command::Replay(arguments) = &arguments.command;
    let labels = match &arguments.labels {
        Some(file) => read_labels(file)?,
        None => Vec::new(),
    };
    let mut replay = Replay::new(DetectionSettings::default());
    for log in &arguments.logs {
        let file = File::open(log).with_context(|| format!("cannot open `{}`", log.display()))?;
        for (index, line) in BufReader::new(file).lines().enumerate() {
            let place = || format!("`{}`, line {}", log.display(), index + 1);
            let line = line.with_context(place)?;
            replay.line(&line).with_context(place)?;
        }
    }
    let replayed = replay.finish();
    say(&told(&replayed));
    if arguments.labels.is_none() {
        return Ok(WELL);
    }
    let tallies = replayed.tallies(&labels);
    say(&table(&tallies));
    let is_well = tallies.values().all(|tally| tally.missed == 0 && tally.accused == 0);
    Ok(if is_well { WELL } else { FINDINGS })
}

fn read_labels(file: &Path) -> anyhow::Result<Vec<Label>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("`{}`, line {}", file.display(), index + 1))
        })
        .collect()
}

fn told(replayed: &Replayed) -> String {
    let Replayed { requests, others, alerts, callers } = replayed;
    let mut text = format!(
        "{requests} requests of {} callers, {others} other lines, {} alerts\n",
        callers.len(),
        alerts.len()
    );
    for alert in alerts.iter().take(SHOWN) {
        let Alert { detector, summary, receipt, .. } = alert;
        let caller = replayed.caller(alert).or(alert.subject.as_deref()).unwrap_or("-");
        let receipt = receipt.map(|receipt| receipt.to_string()).unwrap_or_default();
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{}  {}  {summary}  {receipt}", detector.name, caller.escape_debug());
    }
    if alerts.len() > SHOWN {
        let _ = writeln!(text, "and {} more", alerts.len() - SHOWN);
    }
    text
}

fn table(tallies: &std::collections::BTreeMap<Noticed, Tally>) -> String {
    let mut text = format!(
        "\n{:<14} {:>7} {:>7} {:>16} {:>16}\n",
        "detector", "caught", "missed", "wrongly accused", "rightly cleared"
    );
    for (noticed, Tally { caught, missed, accused, cleared }) in tallies {
        let name = noticed.detector().name;
        let _ = writeln!(text, "{name:<14} {caught:>7} {missed:>7} {accused:>16} {cleared:>16}");
    }
    text
}
