//! `portcullis schema`.

use super::say;
use crate::WELL;

pub(crate) fn run() -> anyhow::Result<u8> {
    say(&format!("{}\n", serde_json::to_string_pretty(&portcullis_gateway::schema())?));
    Ok(WELL)
}
