//! `portcullis limits suggest`: from what was counted to a proposal, and no further.

use portcullis_domain::{
    BatchId, CallEnds, Clock, Consumer, ConsumerKind, Timestamp, Usage, UsageBatch, UsageStore as _,
    UsedOperation,
};
use portcullis_gateway::{Options, operate};
use portcullis_testkit::RawClient;
use serde_json::json;

use crate::operator::Operator;

fn days_ago(days: u64) -> Timestamp {
    let now = Clock::machine().now().wall;
    Timestamp::from_seconds(now.as_seconds() - days * 86_400)
}

#[test]
fn a_limit_is_proposed_from_how_fast_callers_were_and_nothing_is_applied() {
    let operator = Operator::new();
    let file = operator.workspace.path("portcullis.yaml");
    let before = std::fs::read(&file).unwrap();
    let store = operate(&Options::new(&file)).unwrap().store;
    let used = (1..=100u32).map(|number| Usage {
        operation: UsedOperation { api: "shop".into(), version: "1".into(), operation: "getStock".into() },
        consumer: Consumer {
            kind: ConsumerKind::User,
            issuer: "https://id.test".into(),
            subject: format!("user-{number}").into(),
            client: "app".into(),
        },
        ends: CallEnds::of([500, 0, 0, 0, 0]),
        first_at: days_ago(20),
        last_at: days_ago(1),
        // One of a hundred is a machine.
        peak: if number == 100 { 7_000 } else { number.min(30) },
    });
    let batch = UsageBatch {
        id: BatchId([7; 16]),
        at: days_ago(20),
        used: used.collect(),
        strays: Vec::new(),
        members: Vec::new(),
        observed: vec![("shop".into(), "1".into())],
        lost_at: None,
    };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.add_usage(batch)).unwrap();

    let proposed = operator.json(&["limits", "suggest"]);
    let one = &proposed[0];
    assert_eq!(
        (&one["path"], &one["callers"], &one["confidence"]),
        (&json!("/stock"), &json!(100), &json!("high"))
    );
    assert_eq!(
        (&one["p50"], &one["p90"], &one["p99"], &one["rate"]),
        (&json!(30), &json!(30), &json!(30), &json!("60/1m"))
    );
    assert_eq!(one["beyond"][0]["subject"], "user-100");
    let text = operator.well(&["limits", "suggest"]).out;
    for line in [
        "# would have refused user `user-100` of `https://id.test` through `app` (7000 in a minute)",
        "\"GET /stock\":  # confidence: high",
        "  limits: { caller: [{ rate: 60/1m, mode: shadow }] }",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), before, "nothing is written into the configuration");
}

#[test]
fn the_busiest_minute_of_a_caller_is_counted_by_the_gateway() {
    let operator = Operator::new();
    let key =
        operator.well(&["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "stock:read"]).out;
    let gateway = operator.gateway();
    let request = format!("GET /stock HTTP/1.1\r\nHost: api.test\r\nX-API-Key: {}\r\n\r\n", key.trim());
    let mut client = RawClient::connect(gateway.addresses()[0]);
    for _ in 0..12 {
        assert_eq!(client.ask(request.as_bytes()).status, 200);
    }
    gateway.shutdown();
    let proposed = operator.json(&["limits", "suggest", "--since", "1d"]);
    // Two minutes share them if one ended meanwhile.
    let peak = proposed[0]["p99"].as_u64().unwrap();
    assert!((6..=12).contains(&peak), "{proposed:#}");
    assert_eq!((&proposed[0]["callers"], &proposed[0]["confidence"]), (&json!(1), &json!("low")));
}
