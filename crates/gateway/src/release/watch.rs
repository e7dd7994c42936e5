//! Looking at a JSON answer while it passes, and behind its back.
//!
//! In: the pieces of one body. Out: what of them may leave, and at the end what was found. Pure: who
//! moves the pieces is [`super::shaped`] for streams and [`super::whole`] for answers that are held back.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use portcullis_audit::{Finding, FindingKind};
use portcullis_contract::filter::{Filter, FilterFault};
use portcullis_contract::{AnswerSchema, Operation};

use super::findings;
use super::hygiene;
use super::rules::Copies;

/// Up to how many bytes an answer is checked at once: a turn of its own would cost as much as that.
const AT_ONCE: usize = 2 * 1024;

/// What looks at one answer.
pub(super) struct Watch {
    pub(super) filter: Option<Filter>,
    pub(super) passing: Passing,
    /// What is kept of it to be checked as a whole, and against what.
    pub(super) copy: Option<(WholeCopy, Option<AnswerSchema>)>,
    /// Its first bytes, if it is an error.
    pub(super) first: Option<Vec<u8>>,
    pub(super) out: BytesMut,
    pub(super) findings: Vec<Finding>,
}

/// How the pieces of an answer leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// As they came: the filter only reports.
    AsTheyCame,
    /// As the filter hands them out. What it cannot read does not leave.
    Filtered,
}

impl Watch {
    /// Nothing to look for yet.
    pub(super) fn new(passing: Passing) -> Self {
        Self { filter: None, passing, copy: None, first: None, out: BytesMut::new(), findings: Vec::new() }
    }

    /// Whether there is anything to do.
    pub(super) fn is_idle(&self) -> bool {
        self.filter.is_none() && self.copy.is_none() && self.first.is_none()
    }

    /// What of `piece` leaves; may be nothing yet.
    ///
    /// # Errors
    /// What makes a filtered answer unreadable; nothing more of it may leave.
    pub(super) fn pass(&mut self, piece: Bytes) -> Result<Bytes, FilterFault> {
        if let Some(first) = &mut self.first {
            let room = hygiene::FIRST.saturating_sub(first.len());
            first.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        }
        if let Some((copy, _)) = &mut self.copy
            && !copy.keep(&piece)
        {
            self.copy = None;
        }
        let Some(filter) = &mut self.filter else { return Ok(piece) };
        let pushed = filter.push(&piece, &mut self.out);
        self.settle(pushed, piece)
    }

    /// What leaves after the last piece.
    ///
    /// # Errors
    /// As [`Self::pass`].
    pub(super) fn end(&mut self) -> Result<Bytes, FilterFault> {
        let Some(filter) = self.filter.take() else { return Ok(Bytes::new()) };
        let finished = filter.finish(&mut self.out).map(|found| {
            findings::note_found(&mut self.findings, &found);
        });
        self.settle(finished, Bytes::new())
    }

    fn settle(&mut self, result: Result<(), FilterFault>, piece: Bytes) -> Result<Bytes, FilterFault> {
        match (self.passing, result) {
            (Passing::AsTheyCame, Ok(())) => {
                self.out.clear();
                Ok(piece)
            }
            // Nothing is hidden from anybody here: that it cannot be read is for the record.
            (Passing::AsTheyCame, Err(fault)) => {
                findings::note_fault(&mut self.findings, fault);
                (self.filter, self.copy) = (None, None);
                self.out = BytesMut::new();
                Ok(piece)
            }
            (Passing::Filtered, Ok(())) => Ok(self.out.split().freeze()),
            (Passing::Filtered, Err(fault)) => {
                findings::note_fault(&mut self.findings, fault);
                (self.filter, self.copy) = (None, None);
                Err(fault)
            }
        }
    }

    /// Whether what is left to do takes a while: checking the whole of a long answer.
    pub(super) fn is_long(&self) -> bool {
        self.copy.as_ref().is_some_and(|(copy, _)| copy.bytes().len() > AT_ONCE)
    }

    /// What was found, once every piece has passed.
    pub(super) fn conclude(mut self, operation: Option<&Operation>) -> Vec<Finding> {
        if let Some(what) = self.first.as_deref().and_then(hygiene::reveals) {
            findings::note(&mut self.findings, FindingKind::Revealing, what.to_owned());
        }
        if let (Some((copy, schema)), Some(operation)) = (self.copy, operation) {
            let mut violations = operation.check_answer(schema, copy.bytes());
            // The filter has listed these, by the place in the schema instead of each one.
            violations.retain(|violation| {
                !matches!(violation.keyword.as_ref(), "additionalProperties" | "writeOnly")
            });
            findings::note_violations(&mut self.findings, &violations);
        }
        self.findings
    }
}

/// The bytes of an answer, within two bounds: its own and that of all copies.
pub(super) struct WholeCopy {
    kept: Kept,
    most: usize,
    copies: Arc<Copies>,
}

enum Kept {
    /// Small answers come in one piece, which is not copied.
    Piece(Bytes),
    Gathered(Vec<u8>),
}

impl WholeCopy {
    pub(super) fn new(most: usize, copies: Arc<Copies>) -> Self {
        Self { kept: Kept::Piece(Bytes::new()), most, copies }
    }

    fn bytes(&self) -> &[u8] {
        match &self.kept {
            Kept::Piece(piece) => piece,
            Kept::Gathered(bytes) => bytes,
        }
    }

    /// Keeps one more piece, if there is room.
    fn keep(&mut self, piece: &Bytes) -> bool {
        if piece.len() > self.most.saturating_sub(self.bytes().len()) || !self.copies.take(piece.len()) {
            return false;
        }
        match &mut self.kept {
            Kept::Piece(first) if first.is_empty() => self.kept = Kept::Piece(piece.clone()),
            Kept::Piece(first) => {
                let mut bytes = Vec::with_capacity(first.len() + piece.len());
                bytes.extend_from_slice(first);
                bytes.extend_from_slice(piece);
                self.kept = Kept::Gathered(bytes);
            }
            Kept::Gathered(bytes) => bytes.extend_from_slice(piece),
        }
        true
    }
}

impl Drop for WholeCopy {
    fn drop(&mut self) {
        self.copies.give_back(self.bytes().len());
    }
}

#[cfg(test)]
mod tests {
    use portcullis_config::{Diagnostics, Document, Limits};
    use portcullis_contract::filter::{OnUndeclared, Sight};
    use portcullis_contract::{CompileOptions, Contract, NoReferences};

    use super::*;

    /// An operation that answers with a list of things.
    fn contract() -> Contract {
        let text = r#"{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/things":{"get":{
            "x-portcullis-access":"public","responses":{"200":{"description":"","content":{"application/json":{
            "schema":{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"}}}}}}}}}}}}"#;
        let document = Document::parse("openapi.json", text.as_bytes(), &Limits::default()).unwrap();
        let options = CompileOptions::default();
        Contract::compile(&document, &NoReferences, &options, &mut Diagnostics::new()).unwrap()
    }

    fn watch(contract: &Contract, passing: Passing, whole: usize) -> Watch {
        let plan = contract.operations()[0].answer_plans().next().unwrap();
        let mut watch = Watch::new(passing);
        let undeclared = match passing {
            Passing::AsTheyCame => OnUndeclared::Report,
            Passing::Filtered => OnUndeclared::Remove,
        };
        watch.filter = Some(plan.start(Sight::none(), undeclared));
        watch.copy = Some((WholeCopy::new(whole, Arc::default()), None));
        watch
    }

    #[test]
    fn what_is_held_does_not_grow_with_the_answer() {
        let contract = contract();
        let item = Bytes::from_static(br#"{"id":1,"password_hash":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},"#);
        for passing in [Passing::AsTheyCame, Passing::Filtered] {
            let mut watch = watch(&contract, passing, 64 * 1024);
            let (mut given, mut left) = (1, watch.pass(Bytes::from_static(b"[")).unwrap().len());
            for _ in 0..200_000 {
                given += item.len();
                left += watch.pass(item.clone()).unwrap().len();
                assert!(watch.out.capacity() <= 64 * 1024, "{} bytes are held", watch.out.capacity());
                match passing {
                    Passing::AsTheyCame => assert_eq!(given, left),
                    // Behind by a comma, which nothing may follow.
                    Passing::Filtered => assert!(left <= given && left + 1 >= given / item.len() * 9),
                }
            }
            assert!(watch.copy.is_none(), "a copy outgrew its bound");
            let _ = watch.pass(Bytes::from_static(b"{\"id\":2}]")).unwrap();
            let _ = watch.end().unwrap();
            let findings = watch.conclude(None);
            assert_eq!((findings[0].kind, findings[0].count), (FindingKind::Undeclared, 200_000));
            assert_eq!(findings[0].places.len(), 1);
        }
    }

    #[test]
    fn a_copy_gives_back_what_it_took() {
        let copies: Arc<Copies> = Arc::default();
        let mut first = WholeCopy::new(10, Arc::clone(&copies));
        assert!(first.keep(&Bytes::from_static(b"12345")));
        assert!(first.keep(&Bytes::from_static(b"67890")));
        assert!(!first.keep(&Bytes::from_static(b"1")));
        assert_eq!(first.bytes(), b"1234567890");
        let all = 64 << 20;
        assert!(!copies.take(all - 9));
        drop(first);
        assert!(copies.take(all));
    }
}
