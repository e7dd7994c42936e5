//! APIs without a document.

use http::{HeaderMap, Method};
use portcullis_config::{Color, Diagnostics, decode};
use portcullis_contract::{BodyPlan, CompileOptions, Contract, InlineOperation, Lookup, Security};

use crate::support::{document, judge_head, listed};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct File {
    operations: Vec<InlineOperation>,
}

#[track_caller]
fn compile(text: &str) -> (Option<Contract>, Vec<&'static str>) {
    let file = document("portcullis.yaml", text);
    let mut diagnostics = Diagnostics::new();
    let Some(File { operations }) = decode(&file, &mut diagnostics) else {
        panic!("{}", diagnostics.render(Color::Never))
    };
    let contract = Contract::compile_inline(
        &operations,
        &file.at("/operations"),
        &CompileOptions::default(),
        &mut diagnostics,
    );
    assert_eq!(contract.is_none(), diagnostics.has_errors(), "{}", diagnostics.render(Color::Never));
    (contract, diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect())
}

#[test]
fn listed_operations_are_a_contract() {
    let (contract, _) = compile(
        "operations:\n- {method: GET, path: '/orders/{id}', id: getOrder, security: [{customers: [orders.read]}], query: [fields]}\n- {method: POST, path: '/orders/{id}', security: [{customers: []}], body: json, body_limit: 2 KiB}\n- {method: GET, path: '/files/{*rest}', access: public, tags: [static]}\n",
    );
    let contract = contract.unwrap();
    assert_eq!(&*contract.operations()[0].id, "getOrder");
    assert_eq!(contract.operations()[1].body_limit, 2048);
    assert_eq!(contract.operations()[2].security, Security::Public);
    assert!(matches!(contract.find(&Method::GET, "/files/a/b"), Lookup::Found { .. }));
    assert!(matches!(contract.find(&Method::PUT, "/orders/1"), Lookup::OtherMethods { allow: "GET, POST" }));
    assert_eq!(
        listed(&judge_head(&contract, Method::GET, "/orders/1?fields=a&x=1", &[])),
        ["query x undeclared"]
    );
    assert_eq!(listed(&judge_head(&contract, Method::GET, "/files/a?x=1", &[])), Vec::<String>::new());
    let json = http::HeaderValue::from_static("application/json");
    assert!(contract.operations()[1].validate_body(Some(&json), b"{\"a\":1}").is_ok());
    assert_eq!(
        listed(&contract.operations()[1].validate_body(Some(&json), b"{\"a\":1,\"a\":2}")),
        ["body_malformed"]
    );
    assert_eq!(contract.operations()[0].plan_body(&HeaderMap::new()).unwrap(), BodyPlan::Refuse);
}

#[test]
fn bodies_of_other_methods_are_streamed() {
    let (contract, _) = compile("operations:\n- {method: PUT, path: /a, access: public}\n");
    let contract = contract.unwrap();
    assert_eq!(contract.operations()[0].plan_body(&HeaderMap::new()).unwrap(), BodyPlan::Stream);
    assert!(!contract.operations()[0].reads_body());
}

#[test]
fn mistakes_in_the_list_are_shown() {
    assert_eq!(compile("operations:\n- {method: GET, path: /a}\n").1, ["C0315"]);
    assert_eq!(compile("operations:\n- {method: GET, path: /a, security: [{}]}\n").1, ["C0315"]);
    assert_eq!(compile("operations:\n- {method: TRACE, path: /a, access: public}\n").1, ["C0311"]);
    assert_eq!(compile("operations:\n- {method: GET, path: '/a/{*r}/b', access: public}\n").1, ["C0305"]);
    assert_eq!(
        compile("operations:\n- {method: GET, path: /a, access: public, security: [{s: []}]}\n").1,
        ["C0318", "C0315"]
    );
    assert_eq!(compile("operations:\n- {method: GET, path: /a, access: public}\n- {method: GET, path: /a, access: public}\n").1, ["C0306"]);
    assert_eq!(compile("operations:\n- {method: GET, path: '/a/{x}', access: public}\n- {method: PUT, path: '/a/{y}', access: public}\n").1, ["C0306"]);
}
