//! `portcullis explain`: what a code means and what to do about it.

use anyhow::bail;
use portcullis_config::codes;
use portcullis_domain::Reason;

use super::say;
use crate::WELL;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A diagnostic's code (`C0123`) or a reason's (`token_expired`).
    code: String,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let code = arguments.code.trim();
    if let Some(row) = codes::explain(code) {
        say(&format!(
            "{}: {}\n\n{}\n\nWhy it matters: {}\n\nWhat to do: {}\n",
            row.code, row.title, row.means, row.matters, row.mend
        ));
        return Ok(WELL);
    }
    if let Some(reason) = Reason::from_code(code) {
        let facts = reason.facts();
        say(&format!(
            "{}: {}\n\nStage {}, status {}, cause {}. Source: {}.\nThe client sees the code `{}` and the title \"{}\".\n",
            facts.code,
            reason.explanation().trim(),
            facts.stage,
            facts.status,
            facts.cause.name(),
            facts.source,
            facts.public_code,
            facts.title,
        ));
        return Ok(WELL);
    }
    bail!("there is no code `{code}`; diagnostics look like `C0123`, reasons like `token_expired`")
}
