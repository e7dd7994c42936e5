//! A flood of refusals: bounded in the record, and none of them forgotten.

use std::time::Duration;

use portcullis_audit::{Event, Memory, Recorder, Settings, SinkChoice, Verdict};
use portcullis_domain::{Clock, Denial, Reason, Trail};
use serde_json::Value;

use crate::fixture::{ARRIVAL, Walk};

fn recorder(memory: &Memory, clock: &Clock) -> Recorder {
    let settings = Settings { sink: SinkChoice::Memory(memory.clone()), ..Settings::default() };
    Recorder::open(&settings, clock.clone()).unwrap()
}

/// How many refusals the record tells of.
fn told(memory: &Memory) -> u64 {
    let events = memory.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let refusals = events.filter(|event| event["outcome"] == "denied");
    refusals.map(|event| event["repeated"].as_u64().unwrap_or(1)).sum()
}

// proves: AUD-13
#[test]
fn a_million_refusals_that_are_all_alike_take_some_lines_and_are_all_counted() {
    let (memory, clock, mut walk) = (Memory::default(), Clock::manual(ARRIVAL), Walk::new());
    let recorder = recorder(&memory, &clock);
    let denial = Denial::new(Reason::CallerRateExceeded);
    let mut pen = recorder.pen();
    for _ in 0..20 {
        walk.trail = Trail::new(clock.now());
        let event = Event { verdict: Verdict::Denied(&denial), status: 429, ..walk.event() };
        for _ in 0..50_000 {
            pen.write(&event);
        }
        clock.advance(Duration::from_secs(1));
        pen.flush();
    }
    drop(pen);
    assert_eq!(recorder.close().written, 1_000_000);
    assert_eq!(told(&memory), 1_000_000);
    let bytes = memory.text().len();
    assert!(bytes < 500_000, "{bytes} bytes");
    let counts = memory.lines().iter().filter(|line| line.contains("\"repeated\":")).count();
    assert_eq!(counts, 2, "one for each ten seconds");
}

#[test]
fn refusals_that_differ_are_all_written_and_answers_always_are() {
    let (memory, clock, walk) = (Memory::default(), Clock::manual(ARRIVAL), Walk::new());
    let recorder = recorder(&memory, &clock);
    let denial = Denial::new(Reason::ObjectConcealed);
    let mut pen = recorder.pen();
    for number in 0..1_000 {
        let target = format!("/orders/{number}");
        pen.write(&Event { verdict: Verdict::Denied(&denial), status: 404, target: &target, ..walk.event() });
        pen.write(&walk.event());
    }
    drop(pen);
    recorder.close();
    assert_eq!(told(&memory), 1_000);
    let text = memory.text();
    assert!(!text.contains("repeated"));
    assert_eq!(text.matches("\"event\":\"request_answered\"").count(), 1_000);
}

#[test]
fn a_count_is_told_when_its_time_is_over_also_if_nothing_follows() {
    let (memory, clock, walk) = (Memory::default(), Clock::manual(ARRIVAL), Walk::new());
    let recorder = recorder(&memory, &clock);
    let denial = Denial::new(Reason::CallerRateExceeded);
    let mut pen = recorder.pen();
    for _ in 0..150 {
        pen.write(&Event { verdict: Verdict::Denied(&denial), status: 429, ..walk.event() });
    }
    pen.flush();
    recorder.settle();
    assert_eq!(told(&memory), 100);
    clock.advance(Duration::from_secs(10));
    pen.flush();
    recorder.settle();
    assert_eq!(told(&memory), 150);
    let last = memory.lines().pop().unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["repeated"], &last["until"]), (&50.into(), &"2025-11-24T06:38:00.123Z".into()));
    assert_eq!((&last["reason"], &last["level"]), (&"caller_rate_exceeded".into(), &"WARN".into()));
}
