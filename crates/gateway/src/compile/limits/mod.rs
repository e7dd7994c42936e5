//! From written limits to what each operation's requests spend.
//!
//! In: the limits over all APIs, of one API and of its overrides. Out: the rules of each route, whose counts live on
//! through a reload wherever a quota stayed what it was. A limiter's place (`shop/caller/default`) is its name in
//! metrics and in the store.

mod attempts;
mod authentication;
mod keyed;

use std::cell::RefCell;
use std::collections::HashSet;

use http::HeaderValue;
use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, Operation};
use portcullis_domain::Strength;
use portcullis_limits::{
    CompiledLimits, Limits, Purpose, QuotaConfig, Stock, Term, TermsAt, Visibility, compile_plain,
    compile_terms, is_possible, name_after, ratelimit_policy,
};

use super::api::Subject;
use super::selectors::{matching, selected};
use super::zone::read_zone;
use crate::config::{ApiLimitsConfig, GatewayConfig, PriorityConfig};
use crate::limits::priority::Priority;
use crate::limits::{By, Reach, RouteLimits, Rule};
use crate::policy::{Policy, Route};

/// What the limits of all APIs have in common.
pub(crate) struct Scene {
    /// Those over all APIs; nothing, if they are a mistake.
    pub(crate) overall: Option<CompiledLimits>,
    /// Filled API by API.
    pub(crate) stock: RefCell<Stock>,
}

impl Scene {
    /// The limits over all APIs, with the counts of `running`.
    pub(super) fn compile(
        config: &GatewayConfig,
        root: &Place,
        running: Option<&Policy>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let capacity = config.limits.capacity as usize;
        let mut stock = Stock::after(running.map(|running| &running.limiters), capacity);
        let compiled = portcullis_limits::compile(
            &config.limits,
            &root.child("limits"),
            &read_zone,
            &mut stock,
            diagnostics,
        );
        let overall = compiled.map(|limits| match running {
            Some(running) => limits.carrying(&running.limits),
            None => limits,
        });
        Self { overall, stock: RefCell::new(stock) }
    }
}

pub(super) fn keep(running: Option<&Limits>, compiled: Limits) -> Limits {
    match running {
        Some(running) => running.carried_into(&compiled),
        None => compiled,
    }
}

/// The limits of an API by address.
pub(super) fn of_peers(subject: &Subject<'_>, diagnostics: &mut Diagnostics) -> Limits {
    let at = subject.place.child("limits").child("peer");
    let capacity = subject.gateway.limits.capacity as usize;
    let place = format!("{}/peer", subject.name);
    compile_plain(&subject.config.limits.peer, &place, &at, capacity, diagnostics)
        .unwrap_or_else(|| Limits::new(Vec::new()))
}

/// Gives every route of an API its limits.
pub(super) fn attach(
    subject: &Subject<'_>,
    contract: &Contract,
    routes: &mut [Route],
    diagnostics: &mut Diagnostics,
) {
    let config = &subject.config.limits;
    let at = subject.place.child("limits");
    let mut writing = Writing { subject, stock: &mut subject.limits.stock.borrow_mut(), diagnostics };
    if config.attempts.is_some() || config.class.is_some() {
        let misplaced = if config.attempts.is_some() { "attempts" } else { "class" };
        writing.diagnostics.push(
            Diagnostic::error(codes::ATTEMPTS_MISPLACED, format!("`{misplaced}` is for single operations"))
                .at(at.child(misplaced).key())
                .help("move it to `overrides`, to the operation that it is about"),
        );
    }
    let of_api = writing.terms(
        &config.caller,
        TermsAt { place: &format!("{}/caller", subject.name), name: subject.name, purpose: Purpose::Use },
        &at.child("caller"),
    );
    let keyed = keyed::Keyed::compile(config, subject.name, &at.child("keyed"), contract, &mut writing);
    for (operation, route) in contract.operations().iter().zip(routes.iter_mut()) {
        let mut rules = by_caller(subject.limits.overall.iter().flat_map(|overall| overall.caller.iter()));
        rules.extend(by_caller(&of_api));
        rules.extend(keyed.of(operation));
        let limits = writing.of_operation(operation, route, rules);
        check_names(&limits, operation, &at, writing.diagnostics);
        route.limits = limits;
    }
}

/// What is needed to write down limits.
struct Writing<'w> {
    subject: &'w Subject<'w>,
    stock: &'w mut Stock,
    diagnostics: &'w mut Diagnostics,
}

impl Writing<'_> {
    fn terms(&mut self, configs: &[QuotaConfig], standing: TermsAt<'_>, at: &Place) -> Vec<Term> {
        compile_terms(configs, standing, at, &read_zone, self.stock, self.diagnostics)
    }

    /// What the overrides of one operation add to `rules`.
    fn of_operation(&mut self, operation: &Operation, route: &Route, mut rules: Vec<Rule>) -> RouteLimits {
        let subject = self.subject;
        let place = format!("{}/operations/{}", subject.name, operation.id);
        let of_api = &subject.config.limits;
        let mut concurrency = of_api.concurrency.map(|limit| (subject.name.to_owned(), limit));
        let (mut cost, mut priority) = (of_api.cost, of_api.priority);
        let (mut class, mut written_attempts) = (None, None);
        let mut index = 0;
        for (selector, settings) in matching(subject.config, &selected(operation)) {
            let at = subject.place.child("overrides").child(selector).child("limits");
            let limits: &ApiLimitsConfig = &settings.limits;
            for quota in &limits.caller {
                let name = name_after(&operation.id, index);
                let standing = TermsAt { place: &place, name: &name, purpose: Purpose::Use };
                rules.extend(by_caller(&self.terms(
                    std::slice::from_ref(quota),
                    standing,
                    &at.child("caller"),
                )));
                index += 1;
            }
            rules.extend(keyed::of_operation(limits, operation, &at.child("keyed"), self));
            if let Some(limit) = limits.concurrency
                && is_possible(limit, &at.child("concurrency"), self.diagnostics)
            {
                concurrency = Some((place.clone(), limit));
            }
            cost = limits.cost.or(cost);
            priority = limits.priority.or(priority);
            class = limits.class.or(class);
            written_attempts = limits.attempts.as_ref().map(|attempts| (attempts, at)).or(written_attempts);
        }
        let attempts = match written_attempts {
            Some((config, at)) => attempts::compile(config, operation, &place, &at.child("attempts"), self),
            // Whoever says how failures look has them counted; otherwise all tries are.
            None => {
                rules.extend(authentication::rules(class, operation, route, &place, self));
                None
            }
        };
        let overall = self.subject.limits.overall.as_ref();
        let concurrency = match concurrency {
            Some((place, limit)) => Some(self.stock.concurrency(&place, limit)),
            None => overall.and_then(|overall| overall.caller_concurrency.clone()),
        };
        let reads_fields = rules.iter().flat_map(|rule| rule.by.iter()).any(|by| by.field().is_some())
            || attempts
                .as_ref()
                .is_some_and(|attempts| attempts.account.is_some() || attempts.password.is_some());
        RouteLimits {
            policy: told(&rules),
            rules: rules.into(),
            cost: cost.unwrap_or(1),
            concurrency,
            attempts,
            reach: if reads_fields { Reach::Whole } else { Reach::Head },
            priority: match priority.unwrap_or_default() {
                PriorityConfig::Low => Priority::Low,
                PriorityConfig::Normal => Priority::Normal,
                PriorityConfig::High => Priority::High,
                PriorityConfig::Critical => Priority::Critical,
            },
        }
    }
}

fn by_caller<'t>(terms: impl IntoIterator<Item = &'t Term>) -> Vec<Rule> {
    let rule = |term: &Term| Rule { term: term.clone(), by: [By::Caller].into() };
    terms.into_iter().map(rule).collect()
}

/// `RateLimit-Policy` of the quotas that a caller may see.
fn told(rules: &[Rule]) -> Option<HeaderValue> {
    let is_told =
        |rule: &&Rule| rule.visibility() == Visibility::Told && rule.term.strength == Strength::Enforce;
    let quotas: Vec<_> = rules.iter().filter(is_told).map(|rule| rule.term.limiter.quota()).collect();
    if quotas.is_empty() { None } else { HeaderValue::try_from(ratelimit_policy(&quotas)).ok() }
}

/// A client that is told which quota it has used up must be able to tell which.
fn check_names(limits: &RouteLimits, operation: &Operation, at: &Place, diagnostics: &mut Diagnostics) {
    let mut names = HashSet::new();
    for rule in &limits.rules {
        let name = rule.term.limiter.quota().name();
        if !names.insert(name) {
            diagnostics.push(
                Diagnostic::warning(
                    codes::QUOTA_NAME_SHARED,
                    format!("two quotas that hold for `{}` are called `{name}`", operation.id),
                )
                .at(at.clone())
                .help("give one of them another `name:`, so that a client knows which it has used up"),
            );
        }
    }
}
