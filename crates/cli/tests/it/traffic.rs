//! `portcullis versions` and `portcullis inventory --traffic`.

use std::time::Duration;

use portcullis_domain::{
    BatchId, CallEnds, Clock, Consumer, ConsumerKind, Timestamp, Usage, UsageBatch, UsageStore as _,
    UsedOperation,
};
use portcullis_gateway::{Options, operate};
use serde_json::{Value, json};

use crate::operator::{Operator, status_with};

const DAY: Duration = Duration::from_secs(86_400);

fn ago(days: u32) -> Timestamp {
    let now = Clock::machine().now().wall.as_millis();
    Timestamp::from_millis(now - u64::try_from((DAY * days).as_millis()).unwrap())
}

/// An operator whose API has an operation that is deprecated, and one that nobody calls.
fn operator() -> Operator {
    let operator = Operator::new();
    let mut contract: Value = serde_json::from_str(&operator.workspace.read("openapi.json")).unwrap();
    let mut old = contract["paths"]["/stock"]["get"].clone();
    old["operationId"] = json!("getOldStock");
    old["deprecated"] = json!(true);
    contract["paths"]["/old-stock"] = json!({ "get": old });
    operator.workspace.file("openapi.json", contract.to_string());
    operator
}

/// Notes that `subject` called, some days ago, and that counting went on since.
fn called(operator: &Operator, id: u8, operation: &str, subject: &str, days: u32) {
    let store = operate(&Options::new(operator.workspace.path("portcullis.yaml"))).unwrap().store;
    let used = Usage {
        operation: UsedOperation { api: "shop".into(), version: "1".into(), operation: operation.into() },
        consumer: Consumer {
            kind: ConsumerKind::Client,
            issuer: "https://id.test".into(),
            subject: subject.into(),
            client: subject.into(),
        },
        ends: CallEnds::of([3, 0, 0, 0, 0]),
        first_at: ago(days),
        last_at: ago(days),
        peak: 3,
    };
    let batch = |id: u8, at: Timestamp, used: Vec<Usage>| UsageBatch {
        id: BatchId([id; 16]),
        at,
        used,
        strays: Vec::new(),
        members: Vec::new(),
        observed: vec![("shop".into(), "1".into())],
        lost_at: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.add_usage(batch(id, ago(days), vec![used]))).unwrap();
    runtime.block_on(store.add_usage(batch(id + 100, ago(0), Vec::new()))).unwrap();
}

#[test]
fn who_still_calls_what_is_deprecated_is_listed_by_consumer() {
    let operator = operator();
    let key =
        operator.well(&["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "stock:read"]).out;
    let gateway = operator.gateway();
    for _ in 0..3 {
        let request =
            format!("GET /old-stock HTTP/1.1\r\nHost: api.test\r\nX-API-Key: {}\r\n\r\n", key.trim());
        let client = portcullis_testkit::RawClient::connect(gateway.addresses()[0]);
        assert_eq!({ client }.ask(request.as_bytes()).status, 200);
    }
    assert_eq!(status_with(&gateway, key.trim()), 200);
    gateway.shutdown();

    let report = operator.json(&["versions"]);
    let operations = report["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 1, "{report:#}");
    assert_eq!((&operations[0]["operation"], &operations[0]["calls"]), (&json!("getOldStock"), &json!(3)));
    let consumer = &operations[0]["consumers"][0];
    let id = key.split('_').nth(2).unwrap();
    assert_eq!((&consumer["subject"], &consumer["client"]), (&json!("erp"), &json!(id)), "{consumer:#}");
    assert_eq!((&consumer["kind"], &consumer["ends"]["served"]), (&json!("client"), &json!(3)));
    let text = operator.well(&["versions", "--since", "1d"]);
    assert!(
        text.out.contains("GET /old-stock: deprecated") && text.out.contains("3 × client `erp`"),
        "{text:?}"
    );
}

// proves: VER-10
#[test]
fn shadows_zombies_and_orphans_are_listed() {
    let operator = operator();
    let key =
        operator.well(&["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "stock:read"]).out;
    let gateway = operator.gateway();
    for path in ["/old-stock", "/internal/17/export", "/internal/18/export"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api.test\r\nX-API-Key: {}\r\n\r\n", key.trim());
        portcullis_testkit::RawClient::connect(gateway.addresses()[0]).ask(request.as_bytes());
    }
    gateway.shutdown();
    let found = operator.json(&["inventory", "--traffic"]);
    assert_eq!(found["shadow"][0]["path"], "/internal/{}/export", "{found:#}");
    assert_eq!((&found["shadow"][0]["refused"], found["shadow"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(found["zombie"][0]["operation"], "getOldStock");
    assert_eq!(found["zombie"][0]["consumers"][0]["calls"], 1);
    assert_eq!(found["orphan"][0]["operation"], "getStock");
    let text = operator.well(&["inventory", "--traffic", "--since", "7d"]).out;
    for line in [
        "shadow   shop@1  GET /internal/{}/export  2 calls",
        "zombie   shop@1  GET /old-stock  1 calls",
        "orphan   shop@1  GET /stock",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn what_nobody_called_for_long_enough_is_safe_to_remove() {
    let operator = operator();
    called(&operator, 1, "getOldStock", "erp", 40);
    called(&operator, 2, "getStock", "erp", 1);
    let safe = operator.run(&["versions", "--safe-to-remove", "getOldStock"]);
    assert_eq!((safe.code, safe.out.contains("can be removed")), (0, true), "{safe:?}");
    let unsafe_name = |name: &str| {
        let ran = operator.run(&["versions", "--safe-to-remove", name, "--json"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    for name in ["getStock", "shop/getStock", "shop", "v1", "1", "shop@1", "shop@v1"] {
        let answer = unsafe_name(name);
        assert_eq!(answer["obstacles"][0]["kind"], "called", "{answer:#}");
        assert_eq!(answer["obstacles"][0]["by"]["subject"], "erp");
    }
    let long = operator.run(&["versions", "--safe-to-remove", "getOldStock", "--idle", "60d"]);
    assert!(
        long.code == 2 && long.out.contains("counted only since") && long.out.contains("client `erp`"),
        "{long:?}"
    );
}

#[test]
fn without_evidence_nothing_is_safe_to_remove() {
    let operator = operator();
    let ran = operator.run(&["versions", "--safe-to-remove", "shop"]);
    assert!(ran.code == 2 && ran.out.contains("never counted") && ran.err.contains("store:"), "{ran:?}");
    assert!(!operator.workspace.path(".portcullis/store.db").exists(), "looking made a store");
    called(&operator, 1, "getStock", "erp", 10);
    let ran = operator.run(&["versions", "--safe-to-remove", "getOldStock"]);
    assert!(ran.code == 2 && ran.out.contains("counted only since"), "{ran:?}");
    assert_eq!(operator.run(&["versions", "--safe-to-remove", "getOldStock", "--idle", "9d"]).code, 0);
}

#[test]
fn a_name_that_nothing_has_is_a_mistake_and_not_safe() {
    let operator = operator();
    let ran = operator.run(&["versions", "--safe-to-remove", "v7"]);
    assert!(ran.code == 1 && ran.err.contains("no API, version or operation `v7`"), "{ran:?}");
    operator.workspace.file("portcullis.yaml", "listen: []\napis: {}\nnonsense: 1\n");
    assert_eq!(operator.run(&["versions", "--safe-to-remove", "shop"]).code, 3);
}
