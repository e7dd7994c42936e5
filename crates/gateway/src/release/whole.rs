//! An answer that is held back until it has been checked.
//!
//! In: the upstream's body. Out: the bytes and trailers that may leave, or a [`Fault`] in their place. The
//! body is read whole and bounded; how long the upstream may take between two pieces is for [`Outflow`].

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use portcullis_audit::{Finding, FindingKind};
use portcullis_contract::filter::Filter;
use portcullis_contract::{AnswerSchema, Operation};
use portcullis_domain::{Fault, Reason};

use super::{findings, hygiene};
use crate::forward::{BodyFault, Outflow};

/// What an answer has to be before it leaves.
pub(super) struct Judgment<'o> {
    pub(super) operation: &'o Operation,
    /// The largest one, in bytes.
    pub(super) most: usize,
    /// The filter and the schema of a JSON body.
    pub(super) json: Option<(Filter, Option<AnswerSchema>)>,
    /// Whether it is an error, which must not reveal how the API is built.
    pub(super) is_error: bool,
}

/// Reads and judges.
///
/// # Errors
/// [`Reason::ResponseInvalid`], and what ends an upstream's body early; `found` says more.
pub(super) async fn judge(
    mut outflow: Outflow,
    judgment: Judgment<'_>,
    found: &mut Vec<Finding>,
) -> Result<(Bytes, Option<HeaderMap>), Fault> {
    let (body, trailers) = read(&mut outflow, judgment.most).await?;
    if judgment.is_error
        && let Some(what) = hygiene::reveals(&body)
    {
        findings::note(found, FindingKind::Revealing, what.to_owned());
        return Err(invalid("it reveals how the service is built"));
    }
    let Some((mut filter, schema)) = judgment.json else { return Ok((body, trailers)) };
    let violations = judgment.operation.check_answer(schema, &body);
    if !violations.is_empty() {
        findings::note_violations(found, &violations);
        return Err(invalid("its body breaks the contract"));
    }
    let mut shown = BytesMut::with_capacity(body.len());
    let filtered = filter.push(&body, &mut shown).and_then(|()| filter.finish(&mut shown));
    match filtered {
        Ok(met) => {
            findings::note_found(found, &met);
            Ok((shown.freeze(), trailers))
        }
        Err(fault) => {
            findings::note_fault(found, fault);
            Err(invalid("its body cannot be read in one way"))
        }
    }
}

/// The failure of an answer that is not handed on.
pub(super) fn invalid(why: &'static str) -> Fault {
    Fault::new(Reason::ResponseInvalid).with_note(why)
}

async fn read(outflow: &mut Outflow, most: usize) -> Result<(Bytes, Option<HeaderMap>), Fault> {
    let mut whole = BytesMut::new();
    let mut trailers = None;
    while let Some(frame) = poll_fn(|cx| outflow.poll_frame(cx)).await {
        let frame = frame.map_err(|BodyFault(reason)| Fault::new(reason))?;
        match frame.into_data() {
            Ok(piece) if piece.len() > most.saturating_sub(whole.len()) => {
                return Err(invalid("its body is larger than what is checked as a whole"));
            }
            Ok(piece) => whole.extend_from_slice(&piece),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((whole.freeze(), trailers))
}
