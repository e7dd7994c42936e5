//! Cedar means what it means: the way that is fast says what Cedar's own authorizer says of the whole file.
//!
//! Policies and requests are made up. On one side they are compiled, cut to an operation, guarded and asked; on the
//! other all of them are given to [`cedar_policy::Authorizer`] together with real entities for roles, groups and actions, of
//! which nothing is left out. The only difference is ours on purpose: where a policy fails, the call is refused.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression,
};
use portcullis_domain::Reason;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api::{Call, NOW, OPERATIONS, rules};

/// A condition that is true or false. Some of them fail for some callers: reckoning overflows.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!["reader", "editor", "admin", "guest"])
            .prop_map(|role| format!("principal in Role::\"{role}\"")),
        1 => Just("principal in [Role::\"admin\", Role::\"guest\"]".to_owned()),
        1 => Just("principal in Group::\"staff\"".to_owned()),
        2 => prop::sample::select(vec!["a", "b"])
            .prop_map(|scope| format!("principal.scopes.contains(\"{scope}\")")),
        1 => Just("principal.scopes.containsAll([\"a\", \"b\"])".to_owned()),
        1 => Just("principal.scopes.containsAny([\"a\", \"b\"])".to_owned()),
        2 => prop::sample::select(vec!["sales", "it"])
            .prop_map(|department| format!("(principal.claims has department && principal.claims.department == \"{department}\")")),
        2 => Just("(principal.claims has level && principal.claims.level * 4611686018427387904 >= 0)".to_owned()),
        1 => Just("(principal.claims has level && principal.claims.level > 1)".to_owned()),
        1 => Just("(principal.claims has teams && principal.claims.teams.contains(\"red\"))".to_owned()),
        1 => Just("context.path.id == principal.subject".to_owned()),
        1 => Just("context.path.id like \"a*\"".to_owned()),
        1 => Just("(context.query has q && context.query.q.contains(\"x\"))".to_owned()),
        1 => Just("(context.body has \"/flag\" && context.body[\"/flag\"].contains(true))".to_owned()),
        1 => Just("context.minute >= 480 && context.minute < 1080".to_owned()),
        1 => Just("[\"monday\", \"sunday\"].contains(context.weekday)".to_owned()),
        2 => prop::sample::select(vec!["10.0.0.0/8", "10.1.2.3", "::/0", "192.168.0.0/16"])
            .prop_map(|network| format!("context.client.isInRange(ip(\"{network}\"))")),
        1 => Just("context.client.isIpv4()".to_owned()),
        1 => Just("(context has acr && context.acr == \"gold\")".to_owned()),
        1 => Just("context.acrs.containsAny([\"gold\", \"platinum\"])".to_owned()),
        1 => Just("context.risk >= 50".to_owned()),
        1 => Just("context.amr.contains(\"otp\")".to_owned()),
        1 => Just("(context has auth_age && context.auth_age <= 300)".to_owned()),
        1 => Just("context.tls".to_owned()),
        1 => Just("context has certificate".to_owned()),
        1 => Just("action in Action::\"method:GET\"".to_owned()),
        1 => Just("action == Action::\"write\"".to_owned()),
        1 => Just("resource == Api::\"shop\"".to_owned()),
        1 => Just("principal.kind == \"user\"".to_owned()),
        1 => Just("principal is Principal".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

fn policy() -> impl Strategy<Value = String> {
    let effect = prop_oneof![3 => Just("permit"), 1 => Just("forbid")];
    let principal = prop_oneof![
        4 => Just("principal"), 1 => Just("principal in Role::\"editor\""), 1 => Just("principal is Principal in Group::\"staff\""),
    ];
    let action = prop_oneof![
        3 => Just("action"), 1 => Just("action == Action::\"read\""), 1 => Just("action in Action::\"tag:shelf\""),
        1 => Just("action in [Action::\"write\", Action::\"method:GET\"]"),
    ];
    let resource = prop_oneof![5 => Just("resource"), 1 => Just("resource == Api::\"shop\"")];
    let clause = (prop_oneof![3 => Just("when"), 1 => Just("unless")], condition())
        .prop_map(|(word, condition)| format!(" {word} {{ {condition} }}"));
    (effect, principal, action, resource, prop::collection::vec(clause, 0..3)).prop_map(
        |(effect, principal, action, resource, clauses)| {
            format!("{effect}({principal}, {action}, {resource}){};", clauses.concat())
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let claims = (
        prop::sample::select(vec![json!(null), json!("sales"), json!("it"), json!(["sales"])]),
        prop::sample::select(vec![json!(null), json!(1), json!(2), json!(-3), json!("2")]),
        prop::sample::select(vec![json!(null), json!(["red", "blue"]), json!([]), json!("red")]),
        prop::sample::select(vec![json!(null), json!(["staff"]), json!("staff")]),
        prop::sample::select(vec![json!(null), json!("gold"), json!("tin")]),
        prop::sample::select(vec![json!(null), json!(["otp", "pwd"])]),
        prop::sample::select(vec![json!(null), json!(NOW - 10), json!(NOW - 1000), json!(NOW + 1000)]),
    )
        .prop_map(|(department, level, teams, groups, acr, amr, auth_time)| {
            let all = [
                ("department", department),
                ("level", level),
                ("teams", teams),
                ("groups", groups),
                ("acr", acr),
                ("amr", amr),
                ("auth_time", auth_time),
            ];
            let said = all.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(said.map(|(name, value)| (name.to_owned(), value)).collect())
        });
    (
        prop::sample::subsequence(vec!["reader", "editor", "admin", "other"], 0..=2),
        prop::sample::subsequence(vec!["a", "b", "c"], 0..=3),
        claims,
        prop::sample::select(vec!["7", "alice", "abc"]),
        prop::sample::subsequence(vec!["x", "y"], 0..=2),
        prop::option::of(any::<bool>()),
        prop::sample::select(vec!["10.1.2.3", "192.168.1.1", "fe80::1"]),
        prop::sample::select(vec![0, 480, 1079, 1080]),
        (prop::option::of(Just([7; 32])), prop::sample::select(vec![0, 50, 100])),
    )
        .prop_map(|(roles, scopes, claims, id, query, flag, client, minute, (certificate, risk))| Call {
            roles,
            scopes,
            claims,
            id,
            query,
            flag,
            client: client.parse().expect("an address"),
            minute,
            certificate,
            risk,
        })
}

/// What Cedar says: permitted, forbidden or unpermitted by which lines, or failed.
#[derive(Debug, PartialEq)]
enum Verdict {
    Permitted,
    Refused(Vec<usize>),
    Failed,
}

fn uid(kind: &str, id: &str) -> EntityUid {
    format!("{kind}::{id:?}").parse().expect("an entity")
}

/// All of it, by Cedar's own means.
fn by_cedar(policies: &PolicySet, operation: &str, call: &Call) -> Verdict {
    let entity = |kind: &str, id: &str, parents: &[(&str, String)]| {
        let parents: Vec<Value> =
            parents.iter().map(|(kind, id)| json!({ "type": kind, "id": id })).collect();
        json!({ "uid": { "type": kind, "id": id }, "attrs": {}, "parents": parents })
    };
    let role = |id: &str| ("Role", id.to_owned());
    let mut entities = vec![
        entity("Role", "reader", &[]),
        entity("Role", "editor", &[role("reader")]),
        entity("Role", "admin", &[role("editor")]),
    ];
    entities.extend(OPERATIONS.iter().map(|(id, method, tag)| {
        entity("Action", id, &[("Action", format!("method:{method}")), ("Action", format!("tag:{tag}"))])
    }));
    let claims = call.claims.as_object().expect("claims");
    let fits = |name: &str, value: &Value| match name {
        "department" => value.is_string(),
        "level" => value.is_i64(),
        "teams" => value.is_array(),
        _ => false,
    };
    let told: serde_json::Map<String, Value> = claims
        .iter()
        .filter(|(name, value)| fits(name, value))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let mut parents: Vec<(&str, String)> = call.roles.iter().map(|one| role(one)).collect();
    if let Some(groups) = claims.get("groups").and_then(Value::as_array) {
        parents.extend(groups.iter().map(|group| ("Group", group.as_str().expect("a name").to_owned())));
    }
    let mut caller = entity("Principal", "caller", &parents);
    caller["attrs"] = json!({
        "subject": "alice", "issuer": "https://id.example", "scheme": "customers", "kind": "user",
        "scopes": call.scopes, "claims": told,
    });
    entities.push(caller);
    let entities = Entities::from_json_value(Value::Array(entities), None).expect("entities");

    let mut context = json!({
        "path": { "id": call.id }, "query": {}, "header": {}, "body": {}, "now": NOW,
        "weekday": "monday", "minute": call.minute, "tls": call.certificate.is_some(),
        "acrs": claims.get("acr").map_or(json!([]), |acr| json!([acr])), "risk": call.risk,
        "amr": claims.get("amr").cloned().unwrap_or(json!([])),
    });
    if !call.query.is_empty() {
        context["query"]["q"] = json!(call.query);
    }
    if let Some(flag) = call.flag {
        context["body"]["/flag"] = json!([flag]);
    }
    if call.certificate.is_some() {
        context["certificate"] = json!("07".repeat(32));
    }
    if let Some(acr) = claims.get("acr") {
        context["acr"] = acr.clone();
    }
    if let Some(at) = claims.get("auth_time").and_then(Value::as_u64).filter(|at| *at <= NOW) {
        context["auth_age"] = json!(NOW - at);
    }
    let client = RestrictedExpression::new_ip(call.client.to_string());
    let context = Context::from_json_value(context, None).expect("a context");
    let context = context.merge([("client".to_owned(), client)]).expect("one more");
    let ends = [uid("Principal", "caller"), uid("Action", operation), uid("Api", "shop")];
    let [principal, action, resource] = ends;
    let request = Request::new(principal, action, resource, context, None).expect("a request");
    let response = Authorizer::new().is_authorized(&request, policies, &entities);
    if response.diagnostics().errors().next().is_some() {
        return Verdict::Failed;
    }
    match response.decision() {
        Decision::Allow => Verdict::Permitted,
        Decision::Deny => {
            let lines = response.diagnostics().reason().map(|id| {
                // One policy stands on each line.
                id.to_string().trim_start_matches("policy").parse::<usize>().expect("a number") + 1
            });
            let mut lines: Vec<usize> = lines.collect();
            lines.sort_unstable();
            Verdict::Refused(lines)
        }
    }
}

/// The same, by ours.
fn by_us(judged: Result<(), portcullis_domain::Denial>) -> Verdict {
    let Err(denial) = judged else { return Verdict::Permitted };
    if denial.reason() == Reason::RuleFailed {
        return Verdict::Failed;
    }
    let note = denial.note().expect("a remark").as_str();
    let verdict = note.split(';').next().unwrap_or_default();
    let cited = verdict.split("shop.cedar:").skip(1).map(|rest| {
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse::<usize>().expect("a line")
    });
    let mut lines: Vec<usize> = cited.collect();
    lines.sort_unstable();
    Verdict::Refused(lines)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_decided_and_cited_is_what_cedar_decides_and_cites(
        policies in prop::collection::vec(policy(), 1..6),
        calls in prop::collection::vec(call(), 6),
    ) {
        let text = policies.join("\n");
        let rules = rules(&text).map_err(TestCaseError::reject)?;
        let set: PolicySet = text.parse().expect("policies");
        for ((operation, _, _), rules) in OPERATIONS.iter().zip(&rules) {
            for call in &calls {
                prop_assert_eq!(by_us(call.judged(rules)), by_cedar(&set, operation, call), "{}\n{} {:?}", text, operation, call);
            }
        }
    }
}

/// The generator makes what it is for: calls of every kind.
#[test]
fn the_cases_permit_refuse_and_fail() {
    let text = "permit(principal, action, resource) when { principal in Role::\"reader\" };\n\
                forbid(principal, action, resource) when { principal.claims has level && principal.claims.level * 4611686018427387904 >= 0 } when { context.tls };";
    let rules = rules(text).expect("rules");
    let set: PolicySet = text.parse().expect("policies");
    let admin = Call { roles: vec!["admin"], ..Call::default() };
    let certified = Call { certificate: Some([7; 32]), ..admin.clone() };
    for (call, expected) in [
        (admin.clone(), Verdict::Permitted),
        (Call::default(), Verdict::Refused(vec![])),
        (Call { claims: json!({ "level": 1 }), ..certified.clone() }, Verdict::Refused(vec![2])),
        (Call { claims: json!({ "level": 2 }), ..certified }, Verdict::Failed),
        // What fails has to fail, although a later condition would not have held.
        (Call { claims: json!({ "level": 2 }), ..admin }, Verdict::Failed),
    ] {
        assert_eq!(by_cedar(&set, "read", &call), expected, "{call:?}");
        assert_eq!(by_us(call.judged(&rules[0])), expected, "{call:?}");
    }
}
