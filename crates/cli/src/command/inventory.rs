//! `portcullis inventory`: which keys and certificates there are, and which of them end soon; with `--apis`, which
//! APIs.

use std::fmt::Write as _;
use std::path::PathBuf;

use portcullis_config::Period;
use portcullis_gateway::{Held, Options, inventory};
use serde_json::{Value, json};

use super::apis;
use super::operated::{maybe_written, written};
use super::traffic::{self, Form};
use super::{say, show_start_error};
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// Only what ends within this time, such as `30d`; exit code 2 if there is any.
    #[arg(long)]
    ending_within: Option<Period>,
    /// The APIs instead: owner, environment, exposure, data class, lifecycle, upstreams and operations.
    #[arg(long, conflicts_with = "ending_within")]
    apis: bool,
    /// List instead what traffic shows: what is called and not declared, past its end and called, declared and
    /// never called.
    #[arg(long, conflicts_with = "ending_within")]
    traffic: bool,
    /// Traffic of this time until now, in whole days.
    #[arg(long, default_value = "30d", requires = "traffic")]
    since: Period,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let options = Options::new(&arguments.config);
    if arguments.traffic {
        return traffic::run(&options, arguments.since, if arguments.json { Form::Json } else { Form::Text });
    }
    if arguments.apis {
        return apis::run(&options, if arguments.json { apis::Form::Json } else { apis::Form::Lines });
    }
    let mut held = match inventory(&options) {
        Ok(held) => held,
        Err(error) => return Ok(show_start_error(&error)),
    };
    if let Some(within) = arguments.ending_within {
        let latest = options.clock.now().wall.plus(within.0);
        held.retain(|one| one.ends.is_some_and(|ends| ends <= latest));
    }
    if arguments.json {
        say(&format!("{}\n", Value::Array(held.iter().map(shown).collect())));
    } else {
        say(&lines(&held)?);
    }
    Ok(if arguments.ending_within.is_some() && !held.is_empty() { FINDINGS } else { WELL })
}

fn shown(held: &Held) -> Value {
    json!({
        "kind": held.kind.name(),
        "name": held.name,
        "algorithms": held.algorithms,
        "place": held.place,
        "ends": maybe_written(held.ends),
    })
}

fn lines(held: &[Held]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for one in held {
        let ends =
            one.ends.map_or_else(|| "does not end".to_owned(), |ends| format!("ends {}", written(ends)));
        let algorithms = one.algorithms.join(" ");
        writeln!(text, "{:<12}  {}  {algorithms}  {}  {ends}", one.kind.name(), one.name, one.place)?;
    }
    Ok(text)
}
