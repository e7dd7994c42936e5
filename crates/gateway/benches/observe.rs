//! What it costs a request to be counted: `cargo bench -p portcullis-gateway --bench observe`.
//!
//! The bar is 150 ns for a pair of consumer and operation that is known, among as many as a worker tells apart.

use std::sync::Arc;

use divan::{Bencher, black_box};
use portcullis_domain::{Assurance, CallEnd, Issuer, Principal, PrincipalKind, Scopes, Subject, Timestamp};
use portcullis_gateway::observe::counts::{Counts, OperationId, PAIRS};

fn main() {
    divan::main();
}

fn principal(number: usize) -> Principal {
    Principal {
        issuer: Issuer::from("https://id.example.com/realms/customers"),
        subject: Subject::from(&*format!("3fa85f64-5717-4562-b3fc-{number:012}")),
        kind: PrincipalKind::User,
        client: Some("mobile-app".into()),
        scopes: Scopes::default(),
        roles: Scopes::default(),
        expires_at: None,
        claims: Arc::default(),
        scheme: "customers".into(),
        assurance: Assurance::default(),
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A table of so many known pairs, and a pair of it at each turn.
#[divan::bench(args = [1, 100, PAIRS])]
fn known_pair(bencher: Bencher<'_, '_>, pairs: usize) {
    let principals: Vec<_> = (0..pairs).map(principal).collect();
    let mut counts = Counts::default();
    for principal in &principals {
        counts.note(OperationId::new(7), Some(principal), CallEnd::Served, NOW);
    }
    let mut turns = principals.iter().cycle();
    bencher.bench_local(|| {
        counts.note(black_box(OperationId::new(7)), turns.next(), CallEnd::Served, NOW);
    });
}

/// Nobody in particular.
#[divan::bench]
fn anonymous(bencher: Bencher<'_, '_>) {
    let mut counts = Counts::default();
    bencher.bench_local(|| counts.note(black_box(OperationId::new(7)), None, CallEnd::Served, NOW));
}

/// A stranger when there is no room for another.
#[divan::bench]
fn beyond_the_bound(bencher: Bencher<'_, '_>) {
    let mut counts = Counts::bounded(0);
    let stranger = principal(1);
    bencher
        .bench_local(|| counts.note(black_box(OperationId::new(7)), Some(&stranger), CallEnd::Served, NOW));
}

/// What a worker does every five seconds, when all that it knows were called.
#[divan::bench]
fn hand_over(bencher: Bencher<'_, '_>) {
    let principals: Vec<_> = (0..PAIRS).map(principal).collect();
    let mut counts = Counts::default();
    bencher.bench_local(|| {
        for principal in &principals {
            counts.note(OperationId::new(7), Some(principal), CallEnd::Served, NOW);
        }
        counts.take()
    });
}
