//! Learning a contract from traffic: merging, and that what was learnt accepts what it was learnt from.

use http::{HeaderMap, HeaderValue, Method};
use portcullis_contract::learn::{Content, Credential, Lesson, Lessons, Shape};
use portcullis_contract::{CompileOptions, Contract, Lookup, Unbounded};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::contract_with;

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e18..1.0e18).prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        prop_oneof![
            Just("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
            Just("2026-11-24T12:00:00Z"),
            Just("2026-11-24"),
            Just("alice@example.com"),
            Just("192.0.2.1"),
            Just("::1"),
            Just("OPEN"),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("(status|name|id|items|total|[a-z]{1,3}|[0-9]{4})", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn merged(shapes: &[Shape]) -> Shape {
    let mut merged = Shape::default();
    shapes.iter().for_each(|shape| merged.merge(shape.clone()));
    merged
}

fn posted<'a>(body: &'a [u8], answer: &'a [u8]) -> Lesson<'a> {
    let content =
        |body: &'a [u8]| Some(Content { media_type: "application/json; charset=utf-8", body: Some(body) });
    Lesson {
        method: "POST",
        path: "/orders",
        query: None,
        credential: None,
        request: content(body),
        status: 201,
        answer: content(answer),
    }
}

fn compiled(lessons: &Lessons) -> Contract {
    let options = CompileOptions { unbounded: Unbounded::Accepted, ..CompileOptions::default() };
    contract_with(&lessons.document("learnt"), &options)
}

/// Whether the contract takes this JSON at `POST /orders`.
fn takes(contract: &Contract, body: &[u8]) -> bool {
    let Lookup::Found { operation, .. } = contract.find(&Method::POST, "/orders") else {
        panic!("not learnt")
    };
    operation.validate_body(Some(&HeaderValue::from_static("application/json")), body).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn merging_is_commutative_associative_and_idempotent(a in values(), b in values(), c in values()) {
        let [a, b, c] = [a, b, c].map(|value| Shape::of(&value));
        prop_assert_eq!(merged(&[a.clone(), b.clone()]), merged(&[b.clone(), a.clone()]));
        let (ab, bc) = (merged(&[a.clone(), b.clone()]), merged(&[b.clone(), c.clone()]));
        prop_assert_eq!(merged(&[ab.clone(), c]), merged(&[a.clone(), bc]));
        prop_assert_eq!(merged(&[a.clone(), a.clone()]), a);
        prop_assert_eq!(merged(&[ab.clone(), b]), ab);
    }

    #[test]
    fn what_was_learnt_accepts_what_it_was_learnt_from(bodies in prop::collection::vec(values(), 1..12)) {
        let mut lessons = Lessons::default();
        let bodies: Vec<_> = bodies.iter().map(Value::to_string).collect();
        for body in &bodies {
            lessons.learn(&posted(body.as_bytes(), b"{}")).unwrap();
        }
        let contract = compiled(&lessons);
        for body in &bodies {
            prop_assert!(takes(&contract, body.as_bytes()), "{}\n{}", body, lessons.document("learnt"));
        }
        let kept = Lessons::from_bytes(&lessons.to_bytes()).unwrap();
        prop_assert_eq!(kept.document("learnt"), lessons.document("learnt"));
    }

    #[test]
    fn no_value_is_kept(secret in "[A-Za-z0-9]{6,12}[0-9][A-Z][a-z]{2}[0-9]{3}", number in 1_000_000u32..9_999_999) {
        let mut lessons = Lessons::default();
        let body = json!({ "status": secret, "name": secret, "n": number, "map": { secret.as_str(): 1 } }).to_string();
        let path = format!("/orders/{secret}/{number}");
        let query = format!("q={secret}&{secret}=1&page={number}");
        let lesson = posted(body.as_bytes(), body.as_bytes());
        lessons.learn(&Lesson { path: &path, query: Some(&query), ..lesson }).unwrap();
        let kept = String::from_utf8(lessons.to_bytes()).unwrap() + &lessons.document("learnt");
        prop_assert!(!kept.contains(&secret) && !kept.contains(&number.to_string()), "{}", kept);
    }
}

/// A shop as it answers: enough calls to know it.
fn shop() -> Lessons {
    let mut lessons = Lessons::default();
    for number in 0..40u32 {
        let order = json!({
            "id": format!("3fa85f64-5717-4562-b3fc-2c963f66{number:04}"),
            "status": if number % 2 == 0 { "OPEN" } else { "PAID" },
            "total": f64::from(number) * 1.5,
            "placed": "2026-11-24T12:00:00Z",
        })
        .to_string();
        let answer = Some(Content { media_type: "application/json", body: Some(order.as_bytes()) });
        let body = json!({ "sku": "AB-1", "quantity": number % 5 + 1 });
        let mut body = body.as_object().unwrap().clone();
        if number % 2 == 0 {
            body.insert("note".to_owned(), json!("please"));
        }
        let body = Value::Object(body).to_string();
        let credential = Some(Credential::Bearer);
        lessons
            .learn(&Lesson { credential: credential.clone(), ..posted(body.as_bytes(), order.as_bytes()) })
            .unwrap();
        let path = format!("/orders/3fa85f64-5717-4562-b3fc-2c963f66{number:04}");
        let query = format!("page={number}&expand=items");
        let read = Lesson {
            method: "GET",
            path: &path,
            query: Some(&query),
            credential,
            request: None,
            status: 200,
            answer,
        };
        lessons.learn(&read).unwrap();
        let stock =
            Lesson { path: &format!("/stock/{number}"), query: None, credential: None, ..read.clone() };
        lessons.learn(&stock).unwrap();
        lessons.learn(&Lesson { method: "DELETE", status: 403, ..read }).unwrap();
    }
    lessons
}

#[test]
fn the_document_says_what_was_seen() {
    let text = shop().document("shop");
    let document = crate::support::document("learnt.yaml", &text);
    let at = |pointer: &str| {
        document.value().pointer(pointer).unwrap_or_else(|| panic!("{pointer}\n{text}")).clone()
    };
    assert_eq!(at("/openapi"), "3.1.1");
    let read = "/paths/~1orders~1{orderId}/get";
    assert_eq!(at(&format!("{read}/security")), json!([{ "bearer": [] }]));
    assert_eq!(
        at(&format!("{read}/parameters/0/schema")),
        json!({ "type": "string", "format": "uuid", "maxLength": 128 })
    );
    assert_eq!(at(&format!("{read}/parameters/1/name")), "expand");
    assert_eq!(at(&format!("{read}/parameters/1/required")), true);
    assert_eq!(at(&format!("{read}/parameters/2/schema")), json!({ "type": "integer", "format": "int64" }));
    let order = format!("{read}/responses/200/content/application~1json/schema");
    assert_eq!(
        at(&format!("{order}/properties/status")),
        json!({ "type": "string", "enum": ["OPEN", "PAID"] })
    );
    assert_eq!(at(&format!("{order}/properties/placed/format")), "date-time");
    assert_eq!(at(&format!("{order}/properties/total/type")), "number");
    let body = "/paths/~1orders/post/requestBody/content/application~1json/schema";
    assert_eq!(at(&format!("{body}/required")), json!(["quantity", "sku"]));
    assert_eq!(at(&format!("{body}/additionalProperties")), false);
    assert_eq!(at("/paths/~1stock~1{stockId}/get/x-portcullis-access"), "public");
    assert!(!text.contains("delete"), "what never went well is learnt: {text}");
}

#[test]
fn what_was_learnt_refuses_what_is_new() {
    let contract = compiled(&shop());
    assert!(takes(&contract, br#"{"sku":"CD-2","quantity":3}"#));
    for changed in [
        r#"{"sku":"CD-2","quantity":3,"isAdmin":true}"#,
        r#"{"sku":"CD-2","quantity":"3"}"#,
        r#"{"sku":"CD-2"}"#,
        r#"{"sku":"CD-2","quantity":3000000}"#,
    ] {
        assert!(!takes(&contract, changed.as_bytes()), "{changed}");
    }
    let read = |path: &str, query: &str| {
        let Lookup::Found { operation, path_parameters } = contract.find(&Method::GET, path) else {
            return false;
        };
        operation.validate_head(&path_parameters, Some(query), &HeaderMap::new()).is_ok()
    };
    let order = "/orders/3fa85f64-5717-4562-b3fc-2c963f66afa6";
    assert!(read(order, "page=7&expand=items"));
    assert!(!read(order, "page=seven&expand=items"));
    assert!(!read(order, "page=7"), "what was always there is required");
    assert!(!read("/orders/17", "page=7&expand=items"));
    assert!(matches!(contract.find(&Method::GET, "/users"), Lookup::Unknown));
}

#[test]
fn gateways_that_learn_apart_learn_the_same() {
    let (mut one, mut other, mut all) = (Lessons::default(), Lessons::default(), Lessons::default());
    for number in 0..60u32 {
        let path = format!(
            "/users/{}/photo",
            ["anna", "bert", "cleo", "dora", "emil"][number as usize % 5].repeat(1 + number as usize / 20)
        );
        let body = json!({ "width": number, "height": 1 }).to_string();
        let lesson = Lesson { method: "GET", path: &path, request: None, ..posted(b"", body.as_bytes()) };
        if number % 2 == 0 {
            one.learn(&lesson).unwrap()
        } else {
            other.learn(&lesson).unwrap()
        }
        all.learn(&lesson).unwrap();
    }
    one.merge(other).unwrap();
    assert_eq!(one.document("x"), all.document("x"));
}
