//! The same detectors over a record that was written before: what would they have said, and of whom rightly?
//!
//! In: lines of the record, and who of its callers is known to have attacked. Out: alerts, and for each detector whom
//! it caught, missed and accused wrongly. Digests of objects, tokens and roles stand in the lines ([`super::line`]);
//! names of callers do too, so those are digested anew under a key of no secrecy. Passwords stand nowhere: guesses and
//! sprays cannot be replayed. Called by `portcullis detect replay`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use portcullis_domain::{ReceiptId, Timestamp};
use serde::Deserialize;

use super::detectors::Noticed;
use super::engine::Engine;
use super::keys::{DetectionKey, Named};
use super::names::Names;
use super::observation::{
    End, Family, Fate, Login, LoginOutcome, Observation, Rare, Reuse, SeenObject, SubjectKey,
};
use super::settings::DetectionSettings;
use super::standing::Standings;
use crate::alert::Alert;
use crate::circumstances;

/// Replays one record.
pub struct Replay {
    engine: Engine,
    names: Arc<Names>,
    callers: HashMap<Box<str>, Box<str>, RandomState>,
    replayed: Replayed,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Lines that are requests.
    pub requests: u64,
    /// Lines that are something else: notes about the process, alerts.
    pub others: u64,
    /// Everything that the detectors said, in order.
    pub alerts: Vec<Alert>,
    /// The callers, by pseudonym: subjects, or addresses of those who did not say who they were.
    pub callers: BTreeMap<Box<str>, Box<str>>,
}

/// A caller who is known to have attacked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Its subject, or address, as the record has it.
    pub subject: String,
    /// Which detector should have noticed.
    pub attack: Noticed,
}

/// How well one detector did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attackers that it noticed.
    pub caught: u64,
    /// Attackers that it did not notice.
    pub missed: u64,
    /// Callers that it accused and that no label calls attackers.
    pub accused: u64,
    /// Callers that it rightly said nothing of.
    pub cleared: u64,
}

/// A line cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("it is no line of a record: {0}")]
pub struct Unreadable(serde_json::Error);

impl Replay {
    /// Detectors that know nothing yet.
    #[must_use]
    pub fn new(settings: DetectionSettings) -> Self {
        let names = Arc::new(Names::default());
        let engine = Engine::new(Arc::new(settings), Arc::clone(&names), Arc::new(Standings::default()), KEY);
        Self { engine, names, callers: HashMap::default(), replayed: Replayed::default() }
    }

    /// Takes in one line.
    ///
    /// # Errors
    /// [`Unreadable`]: it is no JSON, or none that the gateway writes.
    pub fn line(&mut self, text: &str) -> Result<(), Unreadable> {
        let line: Line<'_> = serde_json::from_str(text).map_err(Unreadable)?;
        let Some((observation, name)) = line.observation(&self.names) else {
            self.replayed.others += 1;
            return Ok(());
        };
        self.replayed.requests += 1;
        self.callers.entry(observation.subject.pseudonym()).or_insert_with(|| name.into());
        self.engine.observe(&observation, &mut self.replayed.alerts);
        self.engine.pass_time(observation.at, &mut self.replayed.alerts);
        Ok(())
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Replayed {
        Replayed { callers: self.callers.into_iter().collect(), ..self.replayed }
    }
}

impl Replayed {
    /// The caller that an alert is about.
    #[must_use]
    pub fn caller(&self, alert: &Alert) -> Option<&str> {
        self.callers.get(alert.subject.as_deref()?).map(|name| &**name)
    }

    /// How well each detector did that a label speaks of, or that accused somebody.
    #[must_use]
    pub fn tallies(&self, labels: &[Label]) -> BTreeMap<Noticed, Tally> {
        let mut tallies: BTreeMap<Noticed, Tally> = BTreeMap::new();
        for noticed in Noticed::ALL {
            let mut accused: Vec<&str> = self
                .alerts
                .iter()
                .filter(|alert| alert.detector == noticed.detector())
                .filter_map(|alert| self.caller(alert))
                .collect();
            accused.sort_unstable();
            accused.dedup();
            let is_attacker = |name: &str| labels.iter().any(|label| label.subject == name);
            let of_it: Vec<&Label> = labels.iter().filter(|label| label.attack == *noticed).collect();
            if of_it.is_empty() && accused.is_empty() {
                continue;
            }
            let caught =
                of_it.iter().filter(|label| accused.contains(&label.subject.as_str())).count() as u64;
            let wrongly = accused.iter().filter(|name| !is_attacker(name)).count() as u64;
            let innocents = self.callers.values().filter(|name| !is_attacker(name)).count() as u64;
            tallies.insert(
                *noticed,
                Tally {
                    caught,
                    missed: of_it.len() as u64 - caught,
                    accused: wrongly,
                    cleared: innocents.saturating_sub(wrongly),
                },
            );
        }
        tallies
    }
}

/// No secret: everything that it hides stands in the record.
const KEY: DetectionKey = DetectionKey::new(*b"replayed records");

/// What is read of a line.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    time: Cow<'l, str>,
    receipt: Option<Cow<'l, str>>,
    outcome: Option<Cow<'l, str>>,
    status: Option<u16>,
    reason: Option<Cow<'l, str>>,
    peer: Option<IpAddr>,
    client: Option<IpAddr>,
    tls: Option<Cow<'l, str>>,
    user_agent: Option<Cow<'l, str>>,
    api: Option<Cow<'l, str>>,
    operation: Option<Cow<'l, str>>,
    issuer: Option<Cow<'l, str>>,
    subject: Option<Cow<'l, str>>,
    #[serde(default)]
    response_bytes: u64,
    #[serde(default)]
    seen: Seen<'l>,
}

/// See [`super::line`].
#[derive(Default, Deserialize)]
struct Seen<'l> {
    #[serde(borrow)]
    cohort: Option<Cow<'l, str>>,
    token: Option<Cow<'l, str>>,
    #[serde(default)]
    bulk: bool,
    account: Option<Cow<'l, str>>,
    login: Option<Cow<'l, str>>,
    #[serde(default)]
    objects: Vec<Object<'l>>,
}

#[derive(Deserialize)]
struct Object<'l> {
    #[serde(borrow)]
    kind: Cow<'l, str>,
    id: Cow<'l, str>,
    fate: Cow<'l, str>,
}

impl Line<'_> {
    /// What it was, and whose; `None` for what is no request.
    fn observation(&self, names: &Names) -> Option<(Observation, String)> {
        let at = self.time.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        let (outcome, status) = (self.outcome.as_deref()?, self.status?);
        let address = self.client.or(self.peer)?;
        let network = match address.to_canonical() {
            IpAddr::V4(address) => KEY.digest(Named::Address, &[&address.octets()]),
            IpAddr::V6(address) => {
                let prefix = address.octets();
                KEY.digest(Named::Address, &[prefix.get(..8).unwrap_or(&prefix)])
            }
        };
        let (subject, name) = match (&self.issuer, &self.subject) {
            (Some(issuer), Some(subject)) => {
                let digest = KEY.digest(Named::Principal, &[issuer.as_bytes(), subject.as_bytes()]);
                (SubjectKey::Principal(digest), subject.to_string())
            }
            _ => (SubjectKey::Address(network), address.to_string()),
        };
        let api = self.api.as_deref();
        let operation = api.zip(self.operation.as_deref());
        let end = match (outcome, status) {
            ("denied", _) => End::Denied,
            ("answered", 500..) | ("failed", _) => End::Failed,
            ("answered", 400..) => End::Rejected,
            ("answered", _) => End::Served,
            _ => return None,
        };
        let observation = Observation {
            at: Timestamp::from_millis(u64::try_from(at).ok()?),
            receipt: ReceiptId::parse(self.receipt.as_deref()?)?,
            subject,
            cohort: digest(self.seen.cohort.as_deref()).unwrap_or(0),
            reads_in_bulk: self.seen.bulk,
            network,
            family: Family::of(address),
            agent: circumstances::agent(self.user_agent.as_deref(), self.tls.as_deref()),
            token: digest(self.seen.token.as_deref()),
            operation: operation.map_or(0, |(api, operation)| names.operation(&KEY, api, operation)),
            api: api.map_or(0, |api| names.api(&KEY, api)),
            end,
            status,
            response_bytes: self.response_bytes,
            objects: self.seen.objects.iter().filter_map(Object::read).collect(),
            rare: self.rare().map(Box::new),
        };
        Some((observation, name))
    }

    fn rare(&self) -> Option<Rare> {
        let outcome = match self.seen.login.as_deref() {
            Some("failed") => Some(LoginOutcome::Failed),
            Some("succeeded") => Some(LoginOutcome::Succeeded),
            Some(_) | None => None,
        };
        let account = digest(self.seen.account.as_deref());
        let login = account.zip(outcome).map(|(account, outcome)| Login { account, password: None, outcome });
        let reuse = match self.reason.as_deref() {
            Some("proof_replayed") => Some(Reuse::ProofReplayed),
            Some("token_binding_unproven") => Some(Reuse::Unbound),
            Some(_) | None => None,
        };
        let is_rare = login.is_some() || reuse.is_some();
        is_rare.then(|| Rare { login, reuse, ..Rare::default() })
    }
}

impl Object<'_> {
    fn read(&self) -> Option<SeenObject> {
        let (kind, id) = (digest(Some(&self.kind))?, digest(Some(&self.id))?);
        Some(SeenObject { kind, id, fate: Fate::from_name(&self.fate)? })
    }
}

fn digest(text: Option<&str>) -> Option<u64> {
    u64::from_str_radix(text?, 16).ok()
}
