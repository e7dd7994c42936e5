//! A made-up walk, and events of it.
#![allow(dead_code, reason = "the benchmark uses part of this")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_audit::{
    Destination, Event, Identity, Memory, OnFailure, Origin, OriginFacts, Proof, Recorder, Settings,
    SinkChoice, System, Verdict,
};
use portcullis_domain::caller::PrincipalKind;
use portcullis_domain::{Answer, Assurance, Clock, Principal, Reason, ReceiptId, Stage, Timestamp, Trail};

/// 2025-11-24T06:38:00.123Z
pub(crate) const ARRIVAL: Timestamp = Timestamp::from_millis(1_763_966_280_123);

/// What an event borrows from.
pub(crate) struct Walk {
    pub(crate) trail: Trail,
    pub(crate) principal: Principal,
    pub(crate) origin: Origin,
    /// One that says as little as it can.
    pub(crate) bare_origin: Origin,
    pub(crate) destination: Destination,
}

impl Walk {
    pub(crate) fn new() -> Self {
        let principal = Principal {
            issuer: "https://id.example.com".into(),
            subject: "7b0c6f1e-5d2a-4f1b-9c3e-2a1d4c5b6a79".into(),
            kind: PrincipalKind::User,
            client: Some("shop-web".into()),
            scopes: "orders:read".split(' ').collect(),
            roles: std::iter::empty::<&str>().collect(),
            expires_at: None,
            claims: Arc::default(),
            scheme: "customers".into(),
            assurance: Assurance::default(),
        };
        Self {
            trail: Trail::new(Clock::manual(ARRIVAL).now()),
            principal,
            origin: Origin::new(&origin_facts()),
            bare_origin: Origin::new(&OriginFacts {
                tls: None,
                protocol: "http/1.1",
                host: None,
                user_agent: None,
                ..origin_facts()
            }),
            destination: Destination::operation("shop", "getOrder", "/orders/{id}"),
        }
    }

    pub(crate) fn shadowed(mut self, stage: Stage, reason: Reason) -> Self {
        self.trail.note(stage, Answer::WouldDeny(reason), Duration::from_micros(40));
        self
    }

    /// A good call by a token that was seen before.
    pub(crate) fn event(&self) -> Event<'_> {
        Event {
            trail: &self.trail,
            receipt: ReceiptId::new(ARRIVAL, &[7; 10]),
            external_id: Some("client-42"),
            origin: &self.origin,
            method: "GET",
            target: "/orders/42?page=2",
            destination: Some(&self.destination),
            identity: Some(Identity { principal: &self.principal, proof: Proof::Remembered }),
            verdict: Verdict::Answered,
            status: 200,
            revision: "2025-11-24-1",
            duration: Duration::from_micros(1_234),
            upstream_duration: Some(Duration::from_micros(1_200)),
            request_bytes: 0,
            response_bytes: 512,
            upstream: Some("127.0.0.1:3000"),
            findings: &[],
            remark: None,
            grants: None,
            trace: None,
            seen: None,
        }
    }

    /// A call that was refused before anything was known of it.
    pub(crate) fn stranger(&self) -> Event<'_> {
        Event {
            external_id: None,
            origin: &self.bare_origin,
            destination: None,
            identity: None,
            upstream_duration: None,
            response_bytes: 0,
            upstream: None,
            ..self.event()
        }
    }
}

pub(crate) fn origin_facts() -> OriginFacts<'static> {
    OriginFacts {
        listener: "0.0.0.0:8443",
        peer: IpAddr::from([192, 0, 2, 7]),
        client: IpAddr::from([192, 0, 2, 7]),
        tls: Some("1.3"),
        protocol: "h2",
        host: Some("api.example.com"),
        user_agent: Some("curl/8.14.1"),
    }
}

/// An origin whose client says `text` wherever it can.
pub(crate) fn origin_saying(text: &str) -> Origin {
    Origin::new(&OriginFacts { host: Some(text), user_agent: Some(text), ..origin_facts() })
}

pub(crate) fn recorder(sink: SinkChoice) -> Recorder {
    let settings =
        Settings { sink, queue_bytes: 8 << 20, on_failure: OnFailure::Continue, ..Settings::default() };
    Recorder::open(&settings, Clock::manual(ARRIVAL)).expect("a sink that can be opened")
}

/// The line of one event.
pub(crate) fn line(event: &Event<'_>) -> String {
    let memory = Memory::default();
    let recorder = recorder(SinkChoice::Memory(memory.clone()));
    recorder.pen().write(event);
    recorder.settle();
    memory.lines().get(1).expect("a line behind the opener").clone()
}

/// The line of what happened to the process.
pub(crate) fn note(system: &System<'_>) -> String {
    let memory = Memory::default();
    let recorder = recorder(SinkChoice::Memory(memory.clone()));
    recorder.note(system);
    recorder.settle();
    memory.lines().get(1).expect("a line behind the opener").clone()
}
