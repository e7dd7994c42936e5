//! `portcullis check`.

use std::path::PathBuf;

use portcullis_gateway::{Options, check};

use super::{color, complain, say, show_start_error};
use crate::WELL;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// Print everything that holds, defaults included, as JSON (which is YAML, too).
    #[arg(long)]
    effective: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let checked = match check(&Options::new(&arguments.config)) {
        Ok(checked) => checked,
        Err(error) => return Ok(show_start_error(&error)),
    };
    complain(&checked.warnings.render(color()));
    if arguments.effective {
        say(&format!("{}\n", serde_json::to_string_pretty(&checked.effective)?));
        return Ok(WELL);
    }
    for (api, operations) in &checked.operations {
        say(&format!("{api}: {operations} operations\n"));
    }
    for (api, operation, types) in &checked.unseen {
        say(&format!("{api}: answers of `{operation}` pass unseen: {}\n", types.join(", ")));
    }
    say(&format!("revision {}: valid\n", checked.revision));
    Ok(WELL)
}
