//! Generators and checks of the repository: `cargo xtask COMMAND`.
//!
//! In: the sources, the requirements, the results of the last test run. Out: pages under `docs/` and
//! findings on standard error. Called by `./test` and by people. Nothing here ships with the gateway.
//!
//! Exit codes as everywhere in this project: 0 well, 1 could not run, 2 findings.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool of the repository")]

mod conformance;
mod diagnostics;
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
    /// Writes docs/reference/diagnostics.md
    Diagnostics(Check),
    /// Writes every page that is generated from code alone
    Generate(Check),
    /// Checks that no crate uses another across a wall
    Walls,
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
        Command::Reasons(check) => put(&root, &REASONS, check.mode()),
        Command::Diagnostics(check) => put(&root, &DIAGNOSTICS, check.mode()),
        Command::Generate(check) => {
            let mut findings = Vec::new();
            for page in [&REASONS, &DIAGNOSTICS] {
                findings.extend(put(&root, page, check.mode())?);
            }
            Ok(findings)
        }
    }
}

/// A page that is made from code alone.
struct Page {
    path: &'static str,
    command: &'static str,
    text: fn() -> String,
}

const REASONS: Page =
    Page { path: "docs/reference/reasons.md", command: reasons::COMMAND, text: reasons::page };
const DIAGNOSTICS: Page =
    Page { path: "docs/reference/diagnostics.md", command: diagnostics::COMMAND, text: diagnostics::page };

fn put(root: &Path, page: &Page, mode: Mode) -> Result<Vec<String>> {
    page::put(root, page.path, &(page.text)(), page.command, mode)
}

fn repository_root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(xtask.parent().context("xtask has no parent folder")?.to_path_buf())
}
