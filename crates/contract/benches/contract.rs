//! What one request costs in this crate, and what loading costs: `cargo bench -p portcullis-contract`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops where its ground is not as expected"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue, Method};
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, ContentCoding, Contract, Lookup, NoReferences};

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

/// A document of one operation `POST /it` that takes this content.
fn taking(content: &str) -> Contract {
    compile(&parse(&format!(
        r#"{{"openapi":"3.1.1","info":{{"title":"t","version":"1"}},"paths":{{"/it":{{"post":{{"x-portcullis-access":"public","requestBody":{{"content":{{{content}}}}}}}}}}}}}"#
    )))
}

/// An order of twelve fields and one KiB, and its schema.
fn order() -> (Contract, String) {
    let text = r#"{"type":"string","maxLength":200}"#;
    let schema = format!(
        r#"{{"type":"object","required":["id","customer","total"],"properties":{{"id":{{"type":"string","format":"uuid"}},"customer":{text},"email":{{"type":"string","format":"email"}},"currency":{{"enum":["EUR","USD"]}},"total":{{"type":"number","minimum":0}},"placed":{{"type":"string","format":"date-time"}},"paid":{{"type":"boolean"}},"note":{{"type":"string","maxLength":1000}},"street":{text},"city":{text},"zip":{{"type":"string","pattern":"^[0-9]{{5}}$"}},"priority":{{"type":"integer","minimum":0,"maximum":9}}}}}}"#
    );
    let body = format!(
        r#"{{"id":"0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d","customer":"Ann Example","email":"ann@example.com","currency":"EUR","total":149.9,"placed":"2026-11-24T06:30:00Z","paid":true,"note":"{}","street":"Long Street 7","city":"Ulm","zip":"89073","priority":3}}"#,
        "please ring twice ".repeat(41)
    );
    (taking(&format!(r#""application/json":{{"schema":{schema}}}"#)), body)
}

/// Ten KiB of objects in lists in objects, and their schema.
fn nested() -> (Contract, String) {
    let item = r#"{"type":"object","properties":{"sku":{"type":"string","pattern":"^[A-Z]{2}-[0-9]{4}$"},"quantity":{"type":"integer","minimum":1,"maximum":99},"options":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string","maxLength":20},"on":{"type":"boolean"}}}}}}"#;
    let schema = format!(
        r#"{{"type":"object","properties":{{"items":{{"type":"array","maxItems":500,"items":{item}}}}}}}"#
    );
    let one = r#"{"sku":"AB-1234","quantity":12,"options":[{"name":"gift","on":true},{"name":"engraved","on":false}]}"#;
    let body = format!(r#"{{"items":[{}]}}"#, vec![one; 100].join(","));
    (taking(&format!(r#""application/json":{{"schema":{schema}}}"#)), body)
}

fn judge(bencher: Bencher<'_, '_>, contract: &Contract, content_type: &'static str, body: &[u8]) {
    let content_type = HeaderValue::from_static(content_type);
    let operation = &contract.operations()[0];
    operation.validate_body(Some(&content_type), body).unwrap();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| operation.validate_body(black_box(Some(&content_type)), black_box(body)));
}

#[divan::bench]
fn validate_order_of_12_fields_and_1_kib(bencher: Bencher<'_, '_>) {
    let (contract, body) = order();
    judge(bencher, &contract, "application/json", body.as_bytes());
}

#[divan::bench]
fn validate_nested_json_of_10_kib(bencher: Bencher<'_, '_>) {
    let (contract, body) = nested();
    judge(bencher, &contract, "application/json", body.as_bytes());
}

#[divan::bench]
fn parse_nested_json_of_10_kib_with_serde_json(bencher: Bencher<'_, '_>) {
    let (_, body) = nested();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| serde_json::from_slice::<serde_json::Value>(black_box(body.as_bytes())));
}

#[divan::bench]
fn validate_multipart_form_with_file_of_256_kib(bencher: Bencher<'_, '_>) {
    let contract = taking(
        r#""multipart/form-data":{"schema":{"type":"object","properties":{"name":{"type":"string","maxLength":50},"photo":{"type":"string","format":"binary"}}},"encoding":{"photo":{"contentType":"image/png"}}}"#,
    );
    let mut body = b"--0123456789abcdef\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAnn\r\n--0123456789abcdef\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n".to_vec();
    body.extend((0..256_u32 << 10).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8));
    body.extend_from_slice(b"\r\n--0123456789abcdef--\r\n");
    judge(bencher, &contract, "multipart/form-data; boundary=0123456789abcdef", &body);
}

#[divan::bench]
fn validate_xml_of_10_kib(bencher: Bencher<'_, '_>) {
    let contract = taking(r#""application/xml":{}"#);
    let body =
        format!("<order>{}</order>", r#"<item sku="AB-1234" n="3">gift &amp; more</item>"#.repeat(210));
    judge(bencher, &contract, "application/xml", body.as_bytes());
}

#[divan::bench]
fn decode_gzip_of_64_kib(bencher: Bencher<'_, '_>) {
    let (contract, _) = nested();
    // Numbers that look random, so that the text stays far from the ratio at which a body is given up.
    let numbers = (0..6_000_u32).map(|index| index.wrapping_mul(2_654_435_761).to_string());
    let plain = format!("[{}]", numbers.collect::<Vec<_>>().join(","));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain.as_bytes()).unwrap();
    let coded = encoder.finish().unwrap();
    let operation = &contract.operations()[0];
    bencher
        .counter(BytesCount::new(plain.len()))
        .bench_local(|| operation.decode_body(ContentCoding::Gzip, black_box(&coded), 1 << 20).unwrap());
}
