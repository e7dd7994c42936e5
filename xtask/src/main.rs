//! Generators and checks of the repository: `cargo xtask COMMAND`.
//!
//! In: the sources, the requirements, the results of the last test run. Out: pages under `docs/` and
//! findings on standard error. Called by `./test` and by people. Nothing here ships with the gateway.
//!
//! Exit codes as everywhere in this project: 0 well, 1 could not run, 2 findings.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool of the repository")]

mod command_line;
mod configuration;
mod conformance;
mod cryptography;
mod diagnostics;
mod metrics;
mod page;
mod reasons;
mod record;
mod specimen;
mod walls;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::page::Mode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Generators and checks of this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes docs/conformance.md: every requirement, and the tests that prove it
    Conformance {
        /// Change nothing; fail when the page is stale or a gated requirement is not proven
        #[arg(long)]
        check: bool,
        /// The JUnit file of the test run
        #[arg(long, default_value = "target/nextest/ci/junit.xml")]
        results: PathBuf,
    },
    /// Writes every page that is generated from code alone
    Generate(Check),
    /// Writes docs/reference/configuration.md and schema/portcullis.schema.json
    Configuration(Check),
    /// Writes docs/reference/diagnostics.md
    Diagnostics(Check),
    /// Writes docs/reference/metrics.md
    Metrics(Check),
    /// Writes docs/reference/reasons.md
    Reasons(Check),
    /// Writes docs/reference/record.md
    Record(Check),
    /// Writes docs/reference/command-line.md
    Usage(Check),
    /// Checks that no crate uses another across a wall
    Walls,
    /// Checks which cryptography ships and where randomness comes from
    Cryptography,
}

#[derive(clap::Args)]
struct Check {
    /// Change nothing; fail when a page is stale
    #[arg(long)]
    check: bool,
}

impl Check {
    const fn mode(&self) -> Mode {
        if self.check { Mode::Check } else { Mode::Write }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                eprintln!("error: {finding}");
            }
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Runs one command; what it finds wrong comes back as sentences.
fn run(command: &Command) -> Result<Vec<String>> {
    let root = repository_root()?;
    match command {
        Command::Conformance { check, results } => {
            let mode = if *check { Mode::Check } else { Mode::Write };
            conformance::run(&root, &root.join(results), mode)
        }
        Command::Walls => walls::run(&root),
        Command::Cryptography => cryptography::run(&root),
        Command::Generate(check) => {
            let mut findings = Vec::new();
            for page in Page::ALL {
                findings.extend(page.put(&root, check.mode())?);
            }
            Ok(findings)
        }
        Command::Configuration(check) => {
            let mut findings = Page::Configuration.put(&root, check.mode())?;
            findings.extend(Page::Schema.put(&root, check.mode())?);
            Ok(findings)
        }
        Command::Diagnostics(check) => Page::Diagnostics.put(&root, check.mode()),
        Command::Metrics(check) => Page::Metrics.put(&root, check.mode()),
        Command::Reasons(check) => Page::Reasons.put(&root, check.mode()),
        Command::Record(check) => Page::Record.put(&root, check.mode()),
        Command::Usage(check) => Page::CommandLine.put(&root, check.mode()),
    }
}

/// A page that is made from code alone.
#[derive(Clone, Copy)]
enum Page {
    CommandLine,
    Configuration,
    Diagnostics,
    Metrics,
    Reasons,
    Record,
    Schema,
}

impl Page {
    const ALL: [Self; 7] = [
        Self::CommandLine,
        Self::Configuration,
        Self::Diagnostics,
        Self::Metrics,
        Self::Reasons,
        Self::Record,
        Self::Schema,
    ];

    fn put(self, root: &Path, mode: Mode) -> Result<Vec<String>> {
        let (path, command, text) = match self {
            Self::CommandLine => {
                ("docs/reference/command-line.md", command_line::COMMAND, command_line::page(root)?)
            }
            Self::Configuration => {
                ("docs/reference/configuration.md", configuration::COMMAND, configuration::page())
            }
            Self::Diagnostics => ("docs/reference/diagnostics.md", diagnostics::COMMAND, diagnostics::page()),
            Self::Metrics => ("docs/reference/metrics.md", metrics::COMMAND, metrics::page()?),
            Self::Reasons => ("docs/reference/reasons.md", reasons::COMMAND, reasons::page()),
            Self::Record => ("docs/reference/record.md", record::COMMAND, record::page()?),
            Self::Schema => {
                ("schema/portcullis.schema.json", configuration::COMMAND, configuration::json_schema())
            }
        };
        page::put(root, path, &text, command, mode)
    }
}

fn repository_root() -> Result<PathBuf> {
    // Asked when it runs: two checkouts that share a target folder may share this binary, too.
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").context("start it with `cargo xtask`")?;
    Ok(Path::new(&xtask).parent().context("xtask has no parent folder")?.to_path_buf())
}
