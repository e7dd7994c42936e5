//! `portcullis policy`: what rules say of calls, without a gateway that serves them.

mod report;
mod test;
mod what_if;

use clap::Subcommand;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Policy,
}

#[derive(Subcommand)]
enum Policy {
    /// Decide cases that are written beside the policies; exit code 2 if one comes to something else than it should.
    Test(test::Arguments),
    /// Put the decisions of the journal to a candidate configuration, and list what would change.
    WhatIf(what_if::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    match &arguments.command {
        Policy::Test(arguments) => test::run(arguments),
        Policy::WhatIf(arguments) => what_if::run(arguments),
    }
}
