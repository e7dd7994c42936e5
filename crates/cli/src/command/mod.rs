//! The subcommands.

mod apis;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod detect;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod grants;
pub(crate) mod inventory;
pub(crate) mod keys;
pub(crate) mod learn;
pub(crate) mod limits;
mod markup;
pub(crate) mod matrix;
pub(crate) mod objects;
mod operated;
pub(crate) mod policy;
pub(crate) mod revoke;
pub(crate) mod schema;
pub(crate) mod serve;
mod touched;
mod traffic;
pub(crate) mod versions;
pub(crate) mod waf;

use std::io::{IsTerminal as _, Write as _};

use portcullis_config::Color;
use portcullis_gateway::StartError;

use crate::{CONFIGURATION_INVALID, COULD_NOT_RUN};

/// Writes to standard output. A reader that went away is no reason to fail.
pub(crate) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Writes to standard error.
pub(crate) fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Colours for people, none for files.
pub(crate) fn color() -> Color {
    if std::io::stderr().is_terminal() { Color::Always } else { Color::Never }
}

/// Shows why a gateway did not start, and tells the exit code.
pub(crate) fn show_start_error(error: &StartError) -> u8 {
    match error {
        StartError::Configuration(diagnostics) => {
            complain(&diagnostics.render(color()));
            let count = diagnostics.errors().count();
            complain(&format!("{count} mistake{} found\n", if count == 1 { "" } else { "s" }));
            CONFIGURATION_INVALID
        }
        StartError::System { .. } => {
            complain(&format!("portcullis: {error}\n"));
            COULD_NOT_RUN
        }
    }
}
