//! One attack of each kind, as short as it may be: for how soon it is told.

use portcullis_audit::alert::Alert;
use portcullis_audit::detect::{End, Family, Fate, Login, LoginOutcome, Noticed, Observation, Rare, Reuse};
use portcullis_domain::Timestamp;

use super::people::{Theft, theft};
use super::tokens::{Disguise, stolen};
use super::{Call, MONDAY, Role, chance::Chance, engine};

/// What should be noticed, the observations, and when the attack began.
pub type Attack = (Noticed, Vec<Observation>, Timestamp);

/// Brute force, stuffing, spraying, reuse of tokens, ids tried, rises of refusals and failures.
pub fn all() -> Vec<Attack> {
    vec![
        of_theft(Noticed::Enumeration, Theft::Foreign),
        of_theft(Noticed::Misses, Theft::Guessed),
        guessing(),
        spray(),
        stuffing(),
        replay(),
        reuse(),
        rise(Noticed::Denials, End::Denied, 403),
        rise(Noticed::Failures, End::Failed, 502),
    ]
}

pub fn watch(observations: Vec<Observation>) -> Vec<Alert> {
    let (mut engine, mut alerts) = (engine(), Vec::new());
    for observation in observations {
        engine.observe(&observation, &mut alerts);
    }
    alerts
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(MONDAY.as_millis() + millis)
}

fn of_theft(noticed: Noticed, kind: Theft) -> Attack {
    let mut calls = theft(1, kind, 0, &mut Chance::new(3));
    let began = calls[0].second;
    for (index, call) in calls.iter_mut().enumerate() {
        call.second = began + index as u64 / 2;
        if noticed == Noticed::Misses {
            call.object = call.object.map(|(id, _)| (id, Fate::Absent));
        }
    }
    let began = calls[0].at();
    (noticed, calls.iter().map(Call::observation).collect(), began)
}

fn plain(millis: u64, source: u32) -> Observation {
    let call = Call {
        second: millis / 1000,
        caller: source,
        role: Role::Customer,
        network: source,
        family: Family::V4,
        agent: 1,
        token: None,
        object: None,
    };
    Observation { at: at(millis), api: 0, ..call.observation() }
}

fn login(millis: u64, source: u32, account: u64, password: u64, outcome: LoginOutcome) -> Observation {
    let login = Login { account, password: Some(password), outcome };
    Observation {
        status: if outcome == LoginOutcome::Failed { 401 } else { 200 },
        rare: Some(Box::new(Rare { login: Some(login), ..Rare::default() })),
        ..plain(millis, source)
    }
}

fn guessing() -> Attack {
    let tries = (0..30u64).map(|index| login(index * 1_000, 7, 1, index, LoginOutcome::Failed));
    (Noticed::Guessing, tries.collect(), at(0))
}

fn spray() -> Attack {
    let tries = (0..60u64).map(|index| login(index * 1_000, index as u32, index, 9, LoginOutcome::Failed));
    (Noticed::Spray, tries.collect(), at(0))
}

/// Two hours of logins, and then four times as many, all of which fail.
fn stuffing() -> Attack {
    let mut chance = Chance::new(5);
    let (quiet, minute) = (120, 60_000u64);
    let mut all = Vec::new();
    for index in 0..quiet * 200 {
        let outcome = if chance.happens(0.08) { LoginOutcome::Failed } else { LoginOutcome::Succeeded };
        all.push(login(index * 300, index as u32, index, chance.next(), outcome));
    }
    let began = quiet * minute;
    for index in 0..1_600u64 {
        all.push(login(began + index * 75, 3, 90_000 + index, chance.next(), LoginOutcome::Failed));
    }
    (Noticed::Stuffing, all, at(began))
}

fn replay() -> Attack {
    let (calls, since) = stolen(3, Disguise::None, &mut Chance::new(2));
    let observations = calls.iter().map(Call::observation).collect();
    (Noticed::TokenReplay, observations, at(since * 1_000))
}

fn reuse() -> Attack {
    let rare = Rare { reuse: Some(Reuse::ProofReplayed), ..Rare::default() };
    let shown = Observation { end: End::Denied, status: 401, rare: Some(Box::new(rare)), ..plain(0, 5) };
    (Noticed::TokenReplay, vec![shown], at(0))
}

/// Two hours of calls of which one in a hundred ends badly, and then every second one.
fn rise(noticed: Noticed, end: End, status: u16) -> Attack {
    let mut chance = Chance::new(8);
    let mut all = Vec::new();
    let began = 120 * 60_000u64;
    for index in 0..120 * 100 + 200u64 {
        let millis = index * 600;
        let is_bad = chance.happens(if millis < began { 0.01 } else { 0.5 });
        let observation = Observation { api: 77, ..plain(millis, index as u32 % 50) };
        all.push(match is_bad {
            true => Observation { end, status, ..observation },
            false => observation,
        });
    }
    (noticed, all, at(began))
}
