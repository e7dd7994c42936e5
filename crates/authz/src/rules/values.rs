//! Facts in the shape that Cedar compares.
//!
//! In: texts, truths and claims as they came. Out: Cedar's values, in the one spelling of [`crate::spelling`]. Called by
//! [`super::plan`].

use std::borrow::Cow;
use std::sync::LazyLock;

use cedar_policy_core::ast::{Literal, Name, RestrictedExpr, Value};
use cedar_policy_core::evaluator::RestrictedEvaluator;
use cedar_policy_core::extensions::Extensions;
use serde_json::Value as Json;

use super::config::ClaimTypeConfig;
use super::facts::Said;
use super::needs::{Holds, Part, Wanted};
use crate::spelling::canonical;

/// What is said at a place, as policies compare it; `None` if it cannot be compared.
pub(super) fn heard(wanted: &Wanted, said: &[Said]) -> Option<Value> {
    match (wanted.part, wanted.holds) {
        (Part::Path, _) => match said {
            [Said::Text(one)] => Some(text(one)),
            [..] => None,
        },
        (Part::Query | Part::Header | Part::Body, Holds::Texts) => {
            Some(texts(said.iter().map(|one| match one {
                Said::Text(text) => text,
                Said::Truth(true) => "true",
                Said::Truth(false) => "false",
            })))
        }
        // A lenient upstream may take `"true"` for true: it is neither here.
        (Part::Query | Part::Header | Part::Body, Holds::Truths) => {
            let truths = said.iter().map(|one| match one {
                Said::Truth(truth) => Some(Literal::from(*truth)),
                Said::Text(_) => None,
            });
            Some(Value::set_of_lits(truths.collect::<Option<Vec<_>>>()?, None))
        }
    }
}

/// Two digits for each byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text in its one spelling.
pub(super) fn text(text: &str) -> Value {
    Value::from(literal(text))
}

fn literal(text: &str) -> Literal {
    match canonical(Cow::Borrowed(text)) {
        Cow::Borrowed(text) => Literal::from(text),
        Cow::Owned(text) => Literal::from(text),
    }
}

/// A set of texts.
pub(super) fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> Value {
    Value::set_of_lits(texts.map(literal), None)
}

/// An address as Cedar's extension has it.
pub(super) fn address(text: &str) -> Option<Value> {
    static IP: LazyLock<Option<Name>> = LazyLock::new(|| Name::parse_unqualified_name("ip").ok());
    let made = RestrictedExpr::call_extension_fn(IP.clone()?, [RestrictedExpr::val(text)]);
    RestrictedEvaluator::new(Extensions::all_available()).interpret(made.as_borrowed()).ok()
}

/// A claim, if it is of its type.
pub(super) fn claim(value: &Json, kind: ClaimTypeConfig) -> Option<Value> {
    match (kind, value) {
        (ClaimTypeConfig::Text, Json::String(said)) => Some(text(said)),
        (ClaimTypeConfig::Number, Json::Number(number)) => number.as_i64().map(Value::from),
        (ClaimTypeConfig::Truth, Json::Bool(truth)) => Some(Value::from(*truth)),
        (ClaimTypeConfig::List, Json::Array(items)) => {
            let listed: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
            Some(texts(listed?.into_iter()))
        }
        (
            ClaimTypeConfig::Text | ClaimTypeConfig::Number | ClaimTypeConfig::Truth | ClaimTypeConfig::List,
            _,
        ) => None,
    }
}
