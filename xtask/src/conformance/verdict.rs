//! Joins requirements, claims, results and notes into one state for each row.

use std::fmt;

use super::claims::Claim;
use super::notes::Notes;
use super::requirements::Requirement;
use super::results::{Ending, Results};

/// A row's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Tests that claim the whole of it ran and passed, and none that claims it failed.
    Pass,
    /// What is missing.
    Partial(String),
    /// Nothing proves it.
    Open,
    /// Why it does not apply.
    NotApplicable(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Partial(missing) => write!(f, "partial: {missing}"),
            Self::Open => f.write_str("open"),
            Self::NotApplicable(why) => write!(f, "n/a: {why}"),
        }
    }
}

/// A row of the page.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub(super) requirement: &'a Requirement,
    pub(super) state: State,
    /// Names of the tests that prove it, or part of it; sorted.
    pub(super) tests: Vec<String>,
}

/// One verdict for each requirement, in order.
pub(super) fn join<'a>(
    requirements: &'a [Requirement],
    claims: &[Claim],
    results: &Results,
    notes: &Notes,
) -> Vec<Verdict<'a>> {
    requirements.iter().map(|requirement| judge(requirement, claims, results, notes)).collect()
}

fn judge<'a>(
    requirement: &'a Requirement,
    claims: &[Claim],
    results: &Results,
    notes: &Notes,
) -> Verdict<'a> {
    let claims: Vec<&Claim> = claims.iter().filter(|claim| claim.id == requirement.id).collect();
    let (proven, unproven): (Vec<&Claim>, Vec<&Claim>) =
        claims.iter().partition(|claim| ran_and_passed(claim, results));

    let state = if !unproven.is_empty() {
        let mut names: Vec<_> = unproven.iter().map(|claim| format!("`{}`", claim.test.function)).collect();
        names.sort();
        names.dedup();
        State::Partial(format!("{} did not run or failed", names.join(", ")))
    } else if proven.iter().any(|claim| claim.missing.is_none()) {
        State::Pass
    } else if !proven.is_empty() {
        let mut missing: Vec<&str> = proven.iter().filter_map(|claim| claim.missing.as_deref()).collect();
        missing.sort_unstable();
        missing.dedup();
        State::Partial(missing.join("; "))
    } else if let Some(why) = notes.not_applicable(requirement) {
        State::NotApplicable(why.clone())
    } else {
        State::Open
    };

    let mut tests: Vec<String> = proven.iter().map(|claim| claim.test.function.clone()).collect();
    tests.sort();
    tests.dedup();
    Verdict { requirement, state, tests }
}

fn ran_and_passed(claim: &Claim, results: &Results) -> bool {
    let test = &claim.test;
    let mut endings = results.find(&test.suite, &test.module, &test.function).peekable();
    endings.peek().is_some() && endings.all(|ending| ending == Ending::Passed)
}

/// Claims of requirements that do not exist.
pub(super) fn unknown_claims(requirements: &[Requirement], claims: &[Claim]) -> Vec<String> {
    let is_unknown = |claim: &&Claim| !requirements.iter().any(|requirement| requirement.id == claim.id);
    let finding = |claim: &Claim| {
        format!("{}: `{}` is no requirement of docs/requirements.md", claim.test.source, claim.id)
    };
    claims.iter().filter(is_unknown).map(finding).collect()
}

/// What the gate of the notes demands and the rows do not give: in a gated group each P0 row passes, and
/// each other row passes, says what is missing, or has a reason.
pub(super) fn gate(verdicts: &[Verdict<'_>], notes: &Notes) -> Vec<String> {
    let gated = |verdict: &&Verdict<'_>| notes.gate.iter().any(|group| group == verdict.requirement.group());
    verdicts.iter().filter(gated).filter_map(|verdict| gate_finding(verdict, notes)).collect()
}

fn gate_finding(verdict: &Verdict<'_>, notes: &Notes) -> Option<String> {
    let Verdict { requirement, state, .. } = verdict;
    let id = &requirement.id;
    match state {
        State::Pass => None,
        State::Partial(_) | State::Open | State::NotApplicable(_) if requirement.priority == "P0" => {
            Some(format!("{id} is P0 and not proven: {state}"))
        }
        State::Open if notes.open_reason_name(requirement).is_none() => {
            Some(format!("{id} is open and docs/conformance-notes.toml does not say why"))
        }
        State::Partial(_) | State::Open | State::NotApplicable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::claims::TestPlace;
    use super::*;

    fn requirement(id: &str, priority: &str) -> Requirement {
        Requirement { id: id.to_owned(), priority: priority.to_owned() }
    }

    fn claim(id: &str, function: &str, missing: Option<&str>) -> Claim {
        Claim {
            id: id.to_owned(),
            missing: missing.map(str::to_owned),
            test: TestPlace {
                suite: String::from("s"),
                module: String::from("m"),
                function: function.to_owned(),
                source: String::from("m.rs:1"),
            },
        }
    }

    #[track_caller]
    fn check(claims: &[Claim], endings: &[(&str, &str, Ending)], state: &str, tests: &[&str]) {
        let requirement = requirement("HTTP-01", "P0");
        let verdict = judge(&requirement, claims, &Results::of(endings), &Notes::default());
        assert_eq!(verdict.state.to_string(), state);
        assert_eq!(verdict.tests, tests);
    }

    #[test]
    fn a_row_passes_when_its_test_ran_and_passed() {
        let claims = [claim("HTTP-01", "b", None), claim("HTTP-01", "a", Some("the rest"))];
        let endings = [("s", "m::tests::a", Ending::Passed), ("s", "m::tests::b", Ending::Passed)];
        check(&claims, &endings, "pass", &["a", "b"]);
    }

    #[test]
    fn a_row_whose_test_did_not_run_or_failed_cannot_pass() {
        let claims = [claim("HTTP-01", "a", None), claim("HTTP-01", "b", None)];
        let passed = ("s", "m::tests::a", Ending::Passed);
        check(&claims, &[passed], "partial: `b` did not run or failed", &["a"]);
        for ending in [Ending::Failed, Ending::Skipped] {
            let endings = [passed, ("s", "m::tests::b", ending)];
            check(&claims, &endings, "partial: `b` did not run or failed", &["a"]);
        }
    }

    #[test]
    fn parts_alone_are_partial_and_say_what_is_missing() {
        let claims = [claim("HTTP-01", "a", Some("h2")), claim("HTTP-01", "b", Some("floods"))];
        let endings = [("s", "m::tests::a", Ending::Passed), ("s", "m::tests::b", Ending::Passed)];
        check(&claims, &endings, "partial: floods; h2", &["a", "b"]);
    }

    #[test]
    fn a_row_that_nobody_claims_is_open() {
        check(&[claim("HTTP-02", "a", None)], &[("s", "m::a", Ending::Passed)], "open", &[]);
    }

    #[test]
    fn the_gate_wants_p0_proven_and_the_others_proven_or_explained() {
        let rows = [requirement("HTTP-01", "P0"), requirement("HTTP-36", "P2"), requirement("AS-01", "P0")];
        let findings = |notes: &Notes| gate(&join(&rows, &[], &Results::default(), notes), notes).len();
        assert_eq!(findings(&Notes::default()), 0);
        let mut notes = Notes { gate: vec![String::from("HTTP")], ..Notes::default() };
        assert_eq!(findings(&notes), 2);
        notes.open.insert(String::from("HTTP"), String::from("later"));
        assert_eq!(findings(&notes), 1, "a reason does not excuse a P0 row");
    }

    #[test]
    fn a_claim_of_no_requirement_is_a_finding() {
        let found = unknown_claims(&[requirement("HTTP-01", "P0")], &[claim("HTTP-99", "a", None)]);
        assert_eq!(found, ["m.rs:1: `HTTP-99` is no requirement of docs/requirements.md"]);
    }
}
