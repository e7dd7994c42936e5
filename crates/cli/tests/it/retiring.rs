//! The commands of the guide "retire a version", run as they are written.

use std::path::Path;

use serde_json::{Value, json};

use crate::operator::Operator;

/// The commands that the guide shows.
fn commands() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/retire-a-version.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.is_empty());
    lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
fn the_guides_commands_do_what_it_says() {
    let operator = Operator::new();
    let first: Value = serde_json::from_str(&operator.workspace.read("openapi.json")).unwrap();
    let mut second = first.clone();
    second["info"]["version"] = json!("2");
    second["paths"]["/stock"]["get"]["security"] = json!([{ "partners": [] }]);
    operator.workspace.file("openapi.yaml", first.to_string());
    operator.workspace.file("openapi-v2.yaml", second.to_string());
    let mut configuration: Value = serde_json::from_str(&operator.workspace.read("portcullis.yaml")).unwrap();
    configuration["versions"] = json!({ "shop": { "gone": { "v0": { "mount": "/v0" } } } });
    configuration["apis"]["shop"]["version"] = json!({ "of": "shop", "name": "v1" });
    configuration["apis"]["shop"]["lifecycle"] =
        json!({ "deprecated_at": "2026-01-01", "sunset_at": "2999-12-01" });
    operator.workspace.file("portcullis.yaml", configuration.to_string());

    let mut ran = Vec::new();
    for command in commands() {
        assert_eq!(command[0], "portcullis", "{command:?}");
        let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        let outcome = operator.run(&arguments);
        let (code, shows) = match arguments.as_slice() {
            ["diff", ..] => (2, "scope_removed"),
            // It was never called because it was never served: that proves nothing.
            ["versions", "--safe-to-remove", ..] => (2, "not safe"),
            ["versions"] => (0, "deprecated"),
            ["inventory", "--apis"] => (0, "v0"),
            other => panic!("the guide has a new command: {other:?}"),
        };
        assert_eq!(outcome.code, code, "{command:?}: {outcome:?}");
        assert!(outcome.out.contains(shows), "{command:?}: {outcome:?}");
        ran.push(arguments[0].to_owned());
    }
    assert_eq!(ran, ["diff", "versions", "versions", "inventory"]);
}
