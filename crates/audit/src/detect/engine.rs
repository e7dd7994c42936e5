//! All detectors, fed with one request after the other.
//!
//! In: observations and the passing of time. Out: alerts, and what is held against callers ([`Standings`]). Pure but
//! for that: the same observations in the same order give the same alerts, which is what replay and the published
//! tables rest on. Each observation takes a constant time, and everything that is remembered has its bound.
//! Belongs to one thread ([`super::lookout`]), so it needs no locks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use portcullis_domain::Timestamp;

use super::bounded::Bounded;
use super::campaign::{Campaign, Rise};
use super::cohort::Cohorts;
use super::detectors::{Noticed, Weight};
use super::enumeration::MinuteOfMisses;
use super::harvest::Reads;
use super::keys::{DetectionKey, Named};
use super::logins::{Logins, Sign};
use super::names::Names;
use super::observation::{End, Fate, LoginOutcome, Observation, Rare, SubjectKey};
use super::operations::Operations;
use super::settings::DetectionSettings;
use super::standing::Standings;
use super::subject::Subject;
use super::tell::{self, Told};
use super::tokens::Tokens;
use super::travel::Places;
use super::volume::Measured;
use crate::alert::Alert;

/// How often what is over is forgotten.
const TIDY: Duration = Duration::from_secs(60);
/// How long a caller is remembered who does not come again.
const REMEMBERED: Duration = Duration::from_secs(2 * 86_400);
/// Most APIs of which refusals and failures are watched.
const APIS: usize = 256;
/// Rises of refusals and failures below this are nobody's business.
const SPIKE: f64 = 0.02;
/// Weak signs that add up to this are an alarm of their own.
const BUDGET: f32 = 100.0;

/// All detectors.
#[derive(Debug)]
pub struct Engine {
    settings: Arc<DetectionSettings>,
    names: Arc<Names>,
    standings: Arc<Standings>,
    key: DetectionKey,
    principals: Bounded<Box<Subject>>,
    addresses: Bounded<Box<Subject>>,
    cohorts: Cohorts,
    logins: Logins,
    tokens: Tokens,
    operations: Operations,
    denials: HashMap<u64, Campaign, RandomState>,
    failures: HashMap<u64, Campaign, RandomState>,
    places: Option<Arc<Places>>,
    tidied: Timestamp,
}

impl Engine {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(
        settings: Arc<DetectionSettings>,
        names: Arc<Names>,
        standings: Arc<Standings>,
        key: DetectionKey,
    ) -> Self {
        let room = settings.subjects;
        Self {
            settings,
            names,
            standings,
            key,
            principals: Bounded::new(room),
            addresses: Bounded::new(room),
            cohorts: Cohorts::default(),
            logins: Logins::new(room),
            tokens: Tokens::new(room),
            operations: Operations::default(),
            denials: HashMap::default(),
            failures: HashMap::default(),
            places: None,
            tidied: Timestamp::default(),
        }
    }

    /// From now on these settings hold. Room stays as it is.
    pub fn set(&mut self, settings: Arc<DetectionSettings>) {
        self.settings = settings;
    }

    /// From now on it is known where addresses are.
    pub fn set_places(&mut self, places: Option<Arc<Places>>) {
        self.places = places;
    }

    /// Something was deployed: what fails in the next minutes is no attack.
    pub fn note_deployment(&mut self, at: Timestamp) {
        self.logins.pause(at);
        let spikes = self.denials.values_mut().chain(self.failures.values_mut());
        spikes.for_each(|campaign| campaign.pause(at));
    }

    /// How many callers are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.principals.len() + self.addresses.len()
    }

    /// Takes in one request.
    pub fn observe(&mut self, seen: &Observation, alerts: &mut Vec<Alert>) {
        self.watch_ends(seen, alerts);
        if let Some(token) = seen.token
            && let Some(replay) = self.tokens.note(seen, token)
        {
            self.accuse(seen.subject, Noticed::TokenReplay, tell::replayed(seen, &replay), seen, alerts);
        }
        self.watch_subject(seen, alerts);
        if let Some(rare) = &seen.rare {
            self.watch_rare(seen, rare, alerts);
        }
    }

    /// Closes what is over by `now`.
    pub fn pass_time(&mut self, now: Timestamp, alerts: &mut Vec<Alert>) {
        for (endpoint, rise) in self.logins.pass_time(now) {
            self.tell_stuffing(endpoint, &rise, now, alerts);
        }
        if now.since(self.tidied) < TIDY && now >= self.tidied {
            return;
        }
        self.tidied = now;
        self.logins.tidy(now);
        self.tokens.tidy(now);
        self.standings.tidy(now);
        let keeps = |subject: &mut Box<Subject>| {
            subject.forget(now);
            now.since(subject.last_seen) < REMEMBERED
        };
        self.principals.retain(keeps);
        self.addresses.retain(keeps);
    }

    /// What one caller does.
    fn watch_subject(&mut self, seen: &Observation, alerts: &mut Vec<Alert>) {
        let table = match seen.subject {
            SubjectKey::Principal(_) => &mut self.principals,
            SubjectKey::Address(_) => &mut self.addresses,
        };
        let subject = table.entry(seen.subject.digest(), || Box::new(Subject::new(seen)));
        (subject.last_seen, subject.cohort) = (seen.at, seen.cohort);
        let mut found = Vec::new();

        let missed = seen.objects.iter().find(|object| object.fate != Fate::Own);
        if missed.is_some() || matches!(seen.status, 403 | 404 | 410) {
            subject.examples.note(seen.receipt);
            // What names no object is told apart by nothing but its operation.
            let path = missed.map_or(seen.operation, |object| object.id);
            let minute = subject.misses.get_or_insert_with(|| Box::new(MinuteOfMisses::new(seen.at)));
            let is_object = seen.operation != 0;
            if minute.note(path, is_object, seen.at, self.settings.misses_per_minute) {
                found.push((Noticed::Misses, tell::missed(minute)));
            }
        }
        for object in seen.objects.iter().filter(|object| object.kind != 0) {
            if let Some(accusation) = subject.weigh(*object, seen.at, &mut self.cohorts) {
                found.push((Noticed::Enumeration, tell::enumerated(&accusation, object.kind, &self.names)));
            }
            if !seen.reads_in_bulk || object.fate == Fate::Foreign {
                let reads = subject.reads.get_or_insert_with(|| Box::new(Reads::new(seen.at)));
                if let Some(excess) = reads.note(*object, seen.at, seen.cohort, &mut self.cohorts) {
                    found.push((Noticed::Harvest, tell::harvested(&excess)));
                }
            }
        }
        if let Some(beyond) = subject.habit.note(seen.response_bytes, seen.at)
            && !seen.reads_in_bulk
        {
            let noticed = match beyond.what {
                Measured::Requests => Noticed::Volume,
                Measured::Bytes => Noticed::Payload,
            };
            found.push((noticed, tell::beyond_habit(&beyond)));
        }
        let mut examples = Vec::new();
        if !found.is_empty() {
            examples = subject.examples.shown();
        }
        for (noticed, told) in found {
            self.accuse(seen.subject, noticed, told.showing(examples.clone()), seen, alerts);
        }
    }

    /// Refusals and failures of an API as a whole.
    fn watch_ends(&mut self, seen: &Observation, alerts: &mut Vec<Alert>) {
        if seen.api == 0 {
            return;
        }
        let outcome = |is_one: bool| if is_one { LoginOutcome::Failed } else { LoginOutcome::Succeeded };
        let spikes = [
            (&mut self.denials, outcome(seen.end == End::Denied), Noticed::Denials),
            (&mut self.failures, outcome(seen.end == End::Failed || seen.status >= 500), Noticed::Failures),
        ];
        let mut risen = Vec::new();
        for (campaigns, outcome, noticed) in spikes {
            if campaigns.len() >= APIS && !campaigns.contains_key(&seen.api) {
                continue;
            }
            let campaign = campaigns.entry(seen.api).or_insert_with(|| Campaign::new(seen.at, SPIKE));
            risen.extend(
                campaign.note(seen.at, outcome, seen.network, seen.operation).map(|rise| (noticed, rise)),
            );
        }
        for (noticed, rise) in risen {
            let mut told = tell::risen(noticed, &rise);
            told.receipt = Some(seen.receipt);
            self.tell(noticed, told, seen.api, seen.at, alerts);
        }
    }

    fn watch_rare(&mut self, seen: &Observation, rare: &Rare, alerts: &mut Vec<Alert>) {
        if let Some(login) = rare.login {
            for sign in self.logins.note(login, seen.operation, seen.network, seen.at) {
                match sign {
                    Sign::Guessing { account, passwords, tries, began } => {
                        let told = tell::guessed(account, passwords, tries, began, seen);
                        self.accuse_source(Noticed::Guessing, told, seen, alerts);
                    }
                    Sign::Spray { accounts, tries, began } => {
                        let told = tell::sprayed(accounts, tries, began, seen);
                        self.accuse_source(Noticed::Spray, told, seen, alerts);
                    }
                    Sign::Stuffing(rise) => self.tell_stuffing(seen.operation, &rise, seen.at, alerts),
                }
            }
        }
        if let Some(reuse) = rare.reuse {
            self.accuse(seen.subject, Noticed::TokenReplay, tell::reused(reuse, seen), seen, alerts);
        }
        if let (Some(address), Some(places)) = (rare.address, &self.places)
            && let SubjectKey::Principal(digest) = seen.subject
            && let Some(subject) = self.principals.find(digest)
            && let Some(journey) = places.follow(&mut subject.whereabouts, address, seen.at)
        {
            self.accuse(seen.subject, Noticed::Travel, tell::travelled(&journey), seen, alerts);
        }
        if let Some(path) = &rare.undeclared {
            let digest = self.key.digest(Named::Place, &[&seen.api.to_le_bytes(), path.as_bytes()]);
            if let Some(calls) = self.operations.undeclared(digest) {
                self.tell(Noticed::Shadow, tell::undeclared(path, calls, seen), seen.api, seen.at, alerts);
            }
        }
        if rare.is_gone {
            let place = if seen.operation == 0 { seen.api } else { seen.operation };
            self.tell(Noticed::Zombie, tell::gone(seen, &self.names, place), place, seen.at, alerts);
        }
        if let Some(posture) = rare.posture
            && let Some(drift) = self.operations.served(seen.operation, posture)
        {
            self.tell(
                Noticed::Posture,
                tell::drifted(&drift, seen, &self.names),
                seen.operation,
                seen.at,
                alerts,
            );
        }
        for place in &rare.sensitive {
            let digest = self.key.digest(Named::Place, &[&seen.operation.to_le_bytes(), place.as_bytes()]);
            if let Some(sightings) = self.operations.sensitive(digest) {
                let told = tell::sensitive(place, sightings, seen);
                self.tell(Noticed::Sensitive, told, seen.operation, seen.at, alerts);
            }
        }
        if !rare.polluted.is_empty() {
            let told = tell::polluted(&rare.polluted, seen);
            self.accuse(seen.subject, Noticed::Pollution, told, seen, alerts);
        }
    }

    /// More logins fail; the networks that took part with many accounts are held to account.
    fn tell_stuffing(&mut self, endpoint: u64, rise: &Rise, at: Timestamp, alerts: &mut Vec<Alert>) {
        let suspects = rise.bracket.suspects();
        if self.settings.action(Noticed::Stuffing).is_some() {
            for (network, _) in &suspects {
                let measure = self.settings.measure(Noticed::Stuffing, at);
                self.standings.accuse(*network, Noticed::Stuffing.weight().points(), measure, at);
            }
        }
        let told = tell::risen(Noticed::Stuffing, rise).showing(tell::networks(&suspects));
        self.tell(Noticed::Stuffing, told, endpoint, at, alerts);
    }

    /// Holds what was noticed at an account against the address that it came from.
    fn accuse_source(&mut self, noticed: Noticed, told: Told, seen: &Observation, alerts: &mut Vec<Alert>) {
        let named = told.subject.clone();
        let before = alerts.len();
        self.accuse(SubjectKey::Address(seen.network), noticed, told, seen, alerts);
        if let (Some(alert), Some(named)) = (alerts.get_mut(before), named) {
            alert.subject = Some(named);
        }
    }

    /// Raises an alarm about a caller, and does what is to be done about it.
    fn accuse(
        &mut self,
        subject: SubjectKey,
        noticed: Noticed,
        mut told: Told,
        seen: &Observation,
        alerts: &mut Vec<Alert>,
    ) {
        if self.settings.action(noticed).is_none() {
            return;
        }
        told.subject = Some(subject.pseudonym());
        told.receipt = Some(seen.receipt);
        let place = if seen.operation == 0 { seen.api } else { seen.operation };
        self.tell(noticed, told, place, seen.at, alerts);
        let points = noticed.weight().points();
        let measure = self.settings.measure(noticed, seen.at);
        let sum = self.standings.accuse(subject.digest(), points, measure, seen.at);
        let crosses = sum >= BUDGET && sum - points < BUDGET;
        if noticed.weight() < Weight::Decisive && crosses {
            let measure = self.settings.measure(Noticed::Fusion, seen.at);
            self.standings.accuse(subject.digest(), 0.0, measure, seen.at);
            let mut told = tell::added_up(sum);
            (told.subject, told.receipt) = (Some(subject.pseudonym()), Some(seen.receipt));
            self.tell(Noticed::Fusion, told, place, seen.at, alerts);
        }
    }

    fn tell(&self, noticed: Noticed, told: Told, place: u64, at: Timestamp, alerts: &mut Vec<Alert>) {
        let Some(action) = self.settings.action(noticed) else { return };
        alerts.push(told.into_alert(noticed, action, self.names.find(place).as_deref(), at));
    }
}
