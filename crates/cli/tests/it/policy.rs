//! `portcullis policy test`: what the guide on roles and attributes shows, and what becomes of wrong cases.

use std::path::Path;

use serde_json::{Value, json};

use crate::operator::{ISSUER, Operator, Ran};

/// The first block of the guide that is fenced as `kind` and holds `part`.
fn shown(kind: &str, part: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/roles-and-attributes.md");
    let text = std::fs::read_to_string(path).unwrap();
    let fence = format!("```{kind}\n");
    let mut blocks = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.find(|block| block.contains(part)).unwrap().to_owned()
}

/// An operator with the policies of the guide.
fn operator() -> Operator {
    let operator = Operator::new();
    let operation = json!({
        "security": [{ "customers": [] }], "responses": { "200": { "description": "Done." } },
    });
    let mut patch = operation.clone();
    patch["requestBody"] = json!({ "content": { "application/json": {} } });
    let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
    let contract = json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "paths": {
            "/refunds": { "post": operation },
            "/users/{id}": { "parameters": id, "get": operation, "delete": operation, "patch": patch },
        },
        "components": { "securitySchemes": { "customers": { "type": "http", "scheme": "bearer" } } },
    });
    operator.workspace.file("openapi.json", contract.to_string());
    let policies = format!("{}{}", shown("cedar", "Everybody reads"), shown("cedar", "is_admin"));
    operator.workspace.file("shop.cedar", policies);
    operator.configure(&json!({ "customers": {
        "issuer": ISSUER, "audience": "shop-api", "jwks": { "url": "https://id.test/jwks" },
    } }));
    let text = operator.workspace.read("portcullis.yaml");
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    configuration["apis"]["shop"]["rules"] = json!({
        "policies": ["shop.cedar"],
        "claims": { "department": "text", "clearance": "number", "teams": "list" },
    });
    operator.workspace.file("portcullis.yaml", configuration.to_string());
    operator
}

/// Runs one case.
fn one(operator: &Operator, case: Value, format: &str) -> Ran {
    operator.workspace.file("one.yaml", json!({ "cases": [case] }).to_string());
    operator.run(&["policy", "test", "--format", format, "one.yaml"])
}

#[test]
fn the_cases_of_the_guide_come_out_as_it_says() {
    let operator = operator();
    operator.workspace.file("cases.yaml", shown("yaml cases", "cases:"));
    let ran = operator.well(&["policy", "test", "cases.yaml"]);
    assert_eq!(ran.out, "3 as expected, 0 not\n");
}

#[test]
fn a_failure_is_shown_with_its_rules_and_the_smallest_change() {
    let operator = operator();
    let case = json!({
        "name": "a clerk refunds", "call": "POST /refunds", "from": "127.0.0.1", "expect": "allow",
        "who": { "subject": "bob", "claims": { "department": "sales" }, "login": { "amr": ["otp"] } },
    });
    let ran = one(&operator, case.clone(), "text");
    assert_eq!(ran.code, 2, "{ran:#?}");
    for part in [
        "one.yaml:1: a clerk refunds",
        "expected allow, came to deny (permit_missing)",
        "decided by no rule",
        "fact: principal in Role::\"support\" is false",
        "would be permitted with `Role::\"support\"`",
        "0 as expected, 1 not",
    ] {
        assert!(ran.out.contains(part), "{part} in\n{}", ran.out);
    }
    assert!(!ran.out.contains("sales"), "{}", ran.out);

    let report: Value = serde_json::from_str(&one(&operator, case.clone(), "json").out).unwrap();
    assert_eq!((&report["version"], &report["not_as_expected"]), (&json!(1), &json!(1)));
    let told = &report["cases"][0];
    assert_eq!((&told["decision"], &told["reason"]), (&json!("deny"), &json!("permit_missing")));
    assert_eq!((&told["operation"], &told["line"]), (&json!("POST /refunds"), &json!(1)));
    assert_eq!(told["would_permit"], json!(["`Role::\"support\"`"]));

    let junit = one(&operator, case, "junit").out;
    assert!(junit.contains("tests=\"1\" failures=\"1\""), "{junit}");
    assert!(junit.contains("Role::&quot;support&quot;") && junit.ends_with("</testsuite>\n"), "{junit}");
}

#[test]
fn a_case_can_name_the_rule_by_which_it_is_decided() {
    let operator = operator();
    let case = |rule: &str| {
        json!({
            "name": "reading", "call": "GET /users/7", "who": { "subject": "bob" }, "expect": "allow", "rule": rule,
        })
    };
    assert_eq!(one(&operator, case("shop.cedar:2"), "text").code, 0);
    let other = one(&operator, case("shop.cedar:4"), "text");
    assert_eq!(other.code, 2);
    assert!(other.out.contains("expected to be decided by shop.cedar:4"), "{}", other.out);
    assert!(other.out.contains("decided by shop.cedar:2, which permits"), "{}", other.out);
    // Nobody is not permitted, whatever the rules say.
    let nobody = json!({ "name": "nobody", "call": "GET /users/7", "expect": "deny" });
    assert_eq!(one(&operator, nobody, "text").code, 0);
}

#[test]
fn a_case_that_describes_no_call_is_a_mistake_with_its_line() {
    let operator = operator();
    let who = json!({ "subject": "bob" });
    for (case, part) in [
        (json!({ "call": "GET /orders", "expect": "deny" }), "`GET /orders` is no operation"),
        (json!({ "operation": "nothing", "expect": "deny" }), "there is no operation `nothing`"),
        (json!({ "operation": "GET /users/{id}", "expect": "deny" }), "the parameter `id` is missing"),
        (json!({ "expect": "deny" }), "either `call` or `operation`"),
        (json!({ "call": "GET /users/7", "at": "noon", "expect": "deny" }), "`at` is no moment"),
        (json!({ "call": "GET /users/7", "expect": "perhaps" }), "perhaps"),
        (json!({ "call": "GET /users/7", "expect": "deny", "roles": [] }), "roles"),
    ] {
        let mut case = case;
        (case["name"], case["who"]) = (json!("wrong"), who.clone());
        let ran = one(&operator, case, "text");
        assert_eq!(ran.code, 3, "{ran:#?}");
        assert!(ran.err.contains(part) && ran.err.contains("one.yaml:1"), "{part} in\n{}", ran.err);
        assert!(ran.out.is_empty());
    }
    operator.workspace.file("one.yaml", json!({ "api": "other", "cases": [] }).to_string());
    let ran = operator.run(&["policy", "test", "one.yaml"]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("there is no API `other`"), "{}", ran.err);
}
