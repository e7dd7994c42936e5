//! What it costs a request that its decision is kept: taking it down and putting it into the queue.
//!
//! Target: below 300 ns for a refusal. An answer that is not among those that are kept costs a look at its receipt.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::net::SocketAddr;

use divan::Bencher;
use portcullis_audit::journal::keeps_answer;
use portcullis_domain::{ReceiptId, Timestamp};
use portcullis_gateway::journal::cost::Noting;
use portcullis_gateway::{MadeUp, Options};
use portcullis_testkit::Workspace;

fn main() {
    divan::main();
}

const CONFIGURATION: &str = r#"
listen: [{ address: "127.0.0.1:0", protocol: plaintext, plaintext: serve }]
apis: { shop: { contract: openapi.json, hosts: [api.test], upstream: { addresses: ["http://127.0.0.1:9"] } } }
"#;
const CONTRACT: &str = r#"{
    "openapi": "3.1.0", "info": { "title": "Shop", "version": "1" },
    "paths": { "/orders/{id}": {
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 9 } }],
        "get": { "x-portcullis-access": "public", "responses": { "200": { "description": "Done." } } }
    } }
}"#;

fn noting(path: &str) -> Noting {
    let folder = Workspace::new();
    folder.file("portcullis.yaml", CONFIGURATION);
    folder.file("openapi.json", CONTRACT);
    let request = format!("curl https://api.test{path}");
    let made_up = MadeUp::read(&request, SocketAddr::from(([192, 0, 2, 1], 0))).unwrap();
    Noting::of(&Options::new(folder.path("portcullis.yaml")), &made_up).unwrap()
}

/// So many notes find room; the journal's thread takes them out.
const NOTES: u32 = 4096;

#[divan::bench(args = ["answered", "refused"], sample_count = 100)]
fn note(bencher: Bencher<'_, '_>, end: &str) {
    let noting = noting(if end == "answered" { "/orders/7" } else { "/orders/much-too-long" });
    bencher
        .counter(divan::counter::ItemsCount::new(NOTES))
        .with_inputs(|| noting.drain())
        .bench_local_values(|()| {
            for _ in 0..NOTES {
                noting.note();
            }
        });
}

#[divan::bench]
fn not_kept(bencher: Bencher<'_, '_>) {
    let receipt = ReceiptId::new(Timestamp::from_seconds(1_800_000_000), &[7; 10]);
    bencher.bench_local(|| keeps_answer(black_box(receipt), black_box(10)));
}
