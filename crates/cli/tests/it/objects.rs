//! `portcullis objects`.

use portcullis_domain::OwnershipStore as _;
use portcullis_store::{Location, RootSecrets, Settings, Store};
use serde_json::{Value, json};

use crate::operator::{ISSUER, Operator};

fn operator() -> Operator {
    let operator = Operator::new();
    operator.configure(&json!({ "partners": { "issuer": ISSUER, "audience": "shop" } }));
    let file = "portcullis.yaml";
    let mut configuration: Value = serde_json::from_str(&operator.workspace.read(file)).unwrap();
    configuration["apis"]["shop"]["objects"] = json!({ "order": { "id": [{ "path": "order" }] } });
    operator.workspace.file(file, configuration.to_string());
    operator
}

const OWNERS: &str = "{\"type\":\"order\",\"id\":1,\"owner\":\"alice\"}\n\n{\"type\":\"order\",\"id\":\"2\",\"owner\":\"bob\"}\n";

#[test]
fn owners_are_imported_told_and_exported_without_names() {
    let operator = operator();
    operator.workspace.file("owners.jsonl", OWNERS);
    assert!(operator.well(&["objects", "import", "owners.jsonl"]).out.starts_with("2 of 2"));
    let why = |id: &str, owner: &str| operator.json(&["objects", "why", "order", id, "--owner", owner]);
    assert_eq!((&why("1", "alice")["is_owner"], &why("1", "bob")["is_owner"]), (&json!(true), &json!(false)));
    assert_eq!(why("2", "bob")["authority"], "import");
    assert_eq!(why("3", "bob")["known"], false);
    let told = operator.well(&["objects", "why", "order", "1", "--owner", "alice"]).out;
    assert!(told.contains("by import") && told.contains("that is `alice`"), "{told}");
    let exported = operator.well(&["objects", "export"]).out;
    assert_eq!(exported.lines().count(), 2);
    assert!(!exported.contains("alice") && !exported.contains("order"), "{exported}");
    // What was exported can be taken back, and teaches nothing new.
    operator.workspace.file("exported.jsonl", &exported);
    assert!(operator.well(&["objects", "import", "exported.jsonl"]).out.starts_with("0 of 2"));
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_says_where_it_is() {
    let operator = operator();
    operator
        .workspace
        .file("owners.jsonl", format!("{OWNERS}{{\"type\":\"book\",\"id\":1,\"owner\":\"bob\"}}\n"));
    let ran = operator.run(&["objects", "import", "owners.jsonl"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("owners.jsonl:4") && ran.err.contains("book"), "{ran:?}");
    assert_eq!(operator.json(&["objects", "why", "order", "1"])["known"], false);
}

#[test]
fn coverage_says_what_keeps_a_type_from_being_enforced() {
    let operator = operator();
    let ran = operator.run(&["objects", "coverage"]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("shop/order") && ran.out.contains("nothing was counted"), "{ran:?}");
    let settings = Settings {
        location: Location::File(operator.workspace.path(".portcullis/store.db")),
        secrets: RootSecrets::File(operator.workspace.path(".portcullis/store.key")),
        poll: std::time::Duration::from_millis(250),
        grace: std::time::Duration::from_secs(30),
    };
    let began = portcullis_domain::Timestamp::from_seconds(1_800_000_000);
    let counts = |unknown, contradictions, days: u64| portcullis_domain::Coverage {
        realm: "shop".into(),
        kind: "order".into(),
        own: 100,
        unknown,
        contradictions,
        began_at: began,
        last_at: began.plus(std::time::Duration::from_secs(86_400 * days)),
        ..portcullis_domain::Coverage::default()
    };
    let add = |counts| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Store::open(&settings).unwrap().add_coverage(vec![counts])).unwrap();
    };
    add(counts(0, 2, 20));
    let ran = operator.run(&["objects", "coverage"]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("contradictions") && ran.out.contains("not ready"), "{ran:?}");
    assert!(operator.well(&["objects", "settle", "order"]).out.contains("settled"));
    assert!(operator.well(&["objects", "coverage"]).out.contains("ready to be enforced"));
    add(counts(50, 0, 20));
    let shown = operator.run(&["objects", "coverage", "--json"]);
    assert_eq!(shown.code, 2);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown[0]["obstacles"], json!(["owners are known for less than 99 %"]));
}
