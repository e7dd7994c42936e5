//! Made-up decisions that set every field and every metric, for the pages of the record and the metrics.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use portcullis_audit::detect::{
    End, Family, Fate, Login, LoginOutcome, Observation, Rare, SeenObject, SubjectKey,
};
use portcullis_audit::metrics::{LoadResult, RenewalResult, SharedLimits, TokenLookup};
use portcullis_audit::ship::SpoolBounds;
use portcullis_audit::{
    Destination, Event, Finding, FindingKind, Identity, Importance, KeyChange, Memory, Metrics, Origin,
    OriginFacts, Proof, Recorder, Settings, SignedHead, SinkChoice, SinkSettings, System, TraceIds, Verdict,
};
use portcullis_domain::{
    Answer, Assurance, Clock, Denial, Fault, Principal, PrincipalKind, Reason, ReceiptId, Scopes, Stage,
    Timestamp, Trail, Violation,
};
use serde_json::Map;

/// What the made-up decisions left behind.
pub(crate) struct Specimen {
    /// The lines of the record.
    pub(crate) record: Vec<String>,
    /// What a scraper gets.
    pub(crate) metrics: String,
}

/// One denial with everything in it, and one failure.
pub(crate) fn specimen() -> Result<Specimen> {
    let clock = Clock::manual(Timestamp::from_seconds(1_764_000_000));
    let memory = Memory::default();
    let sink = SinkChoice::Memory(memory.clone());
    let bounds = SpoolBounds { memory: 1 << 20, disk: 0, folder: PathBuf::new() };
    let elsewhere = SinkSettings { name: "SINK".to_owned(), bounds, importance: Importance::Auxiliary };
    let settings = Settings { sink, sinks: vec![elsewhere], ..Settings::default() };
    let recorder = Recorder::open(&settings, clock.clone()).context("cannot open a record in memory")?;
    let recorder = Arc::new(recorder);
    let metrics = Metrics::new(Arc::clone(&recorder), Box::new(|tell| tell("QUOTA", 1)));
    touch(&metrics);

    let principal = Principal {
        issuer: "https://issuer.example".into(),
        subject: "alice".into(),
        kind: PrincipalKind::User,
        client: Some(Arc::from("shop-app")),
        scopes: Scopes::parse("orders:read"),
        roles: Scopes::default(),
        expires_at: None,
        claims: Arc::new(Map::from_iter([
            ("jti".to_owned(), "0f9a7c52-1f0e-4c57-9d57-3f6f1f2a9b11".into()),
            ("sid".to_owned(), "session-7".into()),
            ("amr".to_owned(), serde_json::json!(["pwd", "otp"])),
        ])),
        scheme: Arc::from("customers"),
        assurance: Assurance::default(),
    };
    let mut trail = Trail::new(clock.now());
    trail.note(Stage::Limit, Answer::WouldDeny(Reason::CallerRateExceeded), Duration::from_micros(20));
    let denial = Denial::new(Reason::RequestInvalid)
        .with_violations(vec![Violation {
            location: "body",
            at: String::from("/items/0/quantity"),
            keyword: "type".into(),
            expected: String::from("a number"),
        }])
        .with_violated_policy("shop")
        .with_note("a remark for the operator");
    let fault = Fault::new(Reason::UpstreamReset);
    let mut pen = recorder.pen();
    let origin = Origin::new(&OriginFacts {
        listener: "0.0.0.0:8443",
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        client: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
        tls: Some("1.3"),
        protocol: "h2",
        host: Some("api.shop.example"),
        user_agent: Some("curl/8.5"),
    });
    let destination = Destination::operation("shop", "createOrder", "/orders");
    let findings = [Finding::at(FindingKind::Undeclared, "/items/[]/password_hash")];
    let traced = TraceIds {
        trace: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        span: "b9c7c989f97918e1".to_owned(),
        caller: Some("00f067aa0ba902b7".to_owned()),
        is_sampled: true,
    };
    let seen = Observation {
        at: clock.now().wall,
        receipt: ReceiptId::new(clock.now().wall, &[7; 10]),
        subject: SubjectKey::Principal(1),
        cohort: 0x5f3a_11d0_9c4b_7e26,
        reads_in_bulk: false,
        network: 2,
        family: Family::V4,
        agent: 3,
        token: Some(0x0c1d_2e3f_4a5b_6c7d),
        operation: 4,
        api: 5,
        end: End::Served,
        status: 200,
        response_bytes: 233,
        objects: [SeenObject { kind: 0x11, id: 0x22, fate: Fate::Own }].into_iter().collect(),
        rare: Some(Box::new(Rare {
            login: Some(Login { account: 0x33, password: None, outcome: LoginOutcome::Failed }),
            ..Rare::default()
        })),
    };
    for verdict in [Verdict::Denied(&denial), Verdict::Failed(&fault), Verdict::Answered] {
        let event = Event {
            trail: &trail,
            receipt: ReceiptId::new(clock.now().wall, &[7; 10]),
            external_id: Some("client-4711"),
            origin: &origin,
            method: "POST",
            target: "/orders",
            destination: Some(&destination),
            identity: Some(Identity { principal: &principal, proof: Proof::Remembered }),
            verdict,
            status: verdict.reason().map_or(200, Reason::status),
            revision: "899a7956a914",
            duration: Duration::from_micros(840),
            upstream_duration: Some(Duration::from_micros(700)),
            request_bytes: 52,
            response_bytes: 233,
            upstream: Some("http://127.0.0.1:3000"),
            findings: &findings,
            grants: Some("g-4711"),
            remark: Some("a remark for the operator"),
            trace: Some(&traced),
            seen: Some(&seen),
        };
        pen.write(&event);
        metrics.operation("API", "OPERATION").count(&event);
    }
    pen.flush();
    recorder.close();
    Ok(Specimen { record: memory.lines(), metrics: metrics.encode() })
}

/// One line of everything that can happen to the process, but for alerts, which have a page of their own, and for what
/// the record says of itself as it opens and closes.
pub(crate) fn happenings() -> Result<Vec<String>> {
    let at = Timestamp::from_seconds(1_764_000_000);
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let head = SignedHead { sequence: 9, hash: "76b9…", key: "9f2c41d0a77be310", signature: "oKq1…" };
    let key = |change| System::KeyChanged { key: "3Fq0Zk81xTb", owner: "erp", change };
    let admin =
        |status| System::AdminCalled { action: "POST /reload", peer: address, by: "operator", status };
    let happenings = [
        System::Started { version: "0.1.0", revision: "899a7956a914" },
        System::Stopped { cause: "shutdown" },
        System::PolicyLoaded { revision: "899a7956a914", digest: "899a…", actor: "operator" },
        System::PolicyRefused {
            revision: "899a7956a914",
            digest: "4be1…",
            actor: "changed file",
            mistakes: 1,
            first: "a mistake",
        },
        System::CertificateLoaded { name: "0.0.0.0:8443", not_after: at },
        System::CertificateRefused { name: "0.0.0.0:8443", cause: "the key does not fit" },
        System::CertificateExpiring { what: "certificate", name: "0.0.0.0:8443", not_after: at },
        System::HandshakeFailed { peer: address, listener: "0.0.0.0:8443", cause: "no_common_version" },
        System::UpstreamChanged { api: "shop", upstream: "http://u", is_healthy: false, cause: "3 failures" },
        System::FetchRefused { url: "https://id.example/keys", cause: "the server cannot be reached" },
        System::CredentialLeaked {
            key: "3Fq0Zk81xTb",
            api: "shop",
            client: address,
            place: "query",
            fate: "revoked",
        },
        key(KeyChange::Created),
        key(KeyChange::Replaced { successor: "8sQ1mZx0aTc" }),
        key(KeyChange::Revoked),
        System::TokensRevoked {
            kind: "sub",
            issuer: "https://id.example",
            value: "alice",
            cause: "stolen laptop",
        },
        System::LoginLocked { client: address, wait: Duration::from_secs(60) },
        admin(200),
        admin(401),
        admin(403),
        System::GrantChanged {
            grant: "g1",
            issuer: "https://id.example",
            subject: "alice",
            state: "active",
            roles: "admin",
            scopes: "",
            by: "bob",
            cause: "incident 4711",
        },
        System::Checkpoint(Some(head)),
        System::Lost { events: 3, since: at },
        System::SinkFailing { sink: "siem", cause: "the collector answers 503" },
        System::SinkRestored { sink: "siem", lost: 0 },
        System::Removed { file: "audit.log.000000000001", first: 1 },
    ];
    let memory = Memory::default();
    let settings = Settings { sink: SinkChoice::Memory(memory.clone()), ..Settings::default() };
    let recorder = Recorder::open(&settings, Clock::manual(at)).context("cannot open a record in memory")?;
    happenings.iter().for_each(|happening| recorder.note(happening));
    recorder.close();
    Ok(memory.lines())
}

/// Makes the series that exist only once something happened.
fn touch(metrics: &Metrics) {
    metrics.watch_shared_limits(Box::new(SharedLimits::default));
    let upstream = metrics.upstream("API", "UPSTREAM");
    upstream.set_healthy(true);
    upstream.count_response(200);
    metrics.listener("LISTENER").count_handshake_failure();
    drop(metrics.listener("LISTENER").connect());
    metrics.count_token_lookup(TokenLookup::Hit);
    metrics.count_policy_load(LoadResult::Loaded { revision: "REVISION" });
    metrics.set_certificate_expiry("CERTIFICATE", Timestamp::from_seconds(1_764_000_000));
    metrics.count_certificate_renewal("LISTENER", RenewalResult::Renewed);
}
