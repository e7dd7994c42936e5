//! `portcullis waf`.

use crate::operator::Operator;

const RULES: &str = r#"
SecPcreMatchLimit 1000
SecRuleUpdateTargetById 99 "!ARGS:q"
SecRule ARGS "@rx (?i)union\s+select" \
    "id:1,phase:2,deny,t:none,t:urlDecodeUni,msg:'SQL in %{MATCHED_VAR_NAME}'"
"#;

const TESTS: &str = r#"
rule_id: 1
tests:
  - test_id: 1
    stages:
      - input: { uri: "/?q=1%20UNION%20SELECT", headers: { Host: localhost } }
        output: { log: { expect_ids: [1] } }
  - test_id: 2
    stages:
      - input: { uri: "/?q=the%20union", headers: { Host: localhost } }
        output: { log: { no_expect_ids: [1] } }
  - test_id: 3
    stages:
      - input: { uri: "/" }
        output: { status: 400 }
"#;

#[test]
fn rule_files_are_reported_or_refused_with_their_lines() {
    let operator = Operator::new();
    operator.workspace.file("rules.conf", RULES);
    let well = operator.run(&["waf", "lint", "rules.conf"]);
    assert_eq!(well.code, 0, "{}", well.err);
    for said in [
        "1 files, 1 rules, 0 of them links of chains",
        "phase 2: 1 rules",
        "operators: rx 1",
        "`SecPcreMatchLimit` has no effect: patterns are matched in linear time",
        "the exclusion at rules.conf:3 meets no rule",
    ] {
        assert!(well.out.contains(said), "{said}: {}", well.out);
    }
    operator.workspace.file("broken.conf", "SecAction \"id:1,pass\"\nSecRule ARGZ \"@rx a\" \"id:2,deny\"\n");
    let broken = operator.run(&["waf", "lint", "broken.conf"]);
    assert_eq!(broken.code, 3);
    assert!(
        broken.err.contains("`ARGZ` is no variable") && broken.err.contains("broken.conf:2"),
        "{}",
        broken.err
    );
    assert_eq!(operator.run(&["waf", "lint", "missing.conf"]).code, 3);
}

#[test]
fn tests_of_rules_pass_or_name_what_failed() {
    let operator = Operator::new();
    operator.workspace.file("rules.conf", RULES);
    operator.workspace.file("tests/1.yaml", TESTS);
    let well = operator.run(&["waf", "test", "tests", "--rules", "rules.conf"]);
    assert_eq!(
        (well.code, well.out.as_str()),
        (
            0,
            "a rule should match: 1 of 1\nnone should match:   1 of 1\n\
             not run, about what answers before any rule: 1\n"
        ),
        "{}",
        well.err
    );
    operator.workspace.file("deaf.conf", "SecAction \"id:1,phase:1,nolog,pass\"\n");
    let deaf = operator.run(&["waf", "test", "tests", "--rules", "deaf.conf"]);
    assert_eq!(deaf.code, 2);
    assert!(deaf.out.contains("1-1 FAILED: rule 1 did not match"), "{}", deaf.out);
    operator.workspace.file("setup.conf", "SecRuleRemoveById 1\n");
    let args = ["waf", "test", "tests", "--rules", "rules.conf", "--setup", "setup.conf"];
    assert_eq!(operator.run(&args).code, 2, "a set-up is read, too");
    operator.workspace.file("empty/notes.txt", "");
    assert_eq!(operator.run(&["waf", "test", "empty", "--rules", "rules.conf"]).code, 1);
}
