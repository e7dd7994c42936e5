//! Taking a role, a group or a scope away never admits more, where rules ask for them and not for their absence.
//!
//! Precisely: in a `permit`, roles, groups and scopes stand only in `when`, and under no `!` and no condition of an
//! `if`; in a `forbid` they stand likewise, but only in `unless`. What else is asked for may be anything that does not
//! depend on them. A `forbid … when { principal in Role::"intern" }` is the opposite on purpose: who is no intern any
//! more may do more.

use proptest::prelude::*;
use serde_json::json;

use crate::api::{Call, rules};

/// A condition that holds more often the more one has.
fn rising() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => prop::sample::select(vec!["reader", "editor", "admin"]).prop_map(|role| format!("principal in Role::\"{role}\"")),
        1 => Just("principal in [Role::\"admin\", Role::\"guest\"]".to_owned()),
        2 => prop::sample::select(vec!["a", "b"]).prop_map(|scope| format!("principal.scopes.contains(\"{scope}\")")),
        1 => Just("principal.scopes.containsAll([\"a\", \"b\"])".to_owned()),
        1 => Just("principal.scopes.containsAny([\"a\", \"b\"])".to_owned()),
        1 => Just("context.path.id == principal.subject".to_owned()),
        1 => Just("!(context.minute < 480)".to_owned()),
    ];
    leaf.prop_recursive(3, 10, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} || {b})")),
        ]
    })
}

fn policy() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => rising().prop_map(|rising| format!("permit(principal, action, resource) when {{ {rising} }};")),
        1 => rising().prop_map(|rising| format!("forbid(principal, action, resource) unless {{ {rising} }};")),
    ]
}

/// All but the one that is taken away, if that is among them.
fn without<'a>(have: &[&'a str], gone: &str) -> Vec<&'a str> {
    have.iter().copied().filter(|one| *one != gone).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn taking_a_role_a_group_or_a_scope_away_never_admits_more(
        policies in prop::collection::vec(policy(), 1..5),
        roles in prop::sample::subsequence(vec!["reader", "editor", "admin"], 0..=3),
        scopes in prop::sample::subsequence(vec!["a", "b"], 0..=2),
        is_staff in any::<bool>(),
        id in prop::sample::select(vec!["7", "alice"]),
        minute in prop::sample::select(vec![0, 600]),
    ) {
        let rules = rules(&policies.join("\n")).expect("rules");
        let groups = if is_staff { json!({ "groups": ["staff"] }) } else { json!({}) };
        let call = Call { roles, scopes, claims: groups, id, minute, ..Call::default() };
        let is_admitted = |call: &Call| call.judged(&rules[0]).is_ok();
        let fewer = ["reader", "editor", "admin"].into_iter().map(|role| Call { roles: without(&call.roles, role), ..call.clone() });
        let narrower = ["a", "b"].into_iter().map(|scope| Call { scopes: without(&call.scopes, scope), ..call.clone() });
        let outside = Call { claims: json!({}), ..call.clone() };
        for less in fewer.chain(narrower).chain([outside]) {
            prop_assert!(is_admitted(&call) || !is_admitted(&less), "{policies:?}\n{call:?}\n{less:?}");
        }
    }
}

#[test]
fn who_is_kept_out_for_a_role_is_let_in_without_it() {
    let text = "permit(principal, action, resource);\n\
                forbid(principal, action, resource) when { principal in Role::\"intern\" };";
    let rules = rules(text).expect("rules");
    assert!(Call { roles: vec!["intern"], ..Call::default() }.judged(&rules[0]).is_err());
    assert!(Call::default().judged(&rules[0]).is_ok());
}
