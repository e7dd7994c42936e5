//! Sinks beside the record: everything arrives, nothing blocks, and what is lost is counted and told.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use portcullis_audit::chain::verify;
use portcullis_audit::format::Format;
use portcullis_audit::ship::{Carrier, CarryError, SpoolBounds, ToFile};
use portcullis_audit::{
    Importance, Memory, OnFailure, Recorder, Retention, Rotation, Settings, SinkChoice, SinkSettings, System,
};
use portcullis_domain::{Clock, Reason};
use portcullis_testkit::wait::until;
use serde_json::Value;

use crate::fixture::{ARRIVAL, Walk};

/// A collector in this process that can go away, refuse and hang.
#[derive(Clone, Default)]
struct Collector(Arc<Inner>);

#[derive(Default)]
struct Inner {
    lines: Mutex<Vec<String>>,
    is_away: AtomicBool,
    refuses: AtomicBool,
}

impl Collector {
    fn lines(&self) -> Vec<String> {
        self.0.lines.lock().unwrap().clone()
    }

    fn has(&self, event: &str) -> bool {
        let name = format!("\"event\":\"{event}\"");
        self.lines().iter().any(|line| line.contains(&name))
    }
}

impl Carrier for Collector {
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        if self.0.is_away.load(Ordering::SeqCst) {
            return Err(CarryError::Unreachable("connection refused".to_owned()));
        }
        if self.0.refuses.load(Ordering::SeqCst) {
            return Err(CarryError::Refused("status 400".to_owned()));
        }
        let text = String::from_utf8(lines.to_vec()).unwrap();
        self.0.lines.lock().unwrap().extend(text.lines().map(str::to_owned));
        Ok(())
    }
}

struct Scene {
    folder: tempfile::TempDir,
    memory: Memory,
    settings: Settings,
}

impl Scene {
    fn new(memory: u64, disk: u64, importance: Importance) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let record = Memory::default();
        let bounds = SpoolBounds { memory, disk, folder: folder.path().join("spool") };
        let settings = Settings {
            sink: SinkChoice::Memory(record.clone()),
            on_failure: OnFailure::Deny,
            sinks: vec![SinkSettings { name: "siem".to_owned(), bounds, importance }],
            ..Settings::default()
        };
        Self { folder, memory: record, settings }
    }

    fn open(&self) -> Recorder {
        Recorder::open(&self.settings, Clock::manual(ARRIVAL)).unwrap()
    }
}

#[test]
fn a_sink_gets_every_line_of_the_record_and_can_verify_the_chain_itself() {
    let scene = Scene::new(8 << 20, 0, Importance::Auxiliary);
    let (recorder, collector, walk) = (scene.open(), Collector::default(), Walk::new());
    let mut pen = recorder.pen();
    pen.write(&walk.event());
    pen.flush();
    // What came before the sink was there waits for it.
    recorder.settle();
    recorder.ship("siem", Box::new(collector.clone())).unwrap();
    for _ in 0..2_000 {
        pen.write(&walk.event());
    }
    drop(pen);
    recorder.close();
    let lines = collector.lines();
    assert_eq!(lines, scene.memory.lines());
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(verify(text.as_bytes(), None).unwrap().lines, 2_003);
}

// proves: AUD-11
#[test]
fn a_collector_that_is_down_finds_everything_spooled_and_what_the_disk_could_not_hold_recorded_as_a_gap() {
    let scene = Scene::new(64 << 10, 256 << 10, Importance::Auxiliary);
    let (recorder, collector, walk) = (scene.open(), Collector::default(), Walk::new());
    collector.0.is_away.store(true, Ordering::SeqCst);
    recorder.ship("siem", Box::new(collector.clone())).unwrap();
    let mut pen = recorder.pen();
    for _ in 0..50 {
        pen.write(&walk.event());
    }
    recorder.note(&System::UpstreamChanged { api: "shop", upstream: "u", is_healthy: false, cause: "test" });
    pen.flush();
    // The alarm stands in the record itself, which goes on.
    until("the alarm", || {
        scene.memory.text().contains("\"event\":\"audit_sink_failing\",\"level\":\"CRITICAL\"")
    });
    for _ in 0..5_000 {
        pen.write(&walk.event());
    }
    drop(pen);
    recorder.settle();
    assert_eq!(recorder.refusal(), None, "an auxiliary sink stops nobody");
    let (name, tally) = recorder.sinks().next().unwrap();
    assert_eq!((name, tally.is_healthy), ("siem", false));
    assert!(tally.lost > 4_000 && tally.waiting <= 320 << 10, "{tally:?}");

    collector.0.is_away.store(false, Ordering::SeqCst);
    until("the gap", || collector.has("audit_sink_restored"));
    let lost = recorder.sinks().next().unwrap().1.lost;
    recorder.close();
    // Of low level what was oldest went; what is more than that is all there.
    assert!(collector.has("sys_upstream_changed") && collector.has("audit_sink_failing"));
    let restored = collector.lines().into_iter().find(|line| line.contains("audit_sink_restored")).unwrap();
    let restored: Value = serde_json::from_str(&restored).unwrap();
    assert_eq!((&restored["sink"], &restored["lost"]), (&"siem".into(), &lost.into()));
    // The record lacks nothing, and every line is either there or counted.
    assert_eq!(verify(scene.memory.text().as_bytes(), None).unwrap().lost, 0);
    assert_eq!(collector.lines().len() as u64 + lost, scene.memory.lines().len() as u64);
}

#[test]
fn what_could_not_be_delivered_before_the_end_is_delivered_by_the_next_process() {
    let scene = Scene::new(64 << 10, 8 << 20, Importance::Auxiliary);
    let (collector, walk) = (Collector::default(), Walk::new());
    collector.0.is_away.store(true, Ordering::SeqCst);
    let recorder = scene.open();
    recorder.ship("siem", Box::new(collector.clone())).unwrap();
    let mut pen = recorder.pen();
    for _ in 0..500 {
        pen.write(&walk.event());
    }
    drop(pen);
    recorder.close();
    assert_eq!(recorder.sinks().next().unwrap().1.lost, 0);
    let first = scene.memory.lines();

    collector.0.is_away.store(false, Ordering::SeqCst);
    let recorder = scene.open();
    recorder.ship("siem", Box::new(collector.clone())).unwrap();
    recorder.close();
    assert_eq!(collector.lines(), scene.memory.lines());
    assert!(collector.lines().len() > first.len());
}

#[test]
fn a_vital_sink_that_loses_events_counts_as_the_record_does() {
    let scene = Scene::new(64 << 10, 0, Importance::Vital);
    let (recorder, collector, walk) = (scene.open(), Collector::default(), Walk::new());
    collector.0.is_away.store(true, Ordering::SeqCst);
    recorder.ship("siem", Box::new(collector.clone())).unwrap();
    let mut pen = recorder.pen();
    pen.write(&walk.event());
    pen.flush();
    recorder.settle();
    assert_eq!(recorder.refusal(), None, "there is still room");
    for _ in 0..1_000 {
        pen.write(&walk.event());
    }
    pen.flush();
    recorder.settle();
    assert_eq!(recorder.refusal(), Some(Reason::RecordUnavailable));
    collector.0.is_away.store(false, Ordering::SeqCst);
    until("the sink's recovery", || recorder.refusal().is_none());
}

#[test]
fn what_a_collector_refuses_is_counted_and_stops_nothing() {
    let scene = Scene::new(1 << 20, 0, Importance::Auxiliary);
    let (recorder, collector, walk) = (scene.open(), Collector::default(), Walk::new());
    collector.0.refuses.store(true, Ordering::SeqCst);
    recorder.ship("siem", Box::new(collector.clone())).unwrap();
    let mut pen = recorder.pen();
    pen.write(&walk.event());
    pen.flush();
    until("the refusal", || recorder.sinks().next().unwrap().1.lost > 0);
    collector.0.refuses.store(false, Ordering::SeqCst);
    pen.write(&walk.event());
    drop(pen);
    until("the next one", || collector.has("request_answered"));
    until("the gap", || collector.has("audit_sink_restored"));
}

#[test]
fn a_sink_that_hangs_keeps_neither_requests_nor_the_end_waiting() {
    struct Hanging(mpsc::Receiver<()>);
    impl Carrier for Hanging {
        fn carry(&mut self, _: &[u8]) -> Result<(), CarryError> {
            let _ = self.0.recv();
            Ok(())
        }
    }
    let scene = Scene::new(64 << 10, 0, Importance::Auxiliary);
    let (recorder, walk) = (scene.open(), Walk::new());
    let (_held, hung) = mpsc::channel();
    recorder.ship("siem", Box::new(Hanging(hung))).unwrap();
    let mut pen = recorder.pen();
    for _ in 0..5_000 {
        pen.write(&walk.event());
    }
    drop(pen);
    recorder.settle();
    assert_eq!(recorder.refusal(), None);
    assert_eq!(recorder.close().lost, 0);
    assert!(recorder.sinks().next().unwrap().1.lost > 4_000);
}

#[test]
fn a_record_that_cannot_be_written_does_not_keep_other_sinks_from_hearing_of_it() {
    let scene = Scene::new(16 << 20, 0, Importance::Auxiliary);
    let mut settings = scene.settings.clone();
    settings.queue_bytes = 256 << 10;
    let recorder = Recorder::open(&settings, Clock::manual(ARRIVAL)).unwrap();
    let (collector, walk) = (Collector::default(), Walk::new());
    recorder.ship("siem", Box::new(collector.clone())).unwrap();
    recorder.settle();
    scene.memory.fail(true);
    let mut pen = recorder.pen();
    let answered = || collector.lines().iter().filter(|line| line.contains("request_answered")).count();
    for round in 1..=40 {
        for _ in 0..50 {
            pen.write(&walk.event());
        }
        pen.flush();
        // As fast as the writer takes them: the queue itself is not what is looked at here.
        until("more lines", || answered() >= round * 50);
    }
    until("the alarm", || collector.has("audit_sink_failing"));
    assert!(!recorder.healthy());
    scene.memory.fail(false);
    pen.write(&walk.event());
    drop(pen);
    recorder.close();
    let summary = verify(scene.memory.text().as_bytes(), None).unwrap();
    assert!(summary.lost > 1_000, "{summary:?}");
    assert_eq!(answered(), 2_001, "what the record lost the collector has");
}

#[test]
fn a_sink_that_is_not_declared_is_refused() {
    let scene = Scene::new(64 << 10, 0, Importance::Auxiliary);
    let recorder = scene.open();
    assert!(recorder.ship("elsewhere", Box::new(Collector::default())).is_err());
}

#[test]
fn a_file_sink_says_events_in_its_own_words_and_rotates() {
    let scene = Scene::new(1 << 20, 0, Importance::Auxiliary);
    let path = scene.folder.path().join("events.json");
    let clock = Clock::manual(ARRIVAL);
    let rotation = Rotation { bytes: Some(20_000), every: None };
    let retention = Retention { age: None, bytes: Some(60_000) };
    let (recorder, walk) = (scene.open(), Walk::new());
    let to_file = ToFile::new(path.clone(), Format::Ocsf, rotation, retention, clock);
    recorder.ship("siem", Box::new(to_file)).unwrap();
    let mut pen = recorder.pen();
    for _ in 0..20 {
        for _ in 0..10 {
            pen.write(&walk.event());
        }
        pen.flush();
        recorder.settle();
        until("the lines", || recorder.sinks().next().unwrap().1.waiting == 0);
    }
    drop(pen);
    recorder.close();
    let text = fs::read_to_string(&path).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["class_uid"].is_u64()), "{text}");
    let files = portcullis_audit::older_files(&path).unwrap();
    assert!(!files.is_empty());
    let together: u64 = files.iter().map(|file| fs::metadata(&file.path).unwrap().len()).sum();
    assert!(together <= 90_000, "{together}");
}

// proves-part: AUD-12 (that operations are refused is shown in the walk)
#[test]
fn a_full_disk_is_an_alarm_and_a_counted_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    // What is written there fails as on a full disk: ENOSPC.
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let settings = Settings {
        sink: SinkChoice::File(path),
        queue_bytes: 64 << 10,
        on_failure: OnFailure::Deny,
        ..Settings::default()
    };
    let (recorder, walk) = (Recorder::open(&settings, Clock::manual(ARRIVAL)).unwrap(), Walk::new());
    let mut pen = recorder.pen();
    for _ in 0..1_000 {
        pen.write(&walk.event());
    }
    drop(pen);
    until("the refusal", || recorder.refusal() == Some(Reason::RecordUnavailable));
    until("the count", || recorder.tally().lost > 800);
    assert_eq!(recorder.close().lost, 1_000);
}
