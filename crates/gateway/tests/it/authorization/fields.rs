//! Who reads which fields of an answer, by role (AUTHZ-14).

use portcullis_testkit::Answer;
use serde_json::{Value, json};

use super::asked;
use crate::walk::{Setup, Walk, get};

const RECORD: &str = r#"{"name":"Ann","salary":5000,"team":{"lead":"Bob","bonus":100}}"#;

/// A gateway before a register of employees. Salaries are for payroll, which administrators contain.
fn register(answer: &str) -> Walk {
    let only = |schema: Value, roles: Value| {
        let mut schema = schema;
        schema["x-portcullis-visible-to"] = json!({ "roles": roles });
        schema
    };
    let employee = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "salary": only(json!({ "type": "integer" }), json!(["payroll"])),
            "team": { "type": "object", "properties": {
                "lead": { "type": "string" },
                "bonus": only(json!({ "type": "integer" }), json!(["payroll"])),
            } },
        },
    });
    let answers = |schema: Value| json!({ "200": { "description": "Done.", "content": { "application/json": { "schema": schema } } } });
    let list = json!({ "type": "array", "items": employee });
    Setup::new()
        .api(json!({
            "rules": { "inherits": { "owner": ["admin"], "admin": ["payroll"] } },
            "overrides": {
                "method:GET": { "authorize": { "allow": { "roles": ["agent", "payroll"] } } },
            },
        }))
        .contract(json!({ "paths": {
            "/orders/{name}": { "get": { "responses": answers(employee) } },
            "/orders": { "get": { "responses": answers(list) } },
        } }))
        .answering(Answer::json(answer))
        .start()
}

// proves: AUTHZ-14
#[test]
fn an_agent_does_not_see_the_salary_that_an_administrator_sees() {
    let walk = register(RECORD);
    let seen = |roles: Value| {
        let outcome = asked(&walk, get("/orders/ann"), json!({ "roles": roles }));
        outcome.passed();
        outcome.response.json()
    };
    assert_eq!(seen(json!(["agent"])), json!({ "name": "Ann", "team": { "lead": "Bob" } }));
    let whole: Value = serde_json::from_str(RECORD).unwrap();
    for roles in [json!(["payroll"]), json!(["agent", "admin"]), json!(["owner"])] {
        assert_eq!(seen(roles.clone()), whole, "{roles}");
    }
}

// proves: AUTHZ-14
#[test]
fn the_same_holds_for_every_item_of_a_list_and_whatever_the_caller_says_of_itself() {
    let walk = register(&format!("[{RECORD},{RECORD}]"));
    let claims = json!({ "roles": ["agent"], "role": "admin", "groups": ["payroll"] });
    let outcome = asked(&walk, get("/orders").with("X-Role: payroll"), claims);
    outcome.passed();
    let one = json!({ "name": "Ann", "team": { "lead": "Bob" } });
    assert_eq!(outcome.response.json(), json!([one, one]));
}
