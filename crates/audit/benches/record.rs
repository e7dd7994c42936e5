//! What recording one decision costs: on the request path, and in the writer.

#![expect(clippy::expect_used, reason = "a benchmark may stop")]

#[path = "../tests/it/fixture.rs"]
mod fixture;

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use fixture::Walk;
use portcullis_audit::format::ocsf;
use portcullis_audit::{Event, Identity, Memory, Metrics, Proof, SinkChoice, Verdict, redact};
use portcullis_domain::{Denial, Reason};

fn main() {
    divan::main();
}

/// The target: at most 1.5 µs, hand-over included.
#[divan::bench(sample_size = 200)]
fn write_an_answer(bencher: Bencher<'_, '_>) {
    let (recorder, walk) = (fixture::recorder(SinkChoice::Memory(Memory::discarding())), Walk::new());
    let mut pen = recorder.pen();
    bencher.bench_local(|| pen.write(black_box(&walk.event())));
}

#[divan::bench(sample_size = 200)]
fn write_a_denial(bencher: Bencher<'_, '_>) {
    let (recorder, walk) = (fixture::recorder(SinkChoice::Memory(Memory::discarding())), Walk::new());
    let denial = Denial::new(Reason::ScopeInsufficient).with_note("needs `orders:write`, has `orders:read`");
    let identity = Identity { principal: &walk.principal, proof: Proof::Verified };
    let event =
        Event { verdict: Verdict::Denied(&denial), status: 403, identity: Some(identity), ..walk.event() };
    let mut pen = recorder.pen();
    bencher.bench_local(|| pen.write(black_box(&event)));
}

/// A flood of refusals that are all alike: counted, after a hundred.
#[divan::bench(sample_size = 200)]
fn count_a_denial_that_came_before(bencher: Bencher<'_, '_>) {
    let (recorder, walk) = (fixture::recorder(SinkChoice::Memory(Memory::discarding())), Walk::new());
    let denial = Denial::new(Reason::CallerRateExceeded);
    let event = Event { verdict: Verdict::Denied(&denial), status: 429, ..walk.event() };
    let mut pen = recorder.pen();
    bencher.bench_local(|| pen.write(black_box(&event)));
}

/// What a sink that wants OCSF costs its own thread for each event.
#[divan::bench]
fn say_an_event_in_ocsf(bencher: Bencher<'_, '_>) {
    let line = fixture::line(&Walk::new().event());
    bencher.bench_local(|| ocsf::translate(black_box(line.as_bytes())));
}

/// Pen, queue, chain and file together: events per second of one pen and one writer, the slower of which decides.
/// The target: 300,000 events a second.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn ten_thousand_events_into_a_file(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let (recorder, walk) =
        (fixture::recorder(SinkChoice::File(folder.path().join("audit.log"))), Walk::new());
    let mut pen = recorder.pen();
    bencher.counter(ItemsCount::new(10_000u32)).bench_local(|| {
        for _ in 0..10_000 {
            pen.write(&walk.event());
        }
        pen.flush();
        recorder.settle();
    });
}

/// The target: below 100 ns for the first.
#[divan::bench(args = [
    "/orders/42",
    "/orders/42?page=2",
    "/orders/550e8400-e29b-41d4-a716-446655440000",
    "/customers/42/orders?status=open&page=2&sort=-created",
    "/callback?code=4f9c2ab81d03e7f6&state=xyz",
    "/search?q=caf%C3%A9%20au%20lait",
])]
fn redact_a_target(bencher: Bencher<'_, '_>, target: &str) {
    bencher.bench_local(|| redact::target(black_box(target)).len());
}

#[divan::bench]
fn redact_a_user_agent() -> usize {
    redact::text(black_box("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).len()
}

#[divan::bench]
fn count_a_decision(bencher: Bencher<'_, '_>) {
    let recorder = Arc::new(fixture::recorder(SinkChoice::Memory(Memory::discarding())));
    let metrics = Metrics::new(recorder, Box::new(|_| {}));
    let (operation, walk) = (metrics.operation("shop", "getOrder"), Walk::new());
    bencher.bench_local(|| operation.count(black_box(&walk.event())));
}
