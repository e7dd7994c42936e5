//! `portcullis versions`: who still calls what is being retired, and whether something can be removed (VER-09).

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use portcullis_config::Period;
use portcullis_domain::Timestamp;
use portcullis_gateway::{DeclaredOperation, Kept, Obstacle, Options, Removal, Traffic, traffic};
use serde_json::{Value, json};

use super::operated::{maybe_written, written};
use super::traffic::{observed, of_consumer, say_where_counts_are, usage};
use super::{complain, say, show_start_error};
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// Calls of this time until now, in whole days.
    #[arg(long, default_value = "30d")]
    since: Period,
    /// Whether an API, a version or an operation can be removed: exit code 2 if not. Write its name, or
    /// `API@VERSION` or `API/OPERATION`.
    #[arg(long, value_name = "NAME")]
    safe_to_remove: Option<String>,
    /// How long nobody may have called it.
    #[arg(long, default_value = "30d", requires = "safe_to_remove")]
    idle: Period,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let options = Options::new(&arguments.config);
    let now = options.clock.now().wall;
    let period = arguments.safe_to_remove.as_ref().map_or(arguments.since, |_| arguments.idle);
    let since = Timestamp::from_millis(
        now.as_millis().saturating_sub(u64::try_from(period.0.as_millis()).unwrap_or(u64::MAX)),
    );
    let traffic = match traffic(&options, since) {
        Ok(traffic) => traffic,
        Err(error) => return Ok(show_start_error(&error)),
    };
    match &arguments.safe_to_remove {
        Some(name) => removal(&traffic, name, now, arguments),
        None => report(&traffic, arguments),
    }
}

fn report(traffic: &Traffic, arguments: &Arguments) -> anyhow::Result<u8> {
    if arguments.json {
        let operations: Vec<_> = going(traffic).map(|declared| shown(traffic, declared)).collect();
        let observed: Vec<_> = traffic.observed.iter().map(observed).collect();
        let kept = traffic.kept == Kept::Store;
        let answer = json!({
            "since": written(traffic.since), "kept": kept, "observed": observed, "operations": operations,
        });
        say(&format!("{answer}\n"));
        return Ok(WELL);
    }
    say_where_counts_are(traffic);
    say(&lines(traffic)?);
    Ok(WELL)
}

/// What is deprecated, to be retired, or retired.
fn going(traffic: &Traffic) -> impl Iterator<Item = &DeclaredOperation> {
    traffic.declared.iter().filter(|declared| declared.is_being_retired())
}

fn shown(traffic: &Traffic, declared: &DeclaredOperation) -> Value {
    let consumers: Vec<_> = traffic.consumers(&declared.name).map(usage).collect();
    let calls: u64 = traffic.consumers(&declared.name).map(|usage| usage.ends.total()).sum();
    let lifecycle = &declared.lifecycle;
    json!({
        "api": declared.name.api,
        "version": declared.name.version,
        "operation": declared.name.operation,
        "method": declared.method,
        "path": declared.template,
        "state": lifecycle.state.name(),
        "deprecated_at": maybe_written(lifecycle.deprecated_at),
        "sunset_at": maybe_written(lifecycle.sunset_at),
        "successor": lifecycle.successor,
        "calls": calls,
        "consumers": consumers,
    })
}

fn lines(traffic: &Traffic) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut any = false;
    for declared in going(traffic) {
        any = true;
        let DeclaredOperation { name, method, template, lifecycle } = declared;
        write!(text, "{}@{} {method} {template}: {}", name.api, name.version, lifecycle.state.name())?;
        if let Some(at) = lifecycle.deprecated_at {
            write!(text, ", deprecated {}", written(at))?;
        }
        if let Some(at) = lifecycle.sunset_at {
            write!(text, ", sunset {}", written(at))?;
        }
        writeln!(text)?;
        let mut called = false;
        for usage in traffic.consumers(name) {
            called = true;
            writeln!(
                text,
                "  {:>8} × {}, last {}",
                usage.ends.total(),
                of_consumer(&usage.consumer),
                written(usage.last_at)
            )?;
        }
        if !called {
            writeln!(text, "         nobody since {}", written(traffic.since))?;
        }
    }
    if !any {
        writeln!(text, "nothing is deprecated or to be retired")?;
    }
    Ok(text)
}

fn removal(traffic: &Traffic, name: &str, now: Timestamp, arguments: &Arguments) -> anyhow::Result<u8> {
    let removal = match traffic.removal(name, now, arguments.idle.0) {
        Ok(removal) => removal,
        Err(refused) => bail!("{refused}"),
    };
    let Removal { what, obstacles } = &removal;
    if arguments.json {
        let obstacles: Vec<_> = obstacles.iter().map(obstacle).collect();
        let answer = json!({
            "name": what, "idle": arguments.idle.to_string(), "safe": obstacles.is_empty(), "obstacles": obstacles,
        });
        say(&format!("{answer}\n"));
    } else if obstacles.is_empty() {
        say(&format!("`{what}` can be removed: nobody called it for {}\n", arguments.idle));
    } else {
        say(&format!("`{what}` is not safe to remove:\n"));
        for obstacle in obstacles {
            say(&format!("  {}\n", told(obstacle)));
        }
        if traffic.kept == Kept::Nowhere {
            complain("counts are kept only where there is a store: add `store:` to the configuration\n");
        }
    }
    Ok(if obstacles.is_empty() { WELL } else { FINDINGS })
}

fn obstacle(obstacle: &Obstacle) -> Value {
    match obstacle {
        Obstacle::Called(called) => json!({ "kind": "called", "by": usage(called) }),
        Obstacle::NeverObserved => json!({ "kind": "never_observed" }),
        Obstacle::ObservedSince(at) => json!({ "kind": "observed_since", "at": written(*at) }),
        Obstacle::ObservedUntil(at) => json!({ "kind": "observed_until", "at": written(*at) }),
        Obstacle::CountsLost(at) => json!({ "kind": "counts_lost", "at": written(*at) }),
        Obstacle::TooMuch => json!({ "kind": "too_much" }),
    }
}

fn told(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Called(called) => format!(
            "{} called `{}` {} times, last {}",
            of_consumer(&called.consumer),
            called.operation.operation,
            called.ends.total(),
            written(called.last_at)
        ),
        Obstacle::NeverObserved => "its calls were never counted".to_owned(),
        Obstacle::ObservedSince(at) => format!("its calls are counted only since {}", written(*at)),
        Obstacle::ObservedUntil(at) => format!("its calls were counted only until {}", written(*at)),
        Obstacle::CountsLost(at) => format!("counts were lost at {}", written(*at)),
        Obstacle::TooMuch => "more was called than can be looked through; ask for less time".to_owned(),
    }
}
