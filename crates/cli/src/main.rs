//! The one binary: serves, checks, explains.
//!
//! One file per subcommand under `command/`. Exit codes: 0 well, 1 could not run, 2 findings or a denial,
//! 3 configuration invalid. The only crate that prints.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// API security gateway: every layer an exposed endpoint needs, from one file.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the APIs of a configuration until SIGTERM or SIGINT; SIGHUP reloads.
    Serve(command::serve::Arguments),
    /// Check a configuration and everything it names; exit code 3 if anything is wrong.
    Check(command::check::Arguments),
    /// Explain a diagnostic (`C0123`), a refusal's reason (`token_expired`), or why a request was decided as it was.
    Explain(command::explain::Arguments),
    /// Compare two OpenAPI documents: what breaks clients, and what weakens protection; exit code 2 if anything.
    Diff(command::diff::Arguments),
    /// Print the JSON Schema of portcullis.yaml, for editors.
    Schema,
    /// List keys, certificates and issuers, with their algorithms and ends.
    Inventory(command::inventory::Arguments),
    /// Write what was learnt of an API without a contract as an OpenAPI document.
    Learn(command::learn::Arguments),
    /// List who still calls what is being retired, or tell whether something can be removed.
    Versions(command::versions::Arguments),
    /// Propose limits from what was counted.
    Limits(command::limits::Arguments),
    /// Show which layer protects which operation; exit code 2 if something demanded is missing.
    Matrix(command::matrix::Arguments),
    /// Make, list, rotate and revoke API keys.
    Keys(command::keys::Arguments),
    /// Test the rules that say who may do what.
    Policy(command::policy::Arguments),
    /// Tell whose objects are and how that is known; import and export owners.
    Objects(command::objects::Arguments),
    /// Give somebody roles or scopes for a while, with a reason and the approvals that are asked for.
    Grants(command::grants::Arguments),
    /// Stop believing a key, a token or everything of somebody, at once and everywhere.
    Revoke(command::revoke::Arguments),
    /// Work with the audit record.
    Audit(command::audit::Arguments),
    /// Work with rules of the WAF.
    Waf(command::waf::Arguments),
    /// Put a record to the detectors of attacks.
    Detect(command::detect::Arguments),
    /// What the demo needs: development tokens.
    Demo(command::demo::Arguments),
}

/// Everything is well.
pub(crate) const WELL: u8 = 0;
/// It could not run.
pub(crate) const COULD_NOT_RUN: u8 = 1;
/// It ran and found something.
pub(crate) const FINDINGS: u8 = 2;
/// The configuration is not valid.
pub(crate) const CONFIGURATION_INVALID: u8 = 3;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => command::serve::run(&arguments),
        Command::Check(arguments) => command::check::run(&arguments),
        Command::Explain(arguments) => command::explain::run(&arguments),
        Command::Diff(arguments) => command::diff::run(&arguments),
        Command::Schema => command::schema::run(),
        Command::Inventory(arguments) => command::inventory::run(&arguments),
        Command::Learn(arguments) => command::learn::run(&arguments),
        Command::Versions(arguments) => command::versions::run(&arguments),
        Command::Limits(arguments) => command::limits::run(&arguments),
        Command::Matrix(arguments) => command::matrix::run(&arguments),
        Command::Keys(arguments) => command::keys::run(&arguments),
        Command::Policy(arguments) => command::policy::run(&arguments),
        Command::Objects(arguments) => command::objects::run(&arguments),
        Command::Grants(arguments) => command::grants::run(&arguments),
        Command::Revoke(arguments) => command::revoke::run(&arguments),
        Command::Audit(arguments) => command::audit::run(&arguments),
        Command::Waf(arguments) => command::waf::run(&arguments),
        Command::Detect(arguments) => command::detect::run(&arguments),
        Command::Demo(arguments) => command::demo::run(&arguments),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            command::complain(&format!("portcullis: {error:#}\n"));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}
