//! Answers that are held until it is known whose they are, and lists without what is somebody else's.
//!
//! In: the upstream's answer, not a byte of which has left. Out: the same, to be handed on; without the items of
//! others; or a refusal that looks like absence. What cannot be read cannot be verified, and does not leave.

use std::collections::VecDeque;
use std::future::poll_fn;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, header};
use portcullis_audit::{Finding, FindingKind};
use portcullis_authz::ledger::{Decision, Event};
use portcullis_domain::{Denial, Fault, Reason, Right, Stage, Strength};
use portcullis_message::MediaType;
use portcullis_message::json::{self, JsonBounds};
use serde_json::Value;

use super::ear::{Ear, MOST};
use super::places::{at, at_mut, id_of};
use super::rules::{List, OnForeign, OnRoute};
use super::stake::{Stake, Touched};
use crate::forward::{BodyFault, Outflow};
use crate::trace::Trace;

/// Items of one list that are looked up; what the upstream says of an owner needs no looking up.
const LOOKED_UP: usize = 1_000;

/// Fields that speak of the bytes that came.
const OF_BYTES: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::ETAG,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

impl Stake {
    /// Looks at an answer, and hands it on if it may leave.
    ///
    /// # Errors
    /// [`Reason::AnswerForeign`] if it is somebody else's, or if nobody can tell whose; [`Reason::ResponseInvalid`]
    /// for a list that cannot be looked into; what ends an upstream's body early.
    pub(crate) async fn attend(
        self: Box<Self>,
        parts: &mut Parts,
        mut outflow: Outflow,
        trace: &mut Trace,
    ) -> Result<Outflow, Fault> {
        if !self.listens() || outflow.is_end_stream() {
            return Ok(outflow);
        }
        let holds = self.each().any(|(rule, touched)| touched.must_verify || rule.list.is_some());
        let is_readable = is_plain_json(&parts.headers);
        if !holds {
            return Ok(if is_readable { outflow.overheard_by(Ear::new(self)) } else { outflow });
        }
        let held = if is_readable { read(&mut outflow).await? } else { Held::default() };
        let answer = held.whole().and_then(|whole| json::parse(&whole, &JsonBounds::ANSWER).ok());
        if let Some(answer) = &answer {
            self.learn_from_answer(answer);
        }
        for (rule, touched) in self.each().filter(|(_, touched)| touched.must_verify) {
            self.verify(rule, touched, answer.as_ref(), trace)?;
        }
        if answer.is_none() && self.each().any(|(rule, touched)| removes(rule, touched)) {
            return Err(Fault::new(Reason::ResponseInvalid).with_note("a list that cannot be looked into"));
        }
        let mut pieces = held.pieces;
        if let Some(mut answer) = answer
            && self.take_out(&mut answer, trace).await == Taken::Something
        {
            OF_BYTES.iter().for_each(|name| drop(parts.headers.remove(name)));
            // A value that was read can always be written.
            pieces = VecDeque::from([Bytes::from(serde_json::to_vec(&answer).unwrap_or_default())]);
        }
        Ok(outflow.saying_first(pieces, held.trailers))
    }

    fn verify(
        &self,
        rule: &OnRoute,
        touched: &Touched,
        answer: Option<&Value>,
        trace: &mut Trace,
    ) -> Result<(), Fault> {
        let owner = answer.and_then(|answer| self.owner_in(rule, answer));
        let note = match owner {
            Some(owner) if Self::may_see(touched, owner) => return Ok(()),
            Some(_) => "the upstream's answer is somebody else's",
            None => "the upstream's answer does not say whose it is",
        };
        tracing::error!(receipt = %self.receipt, kind = %rule.kind.name, "{note}");
        let strength = rule.kind.strength();
        let denial = Denial::new(Reason::AnswerForeign).with_note(note);
        match trace.step_at::<()>(Stage::Release, strength, Err(denial)) {
            Ok(_) => Ok(()),
            Err(denial) => Err(Fault::new(denial.reason()).with_note(note)),
        }
    }

    async fn take_out(&self, answer: &mut Value, trace: &mut Trace) -> Taken {
        let mut taken = Taken::Nothing;
        for (rule, touched) in self.each() {
            let Some(list) = rule.list.as_ref().filter(|_| !touched.is_exempt) else { continue };
            let foreign = self.foreign_items(rule, touched, list, answer).await;
            if foreign.is_empty() {
                continue;
            }
            let finding = Finding {
                kind: FindingKind::Foreign,
                count: foreign.len() as u64,
                places: vec![rule.kind.name.clone()],
            };
            trace.findings.push(finding);
            if removes(rule, touched)
                && let Some(items) = at_mut(answer, &list.of.items).and_then(Value::as_array_mut)
            {
                let mut index = 0;
                items.retain(|_| {
                    index += 1;
                    foreign.binary_search(&(index - 1)).is_err()
                });
                taken = Taken::Something;
            }
        }
        taken
    }

    /// The places of the items that are somebody else's.
    async fn foreign_items(
        &self,
        rule: &OnRoute,
        touched: &Touched,
        list: &List,
        answer: &Value,
    ) -> Vec<usize> {
        let items = at(answer, &list.of.items).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut foreign = Vec::new();
        let mut looked_up = 0;
        for (index, item) in items.iter().enumerate() {
            let key = at(item, &list.of.id).and_then(id_of).and_then(|id| self.key(&rule.kind, touched, &id));
            let owner =
                list.of.owner.as_ref().and_then(|pointer| self.named_owner(&rule.kind, item, pointer));
            if let (Some(key), Some(owner)) = (key, owner) {
                self.learn(&rule.kind, key, Event::Imported { owner }, None);
            }
            let is_own = owner.map(|owner| Self::speaks_for(touched, owner));
            let decision = match (is_own, key) {
                (Some(true), _) => Decision::Own,
                (_, Some(key)) if looked_up < LOOKED_UP => {
                    looked_up += 1;
                    let judged = self.ownership().judge(key, touched.asker(), Right::Read, None).await;
                    match (judged.decision, is_own) {
                        // What was shared may be seen, whosever it is.
                        (Decision::Granted | Decision::ReadOnly, _) => Decision::Granted,
                        (_, Some(false)) => Decision::Foreign,
                        (decision, _) => decision,
                    }
                }
                (Some(false), _) => Decision::Foreign,
                (None, _) => Decision::Unknown,
            };
            if decision == Decision::Foreign {
                foreign.push(index);
            }
        }
        foreign
    }
}

/// Whether items of others are taken out of a list, and not only reported.
fn removes(rule: &OnRoute, touched: &Touched) -> bool {
    !touched.is_exempt
        && rule.kind.strength() == Strength::Enforce
        && rule.list.as_ref().is_some_and(|list| list.on_foreign == OnForeign::Remove)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Nothing,
    Something,
}

/// What was read of an answer.
#[derive(Default)]
pub(super) struct Held {
    pieces: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// Whether nothing more comes.
    is_whole: bool,
}

impl Held {
    pub(super) fn whole(&self) -> Option<Bytes> {
        match (self.is_whole, self.pieces.len()) {
            (false, _) => None,
            (true, 1) => self.pieces.front().cloned(),
            (true, _) => {
                let whole: Vec<u8> = self.pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
                Some(Bytes::from(whole))
            }
        }
    }
}

/// Reads an answer as far as it may be held.
pub(super) async fn read(outflow: &mut Outflow) -> Result<Held, Fault> {
    let mut held = Held::default();
    let mut left = MOST;
    loop {
        if outflow.is_end_stream() {
            held.is_whole = true;
            return Ok(held);
        }
        match poll_fn(|cx| outflow.poll_frame(cx)).await {
            None => {
                held.is_whole = true;
                return Ok(held);
            }
            Some(Err(BodyFault(reason))) => return Err(Fault::new(reason)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => {
                    let rest = left.checked_sub(piece.len());
                    held.pieces.push_back(piece);
                    match rest {
                        Some(rest) => left = rest,
                        // It is too large to be held; what was read is handed on before what follows.
                        None => return Ok(held),
                    }
                }
                Err(frame) => held.trailers = frame.into_trailers().ok(),
            },
        }
    }
}

pub(super) fn is_plain_json(headers: &HeaderMap) -> bool {
    let is_coded = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| MediaType::parse(value).ok());
    let is_json = media_type.is_some_and(|media_type| {
        let essence = media_type.essence();
        essence == "application/json" || essence.ends_with("+json")
    });
    is_json && !is_coded
}
