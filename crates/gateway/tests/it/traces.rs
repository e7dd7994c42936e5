//! Distributed traces: what the upstream is told of where it stands, and what the record keeps (AUD-16, AUD-17).

use portcullis_testkit::{Answer, Upstream, wait};
use serde_json::{Value, json};

use crate::walk::{Outcome, Setup, Walk, get};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn parent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{CALLER}-{flags}")
}

/// Trace, span and flags that the upstream saw in its only `traceparent`.
#[track_caller]
fn told(outcome: &Outcome) -> (String, String, String) {
    let parents = outcome.passed().headers.all("traceparent");
    let [parent] = parents.as_slice() else { panic!("one place, not {parents:?}") };
    let [version, trace, span, flags] = parent.split('-').collect::<Vec<_>>()[..] else {
        panic!("`{parent}` is no place")
    };
    assert_eq!((version, trace.len(), span.len(), flags.len()), ("00", 32, 16, 2), "{parent}");
    (trace.to_owned(), span.to_owned(), flags.to_owned())
}

fn receipt(outcome: &Outcome) -> String {
    outcome.header("x-request-id").expect("a receipt").replace('-', "")
}

fn behind_a_proxy() -> Walk {
    Setup::new().policy(json!({ "trusted_proxies": ["127.0.0.0/8"] })).start()
}

// proves: AUD-16
#[test]
fn a_place_that_can_be_believed_is_continued_and_any_other_begins_anew() {
    let walk = behind_a_proxy();
    let outcome = walk.send(get("/public").with(parent("01")).with("tracestate: congo=t61rcWkgMzE"));
    let (trace, span, flags) = told(&outcome);
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE, "01"));
    assert_ne!(span, CALLER, "the gateway is a step of its own");
    assert_eq!(outcome.passed().header("tracestate"), Some("congo=t61rcWkgMzE"));
    let event = outcome.only_event();
    assert_eq!(event["trace_id"], TRACE, "{event:#}");
    assert_eq!(event["span_id"], span, "{event:#}");
    assert_eq!(event["parent_span_id"], CALLER, "{event:#}");

    for bad in [
        "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "traceparent: ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "x-nothing: here",
    ] {
        let outcome = walk.send(get("/public").with(bad).with("tracestate: congo=t61rcWkgMzE"));
        let (trace, _, flags) = told(&outcome);
        assert_eq!((trace, flags), (receipt(&outcome), "02".to_owned()), "{bad}");
        assert_eq!(outcome.passed().header("tracestate"), None, "a state without its trace: {bad}");
    }
}

// proves: AUD-17
#[test]
fn a_stranger_has_no_say_in_what_is_traced() {
    let walk = Walk::new();
    let outcome = walk.send(get("/public").with(parent("01")).with("tracestate: congo=t61rcWkgMzE"));
    assert_eq!(told(&outcome).0, receipt(&outcome));
    assert_eq!(told(&outcome).2, "02", "the local rate decides, which is none");
    assert_eq!(outcome.passed().header("tracestate"), None);

    let everything = Setup::new().policy(json!({ "traces": { "sample": 1.0 } })).start();
    let outcome = everything.send(get("/public").with(parent("00")));
    assert_eq!(told(&outcome).2, "03");
    let event = outcome.only_event();
    assert_eq!(
        (&event["trace_id"], &event["sampled"]),
        (&json!(receipt(&outcome)), &json!(true)),
        "{event:#}"
    );

    let long = (0..32).map(|at| format!("k{at}={}", "x".repeat(60))).collect::<Vec<_>>().join(",");
    let outcome =
        behind_a_proxy().send(get("/public").with(parent("00")).with(format!("tracestate: {long}")));
    let state = outcome.passed().header("tracestate").expect("a state");
    assert!(state.len() <= 512 && long.starts_with(state), "{} characters", state.len());
}

/// What a collector was posted at this path.
fn posted(collector: &Upstream, path: &str) -> Vec<Value> {
    let requests = collector.seen();
    requests
        .iter()
        .filter(|seen| seen.target == path)
        .map(|seen| serde_json::from_slice(&seen.body).unwrap())
        .collect()
}

#[test]
fn sampled_requests_reach_a_collector_as_spans() {
    let collector = Upstream::answering(Answer::ok("{}"));
    let sink =
        json!({ "otlp": { "url": format!("http://{}/v1/traces", collector.address()), "signal": "traces" } });
    let walk =
        Setup::new().policy(json!({ "traces": { "sample": 1.0 }, "sinks": { "traces": sink } })).start();
    let outcome = walk.send(get("/public"));
    let (trace, span, _) = told(&outcome);
    wait::until("the span", || !posted(&collector, "/v1/traces").is_empty());
    let spans = &posted(&collector, "/v1/traces")[0]["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!((&spans[0]["traceId"], &spans[0]["spanId"]), (&json!(trace), &json!(span)), "{spans:#}");
    assert_eq!(spans[0]["name"], "GET /public");
    // The start of the process is an event, and no span.
    assert_eq!(spans.as_array().unwrap().len(), 1);
}

#[test]
fn numbers_reach_a_collector_at_intervals() {
    let collector = Upstream::answering(Answer::ok("{}"));
    let otlp = json!({ "url": format!("http://{}/v1/metrics", collector.address()), "every": "1s" });
    let walk = Setup::new().policy(json!({ "metrics": { "otlp": otlp } })).start();
    walk.send(get("/public")).passed();
    let told = |name: &str| {
        posted(&collector, "/v1/metrics").iter().rev().find_map(|body| {
            let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array()?.clone();
            metrics.into_iter().find(|metric| metric["name"] == name)
        })
    };
    wait::until("the count", || {
        told("portcullis_requests").is_some_and(|metric| {
            metric["sum"]["dataPoints"]
                .as_array()
                .is_some_and(|points| points.iter().any(|point| point["asDouble"] == 1.0))
        })
    });
    let took = told("portcullis_request_duration_seconds").expect("a histogram");
    assert_eq!(took["histogram"]["aggregationTemporality"], 2, "{took:#}");
}
