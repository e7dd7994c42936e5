//! Tables of what was caught and who was accused wrongly.

use std::collections::BTreeMap;

use portcullis_audit::alert::Alert;

use super::chance::Chance;
use super::logins::{self, Campaign};
use super::people::{Population, Theft, benign, theft};
use super::tokens::{Disguise, phone, stolen, two_stacks};
use super::{Call, engine, subject, watch};

/// What one detector made of one kind of attack.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub attack: String,
    pub detector: &'static str,
    pub attackers: usize,
    pub caught: usize,
    /// Of those that were caught: after how many calls, or after how many minutes, in the middle and at most.
    pub unit: &'static str,
    pub median: u64,
    pub worst: u64,
}

/// Who was accused wrongly, by detector, in how many days of callers.
#[derive(Clone, Debug, Default)]
pub struct Innocents {
    pub caller_days: u64,
    pub accused: BTreeMap<&'static str, usize>,
}

/// Thieves among customers.
pub fn thefts(population: Population, each: u32, seed: u64) -> Vec<Row> {
    Theft::ALL.into_iter().map(|kind| thefts_of(kind, population, each, seed)).collect()
}

fn thefts_of(kind: Theft, population: Population, each: u32, seed: u64) -> Row {
    let mut chance = Chance::new(seed ^ 0x7469);
    let mut calls = benign(population, seed);
    for number in 0..each {
        // After the days in which the detectors learn what is usual.
        calls.extend(theft(number, kind, population.days - 1, &mut chance));
    }
    calls.sort_by_key(|call| call.second);
    let alerts = watch(&mut engine(), &calls);
    let detectors: &[&str] = match kind {
        Theft::Foreign | Theft::Guessed | Theft::Diluted => &["enumeration"],
        Theft::Slow => &["enumeration", "harvest"],
        Theft::Harvest => &["harvest"],
    };
    let mut after = Vec::new();
    for number in 0..each {
        let attacker = super::people::ATTACKERS + number;
        let told = first(&alerts, attacker, detectors);
        if let Some(told) = told {
            let own = calls.iter().filter(|call| call.caller == attacker && call.object.is_some());
            after.push(own.filter(|call| call.at() <= told.at).count() as u64);
        }
    }
    let detector = if detectors.contains(&"enumeration") { "enumeration" } else { "harvest" };
    row(kind.name(), detector, each as usize, after, "calls")
}

/// Stolen tokens.
pub fn replays(each: u32, seed: u64) -> Vec<Row> {
    let of = |disguise: Disguise, name: &str| {
        let mut chance = Chance::new(seed ^ 0x746f);
        let mut after = Vec::new();
        for token in 1..=each {
            let (calls, since) = stolen(token, disguise, &mut chance);
            if let Some(told) =
                watch(&mut engine(), &calls).iter().find(|alert| alert.detector.name == "token_replay")
            {
                after.push(told.at.since(at(since)).as_secs());
            }
        }
        row(name, "token_replay", each as usize, after, "seconds")
    };
    vec![
        of(Disguise::None, "a stolen token, another client"),
        of(Disguise::Copied, "a stolen token, the client's name copied"),
    ]
}

/// Campaigns of failing logins.
pub fn campaigns(each: u64, seed: u64) -> Vec<Row> {
    let of = |part: f64| {
        let runs = (0..each).filter_map(|run| campaign(part, seed.wrapping_add(run * 7919)).after);
        let attack = format!("failing logins, {:.0} % more than usual", part * 100.0);
        row(&attack, "stuffing", each as usize, runs.collect(), "minutes")
    };
    [0.02, 0.04, 0.10].into_iter().map(of).collect()
}

/// What came of one campaign, after a calm week.
pub struct CampaignSeen {
    /// Alarms in the calm week.
    pub before: usize,
    /// Minutes until it was noticed.
    pub after: Option<u64>,
}

/// A week to learn, and then some of the next with a campaign, which begins at any time of the day.
pub fn campaign(part: f64, seed: u64) -> CampaignSeen {
    let mut chance = Chance::new(seed);
    let from = 7 * 1_440 + 60 + chance.between(0, 1_380);
    let told = logins::watch(&mut engine(), 0..from + 240, Some(Campaign { from, part }), &mut chance);
    let mut minutes =
        told.iter().filter(|(_, alert)| alert.detector.name == "stuffing").map(|(minute, _)| *minute);
    let before = minutes.by_ref().take_while(|minute| *minute < from).count();
    let first = told.iter().find(|(minute, alert)| *minute >= from && alert.detector.name == "stuffing");
    CampaignSeen { before, after: first.map(|(minute, _)| minute - from) }
}

/// Days without an attack: who was accused?
pub fn innocents(population: Population, seed: u64) -> Innocents {
    let alerts = watch(&mut engine(), &benign(population, seed));
    let mut subjects: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
    for alert in &alerts {
        subjects.entry(alert.detector.name).or_default().extend(alert.subject.as_deref());
    }
    let count = |mut subjects: Vec<&str>| {
        subjects.sort_unstable();
        subjects.dedup();
        subjects.len()
    };
    let accused = subjects.into_iter().map(|(detector, subjects)| (detector, count(subjects))).collect();
    Innocents { caller_days: population.caller_days(), accused }
}

/// Phones and clients with two stacks: how many were taken for thieves?
pub fn wanderers(each: u32, seed: u64) -> usize {
    let mut chance = Chance::new(seed ^ 0x7761);
    let mut engine = engine();
    let mut accused = 0;
    for token in 1..=each {
        let calls = if token % 2 == 0 { phone(token, &mut chance) } else { two_stacks(token, &mut chance) };
        accused +=
            usize::from(watch(&mut engine, &calls).iter().any(|alert| alert.detector.name == "token_replay"));
    }
    accused
}

/// Days of logins without a campaign: how often was one seen?
pub fn calm(days: u64, seed: u64) -> usize {
    let told = logins::watch(&mut engine(), 0..days * 1_440, None, &mut Chance::new(seed));
    told.iter().filter(|(_, alert)| alert.detector.name == "stuffing").count()
}

fn first<'a>(alerts: &'a [Alert], caller: u32, detectors: &[&str]) -> Option<&'a Alert> {
    let pseudonym = subject(caller).pseudonym();
    alerts.iter().find(|alert| {
        alert.subject.as_deref() == Some(&*pseudonym) && detectors.contains(&alert.detector.name)
    })
}

fn row(
    attack: &str,
    detector: &'static str,
    attackers: usize,
    mut after: Vec<u64>,
    unit: &'static str,
) -> Row {
    after.sort_unstable();
    Row {
        attack: attack.to_owned(),
        detector,
        attackers,
        caught: after.len(),
        unit,
        median: after.get(after.len() / 2).copied().unwrap_or_default(),
        worst: after.last().copied().unwrap_or_default(),
    }
}

fn at(second: u64) -> portcullis_domain::Timestamp {
    Call {
        second,
        caller: 0,
        role: super::Role::Customer,
        network: 0,
        family: portcullis_audit::detect::Family::V4,
        agent: 0,
        token: None,
        object: None,
    }
    .at()
}
