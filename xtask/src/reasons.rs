//! The reference page of refusals, from the table in `domain::reason`.

use std::fmt::Write as _;

use portcullis_domain::{Reason, Stage};

use crate::page::notice;

/// How to write it again.
pub(crate) const COMMAND: &str = "cargo xtask reasons";

const INTRODUCTION: &str = "
# Reasons

Every refusal and every failure that Portcullis answers with, in the order of the walk. The *code* stands in
the audit event and in the metrics. The *public code* is what the client sees in the problem document; it
differs where the precise one would help an attacker (every bad token looks the same, RFC 6750 §3.1).

The *cause* says whose doing it is: `client` (the request is wrong), `policy` (the request is well-formed and
the policy says no), `gateway` (we could not decide, so the answer is no), `upstream` (the API behind us).
";

/// The page's text.
pub(crate) fn page() -> String {
    let mut text = notice(COMMAND);
    text.push_str(INTRODUCTION);
    for stage in Stage::ALL {
        let mut reasons = Reason::ALL.iter().filter(|reason| reason.facts().stage == stage).peekable();
        if reasons.peek().is_none() {
            continue;
        }
        text.push_str(&format!(
            "\n## {stage}\n\n| code | public code | status | cause | what the client reads | what happened | source |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n"
        ));
        for reason in reasons {
            let facts = reason.facts();
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                text,
                "| `{}` | `{}` | {} | {} | {} | {} | {} |",
                facts.code,
                facts.public_code,
                facts.status,
                facts.cause.name(),
                facts.title,
                reason.explanation().trim(),
                facts.source,
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_row() {
        let page = page();
        for reason in Reason::ALL {
            let row = format!("\n| `{}` | ", reason.code());
            assert_eq!(page.matches(&row).count(), 1, "{reason}");
        }
    }
}
