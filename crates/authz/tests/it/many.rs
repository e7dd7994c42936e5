//! More policies than a gateway can ask.

use crate::api::{Call, rules};

fn policies(count: usize, action: &str) -> String {
    let policy = |number| format!("permit(principal in Role::\"role{number}\", {action}, resource);\n");
    (0..count).map(policy).collect()
}

#[test]
fn too_many_policies_for_one_operation_are_refused_when_they_are_read() {
    let mistakes = rules(&policies(10_001, "action == Action::\"read\"")).expect_err("too many");
    assert!(mistakes.contains("C0235") && mistakes.contains("10001 policies apply to `read`"), "{mistakes}");
}

#[test]
fn a_thousand_policies_for_one_operation_decide() {
    let rules = rules(&policies(1_000, "action == Action::\"read\"")).expect("rules");
    assert!(Call { roles: vec!["role999"], ..Call::default() }.judged(&rules[0]).is_ok());
    assert!(Call { roles: vec!["role1000"], ..Call::default() }.judged(&rules[0]).is_err());
    assert!(Call { roles: vec!["role999"], ..Call::default() }.judged(&rules[1]).is_err());
}
