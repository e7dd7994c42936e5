//! What cases came to, for people, programs and build servers.

use std::fmt::Write as _;

use portcullis_authz::rules::{Deciding, Effect, Explanation, Verdict};
use portcullis_gateway::{Expected, Fate, Rehearsed};
use serde_json::{Value, json};

use crate::command::markup::escaped;

/// Failures with their reasons, and how many there are of each.
pub(super) fn text(cases: &[Rehearsed]) -> String {
    let mut text = String::new();
    for case in cases.iter().filter(|case| !case.is_as_expected()) {
        let _ = writeln!(text, "{}:{}: {}", case.file, case.line, case.name);
        for line in why(case) {
            let _ = writeln!(text, "  {line}");
        }
    }
    let failed = cases.iter().filter(|case| !case.is_as_expected()).count();
    let _ = writeln!(text, "{} as expected, {failed} not", cases.len() - failed);
    text
}

/// All cases. `version` changes when a member changes its meaning.
pub(super) fn json(cases: &[Rehearsed]) -> anyhow::Result<String> {
    let failed = cases.iter().filter(|case| !case.is_as_expected()).count();
    let report = json!({
        "version": 1,
        "as_expected": cases.len() - failed,
        "not_as_expected": failed,
        "cases": cases.iter().map(case_as_json).collect::<Vec<_>>(),
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&report)?))
}

/// As JUnit's `testsuite`, which build servers read.
pub(super) fn junit(cases: &[Rehearsed]) -> String {
    let failed = cases.iter().filter(|case| !case.is_as_expected()).count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuite name=\"portcullis policy test\" tests=\"{}\" failures=\"{failed}\">",
        cases.len()
    );
    for case in cases {
        let _ = write!(
            text,
            "  <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\"",
            escaped(&case.name),
            escaped(&format!("{}.{}", case.api, case.operation)),
            escaped(&case.file),
            case.line
        );
        match case.is_as_expected() {
            true => text.push_str("/>\n"),
            false => {
                let why = why(case).join("\n");
                let _ = writeln!(
                    text,
                    ">\n    <failure message=\"{}\">{}</failure>\n  </testcase>",
                    escaped(why.lines().next().unwrap_or_default()),
                    escaped(&why)
                );
            }
        }
    }
    text.push_str("</testsuite>\n");
    text
}

/// What was expected, what came, by which rules, by which facts, and what would have permitted it.
fn why(case: &Rehearsed) -> Vec<String> {
    let mut lines = vec![format!("expected {}, came to {}", expected(case.expected), fate(case.fate))];
    if let Some(rule) = &case.rule {
        lines.push(format!("expected to be decided by {rule}"));
    }
    lines.extend(case.note.iter().map(|note| format!("note: {note}")));
    let Some(explanation) = &case.explanation else { return lines };
    lines.extend(explanation.deciding.iter().map(|one| format!("decided by {}", rule(one))));
    if explanation.verdict == Verdict::Unpermitted {
        lines.push("decided by no rule: none permits it".to_owned());
    }
    lines.extend(explanation.facts.iter().map(|fact| format!("fact: {} is {}", fact.name, fact.value)));
    if !explanation.smallest.is_empty() {
        lines.push(format!("would be permitted with {}", changes(explanation).join(" and ")));
    }
    lines
}

fn case_as_json(case: &Rehearsed) -> Value {
    let explanation = case.explanation.as_ref();
    json!({
        "name": case.name,
        "file": case.file,
        "line": case.line,
        "api": case.api,
        "operation": case.operation,
        "as_expected": case.is_as_expected(),
        "expected": expected(case.expected),
        "decision": match case.fate {
            Fate::Allowed => "allow",
            Fate::Denied(_) => "deny",
            Fate::SentToLogIn => "step_up",
        },
        "reason": match case.fate {
            Fate::Denied(reason) => Some(reason.code()),
            Fate::Allowed | Fate::SentToLogIn => None,
        },
        "expected_rule": case.rule,
        "note": case.note,
        "rules": explanation.map(|one| one.deciding.iter().map(|rule| json!({
            "rule": &*rule.rule,
            "id": rule.name,
            "effect": effect(rule.effect),
        })).collect::<Vec<_>>()).unwrap_or_default(),
        "facts": explanation.map(|one| one.facts.iter().map(|fact| json!({
            "name": fact.name,
            "value": fact.value,
        })).collect::<Vec<_>>()).unwrap_or_default(),
        "would_permit": explanation.map(changes).unwrap_or_default(),
    })
}

fn changes(explanation: &Explanation) -> Vec<String> {
    explanation.smallest.iter().map(ToString::to_string).collect()
}

fn rule(deciding: &Deciding) -> String {
    let name = deciding.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}{name}, which {}s", deciding.rule, effect(deciding.effect))
}

const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    }
}

const fn expected(expected: Expected) -> &'static str {
    match expected {
        Expected::Allowed => "allow",
        Expected::Denied => "deny",
        Expected::SentToLogIn => "step_up",
    }
}

fn fate(fate: Fate) -> String {
    match fate {
        Fate::Allowed => "allow".to_owned(),
        Fate::Denied(reason) => format!("deny ({})", reason.code()),
        Fate::SentToLogIn => "step_up".to_owned(),
    }
}
