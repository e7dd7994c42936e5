//! Written and read back, restarted, aged, filled, torn.

use std::time::Duration;

use portcullis_domain::{ReceiptId, Timestamp};
use proptest::prelude::*;

use super::*;

const BEGAN: Timestamp = Timestamp::from_seconds(1_800_000_000);
const BOUNDS: Bounds = Bounds { size: 1 << 20, age: Duration::from_secs(3600), answers_one_in: 10 };

fn receipt(at: Timestamp, number: u8) -> ReceiptId {
    // The last bytes decide whether an answer is kept; with this one it is not.
    ReceiptId::new(at, &[number, 1, 1, 1, 1, 1, 0, 0, 0, 1])
}

fn decision(receipt: ReceiptId, at: Timestamp) -> Decision {
    Decision {
        receipt: receipt.to_string(),
        at: at.as_millis(),
        revision: "r1".into(),
        method: "GET".into(),
        api: Some("shop".into()),
        operation: Some("readOrder".into()),
        template: Some("/orders/{id}".into()),
        network: "192.0.2.0/24".into(),
        transport: Transport::Tls,
        certificate: None,
        caller: None,
        risk: 0,
        values: Vec::new(),
        steps: vec![StepFact {
            stage: "authorize".into(),
            answer: StepAnswer::Denied,
            reason: Some("permit_missing".into()),
            us: 12,
        }],
        outcome: Outcome::Denied,
        status: 403,
        grants: None,
        rules: Vec::new(),
        facts: Vec::new(),
        refusal: Some(Refusal { reason: "permit_missing".into(), ..Refusal::default() }),
    }
}

fn at(seconds: u64) -> Timestamp {
    BEGAN.plus(Duration::from_secs(seconds))
}

#[test]
fn a_decision_is_found_by_its_receipt_also_after_a_restart_in_the_middle_of_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (receipt(BEGAN, 1), receipt(at(5), 2));
    let mut writer = Writer::open(folder.path(), BOUNDS, BEGAN).unwrap();
    writer.add(decision(first, BEGAN), at(1)).unwrap();
    writer.flush(at(1)).unwrap();
    drop(writer);
    // The process ended in the middle of a line.
    let torn = folder::segments(folder.path()).unwrap().remove(0).path;
    let mut text = std::fs::read(&torn).unwrap();
    text.extend_from_slice(b"{\"decision\":{\"receipt\":\"0192");
    std::fs::write(&torn, text).unwrap();
    let mut writer = Writer::open(folder.path(), BOUNDS, at(5)).unwrap();
    writer.add(decision(second, at(5)), at(6)).unwrap();
    writer.flush(at(6)).unwrap();

    let mut journal = Journal::open(folder.path()).unwrap();
    assert_eq!(journal.find(first).unwrap(), Found::Decision(Box::new(decision(first, BEGAN))));
    assert_eq!(journal.find(second).unwrap(), Found::Decision(Box::new(decision(second, at(5)))));
    let mut read = Vec::new();
    journal.each_since(at(2), |line| read.push(line)).unwrap();
    let decisions: Vec<&Line> = read.iter().filter(|line| matches!(line, Line::Decision(_))).collect();
    assert_eq!(decisions.len(), 1, "{read:?}");
    assert!(journal.unreadable() > 0);
}

#[test]
fn a_missing_receipt_says_why_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Journal::open(&folder.path().join("none")), Err(JournalError::Nothing(_))));
    let mut writer = Writer::open(folder.path(), BOUNDS, at(100)).unwrap();
    writer.add(decision(receipt(at(100), 1), at(100)), at(100)).unwrap();
    writer.add_loss(7, at(200), at(210)).unwrap();
    writer.flush(at(210)).unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    let mut why = |receipt| match journal.find(receipt).unwrap() {
        Found::Missing(why) => why,
        Found::Decision(_) => panic!("it is not there"),
    };
    assert_eq!(why(receipt(at(1), 9)), Missing::AgedOut { begins: at(100) });
    assert_eq!(why(receipt(at(150), 9)), Missing::NotKept { one_in: 10 });
    assert_eq!(why(receipt(at(205), 9)), Missing::Lost { decisions: 7 });
    let kept = ReceiptId::new(at(150), &[1, 1, 1, 1, 1, 1, 0, 0, 0, 10]);
    assert!(keeps_answer(kept, 10) && !keeps_answer(kept, 0));
    assert_eq!(why(kept), Missing::Elsewhere);
}

#[test]
fn size_and_age_are_capped_and_the_oldest_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { size: 64 << 10, ..BOUNDS };
    let mut writer = Writer::open(folder.path(), bounds, BEGAN).unwrap();
    for number in 0..1000 {
        let now = BEGAN.plus(Duration::from_millis(number));
        writer.add(decision(receipt(now, 1), now), now).unwrap();
    }
    writer.flush(at(1)).unwrap();
    let kept = |folder: &std::path::Path| -> u64 {
        folder::segments(folder).unwrap().iter().map(|segment| segment.bytes).sum()
    };
    let bytes = kept(folder.path());
    assert!((32 << 10..=64 << 10).contains(&bytes), "{bytes} bytes are kept");
    let mut journal = Journal::open(folder.path()).unwrap();
    assert!(matches!(journal.find(receipt(BEGAN, 1)).unwrap(), Found::Missing(Missing::AgedOut { .. })));
    let last = BEGAN.plus(Duration::from_millis(999));
    assert!(matches!(journal.find(receipt(last, 1)).unwrap(), Found::Decision(_)));
    // Nothing more comes, and it ages all the same.
    writer.flush(at(3600)).unwrap();
    assert!(kept(folder.path()) > 0, "it is no older than it may be");
    writer.flush(at(3600 + 3600 / 16 + 2)).unwrap();
    assert_eq!(kept(folder.path()), 0);
}

#[test]
fn a_segment_of_another_version_is_refused_and_no_file_of_somebody_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("notes.journal");
    std::fs::write(&other, "mine").unwrap();
    let mut writer = Writer::open(folder.path(), Bounds { size: 0, ..BOUNDS }, BEGAN).unwrap();
    writer.add(decision(receipt(BEGAN, 1), BEGAN), BEGAN).unwrap();
    writer.flush(BEGAN).unwrap();
    assert_eq!(std::fs::read(&other).unwrap(), b"mine");
    let newer = Line::Journal { format: FORMAT + 1, answers_one_in: 1 };
    let path = folder::path_of(folder.path(), at(9));
    std::fs::write(path, serde_json::to_vec(&newer).unwrap()).unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    let error = journal.find(receipt(BEGAN, 1)).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
}

#[test]
fn what_a_disk_refuses_is_lost_and_the_next_decision_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let mut writer = Writer::open(&journal, BOUNDS, BEGAN).unwrap();
    std::fs::remove_dir_all(&journal).unwrap();
    writer.add(decision(receipt(BEGAN, 1), BEGAN), BEGAN).unwrap();
    assert!(writer.flush(BEGAN).is_err(), "nobody would find it");
    std::fs::create_dir(&journal).unwrap();
    writer.add(decision(receipt(at(1), 2), at(1)), at(1)).unwrap();
    writer.flush(at(1)).unwrap();
    assert_eq!(folder::segments(&journal).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Line::read(&bytes);
    }
}
