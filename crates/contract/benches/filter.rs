//! What the response filter costs: `cargo bench -p portcullis-contract --bench filter`.
//!
//! One MiB of records, in pieces of 16 KiB as they come from a connection. Beside it, for scale, what
//! others need for the same bytes without filtering anything.

#![expect(clippy::unwrap_used, reason = "a benchmark stops where its ground is not as expected")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::filter::{Detect, Filter, FilterPlan, Judgement, OnUndeclared, Sight, Viewer};
use portcullis_contract::{Access, CompileOptions, Contract, NoReferences, Objects};
use portcullis_domain::{Scopes, Subject};
use portcullis_message::json::{JsonBounds, check};

fn main() {
    divan::main();
}

const PIECE: usize = 16 * 1024;

/// A list of orders. `{MORE}` and `{RULE}` are filled in.
const SCHEMA: &str = r#"{"type":"array","items":{"type":"object","properties":{
    "id":{"type":"string"},"customer":{"type":"string"},"owner_id":{"type":"string"},
    "status":{"type":"string"},"currency":{"type":"string"},"total":{"type":"number"},"paid":{"type":"boolean"},
    "note":{"type":["string","null"]}, "phone":{"type":"string"{RULE}},
    "lines":{"type":"array","items":{"type":"object","properties":{
        "sku":{"type":"string"},"quantity":{"type":"integer"},"price":{"type":"number"}}}}}}}"#;

const OWNER: &str = r#","x-portcullis-visible-to":{"owner":{"property":"owner_id"}}"#;
const SCOPE: &str = r#","x-portcullis-visible-to":{"scopes":["audit"]}"#;
const CARD: &str = r#","x-portcullis-mask":{"as":"card"}"#;

fn plan(rule: &str) -> Arc<FilterPlan> {
    let schema = SCHEMA.replace("{RULE}", rule);
    let text = format!(
        r#"{{"openapi":"3.1.1","info":{{"title":"t","version":"1"}},"paths":{{}},"components":{{"schemas":{{"It":{schema}}}}}}}"#
    );
    let document = Document::parse("openapi.json", text.as_bytes(), &Limits::default()).unwrap();
    let pointer = "/components/schemas/It";
    FilterPlan::compile(&document, &NoReferences, pointer, Objects::Closed, &mut Diagnostics::new()).unwrap()
}

/// One MiB of orders, each with `more` at its end.
fn orders(more: &str) -> String {
    let mut text = String::from("[");
    let mut number = 0;
    while text.len() < 1 << 20 {
        number += 1;
        let comma = if number == 1 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"id":"0193a4c0-{number:012}","customer":"Ada Lovelace","phone":"4111111111111111","status":"shipped","currency":"EUR","total":{number}.50,"paid":true,"note":"leave it at the back door, please","lines":[{{"sku":"AB-0001","quantity":1,"price":9.99}},{{"sku":"AB-0002","quantity":2,"price":19.99}}],"owner_id":"ada"{more}}}"#
        )
        .unwrap();
    }
    text.push(']');
    text
}

fn run(mut filter: Filter, text: &str, out: &mut BytesMut) {
    for piece in text.as_bytes().chunks(PIECE) {
        filter.push(black_box(piece), out).unwrap();
        black_box(&out);
        out.clear();
    }
    filter.finish(out).unwrap();
}

fn bench(bencher: Bencher<'_, '_>, plan: &Arc<FilterPlan>, undeclared: OnUndeclared, text: &str) {
    let (scopes, roles, subject) = (Scopes::default(), Scopes::default(), Subject::from("ada"));
    let viewer =
        Viewer { scopes: &scopes, roles: &roles, subject: Some(&subject), path_parameter: &|_| None };
    let sight = Sight::of(plan.audiences(), &viewer);
    let mut out = BytesMut::with_capacity(4 * PIECE);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| run(plan.start(sight.clone(), undeclared), text, &mut out));
}

#[divan::bench]
fn report_when_nothing_is_undeclared(bencher: Bencher<'_, '_>) {
    bench(bencher, &plan(""), OnUndeclared::Report, &orders(""));
}

#[divan::bench]
fn remove_when_nothing_is_undeclared(bencher: Bencher<'_, '_>) {
    bench(bencher, &plan(""), OnUndeclared::Remove, &orders(""));
}

#[divan::bench]
fn report_two_undeclared_members_in_each(bencher: Bencher<'_, '_>) {
    let more = r#","margin":0.25,"internal":{"score":7,"flags":["a","b"]}"#;
    bench(bencher, &plan(""), OnUndeclared::Report, &orders(more));
}

#[divan::bench]
fn remove_two_undeclared_members_in_each(bencher: Bencher<'_, '_>) {
    let more = r#","margin":0.25,"internal":{"score":7,"flags":["a","b"]}"#;
    bench(bencher, &plan(""), OnUndeclared::Remove, &orders(more));
}

#[divan::bench]
fn hide_a_member_of_each(bencher: Bencher<'_, '_>) {
    bench(bencher, &plan(SCOPE), OnUndeclared::Remove, &orders(""));
}

#[divan::bench]
fn hold_a_member_of_each_for_its_owner(bencher: Bencher<'_, '_>) {
    bench(bencher, &plan(OWNER), OnUndeclared::Remove, &orders(""));
}

#[divan::bench]
fn mask_a_member_of_each(bencher: Bencher<'_, '_>) {
    bench(bencher, &plan(CARD), OnUndeclared::Remove, &orders(""));
}

#[divan::bench]
fn pass_what_no_schema_describes(bencher: Bencher<'_, '_>) {
    bench(bencher, &FilterPlan::open(), OnUndeclared::Report, &orders(""));
}

struct Nothing;

impl Detect for Nothing {
    fn judge(&self, text: &[u8]) -> Judgement {
        black_box(text);
        Judgement::Harmless
    }
}

#[divan::bench]
fn show_a_detector_what_no_schema_describes(bencher: Bencher<'_, '_>) {
    let (plan, text) = (FilterPlan::open(), orders(""));
    let mut out = BytesMut::with_capacity(4 * PIECE);
    let detect: Arc<dyn Detect> = Arc::new(Nothing);
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let filter = plan.start(Sight::none(), OnUndeclared::Report).with_detect(Arc::clone(&detect));
        run(filter, &text, &mut out);
    });
}

#[divan::bench]
fn for_scale_check_with_the_reader_of_whole_texts(bencher: Bencher<'_, '_>) {
    let text = orders("");
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| check(black_box(text.as_bytes()), &JsonBounds::default()));
}

#[divan::bench]
fn for_scale_parse_and_write_with_serde_json(bencher: Bencher<'_, '_>) {
    let text = orders("");
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let value: serde_json::Value = serde_json::from_str(black_box(&text)).unwrap();
        serde_json::to_vec(&value).unwrap()
    });
}

/// The largest document at hand, with the plans of all its answers. Where the shared vectors are not,
/// there is nothing to measure.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn load_kubernetes(bencher: Bencher<'_, '_>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/openapi/corpus/kubernetes.io.json");
    let Ok(bytes) = std::fs::read(path) else { return };
    let document = Document::parse("kubernetes.io.json", &bytes, &Limits::default()).unwrap();
    let options = CompileOptions { access: &|_| Some(Access::Public), ..CompileOptions::default() };
    bencher.bench_local(|| {
        Contract::compile(&document, &NoReferences, &options, &mut Diagnostics::new()).unwrap()
    });
}
