//! The regression tests of the Core Rule Set (`/work/shared/crs/tests`), in process, as their documentation asks: rules
//! only tell, paranoia level 4.

use std::collections::BTreeMap;
use std::path::PathBuf;

use portcullis_config::{Color, Diagnostics};
use portcullis_waf::engine::{Plan, compile};
use portcullis_waf::ftw::{self, Verdict};
use portcullis_waf::{Files, read};

use crate::core_rule_set::{Disk, folder};

/// What the tests presume, set behind the set-up file.
const SETUP: &str = "SecRuleEngine DetectionOnly\n\
SecAction \"id:900005,phase:1,nolog,pass,\
setvar:tx.blocking_paranoia_level=4,\
setvar:tx.crs_validate_utf8_encoding=1,\
setvar:tx.arg_name_length=100,\
setvar:tx.arg_length=400,\
setvar:tx.total_arg_length=64000,\
setvar:tx.max_num_args=255,\
setvar:tx.max_file_size=64100,\
setvar:tx.combined_file_sizes=65535\"\n";

struct WithSetup;

impl Files for WithSetup {
    fn read(&self, path: &str) -> Result<String, String> {
        match path {
            "setup" => Ok(SETUP.to_owned()),
            other => Disk.read(other),
        }
    }

    fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
        Disk.matching(pattern)
    }
}

fn plan(folder: &std::path::Path) -> Plan {
    let rules = Disk.matching(&format!("{}/rules/*.conf", folder.display())).unwrap();
    let setup = folder.join("crs-setup.conf.example").display().to_string();
    let paths: Vec<String> = [setup, "setup".to_owned()].into_iter().chain(rules).collect();
    let mut diagnostics = Diagnostics::new();
    let set = read(&paths, &WithSetup, &mut diagnostics);
    let plan = compile(&set, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(Color::Never));
    plan
}

fn suites(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join("tests/regression")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files.sort();
    files
}

#[test]
fn the_core_rule_sets_own_tests() {
    let Some(folder) = folder() else { return };
    let plan = plan(&folder);
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    let mut failures = Vec::new();
    for file in suites(&folder) {
        let suite = ftw::read(&file.display().to_string(), &std::fs::read(&file).unwrap())
            .unwrap_or_else(|found| panic!("{}", found.render(Color::Never)));
        for test in &suite.tests {
            let kind = if test.is_positive() { "positive" } else { "negative" };
            let verdict = ftw::run(&plan, test);
            let word = match &verdict {
                Verdict::Passed => "passed",
                Verdict::Failed(_) => "failed",
                Verdict::FrontEnd => "front end",
            };
            *counts.entry((kind, word)).or_default() += 1;
            if let Verdict::Failed(why) = verdict {
                failures.push(format!("{}-{}: {why}", suite.rule_id, test.test_id));
            }
        }
    }
    println!("{counts:?}");
    failures.iter().for_each(|failure| println!("{failure}"));
    let count = |kind, word| counts.get(&(kind, word)).copied().unwrap_or_default() as f64;
    for kind in ["positive", "negative"] {
        let (passed, failed) = (count(kind, "passed"), count(kind, "failed"));
        assert!(passed / (passed + failed) >= 0.995, "{kind}: {passed} of {}", passed + failed);
    }
}
