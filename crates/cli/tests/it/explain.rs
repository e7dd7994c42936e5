//! `portcullis explain` and `portcullis policy what-if`, as the two guides show them.

use std::process::Command;

use portcullis_testkit::RawClient;
use serde_json::{Value, json};

use crate::operator::Operator;

const WHY: &str = include_str!("../../../../docs/guides/why-was-this-refused.md");
const WHAT_IF: &str = include_str!("../../../../docs/guides/what-would-this-change-allow.md");
/// The receipt that the guides show.
const SHOWN: &str = "0192d3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d";

const PARTNERS: &str = "@id(\"partners\")\npermit(principal, action, resource);\n";
const PALLETS: &str = "@id(\"no-pallets\")\nforbid(principal, action, resource) \
     when { context.query has unit && context.query.unit.contains(\"pallet\") };\n";

/// A gateway that has answered once and refused once, and is gone.
struct Scene {
    operator: Operator,
    key: String,
    refused: String,
}

fn scene() -> Scene {
    let operator = Operator::new();
    operator.configure(&json!({}));
    let mut contract: Value = serde_json::from_str(&operator.workspace.read("openapi.json")).unwrap();
    let text = json!({ "type": "string", "maxLength": 20 });
    contract["paths"]["/stock"]["get"]["parameters"] =
        json!([{ "name": "unit", "in": "query", "schema": text }]);
    operator.workspace.file("openapi.json", serde_json::to_string_pretty(&contract).unwrap());
    operator.workspace.file("stock.cedar", format!("{PARTNERS}{PALLETS}"));
    operator.workspace.file("wider.cedar", PARTNERS);
    let mut configuration: Value = serde_json::from_str(&operator.workspace.read("portcullis.yaml")).unwrap();
    configuration["journal"] = json!({ "allows": "all" });
    configuration["apis"]["shop"]["rules"] = json!({ "policies": ["stock.cedar"] });
    operator.workspace.file("portcullis.yaml", configuration.to_string());
    configuration["apis"]["shop"]["rules"] = json!({ "policies": ["wider.cedar"] });
    operator.workspace.file("candidate.yaml", configuration.to_string());

    let create = ["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "stock:read"];
    let key = operator.well(&create).out.trim().to_owned();
    let gateway = operator.gateway();
    let ask = |target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: api.test\r\nX-API-Key: {key}\r\n\r\n");
        let answer = RawClient::connect(gateway.addresses()[0]).ask(request.as_bytes());
        (answer.status, answer.header("x-request-id").expect("every answer has a receipt").to_owned())
    };
    let (status, refused) = ask("/stock?unit=pallet");
    assert_eq!(status, 403);
    assert_eq!(ask("/stock?unit=box").0, 200);
    // What waits is written at the end.
    gateway.shutdown();
    Scene { operator, key, refused }
}

impl Scene {
    /// Runs each command of a guide in a shell, and holds its output against what the guide shows.
    fn follow(&self, guide: &str) {
        let mut blocks = blocks(guide).into_iter().peekable();
        let mut followed = 0;
        while let Some((kind, text)) = blocks.next() {
            if kind != "sh" {
                continue;
            }
            let (command, code) = match text.split_once(" # exit code ") {
                Some((command, code)) => (command, code.trim().parse().unwrap()),
                None => (text.as_str(), 0),
            };
            let shown = blocks.next_if(|(kind, _)| kind == "text").expect("each command has its output").1;
            let command = command.replace(SHOWN, &self.refused).replace("KEY'", &format!("{}'", self.key));
            let ran = Command::new("sh")
                .args(["-c", command.trim()])
                .current_dir(self.operator.workspace.root())
                .env("PATH", path_with_us())
                .env_remove("PORTCULLIS_CONFIG")
                .output()
                .expect("there is a shell");
            let output = String::from_utf8(ran.stdout).unwrap();
            let said = String::from_utf8(ran.stderr).unwrap();
            assert_eq!(ran.status.code(), Some(code), "{command}\n{output}\n{said}");
            for line in shown.lines() {
                assert!(shows(&output, line), "{command}: `{line}` is not in\n{output}\n{said}");
            }
            assert!(!output.contains(&self.key), "a key is in the output of {command}");
            followed += 1;
        }
        assert!(followed >= 3, "the guide shows {followed} commands");
    }
}

/// Fenced blocks, in order: what they hold, and their text.
fn blocks(guide: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((kind.to_owned(), text.join("\n")));
        }
    }
    found
}

/// Whether a line of the output holds the parts of `line`, in order; an ellipsis stands for anything.
fn shows(output: &str, line: &str) -> bool {
    output.lines().any(|told| {
        let mut rest = told;
        line.split('…').map(str::trim).all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    })
}

fn path_with_us() -> String {
    let ours = std::path::Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().expect("it lies in a folder");
    format!("{}:/usr/local/bin:/usr/bin:/bin", ours.display())
}

// proves: AUTHZ-20
#[test]
fn the_guide_on_refusals_is_what_the_binary_does() {
    scene().follow(WHY);
}

#[test]
fn the_guide_on_changes_is_what_the_binary_does() {
    scene().follow(WHAT_IF);
}

#[test]
fn a_receipt_that_is_not_there_says_why_and_what_is_no_receipt_is_a_code() {
    let scene = scene();
    let ran = scene.operator.run(&["explain", SHOWN]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("begins at") && ran.err.contains("journal.age"), "{ran:?}");
    let ran = scene.operator.run(&["explain", "not-a-receipt"]);
    assert!(ran.code == 1 && ran.err.contains("is no receipt"), "{ran:?}");
    assert!(scene.operator.well(&["explain", "permit_missing"]).out.contains("permit_missing"));
    assert_eq!(scene.operator.run(&["explain", "unheard_of"]).code, 1);
}

#[test]
fn a_made_up_request_leaves_nothing_behind() {
    let scene = scene();
    let before = std::fs::read(scene.operator.workspace.path("audit.jsonl")).unwrap();
    let request = format!("GET /stock HTTP/1.1\nHost: api.test\nX-API-Key: {}\n\n", scene.key);
    scene.operator.workspace.file("request.http", request);
    let seen = scene.operator.upstream_count();
    let told = scene.operator.well(&["explain", "--request", "request.http", "--format", "json"]);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["decision"]["outcome"], "answered");
    assert!(told["decision"]["caller"]["issuer"].is_string(), "{told:#}");
    assert_eq!(told["policy"]["standing"], "same");
    assert_eq!(scene.operator.upstream_count(), seen, "the upstream heard of it");
    assert_eq!(std::fs::read(scene.operator.workspace.path("audit.jsonl")).unwrap(), before);
    let receipt = told["decision"]["receipt"].as_str().unwrap();
    assert_eq!(scene.operator.run(&["explain", receipt]).code, 1, "it is in no journal");
}

#[test]
fn a_candidate_with_a_mistake_is_refused_with_its_place() {
    let scene = scene();
    scene.operator.workspace.file("candidate.yaml", "listen: 7");
    let ran = scene.operator.run(&["policy", "what-if", "candidate.yaml"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("candidate.yaml"), "{ran:?}");
    assert_eq!(scene.operator.run(&["policy", "what-if", "candidate.yaml", "--since", "yesterday"]).code, 2);
}
