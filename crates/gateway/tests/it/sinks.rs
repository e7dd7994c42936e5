//! The record as it arrives elsewhere: at a real rsyslog, and at collectors of the test that speak HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_audit::chain::verify;
use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::StartError;
use portcullis_testkit::{Answer, Authority, Rsyslog, Upstream, wait};
use serde_json::{Value, json};

use crate::metrics::scrape;
use crate::walk::{Setup, get};

/// A rsyslog that `authority` vouches for.
fn server(authority: &Authority) -> Rsyslog {
    Rsyslog::new(&authority.server(&["127.0.0.1"]))
}

/// A gateway that tells `sink` as well.
fn telling(sink: Value) -> Setup {
    Setup::new().policy(json!({ "sinks": { "siem": sink }, "admin": { "address": "127.0.0.1:0" } }))
}

fn over_tls(server: &Rsyslog, authority: &Authority) -> Setup {
    telling(json!({ "syslog": {
        "address": format!("tls://127.0.0.1:{}", server.tls_port()),
        "tls": { "authorities": "collector.pem" },
        "host": "edge-1",
    } }))
    .file("collector.pem", authority.pem())
}

/// The events that arrived, of this name.
fn of(server: &Rsyslog, event: &str) -> usize {
    server.messages().iter().filter(|message| message.id == event).count()
}

#[test]
fn every_event_reaches_a_real_rsyslog_over_tls_and_verifies_there() {
    let authority = Authority::new();
    let server = server(&authority);
    let mut walk = over_tls(&server, &authority).start();
    walk.send(get("/public")).passed();
    walk.send(get("/admin/x")).refused(Reason::CredentialMissing);
    wait::until("both events", || of(&server, "request_answered") + of(&server, "authn_login_fail") == 2);
    walk.stop();
    let text = walk.record.text();
    wait::until("the end of the record", || of(&server, "audit_closed") == 1);

    let messages = server.messages();
    let arrived: String = messages.iter().map(|message| format!("{}\n", message.text)).collect();
    assert_eq!(arrived, text, "byte for byte and in order");
    assert!(verify(arrived.as_bytes(), None).is_ok());
    let refusal = messages.iter().find(|message| message.id == "authn_login_fail").unwrap();
    // Facility 13, severity 4.
    assert_eq!((refusal.priority.as_str(), refusal.host.as_str()), ("108", "edge-1"));
    assert_eq!(refusal.program, "portcullis");
    let event: Value = serde_json::from_str(&refusal.text).unwrap();
    assert_eq!(refusal.data, format!("[meta sequenceId=\"{}\"]", event["seq"]));
    assert_eq!(refusal.time, event["time"].as_str().unwrap());
}

#[test]
fn nobody_forges_a_message_or_its_parts() {
    let authority = Authority::new();
    let server = server(&authority);
    let walk = over_tls(&server, &authority).start();
    let attempts = [
        "a\" | x | y",
        "] <0>1 - - forged - - -",
        "CEF:0|Evil|forged|1|1|ok|10|act=allowed",
        "\",\"event\":\"forged\",\"x\":\"",
        "\u{9b}31m\u{85}forged",
        "12 <13>1 forged",
    ];
    for attempt in attempts {
        walk.send(get("/nowhere/%0d%0a%1b").with(format!("User-Agent: {attempt}")))
            .refused(Reason::PathAmbiguous);
    }
    wait::until("all events", || of(&server, "malicious_request") == attempts.len());
    for message in server.messages() {
        assert_eq!(message.program, "portcullis");
        assert_ne!(message.id, "forged");
        let event: Value = serde_json::from_str(&message.text).unwrap();
        assert_eq!(event["event"], message.id.as_str());
        assert!(!message.text.bytes().any(|byte| byte < 0x20 || byte == 0x7f), "{}", message.text);
    }
}

#[test]
fn a_server_that_was_away_gets_what_it_missed_and_the_alarm_about_it() {
    let authority = Authority::new();
    let mut server = server(&authority);
    let walk = over_tls(&server, &authority).start();
    walk.send(get("/public")).passed();
    wait::until("the first event", || of(&server, "request_answered") == 1);
    server.stop();
    for _ in 0..5 {
        walk.send(get("/public")).passed();
    }
    wait::until("the alarm", || walk.record.text().contains("\"event\":\"audit_sink_failing\""));
    assert!(scrape(&walk).contains("portcullis_audit_sink_healthy{sink=\"siem\"} 0"), "{}", scrape(&walk));
    server.start();
    wait::until("what it missed", || of(&server, "request_answered") == 6);
    wait::until("that it was away", || {
        of(&server, "audit_sink_failing") == 1 && of(&server, "audit_sink_restored") == 1
    });
    assert!(scrape(&walk).contains("portcullis_audit_sink_events_total{sink=\"siem\",result=\"lost\"} 0"));
}

#[test]
fn a_server_that_nobody_vouches_for_is_told_nothing() {
    let authority = Authority::new();
    let server = server(&Authority::named("somebody else"));
    let walk = over_tls(&server, &authority).start();
    walk.send(get("/public")).passed();
    wait::until("the alarm", || walk.record.text().contains("\"event\":\"audit_sink_failing\""));
    let alarm =
        walk.record.text().lines().find(|line| line.contains("audit_sink_failing")).unwrap().to_owned();
    assert!(alarm.contains("no TLS: "), "{alarm}");
    assert!(server.messages().is_empty());
}

#[test]
fn on_this_machine_syslog_goes_without_tls_and_in_ocsf() {
    let authority = Authority::new();
    let server = server(&authority);
    for address in
        [format!("tcp://127.0.0.1:{}", server.tcp_port()), format!("udp://127.0.0.1:{}", server.udp_port())]
    {
        let before = of(&server, "request_answered");
        let walk = telling(json!({ "syslog": { "address": address }, "format": "ocsf" })).start();
        walk.send(get("/public")).passed();
        wait::until("the event", || of(&server, "request_answered") == before + 1);
    }
    for message in server.messages().iter().filter(|message| message.id == "request_answered") {
        let event: Value = serde_json::from_str(&message.text).unwrap();
        assert_eq!(
            (&event["class_uid"], &event["metadata"]["event_code"]),
            (&json!(6003), &json!("request_answered"))
        );
    }
}

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDfake0w==";

/// Whether a delivery is signed as Standard Webhooks says, judged by other code than what signed it.
fn is_signed(seen: &portcullis_testkit::Seen) -> bool {
    let key =
        hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap());
    let field = |name| seen.header(name).unwrap().to_owned();
    let signed = format!("{}.{}.{}", field("webhook-id"), field("webhook-timestamp"), seen.text());
    let signature = field("webhook-signature");
    let signature = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
}

#[test]
fn a_webhook_gets_signed_arrays_and_is_tried_again() {
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let collector = Upstream::start(move |_| match away.load(Ordering::SeqCst) {
        true => Answer::respond(503, &[], ""),
        false => Answer::respond(204, &[], ""),
    });
    let url = format!("{}/events", collector.url());
    let walk = telling(json!({ "webhook": { "url": url, "secret": "${file:webhook.key}" } }))
        .secret("webhook.key", SECRET)
        .start();
    walk.send(get("/public")).passed();
    wait::until("the alarm", || walk.record.text().contains("the collector answers 503"));
    is_away.store(false, Ordering::SeqCst);
    let events = || -> Vec<Value> {
        let seen = collector.seen();
        let bodies = seen.iter().map(|seen| serde_json::from_slice::<Vec<Value>>(&seen.body).unwrap());
        bodies.flatten().collect()
    };
    wait::until("the events", || {
        events().iter().any(|event| event["event"] == "audit_sink_restored")
            && events().iter().any(|event| event["event"] == "request_answered")
    });
    let seen = collector.seen();
    assert!(seen.iter().all(is_signed));
    assert_eq!(seen[0].line(), "POST /events");
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"), "the same message, tried again");
}

/// Not a collector of OpenTelemetry: it takes whatever is posted. The form is checked here by hand.
#[test]
fn a_collector_of_open_telemetry_gets_log_records() {
    let collector = Upstream::answering(Answer::json("{}"));
    let url = format!("{}/v1/logs", collector.url());
    let walk = telling(json!({ "otlp": { "url": url, "headers": { "x-api-key": "${file:otlp.key}" } } }))
        .secret("otlp.key", "only-for-tests")
        .start();
    walk.send(get("/public")).passed();
    let records = || -> Vec<Value> {
        let bodies =
            collector.seen().into_iter().map(|seen| serde_json::from_slice::<Value>(&seen.body).unwrap());
        let records = bodies.flat_map(|body| {
            body["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap().clone()
        });
        records.collect()
    };
    wait::until("the event", || records().iter().any(|record| record["eventName"] == "request_answered"));
    let record = records().into_iter().find(|record| record["eventName"] == "request_answered").unwrap();
    let event: Value = serde_json::from_str(record["body"]["stringValue"].as_str().unwrap()).unwrap();
    assert_eq!(event["api"], "shop");
    assert_eq!(record["severityText"], "INFO");
    let nanos: u64 = record["timeUnixNano"].as_str().unwrap().parse().unwrap();
    assert!(nanos > 1_700_000_000_000_000_000);
    assert_eq!(collector.seen()[0].header("x-api-key"), Some("only-for-tests"));
}

#[test]
fn requests_go_on_while_a_vital_sink_has_room_and_are_refused_when_it_has_lost_something() {
    let walk = Setup::new()
        .policy(json!({
            "audit": { "on_failure": "deny" },
            "sinks": { "siem": {
                "webhook": { "url": "http://127.0.0.1:9/", "secret": "${file:webhook.key}" },
                "importance": "vital", "memory": "64 KiB", "disk": 0,
            } },
        }))
        .secret("webhook.key", SECRET)
        .start();
    let ask = || walk.client().ask(Vec::from(get("/public"))).status;
    assert_eq!(ask(), 200);
    wait::until("a refusal", || ask() == 503);
    walk.account_for_stray_events();
}

#[track_caller]
fn mistakes(sinks: Value) -> String {
    let setup = Setup::new().policy(json!({ "sinks": sinks })).secret("short.key", "hunter2");
    match setup.try_start() {
        Err(StartError::Configuration(mistakes)) => mistakes.render(Color::Never),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

// proves-part: AUD-24 (that the inventory of events is generated is shown by xtask)
#[test]
fn every_mistake_of_a_sink_is_shown_and_nothing_undeclared_is_a_sink() {
    for (sink, code) in [
        (json!({}), "C0605"),
        (json!({ "stdout": {}, "file": { "path": "x" } }), "C0605"),
        (json!({ "syslog": { "address": "tcp://logs.example:601" } }), "C0606"),
        (json!({ "syslog": { "address": "udp://192.0.2.1:514" } }), "C0606"),
        (json!({ "syslog": { "address": "nonsense" } }), "C0606"),
        (json!({ "otlp": { "url": "http://logs.example/v1/logs" } }), "C0606"),
        (json!({ "otlp": { "url": "https://user:hunter2@logs.example/" } }), "C0606"),
        (json!({ "webhook": { "url": "https://logs.example/", "secret": "${file:short.key}" } }), "C0607"),
        (json!({ "stdout": {}, "memory": 1 }), "C0608"),
        (json!({ "carrier_pigeon": {} }), "carrier_pigeon"),
    ] {
        let shown = mistakes(json!({ "siem": sink }));
        assert!(shown.contains(code), "{code}: {shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(mistakes(json!({ "../siem": { "stdout": {} } })).contains("C0605"));
}

// The guide's own settings, as they are written, but for the port and where files lie.
#[test]
fn what_the_guide_on_siems_shows_arrives_at_a_real_rsyslog() {
    let authority = Authority::new();
    let server = server(&authority);
    let blocks = crate::guides::settings("ship-events-to-your-siem");
    let [record, siem, others, operations] = <[Value; 4]>::try_from(blocks).unwrap();
    let mut siem = siem;
    siem["sinks"]["siem"]["syslog"]["address"] = json!(format!("tls://127.0.0.1:{}", server.tls_port()));
    let setup = |patch: &Value| {
        Setup::new()
            .contract(json!({ "paths": { "/refunds": { "post": {
                "security": [{ "customers": [] }], "responses": { "200": { "description": "Done." } },
            } } } }))
            .file("collector.pem", authority.pem())
            .secret("webhook.key", SECRET)
            .policy(patch.clone())
    };
    for block in [&record, &others, &operations] {
        let started = setup(block).try_start();
        if let Err(StartError::Configuration(mistakes)) = started {
            panic!("{}", mistakes.render(Color::Never));
        }
    }
    let walk = setup(&siem).start();
    walk.send(get("/admin/x")).refused(Reason::CredentialMissing);
    wait::until("the event", || of(&server, "authn_login_fail") == 1);
    let message = server.messages().into_iter().find(|message| message.id == "authn_login_fail").unwrap();
    let event: Value = serde_json::from_str(&message.text).unwrap();
    assert_eq!((&event["class_uid"], &event["disposition_id"]), (&json!(3002), &json!(23)), "{event:#}");
}
