//! Generators and checks of the repository: `cargo xtask COMMAND`.
//!
//! In: the sources, the requirements, the results of the last test run. Out: pages under `docs/` and
//! findings on standard error. Called by `./test` and by people. Nothing here ships with the gateway.
//!
//! Exit codes as everywhere in this project: 0 well, 1 could not run, 2 findings.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool of the repository")]

mod conformance;
mod page;
mod reasons;
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
    /// Writes docs/reference/reasons.md
    Reasons(Check),
    /// Checks that no crate uses another across a wall
    Walls,
    /// Writes every page that is generated from code alone
    Generate(Check),
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
        Command::Reasons(check) => reasons(&root, check.mode()),
        Command::Generate(check) => reasons(&root, check.mode()),
    }
}

fn reasons(root: &Path, mode: Mode) -> Result<Vec<String>> {
    page::put(root, "docs/reference/reasons.md", &reasons::page(), "cargo xtask reasons", mode)
}

fn repository_root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(xtask.parent().context("xtask has no parent folder")?.to_path_buf())
}
