//! Quotas by whatever a request says.

use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Place};
use portcullis_contract::{Contract, Operation};
use portcullis_limits::{Purpose, Term, TermsAt, name_after};

use super::Writing;
use crate::compile::objects::place_on;
use crate::config::{ApiLimitsConfig, ByConfig, KeyedConfig, PlaceConfig};
use crate::limits::{By, Rule};

/// The keyed quotas of one API.
pub(super) struct Keyed<'c>(Vec<One<'c>>);

struct One<'c> {
    config: &'c KeyedConfig,
    terms: Vec<Term>,
}

impl<'c> Keyed<'c> {
    pub(super) fn compile(
        config: &'c ApiLimitsConfig,
        api: &str,
        at: &Place,
        contract: &Contract,
        writing: &mut Writing<'_>,
    ) -> Self {
        let mut all = Vec::with_capacity(config.keyed.len());
        for (index, config) in config.keyed.iter().enumerate() {
            let at = at.index(index);
            check_reach(config, contract, &at, writing);
            let place = format!("{api}/keyed/{index}");
            let name = name_after(&format!("{api}-by-{}", words(&config.by)), index);
            let standing = TermsAt { place: &place, name: &name, purpose: Purpose::Use };
            let terms = writing.terms(&config.quotas, standing, &at.child("quotas"));
            all.push(One { config, terms });
        }
        Self(all)
    }

    /// The rules that hold for an operation.
    pub(super) fn of(&self, operation: &Operation) -> Vec<Rule> {
        let holding = self.0.iter().filter(|one| is_on(&one.config.on, operation));
        holding
            .filter_map(|one| Some(rules(&one.terms, &key(&one.config.by, operation)?)))
            .flatten()
            .collect()
    }
}

/// The keyed quotas that an override adds to an operation.
pub(super) fn of_operation(
    config: &ApiLimitsConfig,
    operation: &Operation,
    at: &Place,
    writing: &mut Writing<'_>,
) -> Vec<Rule> {
    let mut all = Vec::new();
    for (index, config) in config.keyed.iter().enumerate() {
        let at = at.index(index);
        if !config.on.is_empty() {
            writing.diagnostics.push(
                Diagnostic::error(codes::KEYED_NOWHERE, "`on` is for limits of a whole API")
                    .at(at.child("on").key())
                    .help("leave it out: the override says already where it holds"),
            );
        }
        let Some(key) = key(&config.by, operation) else {
            unreadable(&config.by, operation, &at, writing);
            continue;
        };
        let place =
            format!("{}/operations/{}/{}/{index}", writing.subject.name, operation.id, words(&config.by));
        let name = name_after(&format!("{}-by-{}", operation.id, words(&config.by)), index);
        let standing = TermsAt { place: &place, name: &name, purpose: Purpose::Use };
        all.extend(rules(&writing.terms(&config.quotas, standing, &at.child("quotas")), &key));
    }
    all
}

fn rules(terms: &[Term], key: &[By]) -> Vec<Rule> {
    terms.iter().map(|term| Rule { term: term.clone(), by: key.into() }).collect()
}

/// A limit that holds nowhere, or cannot be told where it is said to hold, is a mistake.
fn check_reach(config: &KeyedConfig, contract: &Contract, at: &Place, writing: &mut Writing<'_>) {
    for (index, selector) in config.on.iter().enumerate() {
        let only = std::slice::from_ref(selector);
        let mut holding = contract.operations().iter().filter(|operation| is_on(only, operation)).peekable();
        if holding.peek().is_none() {
            writing.diagnostics.push(
                Diagnostic::error(codes::KEYED_NOWHERE, format!("`{selector}` matches no operation"))
                    .at(at.child("on").index(index))
                    .help("write an operation id, `METHOD /path` as in the document, or `tag:NAME`"),
            );
        }
        for operation in holding.filter(|operation| key(&config.by, operation).is_none()) {
            unreadable(&config.by, operation, at, writing);
        }
    }
    if config.on.is_empty()
        && contract.operations().iter().all(|operation| key(&config.by, operation).is_none())
    {
        writing.diagnostics.push(
            Diagnostic::error(codes::KEYED_NOWHERE, "no operation has what this limit goes by")
                .at(at.child("by"))
                .help("parameters are named as in the document; bodies must be declared with a schema"),
        );
    }
}

fn unreadable(by: &[ByConfig], operation: &Operation, at: &Place, writing: &mut Writing<'_>) {
    let missing = by.iter().position(|by| part(by, operation).is_none()).unwrap_or_default();
    writing.diagnostics.push(
        Diagnostic::error(codes::KEY_UNREADABLE, format!("`{}` has no such place", operation.id))
            .at(at.child("by").index(missing))
            .help(
                "name a parameter as the document does, or a body's member that stands alone: `/user/name`",
            ),
    );
}

pub(super) fn is_on(selectors: &[String], operation: &Operation) -> bool {
    selectors.is_empty()
        || selectors.iter().any(|selector| match selector.strip_prefix("tag:") {
            Some(tag) => operation.tags.iter().any(|have| have == tag),
            None => {
                *selector == *operation.id
                    || *selector == format!("{} {}", operation.method, operation.template)
            }
        })
}

fn key(by: &[ByConfig], operation: &Operation) -> Option<Vec<By>> {
    by.iter().map(|by| part(by, operation)).collect()
}

/// `None` if the operation has no such place, or several values may stand there.
pub(super) fn part(by: &ByConfig, operation: &Operation) -> Option<By> {
    let place =
        |place: PlaceConfig| Some(By::Field(place_on(&place, operation).filter(|place| !place.is_many())?));
    match by {
        ByConfig::Address => Some(By::Address),
        ByConfig::Caller => Some(By::Caller),
        ByConfig::Client => Some(By::Client),
        ByConfig::Operation => Some(By::Operation),
        ByConfig::Claim(claim) => Some(By::Claim(claim.as_str().into())),
        ByConfig::Path(name) => place(PlaceConfig { path: Some(name.clone()), ..PlaceConfig::default() }),
        ByConfig::Query(name) => place(PlaceConfig { query: Some(name.clone()), ..PlaceConfig::default() }),
        ByConfig::Header(name) => place(PlaceConfig { header: Some(name.clone()), ..PlaceConfig::default() }),
        ByConfig::Body(pointer) => {
            place(PlaceConfig { body: Some(pointer.clone()), ..PlaceConfig::default() })
        }
    }
}

/// What a limit goes by, as a part of its name.
fn words(by: &[ByConfig]) -> String {
    let word = |by: &ByConfig| match by {
        ByConfig::Address => "address".to_owned(),
        ByConfig::Caller => "caller".to_owned(),
        ByConfig::Client => "client".to_owned(),
        ByConfig::Operation => "operation".to_owned(),
        ByConfig::Claim(name)
        | ByConfig::Path(name)
        | ByConfig::Query(name)
        | ByConfig::Header(name)
        | ByConfig::Body(name) => name.trim_matches('/').to_owned(),
    };
    if by.is_empty() { "all".to_owned() } else { by.iter().map(word).collect::<Vec<_>>().join("-") }
}
