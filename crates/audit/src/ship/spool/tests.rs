use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn spool(folder: &tempfile::TempDir, memory: u64, disk: u64) -> Spool {
    Spool::open(SpoolBounds { memory, disk, folder: folder.path().join("spool") }).unwrap()
}

/// A line of a hundred bytes.
fn line(number: u64, level: &str) -> Vec<u8> {
    let start = format!(
        "{{\"time\":\"2025-11-24T06:38:00.123Z\",\"event\":\"e{number}\",\"level\":\"{level}\",\"x\":\""
    );
    format!("{start:x<97}\"}}\n").into_bytes()
}

/// Everything that waits, delivered.
fn drain(spool: &Spool) -> Vec<String> {
    let mut events = Vec::new();
    spool.close();
    while let Some(parcel) = spool.next() {
        let text = String::from_utf8(parcel.lines.clone()).unwrap();
        events.extend(text.lines().map(|line| line.split('"').nth(7).unwrap().to_owned()));
        spool.arrived(&parcel);
    }
    events
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("e{number}")).collect()
}

#[test]
fn what_is_offered_comes_out_in_order_from_memory_and_disk() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(&folder, 1_000, 1_000_000);
    for number in 0..100 {
        spool.offer(&line(number, "INFO"));
    }
    let tally = spool.tally();
    assert_eq!((tally.lost, tally.waiting), (0, 10_000));
    let files: Vec<_> = std::fs::read_dir(folder.path().join("spool")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let mode = files[0].as_ref().unwrap().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "what is spooled is as private as the record");
    assert_eq!(drain(&spool), numbered(0..100));
    assert_eq!(spool.tally(), SpoolTally { delivered: 100, lost: 0, waiting: 0, is_healthy: true });
    assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
}

// proves-part: AUD-11 (that the gap is recorded is shown in `shipping`; TLS to a real collector by the gateway)
#[test]
fn when_disk_is_full_the_oldest_of_low_level_go_first_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    // Room for ten lines in memory and a hundred on disk.
    let spool = spool(&folder, 1_000, 10_000);
    let level = |number: u64| if number.is_multiple_of(4) { "CRITICAL" } else { "INFO" };
    for number in 0..200 {
        spool.offer(&line(number, level(number)));
    }
    let tally = spool.tally();
    assert!(tally.waiting <= 11_000, "{tally:?}");
    assert!(tally.lost >= 90 && !tally.is_healthy, "{tally:?}");
    let delivered = drain(&spool);
    assert_eq!(delivered.len() as u64 + tally.lost, 200);
    let expected = numbered((0..200).filter(|number| number % 4 == 0));
    let important: Vec<String> = delivered.iter().filter(|event| expected.contains(event)).cloned().collect();
    assert_eq!(important, expected, "nothing important was given up, and the order is kept");
    assert_eq!(delivered.last().map(String::as_str), Some("e199"), "the newest is there");
}

#[test]
fn when_all_is_important_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(&folder, 1_000_000, 0);
    for number in 0..20_000 {
        spool.offer(&line(number, "WARN"));
    }
    let tally = spool.tally();
    assert!(tally.waiting <= 1_000_000 && tally.lost >= 10_000, "{tally:?}");
    let delivered = drain(&spool);
    assert_eq!(delivered, numbered(tally.lost..20_000));
}

#[test]
fn what_was_not_delivered_waits_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = spool(&folder, 10_000, 1_000_000);
    for number in 0..50 {
        first.offer(&line(number, "INFO"));
    }
    let parcel = first.next();
    first.close();
    first.keep(parcel);
    first.offer(&line(99, "INFO"));
    assert_eq!(first.tally().lost, 1, "what comes too late is counted");
    drop(first);
    let second = spool(&folder, 10_000, 1_000_000);
    second.offer(&line(50, "INFO"));
    assert_eq!(drain(&second), numbered(0..=50));
}

#[test]
fn half_a_line_that_a_crash_left_is_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("000000000003.lines"), [line(1, "INFO"), b"{\"time\":".to_vec()].concat())
        .unwrap();
    std::fs::write(path.join("notes.txt"), "not ours").unwrap();
    assert_eq!(drain(&spool(&folder, 10_000, 10_000)), numbered([1]));
    assert!(path.join("notes.txt").exists());
}

#[test]
fn a_folder_that_cannot_be_written_to_costs_only_what_memory_cannot_hold() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(&folder, 1_000, 1_000_000);
    std::fs::remove_dir_all(folder.path().join("spool")).unwrap();
    std::fs::write(folder.path().join("spool"), "in the way").unwrap();
    for number in 0..20 {
        spool.offer(&line(number, "WARN"));
    }
    let tally = spool.tally();
    assert_eq!((tally.waiting <= 1_000, tally.lost > 0), (true, true), "{tally:?}");
    let delivered = drain(&spool);
    assert_eq!(delivered.len() as u64 + tally.lost, 20);
}
