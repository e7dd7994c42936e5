//! `portcullis learn`: what was learnt of an API without a contract, as an OpenAPI document.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use portcullis_contract::learn::Lessons;
use portcullis_domain::UsageStore as _;

use super::operated::{Common, Desk};
use super::{complain, say};
use crate::WELL;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The API, by its name in the configuration.
    #[arg(long, value_name = "NAME")]
    api: String,
    /// Where to write the document; to standard output when absent. A file that is there is not overwritten.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let desk = match Desk::open(&arguments.common)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    let api = &arguments.api;
    if !desk.operated.apis.contains(api) {
        bail!("there is no API `{api}` in the configuration");
    }
    let learnt = desk.done("cannot read what was learnt", desk.operated.store.find_learnt(api))?;
    let Some(learnt) = learnt else {
        bail!(
            "nothing was learnt of `{api}` yet: give it `learn:` in place of a contract, and let it be called"
        );
    };
    let Some(lessons) = Lessons::from_bytes(&learnt.content) else {
        bail!("what was learnt of `{api}` cannot be read: another version of this program wrote it");
    };
    let document = lessons.document(api);
    match &arguments.output {
        None => say(&document),
        Some(file) => {
            let mut new = std::fs::OpenOptions::new();
            let written = new.write(true).create_new(true).open(file);
            let written =
                written.and_then(|mut file| std::io::Write::write_all(&mut file, document.as_bytes()));
            written.with_context(|| format!("cannot write `{}`", file.display()))?;
            complain(&format!("wrote {} operations to `{}`\n", lessons.operations(), file.display()));
        }
    }
    Ok(WELL)
}
