//! What a scraper sees.

use std::sync::Arc;

use portcullis_audit::metrics::{LoadResult, TokenLookup};
use portcullis_audit::{Event, Memory, Metrics, SinkChoice, Verdict};
use portcullis_domain::{Denial, Fault, Reason, Stage, Timestamp};

use crate::fixture::{self, Walk};

fn metrics() -> Metrics {
    let recorder = Arc::new(fixture::recorder(SinkChoice::Memory(Memory::default())));
    Metrics::new(recorder, Box::new(|each| each("peer", 7)))
}

// proves: AUD-19
#[test]
fn every_series_is_present_and_none_names_a_person() {
    let metrics = metrics();
    let walk = Walk::new().shadowed(Stage::Inspect, Reason::AttackSuspected);
    let operation = metrics.operation("shop", "getOrder");
    operation.count(&walk.event());
    let denial = Denial::new(Reason::TokenExpired);
    operation.count(&Event { verdict: Verdict::Denied(&denial), status: 401, ..walk.stranger() });
    let fault = Fault::new(Reason::UpstreamTimeout);
    metrics.operation("shop", "").count(&Event {
        verdict: Verdict::Failed(&fault),
        status: 504,
        ..walk.event()
    });
    let upstream = metrics.upstream("shop", "127.0.0.1:3000");
    upstream.count_response(200);
    upstream.set_healthy(true);
    let listener = metrics.listener("0.0.0.0:8443");
    let open = listener.connect();
    listener.count_handshake_failure();
    drop(listener.connect());
    metrics.count_token_lookup(TokenLookup::Hit);
    metrics.count_policy_load(LoadResult::Loaded { revision: "r1" });
    metrics.count_policy_load(LoadResult::Loaded { revision: "r2" });
    metrics.count_policy_load(LoadResult::Refused);
    metrics.set_certificate_expiry("api.example.com", Timestamp::from_seconds(1_771_000_000));

    let text = metrics.encode();
    for line in [
        r#"portcullis_requests_total{api="shop",operation="getOrder",status="2xx"} 1"#,
        r#"portcullis_requests_total{api="shop",operation="getOrder",status="4xx"} 1"#,
        r#"portcullis_requests_total{api="shop",operation="",status="5xx"} 1"#,
        r#"portcullis_denials_total{api="shop",stage="identify",reason="token_expired"} 1"#,
        r#"portcullis_failures_total{api="shop",stage="forward",reason="upstream_timeout"} 1"#,
        r#"portcullis_would_deny_total{api="shop",stage="inspect",reason="attack_suspected"} 3"#,
        r#"portcullis_request_duration_seconds_bucket{le="0.0025",api="shop",operation="getOrder"} 2"#,
        r#"portcullis_gateway_duration_seconds_bucket{le="0.00005",api="shop",operation="getOrder"} 1"#,
        r#"portcullis_upstream_duration_seconds_count{api="shop",operation="getOrder"} 1"#,
        r#"portcullis_upstream_responses_total{api="shop",upstream="127.0.0.1:3000",status="2xx"} 1"#,
        r#"portcullis_upstream_healthy{api="shop",upstream="127.0.0.1:3000"} 1"#,
        r#"portcullis_connections{listener="0.0.0.0:8443"} 1"#,
        r#"portcullis_connections_accepted_total{listener="0.0.0.0:8443"} 2"#,
        r#"portcullis_handshake_failures_total{listener="0.0.0.0:8443"} 1"#,
        r#"portcullis_token_cache_total{result="hit"} 1"#,
        r#"portcullis_token_cache_total{result="miss"} 0"#,
        r#"portcullis_policy_info{revision="r2"} 1"#,
        r#"portcullis_policy_loads_total{result="loaded"} 2"#,
        r#"portcullis_policy_loads_total{result="refused"} 1"#,
        r#"portcullis_certificate_expiry_timestamp_seconds{certificate="api.example.com"} 1771000000"#,
        r#"portcullis_audit_events_total{result="lost"} 0"#,
        "portcullis_audit_queue_bytes 0",
        "portcullis_audit_healthy 1",
        r#"portcullis_limiter_keys{quota="peer"} 7"#,
    ] {
        assert!(
            text.lines().any(|have| have == line || have.strip_suffix(".0") == Some(line)),
            "{line} in\n{text}"
        );
    }
    assert!(!text.contains(r#"revision="r1""#));
    for personal in [walk.principal.subject.as_str(), "192.0.2.7", "client-42", "shop-web", "/orders/42"] {
        assert!(!text.contains(personal), "{personal} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    drop(open);
    assert!(metrics.encode().contains(r#"portcullis_connections{listener="0.0.0.0:8443"} 0"#));
}

#[test]
fn a_reload_goes_on_counting() {
    let metrics = metrics();
    let walk = Walk::new();
    metrics.operation("shop", "getOrder").count(&walk.event());
    metrics.operation("shop", "getOrder").count(&walk.event());
    assert!(metrics.encode().contains(r#"operation="getOrder",status="2xx"} 2"#));
}

#[test]
fn operations_that_nobody_calls_are_not_printed() {
    let metrics = metrics();
    for number in 0..10_000 {
        let _ = metrics.operation("shop", &format!("operation{number}"));
    }
    assert!(!metrics.encode().contains("operation9"));
}
