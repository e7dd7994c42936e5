//! Rules that look into the body: who may write which field, and what no rule can compare (AUTHZ-15).

use portcullis_domain::Reason;
use serde_json::json;

use super::{asked, note, ruled};
use crate::walk::{Setup, ask, post_json};

/// A gateway where `POST /orders` takes anything as JSON, and tables as they come.
fn careless(policies: &str) -> Setup {
    let anything = json!({ "required": [], "additionalProperties": true, "type": ["object", "array"] });
    let content = json!({ "application/json": { "schema": anything }, "text/csv": {} });
    ruled(&format!("permit(principal, action, resource);\n{policies}"))
        .contract(json!({ "paths": { "/orders": { "post": { "requestBody": { "content": content } } } } }))
}

#[test]
fn what_the_body_says_is_decided_once_it_is_valid_and_the_rest_before() {
    let policies = "permit(principal, action, resource);\n\
                    forbid(principal, action == Action::\"POST /orders\", resource)\n\
                    when { context.body has \"/text\" && context.body[\"/text\"].contains(\"free\") };\n\
                    forbid(principal, action == Action::\"POST /orders\", resource) when { principal in Role::\"guest\" };";
    let walk = ruled(policies).start();
    asked(&walk, post_json("/orders", "{\"text\":\"paid\"}"), json!({})).passed();
    asked(&walk, post_json("/orders", "{\"text\":\"free\"}"), json!({})).refused(Reason::PermitMissing);
    asked(&walk, post_json("/orders", "{\"text\":\"fr\\u0065e\"}"), json!({})).refused(Reason::PermitMissing);
    // A guest hears nothing of what is wrong with the body.
    asked(&walk, post_json("/orders", "{\"other\":1}"), json!({ "roles": ["guest"] }))
        .refused(Reason::PermitMissing);
    asked(&walk, post_json("/orders", "{\"other\":1}"), json!({})).refused(Reason::RequestInvalid);
}

// proves-part: AUTHZ-15 (by role and by what the request says; the state of the object is not known to rules)
#[test]
fn only_an_administrator_may_write_a_field_of_administrators() {
    let policies = "forbid(principal, action == Action::\"POST /orders\", resource)\n\
                    when { context.body has \"/is_admin\" && context.body[\"/is_admin\"].contains(true) }\n\
                    unless { principal in Role::\"admin\" };";
    let walk = careless(policies).start();
    let send = |body: &str, role: &str| asked(&walk, post_json("/orders", body), json!({ "roles": [role] }));
    send(r#"{"is_admin":true}"#, "admin").passed();
    send(r#"{"text":"x"}"#, "clerk").passed();
    send(r#"{"is_admin":false}"#, "clerk").passed();
    send(r#"{"is_admin":null}"#, "clerk").passed();
    note(send(r#"{"is_admin":true}"#, "clerk").refused(Reason::PermitMissing), "shop.cedar:2");
    for hidden in [r#"{"is_\u0061dmin":true}"#, r#"[{"is_admin":true}]"#, r#"{"is_admin":[false,true]}"#] {
        send(hidden, "clerk").refused(Reason::PermitMissing);
    }
    // What an upstream might take for true is no truth, and a mistake of the client, not of the gateway.
    for odd in
        [r#"{"is_admin":"true"}"#, r#"{"is_admin":1}"#, r#"{"is_admin":{}}"#, r#"{"is_admin":[[true]]}"#]
    {
        note(send(odd, "clerk").refused(Reason::PermitMissing), "nothing that rules can compare");
    }
    send(r#"{"is_admin":true,"is_admin":false}"#, "clerk").refused(Reason::BodyMalformed);
}

#[test]
fn numbers_and_truths_are_texts_where_a_rule_compares_texts() {
    let policies = "forbid(principal, action == Action::\"POST /orders\", resource) when {\n\
                    context.body has \"/v\" && context.body[\"/v\"].containsAny([\"7\", \"7.5\", \"true\"]) };";
    let walk = careless(policies).start();
    let send = |body: &str| asked(&walk, post_json("/orders", body), json!({}));
    for passing in [r#"{"v":8}"#, r#"{"v":8.5}"#, r#"{"v":false}"#, r#"{"v":[]}"#, "{}"] {
        send(passing).passed();
    }
    for value in ["7", "7.0", "7.50", "\"7\"", "true", "[1,7]", "{\"a\":1}"] {
        send(&format!("{{\"v\":{value}}}")).refused(Reason::PermitMissing);
    }
}

#[test]
fn a_body_that_is_not_read_or_no_json_is_refused_where_a_rule_looks_into_it() {
    let policies = "forbid(principal, action == Action::\"POST /orders\", resource)\n\
                    when { context.body has \"/is_admin\" && context.body[\"/is_admin\"].contains(true) };";
    let walk = careless(policies).start();
    let table = |lines: &str| {
        let request = ask("POST", "/orders").with("Content-Type: text/csv").body(lines);
        asked(&walk, request, json!({}))
    };
    for body in ["a,b", r#"{"is_admin":true}"#, "{}", "7"] {
        note(table(body).refused(Reason::PermitMissing), "nothing that rules can compare");
    }
    // Where the contract is only watched, the rules still read what they judge.
    let watching = careless(policies).api(json!({ "stages": { "validate": "shadow" } })).start();
    let twice = post_json("/orders", r#"{"is_admin":true,"is_admin":false}"#);
    asked(&watching, twice, json!({})).refused(Reason::PermitMissing);
    asked(&watching, post_json("/orders", r#"{"is_admin":false}"#), json!({})).passed();
}
