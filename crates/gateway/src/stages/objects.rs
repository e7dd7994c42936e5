//! May this caller touch these objects: every id that the request names must be its own, or shared with it.
//!
//! In: a request that was found valid, and who is permitted to call. Out: what it has at stake, for the answer to
//! teach; or a refusal that looks like absence (AUTHZ-08, AUTHZ-09). One foreign id among a hundred refuses all
//! of them, before the upstream hears of any. An id that nobody knows is for the operator to decide.

mod parties;
mod seen;

use std::sync::Arc;

use http::{HeaderMap, Method};
use portcullis_authz::Permit;
use portcullis_authz::ledger::Decision;
use portcullis_contract::{Operation, PathParameters};
use portcullis_domain::{Denial, Principal, Reason, Right, Stage, Strength};
use portcullis_message::Authority;
use smallvec::SmallVec;

use crate::arrival::Envelope;
use crate::detect::{MOST_OBJECTS, MetObject};
use crate::ownership::{
    Asker, Content, Judged, Met, Mode, Named, NewId, ObjectType, OnRoute, OnUnknown, Place, Reading,
    RouteObjects, Stake, Touched, Visibility,
};
use crate::trace::Trace;
use seen::{Seen, given_by};

/// The request, as far as objects are concerned.
pub(crate) struct Asked<'r, 'p> {
    pub(crate) operation: &'r Operation,
    pub(crate) envelope: &'r Envelope,
    pub(crate) authority: &'r Authority,
    pub(crate) path: &'r PathParameters<'r, 'p>,
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: Content<'r>,
}

/// Judges all objects that a request names.
///
/// # Errors
/// [`Reason::ObjectForeign`] if one is not the caller's, [`Reason::ObjectAmbiguous`] if two places that must agree
/// do not, [`Reason::PermitMissing`] if one is shared with the caller to be read and this would change it.
pub(crate) async fn judge(
    objects: &Arc<RouteObjects>,
    permit: &Permit,
    asked: Asked<'_, '_>,
    trace: &mut Trace,
) -> Result<Box<Stake>, Denial> {
    let Asked { operation, envelope, authority, path, query, headers, body } = asked;
    let given = if objects.reads_graphql() { given_by(operation, query, body) } else { None };
    let reading = Seen { parts: Reading { path, query, headers, body }, given: given.as_ref() };
    let mut touched = Vec::with_capacity(objects.types.len());
    for (index, rule) in objects.types.iter().enumerate() {
        let judging =
            Judging { objects, rule, principal: permit.caller().principal(), method: &envelope.method };
        let watched = judging.watch(&reading, authority).await;
        if let (Some(denial), Mode::Shadow | Mode::Enforce) = (watched, rule.kind.mode) {
            trace.step_at::<()>(Stage::Authorize, Strength::Shadow, Err(denial))?;
        }
        match judging.judge(index, &reading, authority).await {
            Ok(one) => {
                clue(&one, trace);
                touched.push(one);
            }
            Err((one, denial)) => {
                clue(&one, trace);
                if rule.kind.mode != Mode::Learn {
                    trace.step_at::<()>(Stage::Authorize, rule.kind.strength(), Err(denial))?;
                }
                touched.push(*one);
            }
        }
    }
    let (at, receipt) = (envelope.now.wall, envelope.receipt);
    Ok(Box::new(Stake::new(Arc::clone(objects), touched, at, receipt, envelope.method.clone())))
}

/// Tells detection which objects were named, and whose they are.
fn clue(touched: &Touched, trace: &mut Trace) {
    let room = MOST_OBJECTS.saturating_sub(trace.clues.met.len());
    let (rule, is_exempt) = (touched.rule, touched.is_exempt);
    let met = touched.met.iter().take(room);
    trace.clues.met.extend(met.map(|met| MetObject {
        rule,
        key: met.key,
        decision: met.decision,
        is_exempt,
    }));
}

impl ObjectType {
    /// How strictly a refusal is meant: what contradicts itself refuses nobody.
    pub(crate) fn strength(&self) -> Strength {
        match self.mode {
            Mode::Enforce if !self.tally.is_doubtful() => Strength::Enforce,
            Mode::Enforce | Mode::Shadow | Mode::Learn => Strength::Shadow,
        }
    }
}

/// One type, on one request.
struct Judging<'j> {
    objects: &'j RouteObjects,
    rule: &'j OnRoute,
    principal: Option<&'j Principal>,
    method: &'j Method,
}

type Refused = (Box<Touched>, Denial);

impl Judging<'_> {
    async fn judge(
        &self,
        index: usize,
        reading: &Seen<'_, '_>,
        authority: &Authority,
    ) -> Result<Touched, Refused> {
        let (rule, kind) = (self.rule, &*self.rule.kind);
        let has = |roles: &portcullis_domain::Scopes| {
            self.principal.is_some_and(|principal| roles.iter().any(|role| principal.roles.contains(role)))
        };
        let is_deputy = has(&kind.deputies);
        let tenant = rule.tenant.as_ref().map(|tenant| self.tenant(tenant, reading, authority));
        let mut touched = Touched {
            rule: index,
            caller: self.caller(),
            stands_for: self.stands_for(),
            is_exempt: is_deputy || has(&kind.exempt),
            met: SmallVec::new(),
            maker: None,
            named: None,
            lies_in: None,
            lies_in_key: None,
            tenant: tenant.as_ref().and_then(|tenant| tenant.clone().ok()).unwrap_or_default(),
            effects: SmallVec::new(),
            must_verify: false,
            read_ahead: None,
        };
        let refused = |touched: Touched, denial| Err((Box::new(touched), denial));
        if let Some(Err(note)) = tenant
            && !touched.is_exempt
        {
            return refused(touched, foreign(note));
        }
        touched.maker = self.maker(&touched, is_deputy, reading);
        touched.lies_in_key = self.parent(&touched, reading);
        touched.lies_in =
            touched.lies_in_key.zip(self.objects.ownership.key()).map(|(parent, key)| key.parent(parent));
        touched.effects = self.effects(&touched, reading);
        if let Some(denial) = self.bound(&touched, reading) {
            return refused(touched, denial);
        }
        let mut refusal = None;
        let mut single: Option<String> = None;
        for place in &rule.ids {
            let Named::Texts(texts) = reading.at(place) else {
                refusal = refusal.or(Some(ambiguous("what should be an id is none")));
                continue;
            };
            for id in texts {
                if !place.is_many() && !kind.ids_may_differ {
                    match &single {
                        Some(before) if **before != *id => {
                            refusal = refusal.or(Some(ambiguous("two places name different objects")));
                        }
                        Some(_) => {}
                        None => single = Some(id.clone().into_owned()),
                    }
                }
                let denial = self.meet(&id, place, reading.need(rule, place), &mut touched).await;
                refusal = refusal.or(denial);
            }
        }
        match refusal {
            None => Ok(touched),
            Some(denial) => refused(touched, denial),
        }
    }

    /// Looks at one object. All that a request names are looked at, whatever the first one is.
    async fn meet(&self, id: &str, place: &Place, need: Right, touched: &mut Touched) -> Option<Denial> {
        let (rule, kind) = (self.rule, &*self.rule.kind);
        if rule.binding.is_some() {
            // Whose it is stands in the request; there is nothing to know.
            return None;
        }
        let ownership = &self.objects.ownership;
        let key = ownership.key()?.object(&kind.realm, &kind.name, &touched.tenant, id);
        if let Some(creation) = &rule.creation
            && matches!(&creation.id, NewId::Request(new) if new == place)
        {
            touched.named = Some(key);
        }
        let mut judged = ownership.judge(key, touched.asker(), need, touched.lies_in).await;
        if let Some(inherited) = self.inherited(&judged, need, touched).await {
            judged.decision = inherited;
        }
        if (judged.decision, kind.unknown) != (Decision::Unknown, OnUnknown::Allow) {
            kind.tally.count(judged.decision);
        }
        touched.met.push(Met { key, decision: judged.decision, known: judged.known });
        if touched.is_exempt || self.is_open(need) {
            return None;
        }
        let verifies =
            kind.unknown == OnUnknown::Verify && kind.mode != Mode::Learn && rule.answer_owner.is_some();
        let decided = match (judged.decision, kind.unknown) {
            (Decision::Foreign, _) => Some(foreign("it is somebody else's, or lies elsewhere")),
            (Decision::ReadOnly, _) => {
                Some(Denial::new(Reason::PermitMissing).with_note("it is shared to be read only"))
            }
            // What is made now is known to nobody.
            (Decision::Unknown, _) if touched.named == Some(key) => None,
            (Decision::Unknown, OnUnknown::Deny) => Some(foreign("nobody knows whose it is")),
            // Before anything can be verified it would be done, unless the upstream can be asked first.
            (Decision::Unknown, OnUnknown::Verify) if !self.can_verify() && self.can_ask(place) => {
                touched.read_ahead = Some(key);
                None
            }
            (Decision::Unknown, OnUnknown::Verify) if !self.can_verify() => {
                Some(foreign("nobody knows whose it is, and no answer would say so in time"))
            }
            (Decision::Own | Decision::Granted | Decision::Unknown, _) => None,
        };
        touched.must_verify |= verifies && self.can_verify();
        decided
    }

    fn can_verify(&self) -> bool {
        *self.method == Method::GET
    }

    /// Whether the upstream can be asked whose the object at `place` is before it is changed. Where nothing is
    /// enforced, it is not troubled.
    fn can_ask(&self, place: &Place) -> bool {
        self.rule.read_ahead.is_some()
            && matches!(place, Place::Path(_))
            && self.rule.kind.strength() == Strength::Enforce
    }

    /// What the caller may do with an object because of the one in which it lies.
    async fn inherited(&self, judged: &Judged, need: Right, touched: &Touched) -> Option<Decision> {
        let lying = self.rule.lying.as_ref()?;
        let (right, parent) = (lying.inherited?, touched.lies_in_key?);
        let lies_there = judged.parent.is_some() && judged.parent == touched.lies_in;
        if !lies_there || !matches!(judged.decision, Decision::Foreign | Decision::ReadOnly) {
            return None;
        }
        let looks = need == Right::Read || right == Right::Read;
        let asked = if looks { Right::Read } else { Right::Write };
        let above = self.objects.ownership.judge(parent, touched.asker(), asked, None).await.decision;
        match (above, need, right) {
            (Decision::Own | Decision::Granted, Right::Write, Right::Read) => Some(Decision::ReadOnly),
            (Decision::Own | Decision::Granted, _, _) => Some(Decision::Granted),
            (Decision::ReadOnly, _, _) => Some(Decision::ReadOnly),
            (Decision::Foreign | Decision::Unknown, _, _) => None,
        }
    }

    /// The first foreign object at a place that looks like an id and that nobody has declared.
    async fn watch(&self, reading: &Seen<'_, '_>, authority: &Authority) -> Option<Denial> {
        let (rule, kind) = (self.rule, &*self.rule.kind);
        if rule.watched.is_empty() {
            return None;
        }
        let (ownership, caller, stands_for) = (&self.objects.ownership, self.caller(), self.stands_for());
        let asker = Asker { own: &caller, stands_for: &stands_for };
        let tenant = rule.tenant.as_ref().and_then(|tenant| self.tenant(tenant, reading, authority).ok());
        let tenant = tenant.unwrap_or_default();
        for place in &rule.watched {
            // What cannot be read there is not known to be an id.
            let Named::Texts(texts) = reading.at(place) else { continue };
            for id in texts {
                let key = ownership.key()?.object(&kind.realm, &kind.name, &tenant, &id);
                let judged = ownership.judge(key, asker, Right::Read, None).await;
                if judged.decision == Decision::Foreign {
                    let note = format!("somebody else's id stands at {place}, which is only watched");
                    return Some(Denial::new(Reason::ObjectForeign).with_note(note));
                }
            }
        }
        None
    }

    /// Whether nothing is refused here in any case.
    fn is_open(&self, need: Right) -> bool {
        match self.rule.kind.visibility {
            Visibility::Public => true,
            Visibility::Shared => need == Right::Read,
            Visibility::Private => false,
        }
    }
}

fn foreign(note: &'static str) -> Denial {
    Denial::new(Reason::ObjectForeign).with_note(note)
}

fn ambiguous(note: &'static str) -> Denial {
    Denial::new(Reason::ObjectAmbiguous).with_note(note)
}
