//! The examples of answers that real documents give: what keeps its schema leaves as it is.
//!
//! The checker and the filter read the same schemas by different code. An example that the one lets
//! through, and of which the other would take something, is a mistake of one of them.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use portcullis_contract::filter::{OnUndeclared, Sight};
use portcullis_contract::{Access, AnswerHead, Carries, Operation, PromisedBody};
use serde_json::Value;

use super::filtered;
use crate::corpus::{compile, documents, is_large, resolved, vectors};

/// Each JSON example of an answer, with its status.
fn examples<'v>(document: &'v Value, operation: &Operation) -> Vec<(u16, &'v Value)> {
    let Some(path) = document["paths"].get(&*operation.template) else { return Vec::new() };
    let method = operation.method.as_str().to_ascii_lowercase();
    let answers = resolved(document, path)[method]["responses"].as_object().into_iter().flatten();
    let mut found = Vec::new();
    for (key, answer) in answers {
        let status = key.parse().unwrap_or(599);
        let media_type = &resolved(document, answer)["content"]["application/json"];
        let named = media_type["examples"].as_object().into_iter().flatten();
        let named = named.filter_map(|(_, example)| resolved(document, example).get("value"));
        let schema = resolved(document, &media_type["schema"]);
        let all = media_type.get("example").into_iter().chain(named).chain(schema.get("example"));
        found.extend(all.map(|example| (status, example)));
    }
    found
}

#[test]
fn examples_that_keep_their_schema_leave_whole() {
    let Some(folder) = vectors() else { return };
    let (mut kept, mut broken, mut cut) = (0, 0, 0);
    for path in documents(&folder.join("corpus")).into_iter().filter(|path| !is_large(path)) {
        let document: Value = match std::fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
            Ok(Ok(document)) => document,
            // The few in YAML have the same to say.
            Ok(Err(_)) | Err(_) => continue,
        };
        let (contract, _) = compile(&path, &|| Some(Access::Public));
        for operation in contract.unwrap().operations() {
            for (status, example) in examples(&document, operation) {
                let headers =
                    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
                let head = AnswerHead { status, headers: &headers, carries: Carries::Body };
                let PromisedBody::Json { plan, schema } = operation.promise(head).body else { continue };
                let text = example.to_string();
                let (left, found) =
                    filtered(plan, &Sight::none(), OnUndeclared::Remove, text.as_bytes(), 100).unwrap();
                if operation.check_answer(schema, text.as_bytes()).is_empty() {
                    kept += 1;
                    assert_eq!(left, text, "{} {}: {:?}", path.display(), operation.id, found.places);
                } else {
                    broken += 1;
                    cut += usize::from(left != text);
                }
            }
        }
    }
    println!("{kept} examples keep their schema; {broken} break it, of which {cut} lose something");
    assert!(kept > 100 && cut > 0, "{kept} {cut}");
}
