//! The record as a whole: whole over restarts, bounded, never silent about what it lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use portcullis_audit::chain::{BreakKind, Ending, Head, Summary, verify};
use portcullis_audit::{Memory, OnFailure, Recorder, Settings, SinkChoice, System};
use portcullis_domain::{Clock, Reason};
use serde_json::Value;

use crate::fixture::{self, ARRIVAL, Walk};

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("audit.log")
}

/// A run of the process that records `events` events.
fn run(path: &Path, events: usize) {
    let walk = Walk::new();
    let recorder = fixture::recorder(SinkChoice::File(path.to_owned()));
    let mut pen = recorder.pen();
    for _ in 0..events {
        pen.write(&walk.event());
    }
    drop(pen);
    assert_eq!(recorder.close().lost, 0);
}

#[track_caller]
fn check(path: &Path) -> Result<Summary, (u64, BreakKind)> {
    let head = Head::read(path).unwrap();
    let text = fs::read(path).unwrap();
    verify(&*text, head.as_ref()).map_err(|found| (found.line, found.kind))
}

#[test]
fn a_record_in_a_file_is_whole_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    run(&path, 1_000);
    let summary = check(&path).unwrap();
    assert_eq!((summary.lines, summary.first, summary.ending), (1_002, 1, Ending::Confirmed));
    for path in [path.clone(), Head::path(&path)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn the_chain_goes_on_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    run(&path, 3);
    run(&path, 3);
    let summary = check(&path).unwrap();
    assert_eq!((summary.lines, summary.last), (10, 10));
    fs::remove_file(Head::path(&path)).unwrap();
    assert_eq!(check(&path).unwrap().ending, Ending::Closed);
    run(&path, 3);
    assert_eq!(check(&path).unwrap().last, 15);
    assert!(fs::read_to_string(&path).unwrap().contains("the head file is missing"));
}

#[test]
fn what_was_cut_between_two_runs_is_found_by_the_second_and_by_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    run(&path, 5);
    let text = fs::read_to_string(&path).unwrap();
    let kept: String = text.lines().take(4).map(|line| format!("{line}\n")).collect();
    fs::write(&path, &kept).unwrap();
    assert_eq!(check(&path), Err((5, BreakKind::EndMissing { last: 7 })));

    run(&path, 1);
    assert_eq!(check(&path), Err((5, BreakKind::OutOfOrder { expected: 5, found: 8 })));
    let opener = fs::read_to_string(&path).unwrap().lines().nth(4).unwrap().to_owned();
    assert!(opener.contains("the end is missing: number 4 is the last of 7"), "{opener}");
}

#[test]
fn a_line_that_a_crash_left_unfinished_is_cut_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    run(&path, 2);
    let mut text = fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"time\":\"2025-11-24T06:38");
    fs::write(&path, &text).unwrap();
    run(&path, 2);
    assert_eq!(check(&path).unwrap().lines, 8);
    assert!(fs::read_to_string(&path).unwrap().contains("an unfinished line of 25 bytes was cut off"));
}

#[test]
fn a_file_that_is_not_a_record_is_not_passed_off_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    fs::write(&path, "something else\n").unwrap();
    run(&path, 1);
    assert_eq!(check(&path), Err((1, BreakKind::Malformed)));
    assert!(fs::read_to_string(&path).unwrap().contains("the last line is no record"));
}

#[test]
fn a_rotated_file_and_the_next_follow_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotated) = (file(&folder), folder.path().join("audit.log.1"));
    let walk = Walk::new();
    let recorder = fixture::recorder(SinkChoice::File(path.clone()));
    let mut pen = recorder.pen();
    pen.write(&walk.event());
    pen.flush();
    recorder.settle();
    fs::rename(&path, &rotated).unwrap();
    recorder.reopen();
    pen.write(&walk.event());
    drop(pen);
    recorder.close();

    let before = verify(&*fs::read(&rotated).unwrap(), None).unwrap();
    let after = check(&path).unwrap();
    assert_eq!((before.ending, after.ending), (Ending::Closed, Ending::Confirmed));
    assert_eq!((before.last + 1, before.hash), (after.first, after.previous));
}

#[test]
fn a_file_that_disappears_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let walk = Walk::new();
    let recorder = fixture::recorder(SinkChoice::File(path.clone()));
    let mut pen = recorder.pen();
    pen.write(&walk.event());
    pen.flush();
    recorder.settle();
    fs::remove_file(&path).unwrap();
    pen.write(&walk.event());
    pen.flush();
    recorder.settle();
    assert!(recorder.healthy());
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"cause\":\"file gone\"") && text.contains("getOrder"), "{text}");
    assert!(check(&path).is_ok());
}

#[test]
fn a_folder_that_disappears_makes_the_record_unhealthy_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("log");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("audit.log");
    let walk = Walk::new();
    let recorder = fixture::recorder(SinkChoice::File(path.clone()));
    recorder.settle();
    fs::rename(&inner, folder.path().join("elsewhere")).unwrap();
    let mut pen = recorder.pen();
    for _ in 0..2 {
        pen.write(&walk.event());
        pen.flush();
        recorder.settle();
        assert!(!recorder.healthy());
    }
    fs::create_dir(&inner).unwrap();
    pen.write(&walk.event());
    pen.flush();
    recorder.settle();
    assert!(recorder.healthy());
    assert!(verify(&*fs::read(&path).unwrap(), None).is_ok());
}

#[test]
fn a_record_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let sink = SinkChoice::File(file(&folder));
    let _first = fixture::recorder(sink.clone());
    let settings =
        Settings { sink, queue_bytes: 1 << 20, on_failure: OnFailure::Continue, ..Settings::default() };
    let error = Recorder::open(&settings, Clock::manual(ARRIVAL)).unwrap_err();
    assert!(error.to_string().contains("another process is writing this record"), "{error}");
}

#[test]
fn nothing_is_lost_when_the_gateway_stops() {
    let memory = Memory::default();
    let recorder = fixture::recorder(SinkChoice::Memory(memory.clone()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (walk, mut pen) = (Walk::new(), recorder.pen());
                for _ in 0..5_000 {
                    pen.write(&walk.event());
                }
            });
        }
    });
    let tally = recorder.close();
    assert_eq!((tally.written, tally.lost), (10_000, 0));
    assert_eq!(memory.text().matches("\"event\":\"request_answered\"").count(), 10_000);
    // An opener, a checkpoint after ten thousand lines, a closer.
    let summary = verify(memory.text().as_bytes(), None).unwrap();
    assert_eq!((summary.lines, summary.ending), (10_003, Ending::Closed));
}

fn small(memory: &Memory, on_failure: OnFailure) -> Recorder {
    let sink = SinkChoice::Memory(memory.clone());
    let settings = Settings { sink, queue_bytes: 64 * 1024, on_failure, ..Settings::default() };
    Recorder::open(&settings, Clock::manual(ARRIVAL)).unwrap()
}

// proves-part: AUD-12 (that operations are refused is shown in the walk)
#[test]
fn a_sink_that_fails_blocks_nobody_and_what_is_lost_is_counted_and_recorded() {
    let (memory, walk) = (Memory::default(), Walk::new());
    let recorder = small(&memory, OnFailure::Deny);
    recorder.settle();
    assert_eq!(recorder.refusal(), None);

    memory.fail(true);
    let mut pen = recorder.pen();
    for _ in 0..10_000 {
        pen.write(&walk.event());
    }
    pen.flush();
    let lost = recorder.tally().lost;
    assert!(lost > 9_000, "{lost}");
    assert_eq!(recorder.refusal(), Some(Reason::RecordUnavailable));
    // What tells of the trouble still finds a place.
    recorder.note(&System::UpstreamChanged { api: "shop", upstream: "u", is_healthy: false, cause: "test" });

    memory.fail(false);
    recorder.settle();
    pen.write(&walk.event());
    drop(pen);
    recorder.settle();
    assert_eq!(recorder.refusal(), None);
    let tally = recorder.close();
    // The writer may have given up a few more of what it held, but every event is one or the other.
    assert_eq!(tally.lost + tally.written, 10_002);
    assert!(tally.lost >= lost && tally.written > 0, "{tally:?}");
    let summary = verify(memory.text().as_bytes(), None).unwrap();
    assert_eq!(summary.lost, tally.lost);
    assert!(memory.text().contains("\"event\":\"sys_upstream_changed\""));
}

#[test]
fn a_short_failure_loses_nothing() {
    let (memory, walk) = (Memory::default(), Walk::new());
    let recorder = small(&memory, OnFailure::Continue);
    memory.fail(true);
    let mut pen = recorder.pen();
    for _ in 0..20 {
        pen.write(&walk.event());
    }
    pen.flush();
    while recorder.healthy() {
        thread::yield_now();
    }
    assert_eq!(recorder.refusal(), None, "the setting says to go on");
    memory.fail(false);
    drop(pen);
    assert_eq!(recorder.close(), portcullis_audit::Tally { written: 20, lost: 0 });
    assert!(verify(memory.text().as_bytes(), None).is_ok());
}

#[test]
fn a_sink_that_never_works_does_not_keep_the_gateway_from_stopping() {
    let (memory, walk) = (Memory::default(), Walk::new());
    memory.fail(true);
    let recorder = small(&memory, OnFailure::Continue);
    let mut pen = recorder.pen();
    for _ in 0..20 {
        pen.write(&walk.event());
    }
    drop(pen);
    assert_eq!(recorder.close(), portcullis_audit::Tally { written: 0, lost: 20 });
    assert_eq!(recorder.close().lost, 20, "closing twice is closing once");
    let mut late = recorder.pen();
    late.write(&walk.event());
    drop(late);
    assert_eq!(recorder.tally().lost, 21);
}

#[test]
fn every_line_is_json_with_its_number_and_hash() {
    let (memory, walk) = (Memory::default(), Walk::new());
    let recorder = fixture::recorder(SinkChoice::Memory(memory.clone()));
    recorder.pen().write(&walk.event());
    recorder.close();
    for (index, line) in memory.lines().iter().enumerate() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["seq"], index as u64 + 1);
        assert_eq!(value["chain"].as_str().map(str::len), Some(64));
    }
}
