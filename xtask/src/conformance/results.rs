//! What the tests did: the JUnit file that nextest wrote.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use quick_junit::{Report, TestCaseStatus};

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Passed,
    Failed,
    /// Ignored or filtered out: it proves nothing.
    Skipped,
}

/// The endings of one run, by suite (`portcullis-message`, `portcullis-gateway::it`) and test path.
#[derive(Debug, Default)]
pub(super) struct Results(BTreeMap<(String, String), Ending>);

impl Results {
    /// The endings of the tests of `suite` whose path lies in `module` and ends in `function`.
    ///
    /// The inner modules (`tests`) are not known to the caller, so there may be several; all count.
    pub(super) fn find<'a>(
        &'a self,
        suite: &'a str,
        module: &'a str,
        function: &'a str,
    ) -> impl Iterator<Item = Ending> + 'a {
        self.0
            .iter()
            .filter(move |((in_suite, path), _)| in_suite == suite && is_in(path, module, function))
            .map(|(_, ending)| *ending)
    }

    #[cfg(test)]
    pub(super) fn of(endings: &[(&str, &str, Ending)]) -> Self {
        let entry = |(suite, path, ending): &(&str, &str, Ending)| {
            ((String::from(*suite), String::from(*path)), *ending)
        };
        Self(endings.iter().map(entry).collect())
    }
}

fn is_in(path: &str, module: &str, function: &str) -> bool {
    let rest = if module.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(module).and_then(|rest| rest.strip_prefix("::"))
    };
    rest.is_some_and(|rest| rest.rsplit("::").next() == Some(function))
}

/// Reads a JUnit file.
pub(super) fn read(file: &Path) -> Result<Results> {
    let name = file.display();
    let xml = std::fs::read_to_string(file)
        .with_context(|| format!("no test results at `{name}`: run `./test` first, or name a JUnit file"))?;
    let report = Report::deserialize_from_str(&xml).with_context(|| format!("cannot read `{name}`"))?;
    Ok(endings(&report))
}

fn endings(report: &Report) -> Results {
    let mut results = BTreeMap::new();
    for suite in &report.test_suites {
        for case in &suite.test_cases {
            let ending = match case.status {
                TestCaseStatus::Success { .. } => Ending::Passed,
                TestCaseStatus::NonSuccess { .. } => Ending::Failed,
                TestCaseStatus::Skipped { .. } => Ending::Skipped,
            };
            results.insert((suite.name.to_string(), case.name.to_string()), ending);
        }
    }
    Results(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1" errors="0" time="0.1">
  <testsuite name="portcullis-message" tests="2" disabled="0" errors="0" failures="1">
    <testcase name="guard::tests::both_lengths_are_refused" classname="portcullis-message" time="0.004"/>
    <testcase name="target::tests::dots_are_resolved" classname="portcullis-message" time="0.004">
      <failure type="test failure">left != right</failure>
    </testcase>
  </testsuite>
  <testsuite name="portcullis-gateway::it" tests="1" disabled="0" errors="0" failures="0">
    <testcase name="drain::a_reload_loses_nothing" classname="portcullis-gateway::it" time="1.2"/>
  </testsuite>
</testsuites>"#;

    fn find(suite: &str, module: &str, function: &str) -> Vec<Ending> {
        let report = Report::deserialize_from_str(JUNIT).expect("a JUnit file as nextest writes it");
        endings(&report).find(suite, module, function).collect()
    }

    #[test]
    fn endings_are_found_by_suite_module_and_function() {
        assert_eq!(find("portcullis-message", "guard", "both_lengths_are_refused"), [Ending::Passed]);
        assert_eq!(find("portcullis-message", "target", "dots_are_resolved"), [Ending::Failed]);
        assert_eq!(find("portcullis-gateway::it", "drain", "a_reload_loses_nothing"), [Ending::Passed]);
        assert_eq!(find("portcullis-message", "", "dots_are_resolved"), [Ending::Failed]);
    }

    #[test]
    fn a_test_of_the_same_name_elsewhere_is_another_test() {
        assert_eq!(find("portcullis-message", "target", "both_lengths_are_refused"), []);
        assert_eq!(find("portcullis-tls", "guard", "both_lengths_are_refused"), []);
        assert_eq!(find("portcullis-message", "guar", "both_lengths_are_refused"), []);
    }
}
