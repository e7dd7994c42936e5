//! `portcullis policy test`.

use std::path::PathBuf;

use clap::ValueEnum;
use portcullis_gateway::{Options, Rehearsed, rehearse};

use super::report;
use crate::command::{say, show_start_error};
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Files of cases.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people: what failed, and why.
    Text,
    /// Every case, with rules, facts and changes.
    Json,
    /// For build servers.
    Junit,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let cases = match rehearse(&Options::new(&arguments.config), &arguments.files) {
        Ok(cases) => cases,
        Err(error) => return Ok(show_start_error(&error)),
    };
    say(&match arguments.format {
        Format::Text => report::text(&cases),
        Format::Json => report::json(&cases)?,
        Format::Junit => report::junit(&cases),
    });
    Ok(if cases.iter().all(Rehearsed::is_as_expected) { WELL } else { FINDINGS })
}
