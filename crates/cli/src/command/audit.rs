//! `portcullis audit`: is the record as it was written?

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Context as _;
use portcullis_audit::chain;

use super::say;
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Walk the hash chain of a record and name the first line that was touched; exit code 2 if there is one.
    Verify {
        /// The record.
        file: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let Command::Verify { file } = &arguments.command;
    let record = File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let head = chain::Head::read(file).context("cannot read the record's sealed end")?;
    Ok(match chain::verify(BufReader::new(record), head.as_ref()) {
        Ok(summary) => {
            say(&format!(
                "{} lines, {} to {}: unbroken\nhash {}\n{} events are said to be missing\n",
                summary.lines, summary.first, summary.last, summary.hash, summary.lost
            ));
            WELL
        }
        Err(broken) => {
            say(&format!("line {}: {}\n", broken.line, broken.kind));
            FINDINGS
        }
    })
}
