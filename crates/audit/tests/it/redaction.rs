//! Nothing secret comes out of a record, wherever it went in.

use portcullis_audit::{Event, Memory, SinkChoice, System, Verdict};
use portcullis_domain::{Denial, Fault, Reason};
use proptest::prelude::*;

use crate::fixture::{self, Walk};

/// The ways in which a secret may be written; `CANARY` is what must not come out.
const GUISES: [&str; 12] = [
    "Bearer CANARY",
    "bearer%20CANARY",
    "Basic CANARY",
    "password=CANARY",
    "client_secret=CANARY&a=b",
    "{\"access_token\":\"CANARY\"}",
    "x-api-key: CANARY",
    "Authorization: Digest username=\"x\", response=\"CANARY\"",
    "Cookie: a=b; session=CANARY",
    "postgres://shop:CANARY@db/shop",
    "eyJCANARY.eyJCANARY.CANARY",
    "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----",
];

fn record(text: &str) -> String {
    let memory = Memory::default();
    let recorder = fixture::recorder(SinkChoice::Memory(memory.clone()));
    let mut walk = Walk::new();
    walk.principal.subject = text.into();
    walk.principal.client = Some(text.into());
    let (denial, fault) = (
        Denial::new(Reason::TokenMalformed).with_note(text.to_owned()),
        Fault::new(Reason::UpstreamReset).with_note(text.to_owned()),
    );
    let origin = fixture::origin_saying(text);
    let mut pen = recorder.pen();
    for verdict in [Verdict::Answered, Verdict::Denied(&denial), Verdict::Failed(&fault)] {
        for target in [format!("/a?{text}"), format!("/a?x={text}"), format!("/a/{text}/b"), text.to_owned()]
        {
            pen.write(&Event {
                target: &target,
                external_id: Some(text),
                origin: &origin,
                method: text,
                verdict,
                ..walk.event()
            });
        }
    }
    drop(pen);
    recorder.note(&System::FetchRefused { url: text, cause: text });
    recorder.note(&System::PolicyRefused {
        revision: "r",
        digest: "d",
        actor: "a",
        mistakes: 1,
        first: text,
    });
    recorder.note(&System::UpstreamChanged { api: "a", upstream: "u", is_healthy: false, cause: text });
    recorder.close();
    memory.text()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // proves-part: AUD-07 (bodies and panics never reach the record; canaries there are planted in the walk)
    #[test]
    fn redaction_leaves_no_secret_in_an_event(secret in "[A-Za-z0-9]{8,40}", guise in 0..GUISES.len()) {
        let canary = format!("Q7{secret}");
        let record = record(&GUISES[guise].replace("CANARY", &canary));
        prop_assert!(!record.contains(&canary), "{} in {record}", GUISES[guise]);
        prop_assert!(record.lines().count() > 10);
    }
}

// proves-part: AUD-08 (JSON bodies are never recorded)
#[test]
fn card_numbers_are_masked_in_every_field() {
    for card in
        ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4111%201111%201111%201111"]
    {
        let record = record(card);
        assert!(record.contains("411111******1111"), "{record}");
        assert!(!record.contains(card), "{record}");
    }
    assert!(record("4111111111111112").contains("4111111111111112"));
}

#[test]
fn people_get_pseudonyms_in_the_record_and_in_every_sink_and_the_chain_holds() {
    use portcullis_audit::{Pseudonyms, Recorder, Settings};
    use portcullis_domain::{Clock, Secret};
    let (memory, walk) = (Memory::default(), Walk::new());
    let pseudonyms = Pseudonyms::new(&Secret::new(vec![7; 32])).unwrap();
    let settings = Settings {
        sink: SinkChoice::Memory(memory.clone()),
        pseudonyms: Some(pseudonyms.clone()),
        ..Settings::default()
    };
    let recorder = Recorder::open(&settings, Clock::manual(fixture::ARRIVAL)).unwrap();
    recorder.pen().write(&walk.event());
    recorder.close();
    let text = memory.text();
    let subject = walk.principal.subject.as_str();
    assert!(!text.contains(subject) && !text.contains("192.0.2.7"), "{text}");
    assert!(text.contains(&pseudonyms.of(subject)) && text.contains(&pseudonyms.of("192.0.2.7")), "{text}");
    assert!(portcullis_audit::chain::verify(text.as_bytes(), None).is_ok());
}
