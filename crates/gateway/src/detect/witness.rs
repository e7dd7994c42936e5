//! Telling detection how a request ended.
//!
//! In: an entry of the record that is about to be written. Out: an [`Observation`], kept with others of the same
//! worker and handed over a batch at a time. Takes well below a microsecond and waits for nothing; what finds no room
//! is counted by the lookout.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use portcullis_audit::detect::{
    DetectionKey, End, Family, Fate, Login, LoginOutcome, Lookout, Named, Observation, Posture, Rare, Reuse,
    SeenObject, SubjectKey,
};
use portcullis_audit::{FindingKind, Verdict};
use portcullis_authz::ledger::Decision;
use portcullis_contract::learn::template;
use portcullis_domain::{Principal, PrincipalKind, Reason, Stage};

use super::{Credentials, NamesObjects, SeenObjects};
use crate::arrival::Envelope;
use crate::limits::attempts::Ending;
use crate::policy::{Api, Route};
use crate::record::Entry;

/// How many observations are handed over at a time.
const BATCH: usize = 64;

/// What one worker has observed.
pub(crate) struct Witness {
    lookout: Arc<Lookout>,
    batch: RefCell<Vec<Observation>>,
}

impl Witness {
    pub(crate) fn new(lookout: Arc<Lookout>) -> Self {
        Self { lookout, batch: RefCell::new(Vec::with_capacity(BATCH)) }
    }

    /// Takes in how a request ended.
    pub(crate) fn note(&self, observation: Observation) {
        let mut batch = self.batch.borrow_mut();
        batch.push(observation);
        if batch.len() >= BATCH {
            self.lookout.hand_over(&mut batch);
        }
    }

    /// Hands over what there is.
    pub(crate) fn hand_over(&self) {
        self.lookout.hand_over(&mut self.batch.borrow_mut());
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// The digest of an address, an IPv6 address by its first 64 bits.
pub(crate) fn network(key: &DetectionKey, address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => key.digest(Named::Address, &[&address.octets()]),
        IpAddr::V6(address) => {
            let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
            key.digest(Named::Address, &[network.as_slice()])
        }
    }
}

/// The digest of a principal.
pub(crate) fn principal(key: &DetectionKey, principal: &Principal) -> u64 {
    key.digest(
        Named::Principal,
        &[principal.issuer.as_str().as_bytes(), principal.subject.as_str().as_bytes()],
    )
}

/// What is observed of a request that ended like this; nothing where nothing is noticed.
pub(crate) fn observe(
    entry: &Entry,
    verdict: Verdict<'_>,
    status: StatusCode,
    response_bytes: u64,
    login: Option<Ending>,
) -> Option<Observation> {
    let detection = &entry.policy.detection;
    if !detection.is_on() {
        return None;
    }
    let (envelope, trace) = (&entry.envelope, &entry.trace);
    let (api, route) = (entry.api(), entry.route());
    let key = detection.lookout.key();
    let network = network(key, envelope.client);
    let caller = trace.principal.as_deref();
    let subject = match caller {
        Some(caller) => SubjectKey::Principal(principal(key, caller)),
        None => SubjectKey::Address(network),
    };
    let bulk = &detection.settings.bulk_readers;
    Some(Observation {
        at: envelope.now.wall,
        receipt: envelope.receipt,
        subject,
        cohort: caller.map_or(0, |caller| cohort(key, caller)),
        reads_in_bulk: !bulk.is_empty()
            && caller.is_some_and(|caller| bulk.iter().any(|role| caller.roles.contains(role))),
        network,
        family: Family::of(envelope.client),
        agent: envelope.from.agent(),
        token: caller.and_then(|caller| token(key, caller)),
        operation: route.map_or(0, |route| route.watched.digest),
        api: api.map_or(0, |api| api.watched),
        end: end(verdict, status),
        status: status.as_u16(),
        response_bytes,
        objects: objects(entry, key, api, route, verdict, status),
        rare: rare(entry, api, route, verdict, status, login).map(Box::new),
    })
}

/// Roles together: peers are compared with peers, and programs with programs.
fn cohort(key: &DetectionKey, caller: &Principal) -> u64 {
    let kind: &[u8] = match caller.kind {
        PrincipalKind::User if caller.roles.is_empty() => return 0,
        PrincipalKind::User => b"user",
        PrincipalKind::Client => b"client",
    };
    let roles = caller.roles.iter().map(str::as_bytes);
    let parts: smallvec::SmallVec<[&[u8]; 8]> = std::iter::once(kind).chain(roles).collect();
    key.digest(Named::Cohort, &parts)
}

fn token(key: &DetectionKey, caller: &Principal) -> Option<u64> {
    let id = caller.claims.get("jti")?.as_str()?;
    Some(key.digest(Named::Token, &[caller.issuer.as_str().as_bytes(), id.as_bytes()]))
}

fn end(verdict: Verdict<'_>, status: StatusCode) -> End {
    match verdict {
        Verdict::Answered if status.is_server_error() => End::Failed,
        Verdict::Answered if status.is_client_error() => End::Rejected,
        Verdict::Answered => End::Served,
        Verdict::Denied(_) => End::Denied,
        Verdict::Failed(_) => End::Failed,
    }
}

/// The objects that a request named, with what came of them.
fn objects(
    entry: &Entry,
    key: &DetectionKey,
    api: Option<&Api>,
    route: Option<&Route>,
    verdict: Verdict<'_>,
    status: StatusCode,
) -> SeenObjects {
    let Some(route) = route else { return stray(entry, key, api, verdict) };
    let by_status = fate(verdict, status);
    let clues = &entry.trace.clues;
    if let (Some(objects), false) = (&route.objects, clues.met.is_empty()) {
        let seen = clues.met.iter().filter_map(|met| {
            let kind = &objects.types.get(met.rule)?.kind;
            let fate = match (met.decision, met.is_exempt) {
                (Decision::Foreign, false) => Some(Fate::Foreign),
                (Decision::ReadOnly, false) => Some(Fate::Denied),
                // Whose own object is gone has not missed it.
                (Decision::Own | Decision::Granted, _) => by_status.filter(|fate| *fate == Fate::Own),
                (Decision::Unknown, _) | (_, true) => by_status,
            }?;
            let [a, b, c, d, e, f, g, h, ..] = met.key.0;
            Some(SeenObject {
                kind: key.digest(Named::Kind, &[kind.realm.as_bytes(), kind.name.as_bytes()]),
                id: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                fate,
            })
        });
        return seen.collect();
    }
    if route.watched.names == NamesObjects::No {
        return SeenObjects::new();
    }
    let kind = route.watched.digest;
    let path = entry.envelope.raw_target.path();
    let seen = |fate| SeenObject {
        kind,
        id: key.digest(Named::Object, &[&kind.to_le_bytes(), path.as_bytes()]),
        fate,
    };
    by_status.map(seen).into_iter().collect()
}

/// What came of naming an object, as far as the end of the request says. A request that was not judged so far, or
/// that broke, has tried nothing.
fn fate(verdict: Verdict<'_>, status: StatusCode) -> Option<Fate> {
    match verdict {
        Verdict::Denied(denial) => match denial.reason() {
            Reason::ObjectForeign | Reason::AnswerForeign => Some(Fate::Foreign),
            Reason::ObjectAbsent => Some(Fate::Absent),
            reason => (reason.facts().stage == Stage::Authorize && reason.status() == 403
                || reason == Reason::ObjectConcealed)
                .then_some(Fate::Denied),
        },
        Verdict::Failed(_) => None,
        Verdict::Answered => match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Some(Fate::Absent),
            StatusCode::FORBIDDEN => Some(Fate::Denied),
            _ => status.is_success().then_some(Fate::Own),
        },
    }
}

/// A path that belongs to no operation.
fn stray(entry: &Entry, key: &DetectionKey, api: Option<&Api>, verdict: Verdict<'_>) -> SeenObjects {
    if api.is_none() || verdict.reason() != Some(Reason::OperationUnknown) {
        return SeenObjects::new();
    }
    let path = entry.envelope.raw_target.path();
    let id = key.digest(Named::Object, &[path.as_bytes()]);
    SeenObjects::from_slice(&[SeenObject { kind: 0, id, fate: Fate::Absent }])
}

/// What few requests have.
fn rare(
    entry: &Entry,
    api: Option<&Api>,
    route: Option<&Route>,
    verdict: Verdict<'_>,
    status: StatusCode,
    ending: Option<Ending>,
) -> Option<Rare> {
    let Entry { envelope, trace, .. } = entry;
    let is_served = matches!(verdict, Verdict::Answered) && status.as_u16() < 400;
    let login = trace.clues.login.zip(ending).and_then(|((account, password), ending)| {
        let outcome = match ending {
            Ending::Succeeded => LoginOutcome::Succeeded,
            Ending::Failed => LoginOutcome::Failed,
            Ending::Untried => return None,
        };
        Some(Login { account, password, outcome })
    });
    let reuse = match verdict.reason() {
        Some(Reason::ProofReplayed) => Some(Reuse::ProofReplayed),
        Some(Reason::TokenBindingUnproven) => Some(Reuse::Unbound),
        Some(_) | None => None,
    };
    let is_gone = matches!(verdict.reason(), Some(Reason::VersionRetired));
    let places = entry.policy.detection.places.as_ref();
    let address = places.and(trace.principal.as_ref()).map(|_| envelope.client);
    let undeclared =
        api.filter(|api| is_served && api.learning.is_some()).map(|api| undeclared(envelope, api));
    let posture =
        route.filter(|route| is_served && route.watched.credentials == Credentials::Optional).map(|_| {
            match trace.principal {
                Some(_) => Posture::Authenticated,
                None => Posture::Anonymous,
            }
        });
    let sensitive: Vec<Box<str>> = trace
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Sensitive)
        .flat_map(|finding| finding.places.iter().cloned())
        .collect();
    let violations = trace.shadowed.as_ref().filter(|_| is_served).map(|denial| denial.violations());
    let polluted: Vec<Box<str>> = violations
        .unwrap_or_default()
        .iter()
        .filter(|violation| {
            violation.location != "body" && matches!(&*violation.keyword, "repeated" | "undeclared")
        })
        .map(|violation| format!("{} {}", violation.location, violation.at).into())
        .collect();
    let is_rare = login.is_some()
        || reuse.is_some()
        || is_gone
        || address.is_some()
        || undeclared.is_some()
        || posture.is_some()
        || !sensitive.is_empty()
        || !polluted.is_empty();
    is_rare.then_some(Rare { login, reuse, address, undeclared, posture, is_gone, sensitive, polluted })
}

fn undeclared(envelope: &Envelope, api: &Api) -> Box<str> {
    let path = envelope.raw_target.path();
    let within = path.strip_prefix(&*api.observed.mount).unwrap_or(path);
    format!("{} {}", envelope.method, template(within)).into()
}
