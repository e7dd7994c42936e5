//! `portcullis learn`.

use portcullis_testkit::RawClient;
use serde_json::{Value, json};

use crate::operator::Operator;

/// An operator with an API that has no contract.
fn operator() -> Operator {
    let operator = Operator::new();
    let text = operator.workspace.read("portcullis.yaml");
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    let shop = configuration["apis"]["shop"].as_object_mut().unwrap();
    shop.remove("contract");
    shop.insert("learn".to_owned(), json!({ "access": "public" }));
    operator.workspace.file("portcullis.yaml", configuration.to_string());
    operator
}

#[test]
fn what_was_learnt_is_written_as_a_document_that_can_be_enforced() {
    let operator = operator();
    let nothing = operator.run(&["learn", "--api", "shop"]);
    assert!(nothing.code == 1 && nothing.err.contains("nothing was learnt of `shop` yet"), "{nothing:?}");
    let gateway = operator.gateway();
    for path in ["/orders/17", "/orders/18?page=2"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api.test\r\n\r\n");
        assert_eq!(RawClient::connect(gateway.addresses()[0]).ask(request.as_bytes()).status, 200);
    }
    gateway.shutdown();
    let written = operator.well(&["learn", "--api", "shop", "--output", "learnt.yaml"]);
    assert!(written.err.contains("wrote 1 operations"), "{written:?}");
    let shown = operator.well(&["learn", "--api", "shop"]).out;
    assert_eq!(shown, operator.workspace.read("learnt.yaml"));
    assert!(shown.contains("/orders/{orderId}") && !shown.contains("17"), "{shown}");
    let again = operator.run(&["learn", "--api", "shop", "--output", "learnt.yaml"]);
    assert!(again.code == 1 && again.err.contains("cannot write `learnt.yaml`"), "{again:?}");

    let text = operator
        .workspace
        .read("portcullis.yaml")
        .replace(r#""learn":{"access":"public"}"#, r#""contract":"learnt.yaml""#);
    operator.workspace.file("portcullis.yaml", text);
    let checked = operator.well(&["check"]);
    assert!(checked.out.contains("shop: 1 operations"), "{checked:?}");
}

#[test]
fn an_api_that_is_not_there_is_a_mistake() {
    let ran = operator().run(&["learn", "--api", "shoop"]);
    assert!(ran.code == 1 && ran.err.contains("no API `shoop`"), "{ran:?}");
}
