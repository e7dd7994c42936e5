//! Alerts on their way to people: signed, in the receiver's words, again until they are taken (AUD-20, AUD-22).

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_config::Color;
use portcullis_domain::Clock;
use portcullis_gateway::StartError;
use portcullis_testkit::wait::until;
use portcullis_testkit::{Answer, Authority, Leaf, RawClient, Seen, Upstream, Validity, Workspace};
use serde_json::{Value, json};

use crate::walk::{HOST, Setup, Walk, get};

const SECRET: &str = "a-secret-of-more-than-24-bytes";

/// A gateway that tells one receiver.
fn telling(receiver: Value) -> Setup {
    Setup::new().secret("hook.secret", SECRET).secret("routing.key", "R0UT1NG").policy(json!({
        // Without a certificate: those of tests end soon, which is an alarm of its own.
        "listen": [{ "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" }],
        "alerts": { "receivers": { "ops": receiver } },
    }))
}

/// Something that is worth an alert: a configuration that is refused.
fn break_configuration(walk: &Walk) {
    walk.rewrite(json!({ "apis": { "shop": { "contract": "missing.json" } } }));
    assert!(walk.gateway().reload().is_err());
}

#[track_caller]
fn first(receiver: &Upstream) -> Seen {
    receiver.wait_for(1).remove(0)
}

// proves: AUD-22
#[test]
fn a_webhook_is_signed_so_that_its_receiver_can_tell_whose_it_is_and_how_old() {
    let receiver = Upstream::answering(Answer::ok("thanks"));
    let walk = telling(json!({ "webhook": {
        "url": format!("{}/hook", receiver.url()), "secret": "${file:hook.secret}", "allow_private_network": true,
    } }))
    .start();
    break_configuration(&walk);
    let told = first(&receiver);
    assert_eq!((told.method.as_str(), told.target.as_str()), ("POST", "/hook"));
    let header = |name: &str| told.header(name).unwrap_or_else(|| panic!("{name}")).to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let signed = format!("{id}.{timestamp}.{}", told.text());
    hmac::verify(&key, signed.as_bytes(), &signature).expect("the receiver verifies");
    let changed = signed.replace("policy", "p0licy");
    assert!(hmac::verify(&key, changed.as_bytes(), &signature).is_err());
    let now = walk.clock.now().wall.as_seconds();
    assert!(now.abs_diff(timestamp.parse().unwrap()) < 30);

    let alert: Value = serde_json::from_str(told.text()).unwrap();
    assert_eq!((&alert["event"], &alert["severity"]), (&json!("sys_policy_refused"), &json!("high")));
    assert_eq!(alert["samples"], json!({ "mistakes": 1 }));
    assert!(!walk.record.text().contains(SECRET));
}

#[test]
fn the_same_again_is_no_news() {
    let receiver = Upstream::answering(Answer::ok("thanks"));
    let walk = telling(json!({ "pagerduty": {
        "url": receiver.url(), "routing_key": "${file:routing.key}", "allow_private_network": true,
    } }))
    .start();
    for _ in 0..5 {
        break_configuration(&walk);
    }
    walk.rewrite(json!({ "apis": { "shop": { "contract": "openapi.json" } } }));
    walk.gateway().reload().unwrap();
    let told = receiver.wait_for(2);
    assert_eq!(told.len(), 2, "{told:#?}");
    let bodies: Vec<Value> = told.iter().map(|seen| serde_json::from_str(seen.text()).unwrap()).collect();
    assert_eq!(bodies[0]["routing_key"], "R0UT1NG");
    assert_eq!(bodies[0]["dedup_key"], "policy/sys_policy_refused/-");
    assert_eq!(
        (&bodies[0]["payload"]["severity"], &bodies[1]["payload"]["severity"]),
        (&json!("error"), &json!("info"))
    );
    assert!(bodies[1]["payload"]["summary"].as_str().unwrap().starts_with("the configuration was changed"));
}

// proves: AUD-22
#[test]
fn what_a_receiver_does_not_take_is_brought_again() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let receiver = Upstream::start(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Answer::respond(503, &[], "later"),
        _ => Answer::ok("thanks"),
    });
    let walk = telling(json!({ "slack": { "url": "${file:slack.url}", "allow_private_network": true } }))
        .secret("slack.url", format!("{}/services/T0/B0/s3cr3t", receiver.url()))
        .start();
    break_configuration(&walk);
    let told = receiver.wait_for(3);
    let bodies: Vec<String> = told.iter().map(|seen| seen.text().to_owned()).collect();
    assert_eq!((&bodies[0], &bodies[1]), (&bodies[2], &bodies[2]));
    let text: Value = serde_json::from_str(&bodies[2]).unwrap();
    assert!(
        text["text"].as_str().unwrap().starts_with("*HIGH* a changed configuration was refused"),
        "{text}"
    );
    let failing = walk.record.wait_until("the failure", |event| event["event"] == "audit_sink_failing");
    assert_eq!(failing["sink"], "alerts-ops");
    assert!(!walk.record.text().contains("s3cr3t"), "whoever knows the address can write to the channel");
}

// proves: AUD-22
#[test]
fn what_was_not_taken_before_the_end_is_brought_by_the_next_process() {
    let is_up = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&is_up);
    let receiver = Upstream::start(move |_| match asked.load(Ordering::Relaxed) {
        0 => Answer::respond(500, &[], "down"),
        _ => Answer::ok("thanks"),
    });
    let mut walk = telling(json!({ "webhook": {
        "url": receiver.url(), "secret": "${file:hook.secret}", "allow_private_network": true,
    } }))
    .start();
    break_configuration(&walk);
    let before = receiver.wait_for(1).len();
    walk.rewrite(json!({ "apis": { "shop": { "contract": "openapi.json" } } }));
    walk.restart();
    is_up.store(1, Ordering::Relaxed);
    until("it arrives after all", || {
        let seen = receiver.seen();
        seen.len() > before && seen.last().is_some_and(|told| told.text().contains("sys_policy_refused"))
    });
}

// proves: AUD-22
#[test]
fn an_internal_address_is_refused_unless_the_operator_says_that_the_receiver_lives_there() {
    let hook = |url: &str| json!({ "webhook": { "url": url, "secret": "${file:hook.secret}" } });
    for (receiver, code) in [
        (hook("https://10.0.0.1/hook"), "C0621"),
        (hook("https://169.254.169.254/latest/meta-data"), "C0621"),
        (hook("https://[::1]/"), "C0621"),
        (hook("https://localhost/"), "C0621"),
        (hook("http://127.0.0.1:9/"), "C0621"),
        (hook("http://hooks.example/"), "C0606"),
        (json!({ "alertmanager": { "url": "http://127.0.0.1:9093" } }), "C0621"),
        (json!({ "log": {}, "syslog": { "address": "tcp://127.0.0.1:1" } }), "C0620"),
        (json!({}), "C0620"),
    ] {
        match telling(receiver.clone()).try_start() {
            Err(StartError::Configuration(mistakes)) => {
                let text = mistakes.render(Color::Never);
                assert!(text.contains(code), "{receiver}: {text}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{receiver}: it starts"),
        }
    }
    // A name is looked up when it is needed, and what it leads to is judged then.
    let walk = telling(hook("https://localhost.localdomain.localhost/")).start();
    break_configuration(&walk);
    let failing = walk.record.wait_until("the refusal", |event| event["event"] == "audit_sink_failing");
    let cause = failing["cause"].as_str().unwrap();
    assert!(cause.contains("may not be connected to") || cause.contains("does not resolve"), "{cause}");
}

#[test]
fn the_mildest_alerts_can_be_left_out_and_a_siem_is_told_in_its_format() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let walk =
        telling(json!({ "syslog": { "address": format!("tcp://{address}") }, "least": "high" })).start();
    // Of low severity.
    walk.gateway().reload().unwrap();
    break_configuration(&walk);
    let (mut stream, _) = listener.accept().unwrap();
    let mut length = Vec::new();
    while length.last() != Some(&b' ') {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        length.push(byte[0]);
    }
    let length: usize = String::from_utf8(length).unwrap().trim().parse().unwrap();
    let mut message = vec![0; length];
    stream.read_exact(&mut message).unwrap();
    let message = String::from_utf8(message).unwrap();
    assert!(message.contains("CEF:0|Portcullis|portcullis|"), "{message}");
    assert!(message.contains("|sys_policy_refused|a changed configuration was refused"), "{message}");
    assert!(message.contains("cs1Label=detector cs1=policy"), "{message}");
}

/// A receiver that keeps what it is told, and settings for it.
fn listening() -> (Upstream, Value) {
    let receiver = Upstream::answering(Answer::ok("thanks"));
    let settings = json!({ "webhook": {
        "url": receiver.url(), "secret": "${file:hook.secret}", "allow_private_network": true,
    } });
    (receiver, settings)
}

#[test]
fn somebody_is_told_when_the_record_is_not_written_any_more() {
    let (receiver, settings) = listening();
    let walk = telling(settings).start();
    walk.account_for_stray_events();
    walk.record.0.fail(true);
    walk.client().ask(Vec::from(get("/public")));
    let told = first(&receiver);
    let alert: Value = serde_json::from_str(told.text()).unwrap();
    assert_eq!((&alert["event"], &alert["severity"]), (&json!("sys_monitor_disabled"), &json!("critical")));
    walk.record.0.fail(false);
}

// proves-part: AUD-21 (the end of certificates; the rest is shown by the detectors)
#[test]
fn somebody_is_told_of_a_certificate_that_ends_soon() {
    let (receiver, settings) = listening();
    let clock = Clock::manual(Clock::machine().now().wall);
    let server = Authority::new().issue(&Leaf::server(&[HOST]).valid(Validity::for_days(10)));
    let _walk = telling(settings)
        .clock(clock)
        .file("own.pem", server.chain_pem())
        .secret("own.key", server.key_pem())
        .policy(json!({ "listen": [{
            "address": "127.0.0.1:0", "protocol": "tls",
            "tls": { "certificates": [{ "chain": "own.pem", "key": "own.key" }] },
        }] }))
        .start();
    let alert: Value = serde_json::from_str(first(&receiver).text()).unwrap();
    assert_eq!((&alert["event"], &alert["severity"]), (&json!("sys_certificate_expiring"), &json!("medium")));
    assert!(alert["summary"].as_str().unwrap().contains("days"), "{alert}");
}

/// Debian's Alertmanager.
struct Alertmanager {
    process: Child,
    address: SocketAddr,
    _folder: Workspace,
}

impl Alertmanager {
    fn start() -> Self {
        let folder = Workspace::new();
        folder.file("alertmanager.yml", "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n");
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", folder.path("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", folder.path("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::piped())
            .spawn()
            .expect("Alertmanager is needed: run scripts/peers");
        let mut started = Self { process, address, _folder: folder };
        // It tells its address before it answers there.
        let log = BufReader::new(started.process.stderr.take().unwrap());
        std::thread::spawn(move || log.lines().for_each(drop));
        until("Alertmanager answers", || std::net::TcpStream::connect(address).is_ok());
        started
    }

    fn alerts(&self) -> Value {
        let request = "GET /api/v2/alerts HTTP/1.1\r\nHost: alertmanager\r\nConnection: close\r\n\r\n";
        RawClient::connect(self.address).ask(request.as_bytes()).json()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn alertmanager_has_one_alert_with_few_labels() {
    let alertmanager = Alertmanager::start();
    let walk = telling(json!({ "alertmanager": {
        "url": format!("http://{}/", alertmanager.address), "allow_private_network": true,
    } }))
    .policy(json!({ "pseudonym": "edge-1" }))
    .start();
    break_configuration(&walk);
    break_configuration(&walk);
    let mut alerts = json!([]);
    until("Alertmanager has it", || {
        alerts = alertmanager.alerts();
        alerts.as_array().is_some_and(|alerts| !alerts.is_empty())
    });
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts:#}");
    assert_eq!(
        alerts[0]["labels"],
        json!({ "alertname": "sys_policy_refused", "detector": "policy", "gateway": "edge-1", "severity": "high" })
    );
    assert_eq!(alerts[0]["status"]["state"], "active");
    assert!(alerts[0]["annotations"]["evidence"].as_str().unwrap().contains("mistakes: 1"));
}
