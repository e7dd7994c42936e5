//! Logins by the minute: 200 of them, of which some eight in a hundred fail, more on Mondays and at night, more when
//! something was deployed; and a campaign that adds a few in a hundred more.

use portcullis_audit::alert::Alert;
use portcullis_audit::detect::{Engine, Login, LoginOutcome, Observation, Rare};
use portcullis_domain::Timestamp;

use super::chance::Chance;
use super::{Call, MONDAY, Role};

const PER_MINUTE: f64 = 200.0;
const WEEK: u64 = 7 * 1_440;

/// A campaign: from which minute on, and what part of the usual number of logins is added.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    pub from: u64,
    pub part: f64,
}

/// What the detectors say, by the minute in which they say it.
pub fn watch(
    engine: &mut Engine,
    minutes: std::ops::Range<u64>,
    campaign: Option<Campaign>,
    chance: &mut Chance,
) -> Vec<(u64, Alert)> {
    let mut told = Vec::new();
    for minute in minutes {
        let at = Timestamp::from_millis(MONDAY.as_millis() + minute * 60_000);
        let deployed = deployment(minute);
        if deployed == Some(0) {
            engine.note_deployment(at);
        }
        let hour = minute as f64 / 60.0;
        let day = (hour * std::f64::consts::TAU / 24.0).sin();
        let tries = (PER_MINUTE * (1.0 + 0.5 * day) + 6.0 * chance.normal()).max(40.0);
        // Minutes differ by more than chance: one broken client, one forgotten password at noon.
        let share =
            0.08 - 0.02 * day + 0.008 * chance.normal() + if minute % WEEK < 1_440 { 0.01 } else { 0.0 };
        let share = if deployed.is_some() { share + 0.15 } else { share }.clamp(0.0, 1.0);
        let mut alerts = Vec::new();
        for index in 0..tries as u64 {
            let second = minute * 60 + index * 60 / tries as u64;
            let failed = chance.happens(share);
            observe(engine, second, chance.between(0, 100_000) as u32, failed, &mut alerts, chance);
        }
        if let Some(campaign) = campaign.filter(|campaign| minute >= campaign.from) {
            for _ in 0..(tries * campaign.part).round() as u64 {
                let account = 500_000 + chance.between(0, 1_000_000) as u32;
                let source = 9_000 + chance.between(0, 20) as u32;
                attempt(engine, minute * 60 + 59, account, source, true, &mut alerts, chance);
            }
        }
        told.extend(alerts.into_iter().map(|alert| (minute, alert)));
    }
    told
}

/// Twice a week, at noon on Tuesday and on Thursday, for ten minutes: which of them it is.
fn deployment(minute: u64) -> Option<u64> {
    let of_week = minute % WEEK;
    [1, 3].into_iter().find_map(|day| {
        let since = of_week.checked_sub(day * 1_440 + 720)?;
        (since < 10).then_some(since)
    })
}

fn observe(
    engine: &mut Engine,
    second: u64,
    account: u32,
    failed: bool,
    alerts: &mut Vec<Alert>,
    chance: &mut Chance,
) {
    attempt(engine, second, account, account, failed, alerts, chance);
}

fn attempt(
    engine: &mut Engine,
    second: u64,
    account: u32,
    source: u32,
    failed: bool,
    alerts: &mut Vec<Alert>,
    chance: &mut Chance,
) {
    let call = Call {
        second,
        caller: source,
        role: Role::Customer,
        network: source,
        family: portcullis_audit::detect::Family::V4,
        agent: 1,
        token: None,
        object: None,
    };
    let outcome = if failed { LoginOutcome::Failed } else { LoginOutcome::Succeeded };
    let login = Login { account: u64::from(account), password: failed.then(|| chance.next()), outcome };
    let observation = Observation {
        api: 0,
        status: if failed { 401 } else { 200 },
        rare: Some(Box::new(Rare { login: Some(login), ..Rare::default() })),
        ..call.observation()
    };
    engine.observe(&observation, alerts);
}
