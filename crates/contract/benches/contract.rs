//! What one request costs in this crate, and what loading costs: `cargo bench -p portcullis-contract`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops where its ground is not as expected"
)]

use std::fmt::Write as _;
use std::sync::Arc;

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue, Method};
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, Contract, Lookup, NoReferences};

fn main() {
    divan::main();
}

fn parse(text: &str) -> Arc<Document> {
    Document::parse("openapi.json", text.as_bytes(), &Limits::default()).unwrap()
}

fn compile(document: &Arc<Document>) -> Contract {
    Contract::compile(document, &NoReferences, &CompileOptions::default(), &mut Diagnostics::new()).unwrap()
}

/// A document of `operations` operations: a fifth each of list, create, read, replace, delete, all over
/// the same few dozen schemas.
fn document(operations: usize) -> String {
    let mut text = String::from(
        r#"{"openapi":"3.1.1","info":{"title":"t","version":"1"},"security":[{"s":["read"]}],
        "components":{"securitySchemes":{"s":{"type":"http","scheme":"bearer"}},"schemas":{"#,
    );
    for kind in 0..40 {
        let _ = write!(
            text,
            r##"{}"Kind{kind}":{{"type":"object","required":["id","items"],"properties":{{
                "id":{{"type":"string","format":"uuid","readOnly":true}},
                "customer":{{"type":"string","maxLength":64}},
                "currency":{{"enum":["EUR","USD"]}},
                "placed":{{"type":"string","format":"date-time"}},
                "items":{{"type":"array","maxItems":100,"items":{{"type":"object","required":["sku","quantity"],"properties":{{
                    "sku":{{"type":"string","pattern":"^[A-Z]{{2}}-[0-9]{{4}}$"}},
                    "quantity":{{"type":"integer","minimum":1,"maximum":99}}}}}}}},
                "next":{{"$ref":"#/components/schemas/Kind{}"}}}}}}"##,
            if kind == 0 { "" } else { "," },
            (kind + 1) % 40,
        );
    }
    text.push_str(r#"}},"paths":{"#);
    let id =
        r#""parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer","minimum":1}}]"#;
    let filter = r#""parameters":[{"name":"limit","in":"query","schema":{"type":"integer","maximum":100}},{"name":"status","in":"query","schema":{"enum":["open","closed"]}}]"#;
    for index in 0..operations / 5 {
        let body = format!(
            r##""requestBody":{{"required":true,"content":{{"application/json":{{"schema":{{"$ref":"#/components/schemas/Kind{}"}}}}}}}}"##,
            index % 40
        );
        let _ = write!(
            text,
            r#"{}"/area{}/things{index}":{{"get":{{{filter}}},"post":{{{body}}}}},"/area{}/things{index}/{{id}}":{{{id},"get":{{}},"put":{{{body}}},"delete":{{}}}}"#,
            if index == 0 { "" } else { "," },
            index % 10,
            index % 10,
        );
    }
    text.push_str("}}");
    text
}

const ORDER: &str = r#"{"customer":"c-2041","currency":"EUR","placed":"2026-11-24T06:30:00Z","items":[{"sku":"AB-0001","quantity":1},{"sku":"AB-0002","quantity":2},{"sku":"AB-0003","quantity":3},{"sku":"AB-0004","quantity":4},{"sku":"AB-0005","quantity":5},{"sku":"AB-0006","quantity":6},{"sku":"AB-0007","quantity":7},{"sku":"AB-0008","quantity":8}]}"#;

#[divan::bench(args = [100, 1000, 10_000])]
fn find(bencher: Bencher<'_, '_>, operations: usize) {
    let contract = compile(&parse(&document(operations)));
    let path = format!("/area{}/things{}/4711", (operations / 10) % 10, operations / 10);
    bencher.bench_local(|| contract.find(black_box(&Method::GET), black_box(&path)));
}

#[divan::bench(args = [100, 10_000])]
fn find_nothing(bencher: Bencher<'_, '_>, operations: usize) {
    let contract = compile(&parse(&document(operations)));
    bencher.bench_local(|| contract.find(black_box(&Method::GET), black_box("/wp-admin/setup.php")));
}

#[divan::bench]
fn validate_body_of_350_bytes(bencher: Bencher<'_, '_>) {
    let contract = compile(&parse(&document(1000)));
    let json = HeaderValue::from_static("application/json");
    let operation = &contract.operations()[1];
    operation.validate_body(Some(&json), ORDER.as_bytes()).unwrap();
    bencher.bench_local(|| operation.validate_body(black_box(Some(&json)), black_box(ORDER.as_bytes())));
}

#[divan::bench]
fn parse_body_of_350_bytes_with_serde_json(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| serde_json::from_str::<serde_json::Value>(black_box(ORDER)));
}

#[divan::bench]
fn refuse_body_of_350_bytes(bencher: Bencher<'_, '_>) {
    let contract = compile(&parse(&document(1000)));
    let json = HeaderValue::from_static("application/json");
    let order = ORDER.replace("\"quantity\":8", "\"quantity\":800,\"isAdmin\":true");
    let operation = &contract.operations()[1];
    bencher.bench_local(|| operation.validate_body(black_box(Some(&json)), black_box(order.as_bytes())));
}

#[divan::bench]
fn validate_head_with_two_query_parameters(bencher: Bencher<'_, '_>) {
    let contract = compile(&parse(&document(1000)));
    let Lookup::Found { operation, path_parameters } = contract.find(&Method::GET, "/area0/things0") else {
        return;
    };
    let headers = HeaderMap::new();
    let query = Some("limit=20&status=open");
    operation.validate_head(&path_parameters, query, &headers).unwrap();
    bencher.bench_local(|| operation.validate_head(&path_parameters, black_box(query), &headers));
}

#[divan::bench]
fn validate_head_without_parameters(bencher: Bencher<'_, '_>) {
    let contract = compile(&parse(&document(1000)));
    let Lookup::Found { operation, path_parameters } = contract.find(&Method::POST, "/area0/things0") else {
        return;
    };
    let headers = HeaderMap::new();
    bencher.bench_local(|| operation.validate_head(&path_parameters, black_box(None), &headers));
}

#[divan::bench(args = [1000, 10_000], sample_count = 5)]
fn load(bencher: Bencher<'_, '_>, operations: usize) {
    let document = parse(&document(operations));
    bencher.bench_local(|| compile(black_box(&document)));
}

#[divan::bench(args = [1000], sample_count = 5)]
fn read_document(bencher: Bencher<'_, '_>, operations: usize) {
    let text = document(operations);
    bencher.bench_local(|| parse(black_box(&text)));
}
