//! `portcullis matrix`.

use portcullis_testkit::TokenIssuer;
use serde_json::{Value, json};

use crate::operator::{ISSUER, Operator};

fn keys() -> String {
    TokenIssuer::new(ISSUER).jwks()
}

/// Two operations on orders, one that is open to every credential, and one that is public; three gaps are planted.
fn planted() -> Operator {
    let operator = Operator::new();
    let answers = json!({ "200": { "description": "Done.", "content": { "application/json": { "schema": {
        "type": "object", "properties": { "id": { "type": "integer" } },
    } } } } });
    let order = json!([{ "name": "order", "in": "path", "required": true, "schema": { "type": "integer" } }]);
    let needs = |scopes: Value| json!([{ "customers": scopes }]);
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "paths": {
            "/orders/{order}": {
                "parameters": order,
                "get": {
                    "operationId": "getOrder", "tags": ["orders"],
                    "security": needs(json!(["orders:read"])), "responses": answers,
                },
            },
            "/orders": { "get": {
                "operationId": "listOrders", "security": needs(json!(["orders:read"])), "responses": answers,
            } },
            "/invoices/{invoice}": { "get": {
                "operationId": "getInvoice", "tags": ["orders"],
                "parameters": [{ "name": "invoice", "in": "path", "required": true, "schema": { "type": "integer" } }],
                "security": needs(json!(["orders:read"])), "responses": answers,
            } },
            "/me": { "get": { "operationId": "me", "security": needs(json!([])), "responses": answers } },
            "/health": { "get": {
                "operationId": "health<script>alert(1)</script>", "x-portcullis-access": "public",
                "responses": { "200": { "description": "Done." } },
            } },
        },
        "components": { "securitySchemes": { "customers": { "type": "http", "scheme": "bearer" } } },
    });
    operator.workspace.file("openapi.json", serde_json::to_string_pretty(&document).unwrap());
    operator.workspace.file("jwks.json", keys());
    operator.workspace.file(
        "rules.cedar",
        "permit (principal, action == Action::\"getOrder\", resource);\n\
         permit (principal in Role::\"clerk\", action == Action::\"getOrder\", resource);\n\
         permit (principal in Role::\"clerk\", action == Action::\"getInvoice\", resource);\n",
    );
    operator.configure(&json!({
        "customers": { "issuer": ISSUER, "audience": "shop", "jwks": { "file": "jwks.json" } },
    }));
    let mut configuration: Value = serde_json::from_str(&operator.workspace.read("portcullis.yaml")).unwrap();
    let shop = &mut configuration["apis"]["shop"];
    shop["objects"] = json!({ "order": { "mode": "enforce", "id": [{ "path": "order" }] } });
    shop["responses"] = json!({ "mode": "strip" });
    shop["overrides"] = json!({ "getInvoice": { "stages": { "validate": "shadow" } } });
    operator.workspace.file("portcullis.yaml", serde_json::to_string_pretty(&configuration).unwrap());
    operator
}

/// With the rules, which are planted separately: they are asked of every operation.
fn ruled() -> Operator {
    let operator = planted();
    let mut configuration: Value = serde_json::from_str(&operator.workspace.read("portcullis.yaml")).unwrap();
    configuration["apis"]["shop"]["rules"] = json!({ "policies": ["rules.cedar"] });
    operator.workspace.file("portcullis.yaml", serde_json::to_string_pretty(&configuration).unwrap());
    operator
}

fn operation<'m>(matrix: &'m Value, id: &str) -> &'m Value {
    let all = matrix["operations"].as_array().unwrap();
    all.iter().find(|operation| operation["operation"] == id).unwrap()
}

// proves: AUTHZ-20
#[test]
fn every_cell_says_what_holds_and_which_line_decides_it() {
    let operator = planted();
    let ran = operator.well(&["matrix", "--format", "json"]);
    let matrix: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(matrix["version"], 1);
    let standing = |id: &str, layer: &str| operation(&matrix, id)["layers"][layer]["standing"].clone();
    for (id, layer, expected) in [
        ("getOrder", "objects", "enforced"),
        ("getOrder", "authorize", "enforced"),
        ("getOrder", "tls", "missing"),
        ("getOrder", "release", "enforced"),
        ("getOrder", "inspect", "missing"),
        ("getOrder", "record", "enforced"),
        ("getOrder", "limit", "enforced"),
        ("getOrder", "lifecycle", "not_applicable"),
        ("listOrders", "objects", "missing"),
        ("getInvoice", "objects", "missing"),
        ("getInvoice", "validate", "shadow"),
        ("getOrder", "validate", "enforced"),
        ("me", "authorize", "missing"),
        ("me", "objects", "not_applicable"),
        ("health<script>alert(1)</script>", "identify", "not_applicable"),
    ] {
        assert_eq!(standing(id, layer), expected, "{id} {layer}");
    }
    let place = |id: &str, layer: &str| &operation(&matrix, id)["layers"][layer]["place"];
    assert_eq!(place("getInvoice", "validate")["pointer"], "/apis/shop/overrides/getInvoice/stages/validate");
    assert_eq!(place("getOrder", "objects")["pointer"], "/apis/shop/objects/order/mode");
    assert_eq!(place("getInvoice", "objects")["file"], "openapi.json");
    assert_eq!(place("listOrders", "objects")["pointer"], "/apis/shop/objects/order/lists");
    let line = place("getInvoice", "validate")["line"].as_u64().unwrap() as usize;
    let configuration = operator.workspace.read("portcullis.yaml");
    assert!(configuration.lines().nth(line - 1).unwrap().contains("\"validate\": \"shadow\""));
}

// proves: AUTHZ-20
#[test]
fn planted_gaps_are_found_and_a_pipeline_fails() {
    let operator = planted();
    let kinds = |operator: &Operator| -> Vec<(String, String)> {
        let matrix: Value =
            serde_json::from_str(&operator.well(&["matrix", "--format", "json"]).out).unwrap();
        let found = matrix["findings"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        found.map(|finding| (text(&finding["kind"]), text(&finding["message"]))).collect()
    };
    let found = kinds(&operator);
    assert!(
        matches!(&*found, [(kind, message)] if kind == "unguarded_operation" && message.contains("`me`")),
        "{found:?}"
    );
    let found = kinds(&ruled());
    let has = |kind: &str, words: &[&str]| {
        found.iter().any(|(one, message)| one == kind && words.iter().all(|word| message.contains(word)))
    };
    assert!(has("broad_rule", &["rules.cedar:1", "`getOrder`"]), "{found:?}");
    assert!(has("unreachable_rule", &["rules.cedar:2", "never decides"]), "{found:?}");
    assert!(!found.iter().any(|(_, message)| message.contains("rules.cedar:3")), "{found:?}");

    let code = |demand: &str| operator.run(&["matrix", "--require", demand]).code;
    assert_eq!(code("objects=enforced where operation=getOrder"), 0);
    assert_eq!(code("authorize,limit,validate where operation=getOrder"), 0);
    assert_eq!(code("objects where tag=orders"), 2);
    assert_eq!(code("validate where tag=orders"), 2);
    assert_eq!(code("validate=shadow where tag=orders and method=get"), 0);
    assert_eq!(code("authorize"), 2);
    // Nothing was looked at.
    assert_eq!(code("objects where tag=order"), 1);
    assert_eq!(code("object"), 1);
    assert_eq!(operator.run(&["matrix", "--strict"]).code, 2);
    assert_eq!(operator.run(&["matrix"]).code, 0);
    assert_eq!(operator.run(&["matrix", "--config", "nowhere.yaml"]).code, 3);
    let missed = operator.run(&["matrix", "--require", "objects where tag=orders"]);
    let told = "missed `objects where tag=orders`: GET /invoices/{invoice}: objects no: no type of objects has `invoice`";
    assert!(missed.err.contains(told) && missed.err.contains("openapi.json:"), "{}", missed.err);
}

#[test]
fn the_table_fits_a_terminal_and_has_no_colours_in_a_file() {
    let out = planted().well(&["matrix", "--why"]).out;
    assert!(!out.contains('\u{1b}'));
    assert!(
        out.lines().filter(|line| line.starts_with("GET ")).all(|line| line.chars().count() <= 100),
        "{out}"
    );
    assert!(out.contains("GET /orders/{order}") && out.contains("(openapi.json:"), "{out}");
}

#[test]
fn code_scanners_get_a_result_for_every_gap_at_its_line() {
    let operator = planted();
    let ran = operator.run(&["matrix", "--format", "sarif", "--require", "objects where tag=orders"]);
    assert_eq!(ran.code, 2);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let rules: Vec<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    let results = run["results"].as_array().unwrap();
    for result in results {
        assert!(rules.contains(&result["ruleId"].as_str().unwrap()), "{result:#}");
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()), "{result:#}");
        assert!(result["message"]["text"].is_string());
        let place = &result["locations"][0]["physicalLocation"];
        assert!(
            place["artifactLocation"]["uri"].is_string() && place["region"]["startLine"].as_u64() >= Some(1)
        );
    }
    let level = |rule: &str, part: &str| {
        let found = results.iter().find(|result| {
            result["ruleId"] == rule && result["message"]["text"].as_str().unwrap().contains(part)
        });
        found.map(|result| result["level"].as_str().unwrap())
    };
    assert_eq!(level("coverage/objects", "/invoices/{invoice}"), Some("error"));
    assert_eq!(level("coverage/validate", "/invoices/{invoice}"), Some("note"));
    assert_eq!(level("coverage/tls", "/orders/{order}"), Some("warning"));
    assert_eq!(level("unguarded_operation", "`me`"), Some("warning"));
    assert_eq!(level("coverage/objects", "/orders/{order}"), None);
}

#[test]
fn a_page_runs_nothing_that_a_document_says() {
    let page = planted().well(&["matrix", "--format", "html"]).out;
    assert!(!page.contains("<script") && page.contains("default-src 'none'"), "{page}");
    assert!(page.contains("class=\"missing\" title=\"no type of objects has `invoice`"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
}

/// What the guide's fences of this kind hold.
fn shown(kind: &str) -> Vec<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let guide = std::fs::read_to_string(format!("{root}/docs/guides/coverage-matrix.md")).unwrap();
    let fence = format!("```{kind}\n");
    guide.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The words of a command line as a shell has them: quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let odd = |(index, part): (usize, &str)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    };
    line.split('"').enumerate().flat_map(odd).collect()
}

#[test]
fn the_guide_shows_what_the_example_shop_gives() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let operator = Operator::new();
    for file in ["openapi.yaml", "portcullis.yaml"] {
        let text = std::fs::read_to_string(format!("{root}/examples/shop/{file}")).unwrap();
        operator.workspace.file(file, text);
    }
    std::fs::create_dir_all(operator.workspace.path(".portcullis")).unwrap();
    operator.workspace.file(".portcullis/jwks.json", keys());
    let blocks = shown("console");
    let (before, after) = blocks.split_at(2);
    for block in before {
        let (command, output) = block.split_once('\n').unwrap();
        let arguments = words(command.strip_prefix("$ portcullis ").unwrap());
        let ran = operator.well(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(ran.out.contains(output.trim_end()), "{command}: {}", ran.out);
    }
    let demand = "objects where path=/orders*";
    assert_eq!(operator.run(&["matrix", "--require", demand]).code, 2, "the gap is there");
    // What the guide adds is one more member of the shop.
    let added = shown("yaml").remove(0);
    let added = added.strip_prefix("apis:\n  shop:\n").unwrap();
    let text = operator.workspace.read("portcullis.yaml").replace("  shop:\n", &format!("  shop:\n{added}"));
    operator.workspace.file("portcullis.yaml", text);
    let commands = after.iter().flat_map(|block| block.lines());
    for command in commands {
        let arguments = words(command.strip_prefix("$ portcullis ").unwrap());
        operator.well(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
