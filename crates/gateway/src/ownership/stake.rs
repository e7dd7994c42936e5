//! What a request has at stake, and what its answer teaches.
//!
//! In: the objects that an admitted request names, then the upstream's answer. Out: lessons, and the answer:
//! as it came, without items of others, or not at all. What the head of the answer teaches is learned at
//! once; what its body teaches when it has passed, from a bounded copy. Only an answer that has to be
//! verified or taken from is held (AUTHZ-11).

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use portcullis_authz::ledger::{Decision, Event, Naming};
use portcullis_domain::{Grant, ObjectKey, OwnerKey, ReceiptId, Right, Timestamp};
use portcullis_message::json::{self, JsonBounds};
use serde_json::Value;
use smallvec::SmallVec;

use super::places::{at, id_of};
use super::rules::{Creation, NewId, ObjectType, OnRoute, Pointer, RouteObjects};
use super::{Asker, Known, Lesson, Ownership};

/// What a request has at stake.
pub(crate) struct Stake {
    pub(crate) objects: Arc<RouteObjects>,
    pub(crate) touched: Vec<Touched>,
    pub(crate) at: Timestamp,
    pub(crate) receipt: ReceiptId,
    pub(crate) method: Method,
    /// The status of the answer, once there is one.
    pub(super) status: StatusCode,
}

/// What it has at stake in one type.
pub(crate) struct Touched {
    /// Which of [`RouteObjects::types`].
    pub(crate) rule: usize,
    /// Everything by which the caller can own.
    pub(crate) caller: SmallVec<[OwnerKey; 1]>,
    /// For whom the caller stands in, and how far.
    pub(crate) stands_for: Vec<Grant>,
    /// May touch all, and owns nothing.
    pub(crate) is_exempt: bool,
    pub(crate) met: SmallVec<[Met; 2]>,
    /// Whose a new object will be.
    pub(crate) maker: Option<OwnerKey>,
    /// The new object, if the client chose its id.
    pub(crate) named: Option<ObjectKey>,
    /// The object in which a new one lies.
    pub(crate) lies_in: Option<u64>,
    /// The same, as it is looked up.
    pub(crate) lies_in_key: Option<ObjectKey>,
    /// Where ids are told apart, if not everywhere.
    pub(crate) tenant: Box<str>,
    /// What happens to the met objects if the upstream lets it.
    pub(crate) effects: SmallVec<[Event; 1]>,
    /// The answer must say whose it is before it leaves.
    pub(crate) must_verify: bool,
    /// The object of which the upstream must say so before this request reaches it.
    pub(crate) read_ahead: Option<ObjectKey>,
}

impl Touched {
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { own: &self.caller, stands_for: &self.stands_for }
    }
}

/// An object that the request names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    pub(crate) key: ObjectKey,
    pub(crate) decision: Decision,
    pub(crate) known: Known,
}

impl Stake {
    pub(crate) fn new(
        objects: Arc<RouteObjects>,
        touched: Vec<Touched>,
        at: Timestamp,
        receipt: ReceiptId,
        method: Method,
    ) -> Self {
        Self { objects, touched, at, receipt, method, status: StatusCode::OK }
    }

    pub(super) fn ownership(&self) -> &Arc<Ownership> {
        &self.objects.ownership
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&OnRoute, &Touched)> {
        self.touched.iter().filter_map(|touched| Some((self.objects.types.get(touched.rule)?, touched)))
    }

    pub(super) fn learn(&self, kind: &ObjectType, key: ObjectKey, event: Event, parent: Option<u64>) {
        let met = self.touched.iter().flat_map(|touched| &touched.met).find(|met| met.key == key);
        self.ownership().learn(Lesson {
            known: met.map_or(Known::Nothing, |met| met.known),
            key,
            event,
            parent,
            at: self.at,
            receipt: Some(self.receipt),
            tally: Arc::clone(&kind.tally),
        });
    }

    /// Learns what the head of the answer says.
    pub(crate) fn hear_head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = status;
        for (rule, touched) in self.each() {
            if status.is_success() {
                self.learn_success(rule, touched, status, headers);
            } else if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
                && self.method == Method::GET
                && let [Met { key, decision: Decision::Own, known: Known::Something }] =
                    touched.met.as_slice()
            {
                // It is gone, and we have not seen it go: its id may come again as another's.
                self.learn(&rule.kind, *key, Event::Deleted, None);
            }
        }
    }

    fn learn_success(&self, rule: &OnRoute, touched: &Touched, status: StatusCode, headers: &HeaderMap) {
        let kind = &*rule.kind;
        let made = rule.creation.as_ref().filter(|creation| creation.success.contains(&status.as_u16()));
        for met in &touched.met {
            let is_made = made.is_some() && touched.named == Some(met.key);
            if met.known == Known::Nothing && !is_made {
                let by = touched.caller.first().copied().unwrap_or(OwnerKey(0));
                self.learn(kind, met.key, Event::Observed { by }, touched.lies_in);
            }
            if Some(met.key) != touched.named {
                touched.effects.iter().for_each(|effect| self.learn(kind, met.key, *effect, None));
            }
        }
        match made.map(|creation| &creation.id) {
            Some(NewId::Request(_)) => {
                if let Some(key) = touched.named {
                    self.learn_made(kind, touched, key, Naming::ByClient);
                }
            }
            Some(NewId::LastSegmentOfLocation) => {
                if let Some(id) = last_segment(headers)
                    && let Some(key) = self.key(kind, touched, &id)
                {
                    self.learn_made(kind, touched, key, Naming::ByUpstream);
                }
            }
            Some(NewId::Answer(_)) | None => {}
        }
    }

    fn learn_made(&self, kind: &ObjectType, touched: &Touched, key: ObjectKey, naming: Naming) {
        let event = match touched.maker {
            Some(owner) => Event::Created { owner, naming },
            // Made by whoever makes objects for others, and it was not said for whom.
            None => Event::Observed { by: OwnerKey(0) },
        };
        self.learn(kind, key, event, touched.lies_in);
    }

    /// Whether the body of the answer teaches anything.
    pub(super) fn listens(&self) -> bool {
        self.status.is_success()
            && self.method != Method::HEAD
            && self.each().any(|(rule, _)| rule.reads_answers())
    }

    /// Learns what a whole answer says.
    pub(super) fn learn_from(&self, body: &[u8]) {
        if let Ok(answer) = json::parse(body, &JsonBounds::ANSWER) {
            self.learn_from_answer(&answer);
        }
    }

    pub(super) fn learn_from_answer(&self, answer: &Value) {
        for (rule, touched) in self.each() {
            let made = rule
                .creation
                .as_ref()
                .filter(|creation| creation.success.contains(&self.status.as_u16()))
                .and_then(|creation| self.made(rule, touched, creation, answer));
            if let Some(owner) = self.owner_in(rule, answer) {
                let one = match touched.met.as_slice() {
                    [met] => Some(met.key),
                    _ => None,
                };
                if let Some(key) = made.or(one) {
                    self.learn(&rule.kind, key, Event::Asserted { owner }, touched.lies_in);
                }
            }
        }
    }

    /// The new object, whose id the answer may say.
    fn made(
        &self,
        rule: &OnRoute,
        touched: &Touched,
        creation: &Creation,
        answer: &Value,
    ) -> Option<ObjectKey> {
        match &creation.id {
            NewId::Answer(pointer) => {
                let id = id_of(at(answer, pointer)?)?;
                let key = self.key(&rule.kind, touched, &id)?;
                self.learn_made(&rule.kind, touched, key, Naming::ByUpstream);
                Some(key)
            }
            NewId::Request(_) => touched.named,
            NewId::LastSegmentOfLocation => None,
        }
    }

    pub(super) fn key(&self, kind: &ObjectType, touched: &Touched, id: &str) -> Option<ObjectKey> {
        Some(self.ownership().key()?.object(&kind.realm, &kind.name, &touched.tenant, id))
    }

    /// Whose it is, by the upstream's own word.
    pub(super) fn owner_in(&self, rule: &OnRoute, answer: &Value) -> Option<OwnerKey> {
        self.named_owner(&rule.kind, answer, rule.answer_owner.as_ref()?)
    }

    pub(super) fn named_owner(
        &self,
        kind: &ObjectType,
        value: &Value,
        pointer: &Pointer,
    ) -> Option<OwnerKey> {
        let name = id_of(at(value, pointer)?)?;
        kind.owner_key(self.ownership(), kind.issuer.as_deref()?, &name)
    }

    /// Whether the caller is this owner, or stands in for it.
    pub(super) fn speaks_for(touched: &Touched, owner: OwnerKey) -> bool {
        touched.caller.contains(&owner) || touched.stands_for.iter().any(|stand| stand.to == owner)
    }

    /// Whether the answer may be looked at by the caller, if it is of this owner.
    pub(super) fn may_see(touched: &Touched, owner: OwnerKey) -> bool {
        touched.is_exempt
            || Self::speaks_for(touched, owner)
            || touched.met.iter().all(|met| met.decision == Decision::Granted)
    }
}

impl ObjectType {
    /// The party that `issuer` calls `name`, as owners of this type are told apart.
    pub(crate) fn owner_key(&self, ownership: &Ownership, issuer: &str, name: &str) -> Option<OwnerKey> {
        Some(ownership.key()?.owner(&self.owned_by.authority(issuer), name))
    }

    /// What a change needs of those with whom an object is shared.
    pub(crate) fn need(method: &Method) -> Right {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => Right::Read,
            _ => Right::Write,
        }
    }
}

fn last_segment(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let path = location.split(['?', '#']).next()?.trim_end_matches('/');
    let segment = path.rsplit('/').next().filter(|segment| !segment.is_empty())?;
    let id = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
    id_of(&Value::String(id)).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_segment_of_a_location_is_what_stands_behind_the_last_slash() {
        let segment = |location: &str| {
            let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
            last_segment(&headers)
        };
        assert_eq!(segment("/orders/7").as_deref(), Some("7"));
        assert_eq!(segment("https://api.example/v1/orders/a%20b/?x=1#y").as_deref(), Some("a b"));
        assert_eq!(segment("7").as_deref(), Some("7"));
        assert_eq!(segment("/"), None);
    }
}
