//! `portcullis limits suggest`: limits that would fit what was counted. Nothing is changed.

use std::fmt::Write as _;
use std::path::PathBuf;

use portcullis_config::Period;
use portcullis_domain::Timestamp;
use portcullis_gateway::{DeclaredOperation, Options, Suggestion, traffic};
use serde_json::{Value, json};

use super::traffic::{of_consumer, say_where_counts_are};
use super::{say, show_start_error};
use crate::WELL;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Propose a rate for each operation from how fast callers were; write it into the configuration yourself.
    Suggest(Suggest),
}

#[derive(clap::Args)]
struct Suggest {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// Calls of this time until now, in whole days.
    #[arg(long, default_value = "30d")]
    since: Period,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let Command::Suggest(arguments) = &arguments.command;
    let options = Options::new(&arguments.config);
    let now = options.clock.now().wall;
    let millis = u64::try_from(arguments.since.0.as_millis()).unwrap_or(u64::MAX);
    let traffic = match traffic(&options, Timestamp::from_millis(now.as_millis().saturating_sub(millis))) {
        Ok(traffic) => traffic,
        Err(error) => return Ok(show_start_error(&error)),
    };
    let suggestions: Vec<_> = traffic.suggestions(now).collect();
    if arguments.json {
        say(&format!("{}\n", Value::Array(suggestions.iter().map(shown).collect())));
    } else {
        say_where_counts_are(&traffic);
        say(&lines(&suggestions)?);
    }
    Ok(WELL)
}

fn shown(suggestion: &Suggestion<'_>) -> Value {
    let Suggestion { operation, callers, days, quantiles: [p50, p90, p99], per_minute, confidence, beyond } =
        suggestion;
    let beyond: Vec<_> = beyond
        .iter()
        .map(|(who, peak)| {
            json!({ "kind": who.kind.name(), "issuer": who.issuer, "subject": who.subject, "peak": peak })
        })
        .collect();
    json!({
        "api": operation.name.api, "version": operation.name.version, "operation": operation.name.operation,
        "method": operation.method, "path": operation.template,
        "callers": callers, "days": days, "p50": p50, "p90": p90, "p99": p99,
        "rate": format!("{per_minute}/1m"), "confidence": confidence.name(), "beyond": beyond,
    })
}

/// Reasons as comments, so that the whole can be pasted.
fn lines(suggestions: &[Suggestion<'_>]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    if suggestions.is_empty() {
        writeln!(text, "# no caller was told apart and counted: nothing can be proposed")?;
    }
    let mut last = None;
    for suggestion in suggestions {
        let Suggestion {
            operation,
            callers,
            days,
            quantiles: [p50, p90, p99],
            per_minute,
            confidence,
            beyond,
        } = suggestion;
        let DeclaredOperation { name, method, template, .. } = operation;
        if last != Some(&name.api) {
            writeln!(text, "# apis: {}: overrides:", name.api)?;
            last = Some(&name.api);
        }
        let confidence = confidence.name();
        writeln!(
            text,
            "# {callers} callers in {days} days; most calls of one in a minute: half {p50}, 90% {p90}, 99% {p99}"
        )?;
        for (who, peak) in beyond.iter().take(5) {
            writeln!(text, "# would have refused {} ({peak} in a minute)", of_consumer(who))?;
        }
        if beyond.len() > 5 {
            writeln!(text, "# and {} more", beyond.len() - 5)?;
        }
        writeln!(text, "\"{method} {template}\":  # confidence: {confidence}")?;
        writeln!(text, "  limits: {{ caller: [{{ rate: {per_minute}/1m, mode: shadow }}] }}")?;
    }
    Ok(text)
}
