//! Who may call an operation.

use portcullis_contract::{Access, AllOf, CompileOptions, SchemeKind, SchemeUse, Security};

use crate::support::{compile, contract, contract_with, finds};

fn document(top: &str, operation: &str) -> String {
    format!(
        "openapi: 3.1.1\ninfo: {{}}\n{top}\ncomponents:\n  securitySchemes:\n    oauth: {{type: oauth2, flows: {{clientCredentials: {{tokenUrl: /t, scopes: {{read: r, write: w}}}}}}}}\n    key: {{type: apiKey, in: header, name: X-Key}}\npaths:\n  /it:\n    get: {{operationId: it, {operation}}}\n"
    )
}

fn one_of(alternatives: &[&[(&str, &str)]]) -> Security {
    let all = |uses: &&[(&str, &str)]| {
        AllOf(
            uses.iter()
                .map(|(scheme, scopes)| SchemeUse {
                    scheme: (*scheme).into(),
                    scopes: portcullis_domain::Scopes::parse(scopes),
                })
                .collect(),
        )
    };
    Security::AnyOf(alternatives.iter().map(all).collect())
}

// proves-part: AUTHN-01 (the contract does not compile; the gateway shows the refusal and the 200)
#[test]
fn nothing_is_public_by_omission() {
    for (top, operation) in [
        ("", ""),
        ("security: []", ""),
        ("", "security: []"),
        ("security: [{oauth: []}]", "security: []"),
        ("", "security: [{}]"),
    ] {
        finds(&document(top, operation), &["C0315"]);
    }
    finds(&document("", "security: oauth"), &["C0301", "C0315"]);
}

#[test]
fn public_has_to_be_said() {
    let said = contract(&document("security: [{oauth: [read]}]", "x-portcullis-access: public"));
    assert_eq!(said.operations()[0].security, Security::Public);
    assert_eq!(said.operations()[0].extensions["x-portcullis-access"], "public");
    finds(&document("", "security: [{oauth: [read]}], x-portcullis-access: public"), &["C0318"]);
    finds(&document("security: [{oauth: []}]", "x-portcullis-access: everybody"), &["C0304"]);
    // Where nobody would read it, it does not pass for said.
    finds(&document("x-portcullis-access: public", ""), &["C0312", "C0315"]);
    finds(&document("", "x-portcullis-acces: public"), &["C0312", "C0315"]);
}

#[test]
fn the_operations_own_requirements_win() {
    let inherited = contract(&document("security: [{oauth: [read]}]", ""));
    assert_eq!(inherited.operations()[0].security, one_of(&[&[("oauth", "read")]]));
    let own = contract(&document(
        "security: [{oauth: [read]}]",
        "security: [{oauth: [write], key: []}, {key: []}]",
    ));
    assert_eq!(own.operations()[0].security, one_of(&[&[("oauth", "write"), ("key", "")], &[("key", "")]]));
}

#[test]
fn an_empty_alternative_opens_nothing() {
    let text = document("", "security: [{}, {oauth: [read]}]");
    finds(&text, &["C0319"]);
    assert_eq!(contract(&text).operations()[0].security, one_of(&[&[("oauth", "read")]]));
}

#[test]
fn portcullis_yaml_wins_over_the_document() {
    let public =
        |selected: &portcullis_contract::Selected<'_>| (selected.id == "it").then_some(Access::Public);
    let options = CompileOptions { access: &public, ..CompileOptions::default() };
    assert_eq!(contract_with(&document("", ""), &options).operations()[0].security, Security::Public);
    let alternatives = [[("corp".to_owned(), vec!["x".to_owned()])].into_iter().collect()];
    let corp = |_: &portcullis_contract::Selected<'_>| Some(Access::from_requirements(&alternatives));
    let options = CompileOptions { access: &corp, ..CompileOptions::default() };
    let contract = contract_with(&document("", "x-portcullis-access: public"), &options);
    assert_eq!(contract.operations()[0].security, one_of(&[&[("corp", "x")]]));
    let none = |_: &portcullis_contract::Selected<'_>| Some(Access::AnyOf(Vec::new()));
    let (refused, _) =
        compile(&document("", ""), &CompileOptions { access: &none, ..CompileOptions::default() });
    assert!(refused.is_none());
}

#[test]
fn schemes_are_read_and_misspelled_ones_are_mistakes() {
    let contract = contract(&document("security: [{oauth: []}]", ""));
    let kinds: Vec<_> = contract.schemes().iter().map(|scheme| (&*scheme.name, &scheme.kind)).collect();
    assert!(matches!(kinds[..], [("oauth", SchemeKind::OAuth2), ("key", SchemeKind::ApiKey { .. })]));
    finds(&document("", "security: [{oauht: []}]"), &["C0316"]);
    finds(&document("", "security: [{oauth: [admin]}]"), &["C0320"]);
    finds(
        &document("security: [{oauth: []}]", "").replace("type: oauth2", "type: oauth3"),
        &["C0316", "C0317"],
    );
}
