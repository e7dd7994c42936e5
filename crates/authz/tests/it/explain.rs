//! Why it is decided so, and what would have been enough.

use portcullis_authz::rules::{Effect, Explanation, Reach, Verdict};
use serde_json::json;

use crate::api::{Call, rules};

/// The explanation of a call to `read` under these policies.
#[track_caller]
fn explained(text: &str, call: &Call) -> Explanation {
    let rules = rules(text).expect("rules");
    call.with_facts(rules[0].wanted(Reach::Whole), |facts| rules[0].explain(Reach::Whole, facts))
}

/// Asserts which changes, in words, are the smallest that would permit the call.
#[track_caller]
fn suffices(text: &str, call: &Call, expected: &[&str]) {
    let explanation = explained(text, call);
    let words: Vec<String> = explanation.smallest.iter().map(ToString::to_string).collect();
    assert_eq!(words, expected, "{explanation:#?}");
}

fn when(condition: &str) -> String {
    format!("permit(principal, action, resource) when {{ {condition} }};")
}

#[test]
fn a_permit_cites_every_rule_that_permits_with_its_name() {
    let text = "@id(\"clerks read\")\npermit(principal in Role::\"reader\", action, resource);\n\
                permit(principal, action, resource) when { context.path.id == principal.subject };\n\
                forbid(principal, action, resource) when { context.minute > 1000 };";
    let call = Call { roles: vec!["editor"], id: "alice", ..Call::default() };
    let explanation = explained(text, &call);
    assert_eq!(explanation.verdict, Verdict::Permitted);
    let deciding: Vec<_> =
        explanation.deciding.iter().map(|one| (&*one.rule, one.name.as_deref(), one.effect)).collect();
    assert_eq!(
        deciding,
        [("shop.cedar:1", Some("clerks read"), Effect::Permit), ("shop.cedar:3", None, Effect::Permit)]
    );
    let facts: Vec<_> =
        explanation.facts.iter().map(|fact| (fact.name.as_str(), fact.value.as_str())).collect();
    assert_eq!(
        facts,
        [
            ("context.path.id", "a text of 5 characters"),
            ("principal in Role::\"reader\"", "true"),
            ("principal.subject", "a text of 5 characters"),
        ]
    );
    assert!(explanation.smallest.is_empty());
}

#[test]
fn a_prohibition_is_cited_alone_and_what_it_saw_is_not_repeated() {
    let text = "permit(principal, action, resource);\n\
                forbid(principal, action, resource) when { context.query has q && context.query.q.contains(\"x\") };";
    let explanation = explained(text, &Call { query: vec!["x", "secret"], ..Call::default() });
    assert_eq!(explanation.verdict, Verdict::Forbidden);
    assert_eq!(explanation.deciding.len(), 1);
    assert_eq!(&*explanation.deciding[0].rule, "shop.cedar:2");
    assert_eq!(explanation.facts.len(), 1, "{:?}", explanation.facts);
    assert_eq!((&*explanation.facts[0].name, &*explanation.facts[0].value), ("context.query.q", "2 values"));
    assert!(!format!("{explanation:?}").contains("secret"));
}

#[test]
fn what_is_missing_is_said_to_be() {
    let text = when("principal.claims has department && principal.claims.department == \"sales\"");
    let explanation = explained(&text, &Call::default());
    assert_eq!(explanation.verdict, Verdict::Unpermitted);
    let fact = &explanation.facts[0];
    assert_eq!((&*fact.name, &*fact.value), ("principal.claims.department", "missing"));
}

#[test]
fn one_change_of_each_kind_is_found() {
    let call = Call::default();
    suffices(&when("principal in Role::\"reader\""), &call, &["`Role::\"reader\"`"]);
    suffices(&when("principal in Group::\"staff\""), &call, &["`Group::\"staff\"`"]);
    suffices(&when("principal.scopes.containsAll([\"a\", \"b\"])"), &call, &["the scopes `a b`"]);
    suffices(
        &when("context has acr && context.acr == \"gold\""),
        &call,
        &["a stronger or more recent login"],
    );
    suffices(
        &when("principal.claims has level && principal.claims.level > 3"),
        &call,
        &["the claim `level` being `4`"],
    );
    suffices(
        &when("principal.claims has teams && principal.claims.teams.contains(\"red\")"),
        &call,
        &["the claim `teams` being `[\"red\"]`"],
    );
    suffices(
        &when("context.path.id == principal.subject"),
        &call,
        &["the caller's own subject at `id` in the path"],
    );
    suffices(
        &when("context.query has q && context.query.q.contains(\"x\")"),
        &call,
        &["`x` at `q` in the query"],
    );
    suffices(&when("context.minute < 480"), &call, &["a call at 07:59"]);
    suffices(&when("[\"sunday\"].contains(context.weekday)"), &call, &["a call on sunday"]);
    suffices(
        &when("context.client.isInRange(ip(\"192.168.0.0/16\"))"),
        &call,
        &["an address in `192.168.0.0/16`"],
    );
    suffices(&when("context has certificate"), &call, &["a client certificate"]);
    suffices(&when("context.tls"), &call, &["TLS"]);
    suffices(&when("context.risk < 50"), &Call { risk: 70, ..Call::default() }, &["a risk of 49"]);
}

#[test]
fn what_a_prohibition_asks_for_is_taken_away() {
    let forbid = |condition: &str| {
        format!(
            "permit(principal, action, resource);\nforbid(principal, action, resource) when {{ {condition} }};"
        )
    };
    let call = Call { roles: vec!["editor"], flag: Some(true), ..Call::default() };
    suffices(&forbid("principal in Role::\"reader\""), &call, &["no `Role::\"reader\"`"]);
    suffices(&forbid("context.body has \"/flag\""), &call, &["nothing at `/flag` in the body"]);
    suffices(
        &forbid("context.client.isInRange(ip(\"10.0.0.0/8\"))"),
        &call,
        &["an address outside of `10.0.0.0/8`"],
    );
}

#[test]
fn two_changes_are_found_where_one_is_not_enough_and_three_are_not_looked_for() {
    let text = when("principal in Role::\"admin\" && context.path.id == principal.subject");
    suffices(&text, &Call::default(), &["`Role::\"admin\"`", "the caller's own subject at `id` in the path"]);
    let text =
        when("principal in Role::\"admin\" && context.path.id == principal.subject && context.minute < 480");
    suffices(&text, &Call::default(), &[]);
}

#[test]
fn of_several_ways_the_one_with_fewer_changes_is_told() {
    let text = format!(
        "{}\n{}",
        when("principal in Role::\"admin\" && principal.scopes.contains(\"a\")"),
        when("context.minute < 480")
    );
    suffices(&text, &Call::default(), &["a call at 07:59"]);
}

#[test]
fn what_would_help_with_the_body_is_undecided_before_it_is_known() {
    let text = "permit(principal, action, resource) when { context.body has \"/flag\" && context.body[\"/flag\"].contains(true) };";
    let rules = rules(text).expect("rules");
    let call = Call::default();
    let head = call.with_facts(rules[0].wanted(Reach::Head), |facts| rules[0].explain(Reach::Head, facts));
    assert_eq!(head.verdict, Verdict::Undecided);
    suffices(text, &call, &["`true` at `/flag` in the body"]);
}

#[test]
fn a_rule_that_fails_is_named() {
    let text = when("principal.claims has level && principal.claims.level * 9223372036854775807 == 0");
    let explanation = explained(&text, &Call { claims: json!({ "level": 2 }), ..Call::default() });
    let Verdict::Failed(what) = &explanation.verdict else { panic!("{explanation:?}") };
    assert!(what.contains("shop.cedar:1"), "{what}");
    assert!(explanation.smallest.is_empty());
}
