//! How well attacks are told from customers, on made-up days (design C6). A few hundred days of callers here; the
//! example `detection` runs more and prints the tables of `docs/detection.md`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_audit::alert::{Alerts, Bounds, Passage};
use portcullis_audit::detect::{Noticed, SubjectKey};

use crate::days::people::{Population, Theft};
use crate::days::{self, MONDAY, engine, table};
use crate::fixture;

const TOWN: Population = Population { customers: 260, support: 6, batch: 2, days: 3 };
const SEED: u64 = 20_260_105;

#[test]
fn every_thief_of_ids_is_caught_within_twelve_different_ids_of_others() {
    let rows = table::thefts(TOWN, 20, SEED);
    for row in &rows {
        assert_eq!(row.caught, row.attackers, "{row:?}");
    }
    let worst: BTreeMap<&str, u64> = rows.iter().map(|row| (row.attack.as_str(), row.worst)).collect();
    assert!(worst[Theft::Foreign.name()] <= 12, "{worst:?}");
    // Every second call is an own one, and every fifth guess hits.
    assert!(worst[Theft::Diluted.name()] <= 60 && worst[Theft::Guessed.name()] <= 40, "{worst:?}");
    // Five in ten minutes: 60 of them are two hours.
    assert!(worst[Theft::Slow.name()] <= 60, "{worst:?}");
    assert!(worst[Theft::Harvest.name()] <= 600, "{worst:?}");
}

#[test]
fn customers_support_agents_batch_jobs_and_old_bookmarks_are_no_thieves() {
    let innocents = table::innocents(TOWN, SEED);
    assert_eq!(innocents.caller_days, 804);
    assert_eq!(innocents.accused, BTreeMap::new());
}

#[test]
fn stolen_tokens_are_noticed_within_seconds_and_phones_are_no_thieves() {
    let rows = table::replays(40, SEED);
    assert_eq!((rows[0].caught, rows[1].caught), (40, 40), "{rows:?}");
    assert!(rows[0].worst <= 5, "{rows:?}");
    assert_eq!(table::wanderers(1_000, SEED), 0);
}

#[test]
fn a_campaign_of_four_in_a_hundred_is_noticed_and_a_calm_week_is_not() {
    let seen = table::campaign(0.04, SEED);
    assert_eq!(seen.before, 0, "a week with two deployments");
    assert!(seen.after.is_some_and(|minutes| minutes <= 35), "{:?}", seen.after);
}

// proves: AUD-20
#[test]
fn a_simulated_attack_is_one_alert_within_a_minute_and_its_repeats_are_none() {
    let memory = portcullis_audit::Memory::default();
    let recorder = Arc::new(fixture::recorder(portcullis_audit::SinkChoice::Memory(memory)));
    let alerts = Alerts::new(recorder, Bounds::default());
    let attacks = days::attacks::all();
    for (noticed, calls, began) in attacks {
        let raised = days::attacks::watch(calls);
        let told: Vec<_> = raised.iter().filter(|alert| alert.detector == noticed.detector()).collect();
        let first = told.first().unwrap_or_else(|| panic!("{noticed:?} is not noticed"));
        let after = first.at.since(began);
        assert!(after <= Duration::from_secs(60), "{noticed:?} after {after:?}");
        let passed = told.iter().filter(|alert| alerts.raise(alert) != Passage::Repeated).count();
        assert_eq!(passed, 1, "{noticed:?}: {told:#?}");
    }
}

#[test]
fn the_same_calls_give_the_same_alerts() {
    let calls = days::people::benign(Population { customers: 40, support: 2, batch: 1, days: 2 }, SEED);
    let once = days::watch(&mut engine(), &calls);
    assert_eq!(once, days::watch(&mut engine(), &calls));
}

#[test]
fn a_million_spoofed_addresses_fill_no_more_than_their_room_and_push_out_no_principal() {
    let mut engine = engine();
    let mut alerts = Vec::new();
    let caller = days::people::theft(1, Theft::Foreign, 0, &mut days::chance::Chance::new(1));
    let (first, rest) = caller.split_at(5);
    for call in first {
        engine.observe(&call.observation(), &mut alerts);
    }
    let mut spoofed = first[0].observation();
    spoofed.objects.clear();
    for address in 0..1_000_000u64 {
        spoofed.subject = SubjectKey::Address(address.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        spoofed.at = MONDAY;
        engine.observe(&spoofed, &mut alerts);
    }
    assert!(engine.remembered() <= 100_001, "{}", engine.remembered());
    assert_eq!(alerts.len(), 0);
    for call in &rest[..4] {
        engine.observe(&call.observation(), &mut alerts);
    }
    assert_eq!(alerts.len(), 1, "the ninth id of others, in spite of the flood");
    assert_eq!(alerts[0].detector, Noticed::Enumeration.detector());
}

#[test]
fn a_record_says_when_it_is_replayed_what_was_said_when_it_was_written() {
    use portcullis_audit::detect::DetectionSettings;
    use portcullis_audit::detect::replay::{Label, Replay, Tally};

    let mut calls = days::people::benign(Population { customers: 40, support: 2, batch: 1, days: 2 }, SEED);
    calls.extend(days::people::theft(1, Theft::Foreign, 1, &mut days::chance::Chance::new(1)));
    calls.sort_by_key(|call| call.second);
    let alerts = days::watch(&mut engine(), &calls);
    let mut replay = Replay::new(DetectionSettings::default());
    for call in &calls {
        replay.line(&days::line::line(call).to_string()).unwrap();
    }
    replay.line("{\"time\":\"2026-01-05T00:00:00Z\",\"event\":\"sys_startup\",\"level\":\"WARN\"}").unwrap();
    assert!(replay.line("no JSON").is_err());
    let replayed = replay.finish();
    assert_eq!((replayed.requests, replayed.others), (calls.len() as u64, 1));
    let said = |alerts: &[portcullis_audit::alert::Alert]| {
        alerts.iter().map(|alert| (alert.detector.name, alert.at, alert.summary.clone())).collect::<Vec<_>>()
    };
    let known = |alerts: Vec<(_, _, Box<str>)>| {
        alerts.into_iter().map(|(name, at, _)| (name, at)).collect::<Vec<_>>()
    };
    assert_eq!(known(said(&replayed.alerts)), known(said(&alerts)));
    let thief = days::line::name(days::people::ATTACKERS + 1);
    assert_eq!(replayed.caller(&replayed.alerts[0]), Some(thief.as_str()));
    let labels = [
        Label { subject: thief, attack: Noticed::Enumeration },
        Label { subject: "caller-1".to_owned(), attack: Noticed::Enumeration },
    ];
    let tally = replayed.tallies(&labels)[&Noticed::Enumeration];
    assert_eq!(tally, Tally { caught: 1, missed: 1, accused: 0, cleared: 42 });
}
