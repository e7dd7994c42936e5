//! The request as one step of a distributed trace (W3C Trace Context).
//!
//! In: what came with the request, and whether its sender is believed. Out: the [`Span`] that the gateway is, for the
//! upstream and for the record. At an untrusted edge a trace begins anew and the client's wish to have it sampled counts
//! for nothing: whoever may set that flag may fill a tracing system (W3C Trace Context §7, security considerations).
//!
//! A trace that begins here has the receipt as its id, so that whoever holds one finds the other.

use std::net::IpAddr;

use http::HeaderMap;
use portcullis_audit::TraceIds;
use portcullis_domain::ReceiptId;
use portcullis_message::TrustedProxies;
use portcullis_message::trace_context::{
    self, Randomness, Sampling, SpanId, TRACEPARENT, TRACESTATE, TraceId, TraceParent,
};

use crate::config::{ContinuedConfig, TracesConfig};

/// How traces are begun and continued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traces {
    continued: Continued,
    /// A new trace is sampled if the number in its id is at least this.
    threshold: u64,
}

/// Whose traces are continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Continued {
    Nobodys,
    TrustedProxies,
    Everybodys,
}

/// How many numbers an id can hold (see [`TraceId::randomness`]).
const NUMBERS: u64 = 1 << 56;

impl Traces {
    pub(crate) fn new(config: &TracesConfig) -> Self {
        Self {
            continued: match config.continued {
                ContinuedConfig::Nobody => Continued::Nobodys,
                ContinuedConfig::TrustedProxies => Continued::TrustedProxies,
                ContinuedConfig::Everybody => Continued::Everybodys,
            },
            // The schema has the share between 0 and 1.
            threshold: NUMBERS - (config.sample * NUMBERS as f64) as u64,
        }
    }

    fn continues(self, peer: IpAddr, trusted: &TrustedProxies) -> bool {
        match self.continued {
            Continued::Nobodys => false,
            Continued::TrustedProxies => trusted.trusts(peer),
            Continued::Everybodys => true,
        }
    }

    fn sampling(self, trace: TraceId) -> Sampling {
        match trace.randomness() >= self.threshold {
            true => Sampling::Recorded,
            false => Sampling::Unrecorded,
        }
    }
}

/// This gateway's step of a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    own: TraceParent,
    /// The step before, if the trace did not begin here.
    caller: Option<SpanId>,
}

impl Span {
    /// The step that a request is which `peer` sent; `None` only for a receipt without a single bit set.
    pub(crate) fn of(
        traces: Traces,
        peer: IpAddr,
        trusted: &TrustedProxies,
        headers: &HeaderMap,
        receipt: ReceiptId,
    ) -> Option<Self> {
        let [.., a, b, c, d, e, f, g, h] = *receipt.as_bytes();
        let span = SpanId::new([a, b, c, d, e, f, g, h])?;
        if headers.contains_key(TRACEPARENT)
            && traces.continues(peer, trusted)
            && let Some(caller) = TraceParent::read(headers)
        {
            return Some(Self { own: TraceParent { span, ..caller }, caller: Some(caller.span) });
        }
        let trace = TraceId::new(*receipt.as_bytes())?;
        let own =
            TraceParent { trace, span, sampling: traces.sampling(trace), randomness: Randomness::Random };
        Some(Self { own, caller: None })
    }

    /// Says to the upstream where it stands. What was there before is left only where the trace goes on.
    pub(crate) fn hand_on(&self, headers: &mut HeaderMap) {
        match self.caller {
            Some(_) => trace_context::bound_state(headers),
            // A state without its trace says nothing (§3.3).
            None => drop(headers.remove(TRACESTATE)),
        }
        headers.insert(TRACEPARENT, self.own.field());
    }

    /// What the record says of it: nothing where the receipt says it all.
    pub(crate) fn recorded(&self) -> Option<TraceIds> {
        let is_sampled = self.own.sampling == Sampling::Recorded;
        (is_sampled || self.caller.is_some()).then(|| TraceIds {
            trace: self.own.trace.to_string(),
            span: self.own.span.to_string(),
            caller: self.caller.map(|caller| caller.to_string()),
            is_sampled,
        })
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Timestamp;

    use super::*;

    fn sampled(share: f64) -> usize {
        let traces = Traces::new(&TracesConfig { sample: share, ..TracesConfig::default() });
        let trusted = TrustedProxies::default();
        let receipts = (0..10_000u64).map(|at| {
            let mut random = [0; 10];
            random.copy_from_slice(
                &(at.wrapping_mul(0x9e37_79b9_7f4a_7c15) as u128 * 0x1_0000_0001).to_be_bytes()[6..],
            );
            ReceiptId::new(Timestamp::from_seconds(1_764_000_000), &random)
        });
        let peer = IpAddr::from([127, 0, 0, 1]);
        receipts
            .filter_map(|receipt| Span::of(traces, peer, &trusted, &HeaderMap::new(), receipt))
            .filter(|span| span.recorded().is_some())
            .count()
    }

    // proves-part: AUD-17 (that a client has no say in it is shown in the walk)
    #[test]
    fn the_local_rate_decides() {
        assert_eq!(sampled(0.0), 0);
        assert_eq!(sampled(1.0), 10_000);
        let tenth = sampled(0.1);
        assert!((800..1_200).contains(&tenth), "{tenth} of 10,000");
    }
}
