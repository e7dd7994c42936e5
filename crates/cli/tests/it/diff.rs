//! `portcullis diff`.

use serde_json::{Value, json};

use crate::operator::Operator;

fn document(maximum: u32, security: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "paths": { "/stock": { "get": {
            "security": security,
            "parameters": [{ "name": "limit", "in": "query", "schema": { "type": "integer", "maximum": maximum } }],
            "responses": { "200": { "description": "Done." } },
        } } },
        "components": { "securitySchemes": { "customers": { "type": "http", "scheme": "bearer" } } },
    })
}

// proves: VER-11
#[test]
fn a_pipeline_learns_what_a_new_document_weakens_and_breaks() {
    let operator = Operator::new();
    let scoped = json!([{ "customers": ["stock:read"] }]);
    let write = |name: &str, document: &Value| {
        operator.workspace.file(name, serde_json::to_string_pretty(document).unwrap())
    };
    write("old.json", &document(100, &scoped));
    write("loose.json", &document(1000, &json!([])));
    write("tight.json", &document(10, &scoped));

    let same = operator.run(&["diff", "old.json", "old.json"]);
    assert_eq!((same.code, same.out.as_str()), (0, "0 breaking, 0 that weaken protection\n"));

    let loose = operator.run(&["diff", "old.json", "loose.json", "--json"]);
    assert_eq!(loose.code, 2);
    let changes: Value = serde_json::from_str(&loose.out).unwrap();
    let codes: Vec<&str> =
        changes.as_array().unwrap().iter().map(|change| change["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["became_public", "bound_loosened"]);
    let bound = &changes[1];
    assert_eq!((&bound["class"], &bound["operations"]), (&json!("security"), &json!(["GET /stock"])));
    assert_eq!(bound["pointer"], "/paths/~1stock/get/parameters/0/schema");
    assert_eq!(bound["old"]["file"], "old.json");
    assert!(bound["new"]["line"].as_u64().unwrap() > 1, "{bound:#}");
    assert!(bound["sentence"].as_str().unwrap().contains("from 100 to 1000"));

    let code = |new: &str, on: &str| operator.run(&["diff", "old.json", new, "--fail-on", on]).code;
    assert_eq!((code("loose.json", "security"), code("loose.json", "breaking")), (2, 0));
    assert_eq!((code("tight.json", "security"), code("tight.json", "breaking")), (0, 2));
    assert_eq!((code("tight.json", "any"), code("nowhere.json", "any")), (2, 3));
    let text = operator.run(&["diff", "old.json", "tight.json"]).out;
    assert!(text.contains("bound_tightened") && text.contains("tight.json:"), "{text}");
}

#[test]
fn references_stay_in_the_folder_of_the_document() {
    let operator = Operator::new();
    let mut outside = document(1, &json!([{ "customers": [] }]));
    outside["paths"]["/stock"]["get"]["parameters"] = json!([{ "$ref": "../outside.json#/it" }]);
    operator.workspace.file("outside.json", r#"{"it": {"name": "secret", "in": "query", "required": true}}"#);
    std::fs::create_dir_all(operator.workspace.path("api")).unwrap();
    operator.workspace.file("api/new.json", outside.to_string());
    operator.workspace.file("api/old.json", document(1, &json!([{ "customers": [] }])).to_string());
    let ran = operator.run(&["diff", "api/old.json", "api/new.json"]);
    assert!(!ran.out.contains("secret"), "{ran:?}");
}
