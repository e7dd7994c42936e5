//! What one decision by rules costs: it should grow with the policies that could apply, and not with all.

#![expect(clippy::expect_used, reason = "a benchmark may stop")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use divan::Bencher;
use portcullis_authz::rules::{
    ClaimTypeConfig, Described, Facts, Guarded, LocalTime, OperationRules, PolicyFile, Reach, RulesConfig,
    Said, Transport, Written, compile,
};
use portcullis_authz::{Alternative, Concealment, Demand, Kinds};
use portcullis_config::{Diagnostics, Place, Weekday};
use portcullis_domain::{Assurance, Issuer, Principal, PrincipalKind, Risk, Scopes, Subject, Timestamp};

fn main() {
    divan::main();
}

/// The rules of the first of so many operations, with these conditions.
fn rules(operations: usize, policies: usize, condition: impl Fn(usize) -> String) -> Arc<OperationRules> {
    let ids: Vec<String> = (0..operations).map(|number| format!("operation{number}")).collect();
    let text: String = (0..policies)
        .map(|number| {
            let operation = number % operations;
            format!(
                "permit(principal, action == Action::\"operation{operation}\", resource) when {{ {} }};\n",
                condition(number)
            )
        })
        .collect();
    let described = ids.iter().map(|id| Described {
        id,
        method: "GET",
        tags: &[],
        template: "/things/{id}",
        has_query: &|_| false,
        guarded: Guarded::Guarded,
    });
    let place = Place::whole_text("bench.cedar", &text);
    let config = RulesConfig {
        claims: [("department".to_owned(), ClaimTypeConfig::Text)].into(),
        ..RulesConfig::default()
    };
    let written = Written {
        api: "shop",
        config: &config,
        files: vec![PolicyFile { text, place: place.clone() }],
        short: Vec::new(),
        operations: described.collect(),
        place,
    };
    let mut diagnostics = Diagnostics::new();
    let compiled = compile(&written, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    compiled.into_iter().next().flatten().expect("rules")
}

/// A role of its own, and the caller's own thing.
fn role_and_owner(number: usize) -> String {
    format!("principal in Role::\"role{number}\" && context.path.id == principal.subject")
}

fn decide(bencher: Bencher<'_, '_>, rules: &OperationRules) {
    let principal = Principal {
        issuer: Issuer::from("https://id.example"),
        subject: Subject::from("alice"),
        kind: PrincipalKind::User,
        client: None,
        scopes: Scopes::parse("orders:read"),
        roles: Scopes::parse("role0"),
        expires_at: None,
        claims: Arc::new([("department".to_owned(), "department9".into())].into_iter().collect()),
        scheme: Arc::from("customers"),
        assurance: Assurance::default(),
    };
    let demand = Demand::Authenticated {
        alternatives: vec![Alternative { scheme: Arc::from("customers"), scopes: Scopes::default() }],
        roles: None,
        kinds: Kinds::Any,
        concealment: Concealment::Open,
        realm: Arc::from("shop"),
    };
    let facts = Facts {
        principal: &principal,
        now: Timestamp::from_seconds(1_800_000_000),
        local: &|| LocalTime { weekday: Weekday::Monday, minute: 480 },
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        transport: Transport::Plaintext,
        risk: Risk::NONE,
        said: &|_| Some(vec![Said::Text("alice".to_owned())]),
    };
    bencher.bench_local(|| rules.judge(&demand, Reach::Head, &facts).expect("a permit"));
}

/// The target: below 3 µs.
#[divan::bench]
fn ten_policies(bencher: Bencher<'_, '_>) {
    decide(bencher, &rules(1, 10, role_and_owner));
}

/// What roles say alone, no evaluator is asked for.
#[divan::bench]
fn ten_policies_on_roles(bencher: Bencher<'_, '_>) {
    decide(bencher, &rules(1, 10, |number| format!("principal in Role::\"role{number}\"")));
}

/// The worst: nothing can be told by a guard, and the last of ten permits.
#[divan::bench]
fn ten_policies_on_a_claim(bencher: Bencher<'_, '_>) {
    let condition = |number| {
        format!("principal.claims has department && principal.claims.department == \"department{number}\"")
    };
    decide(bencher, &rules(1, 10, condition));
}

/// The target: below 10 µs.
#[divan::bench]
fn a_thousand_policies_over_500_operations(bencher: Bencher<'_, '_>) {
    decide(bencher, &rules(500, 1_000, role_and_owner));
}

/// A hundred thousand policies over 500 operations, from text to rules: what a reload waits for.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn reading_a_hundred_thousand_policies() -> Arc<OperationRules> {
    rules(500, 100_000, role_and_owner)
}

/// 200 of them reach the operation.
#[divan::bench]
fn a_hundred_thousand_policies_over_500_operations(bencher: Bencher<'_, '_>) {
    decide(bencher, &rules(500, 100_000, role_and_owner));
}
