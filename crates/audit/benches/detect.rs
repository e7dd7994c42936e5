//! What detection costs: one observation handed over, one looked at, and where a caller stands.

use std::sync::Arc;

use divan::{Bencher, black_box};
use portcullis_audit::detect::{
    DetectionKey, DetectionSettings, End, Engine, Family, Fate, Lookout, Named, Names, Observation,
    SeenObject, Standings, SubjectKey,
};
use portcullis_domain::{ReceiptId, Timestamp};

fn main() {
    divan::main();
}

const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

fn observation(caller: u64, object: u64) -> Observation {
    Observation {
        at: AT,
        receipt: ReceiptId::new(AT, &[7; 10]),
        subject: SubjectKey::Principal(caller.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        cohort: 1,
        reads_in_bulk: false,
        network: caller,
        family: Family::V4,
        agent: 3,
        token: Some(caller),
        operation: 4,
        api: 5,
        end: End::Served,
        status: 200,
        response_bytes: 2_000,
        objects: [SeenObject { kind: 6, id: object, fate: Fate::Own }].into_iter().collect(),
        rare: None,
    }
}

/// The digests of one request. The target for all that a request pays: below 1 µs.
#[divan::bench]
fn digests_of_a_request(bencher: Bencher<'_, '_>) {
    let key = DetectionKey::new([7; 16]);
    bencher.bench_local(|| {
        let key = black_box(&key);
        (
            key.digest(Named::Principal, &[b"https://id.example.com", b"7f3c2a10-alice"]),
            key.digest(Named::Address, &[&[192, 0, 2, 7]]),
            key.digest(Named::Token, &[b"https://id.example.com", b"0d9f7f0e-6b7c-4a52"]),
            key.digest(Named::Object, &[&[1; 8], b"/orders/550e8400-e29b-41d4-a716-446655440000"]),
        )
    });
}

/// A batch of 64 handed over, and thrown away because nobody looks.
#[divan::bench]
fn sixty_four_observations_handed_over(bencher: Bencher<'_, '_>) {
    let lookout = Lookout::new(DetectionKey::new([7; 16]));
    bencher
        .with_inputs(|| (0..64).map(|index| observation(index, index)).collect::<Vec<_>>())
        .bench_local_values(|mut batch| {
            lookout.hand_over(&mut batch);
            batch
        });
}

#[divan::bench(args = [1, 1_000, 50_000])]
fn one_observation_looked_at(bencher: Bencher<'_, '_>, callers: u64) {
    let (names, standings) = (Arc::new(Names::default()), Arc::new(Standings::default()));
    let mut engine =
        Engine::new(Arc::new(DetectionSettings::default()), names, standings, DetectionKey::new([7; 16]));
    let (mut next, mut alerts) = (0u64, Vec::new());
    bencher.bench_local(|| {
        next += 1;
        engine.observe(&observation(next % callers, next % 9), &mut alerts);
        alerts.clear();
    });
}

#[divan::bench(args = [0, 1_000])]
fn where_somebody_stands(bencher: Bencher<'_, '_>, suspects: u64) {
    let standings = Standings::default();
    for suspect in 0..suspects {
        standings.accuse(suspect << 50, 25.0, None, AT);
    }
    bencher.bench_local(|| standings.of(black_box(7), AT));
}
