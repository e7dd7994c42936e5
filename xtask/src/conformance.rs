//! The conformance page: every requirement, its state, and the tests that prove it.
//!
//! In: `docs/requirements.md`, the claims in the test sources, the JUnit file of the last run, and
//! `docs/conformance-notes.toml`. Out: `docs/conformance.md`. A claim counts only when its test ran and
//! passed; a claim that names no requirement, or stands above no test, is a finding.

mod claims;
mod notes;
mod requirements;
mod results;
mod verdict;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::page::{self, Mode};
use notes::Notes;
use requirements::Requirement;
use verdict::{State, Verdict};

const PAGE: &str = "docs/conformance.md";
const COMMAND: &str = "cargo xtask conformance";

/// Writes or checks the page; `results` is the JUnit file that nextest wrote.
pub(crate) fn run(root: &Path, results: &Path, mode: Mode) -> Result<Vec<String>> {
    let requirements = requirements::read(&root.join("docs/requirements.md"))?;
    let notes = notes::read(&root.join("docs/conformance-notes.toml"))?;
    let results = results::read(results)?;
    let (claims, mut findings) = claims::collect(root)?;

    let verdicts = verdict::join(&requirements, &claims, &results, &notes);
    findings.extend(verdict::unknown_claims(&requirements, &claims));
    findings.extend(notes::unknown(&requirements, &notes));
    findings.extend(verdict::gate(&verdicts, &notes));
    findings.extend(page::put(root, PAGE, &text(&verdicts, &notes), COMMAND, mode)?);
    Ok(findings)
}

const INTRODUCTION: &str = "
# Conformance

One row for each requirement of [requirements.md](requirements.md). A test names the requirements that it
proves beside it in the source (`// proves: HTTP-01`); a row says `pass` only when every test that claims it
ran and passed. `partial` says what no test shows yet, `n/a` says why, and the reasons of the `open` rows
follow after the table.
";

fn text(verdicts: &[Verdict<'_>], notes: &Notes) -> String {
    let mut text = page::notice(COMMAND);
    text.push_str(INTRODUCTION);
    push_summary(&mut text, verdicts);
    text.push_str("\n| requirement | priority | state | tests |\n| --- | --- | --- | --- |\n");
    for Verdict { requirement, state, tests } in verdicts {
        let Requirement { id, priority, .. } = requirement;
        // Writing to a `String` cannot fail, here and below.
        let _ = writeln!(text, "| {id} | {priority} | {state} | {} |", tests.join(", "));
    }
    push_open_reasons(&mut text, verdicts, notes);
    text
}

fn push_summary(text: &mut String, verdicts: &[Verdict<'_>]) {
    let mut groups: Vec<&str> = verdicts.iter().map(|verdict| verdict.requirement.group()).collect();
    groups.dedup();
    text.push('\n');
    for group in groups {
        let rows: Vec<_> = verdicts.iter().filter(|verdict| verdict.requirement.group() == group).collect();
        let count = |wanted: fn(&State) -> bool| rows.iter().filter(|row| wanted(&row.state)).count();
        let _ = writeln!(
            text,
            "- {group}: {} pass, {} partial, {} open, {} n/a",
            count(|state| matches!(state, State::Pass)),
            count(|state| matches!(state, State::Partial(_))),
            count(|state| matches!(state, State::Open)),
            count(|state| matches!(state, State::NotApplicable(_))),
        );
    }
}

fn push_open_reasons(text: &mut String, verdicts: &[Verdict<'_>], notes: &Notes) {
    text.push_str("\n## Why rows are open\n\n");
    for (name, reason) in &notes.open {
        let covers = |verdict: &&Verdict<'_>| {
            verdict.state == State::Open && notes.open_reason_name(verdict.requirement) == Some(name)
        };
        let rows = verdicts.iter().filter(covers).count();
        if rows > 0 {
            let whole_group = if name.contains('-') { "" } else { "-*" };
            let _ = writeln!(text, "- {name}{whole_group}: {reason}");
        }
    }
}
