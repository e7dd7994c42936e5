//! How long a load waits for an OpenAPI document of three megabytes.

use divan::counter::BytesCount;
use portcullis_config::{Document, Limits};

fn main() {
    divan::main();
}

/// An OpenAPI document in block YAML, as people write them.
fn yaml() -> String {
    let mut text = String::from("openapi: 3.1.0\ninfo: { title: bench, version: '1' }\npaths:\n");
    for index in 0.. {
        text.push_str(&format!(
            "  /things/{index}/{{id}}:\n    get:\n      operationId: readThing{index}\n      summary: 'Reads thing {index}, \
             with grüße'\n      parameters:\n        - name: id\n          in: path\n          required: true\n          \
             schema: {{ type: integer, minimum: 1, maximum: 9007199254740991 }}\n      responses:\n        200:\n          \
             description: |\n            The thing.\n          content:\n            application/json:\n              \
             schema:\n                $ref: '#/components/schemas/Thing'\n"
        ));
        if text.len() > 3_000_000 {
            break;
        }
    }
    text
}

#[divan::bench(sample_count = 10)]
fn yaml_of_three_megabytes(bencher: divan::Bencher<'_, '_>) {
    let text = yaml();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| Document::parse("openapi.yaml", text.as_bytes(), &Limits::default()).is_ok());
}

#[divan::bench(sample_count = 10)]
fn json_of_three_megabytes(bencher: divan::Bencher<'_, '_>) {
    let parsed = Document::parse("openapi.yaml", yaml().as_bytes(), &Limits::default());
    let text = parsed.map(|document| document.value().to_string()).unwrap_or_default();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| Document::parse("openapi.json", text.as_bytes(), &Limits::default()).is_ok());
}
