//! The response filter: any bytes in any pieces leave the same, and what leaves is JSON.
//!
//! The input: one byte for the size of pieces and the way of filtering, then an answer and, behind a line
//! of `#`, a schema for it; without one a fixed schema holds in which every rule occurs.

#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::filter::{
    Detect, FilterFault, FilterFaultKind, FilterPlan, Judgement, OnUndeclared, Sight, Viewer,
};
use portcullis_contract::{NoReferences, Objects};
use portcullis_domain::{Scopes, Subject};

const FIXED: &str = r##"{"type":"object","properties":{
    "a":{"type":"string"},"owner":{},"b":{"type":"array","items":{"$ref":"#/components/schemas/It"}},
    "w":{"writeOnly":true},"h":{"x-portcullis-visible-to":{"scopes":["unseen"]}},
    "s":{"x-portcullis-visible-to":{"scopes":["seen"]}},
    "o":{"$ref":"#/components/schemas/It","x-portcullis-visible-to":{"owner":{"property":"owner"}}},
    "m":{"x-portcullis-mask":{"as":"card"}},"l":{"type":"array","x-portcullis-mask":{"as":"last4"}},
    "n":{"x-portcullis-mask":{"as":"email"},"x-portcullis-visible-to":{"owner":{"property":"owner"}}},
    "map":{"additionalProperties":{"type":"object","properties":{"a":{}}},"patternProperties":{"^x-":{}}},
    "any":{}}}"##;

static PLAN: LazyLock<Arc<FilterPlan>> = LazyLock::new(|| compile(FIXED).expect("the fixed schema is well"));

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let (answer, schema) = match rest.windows(3).position(|window| window == b"\n#\n") {
        Some(at) => (&rest[..at], Some(&rest[at + 3..])),
        None => (rest, None),
    };
    let plan = match schema.map(String::from_utf8_lossy) {
        Some(schema) => match compile(&schema) {
            Some(plan) => plan,
            None => return,
        },
        None => Arc::clone(&PLAN),
    };
    let undeclared = if first & 0x80 == 0 { OnUndeclared::Remove } else { OnUndeclared::Report };
    let size = usize::from(first & 0x7F) + 1;
    let whole = filter(&plan, undeclared, answer, answer.len());
    let pieces = filter(&plan, undeclared, answer, size);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "how bytes are cut changed what leaves"),
        // Which of two faults is met first may depend on where a number is cut.
        (Err(_), Err(_)) => {}
        _ => panic!("how bytes are cut changed whether they are taken"),
    }
    let reference = serde_json::from_slice::<serde_json::Value>(answer);
    match whole {
        Ok(left) => {
            let left = serde_json::from_slice::<serde_json::Value>(&left);
            // Nesting beyond what serde_json follows is the one thing that only it refuses.
            assert!(left.is_ok() || answer.len() > 100, "what leaves is no JSON");
        }
        Err(fault) => {
            assert!(fault.at <= answer.len());
            let is_ours = matches!(
                fault.kind,
                FilterFaultKind::NameRepeated | FilterFaultKind::TooDeep | FilterFaultKind::NumberTooLong
            );
            assert!(is_ours || reference.is_err(), "only we say {fault}");
        }
    }
});

/// A detector with an opinion.
struct Word;

impl Detect for Word {
    fn judge(&self, text: &[u8]) -> Judgement {
        assert!(text.len() <= 256);
        match text.first() {
            Some(b's') => Judgement::Masked("s"),
            Some(b'4') => Judgement::Listed("4"),
            _ => Judgement::Harmless,
        }
    }
}

fn compile(schema: &str) -> Option<Arc<FilterPlan>> {
    let text = format!(
        r#"{{"openapi":"3.1.1","info":{{"title":"t","version":"1"}},"paths":{{}},"components":{{"schemas":{{"It":{schema}}}}}}}"#
    );
    let document = Document::parse("openapi.json", text.as_bytes(), &Limits::default()).ok()?;
    let pointer = "/components/schemas/It";
    FilterPlan::compile(&document, &NoReferences, pointer, Objects::Closed, &mut Diagnostics::new())
}

fn filter(
    plan: &Arc<FilterPlan>,
    undeclared: OnUndeclared,
    answer: &[u8],
    size: usize,
) -> Result<Vec<u8>, FilterFault> {
    let (scopes, roles, subject) = (Scopes::parse("seen"), Scopes::default(), Subject::from("ada"));
    let viewer = Viewer { scopes: &scopes, roles: &roles, subject: Some(&subject), path_parameter: &|_| None };
    let sight = Sight::of(plan.audiences(), &viewer);
    let mut filter = plan.start(sight, undeclared).with_detect(Arc::new(Word));
    let mut out = BytesMut::new();
    for piece in answer.chunks(size.max(1)) {
        filter.push(piece, &mut out)?;
    }
    filter.finish(&mut out)?;
    Ok(out.to_vec())
}
