//! `portcullis explain CODE`: what a code means and what to do about it.

use anyhow::bail;
use portcullis_config::codes;
use portcullis_domain::Reason;

use super::super::say;
use crate::WELL;

/// Explains a diagnostic's code or a reason's.
pub(super) fn run(code: &str) -> anyhow::Result<u8> {
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
    bail!(
        "there is no code `{code}`; diagnostics look like `C0123`, reasons like `token_expired`, receipts like \
         `0192d3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d`"
    )
}
