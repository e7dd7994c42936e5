//! Documents as a whole: versions, references, servers, extensions.

use std::sync::Arc;

use portcullis_config::{Color, Diagnostics, Document};
use portcullis_contract::{CompileOptions, Contract, References, Unresolved};

use crate::support::{body_document, compile, contract, document, finds, judge_body, listed};

#[test]
fn other_versions_are_refused_by_name() {
    let diagnostics = finds("{swagger: '2.0', info: {}, paths: {}}", &["C0300"]);
    assert!(diagnostics.render(Color::Never).contains("OpenAPI 2.0 (Swagger) is not read"));
    finds("{openapi: 4.0.0, info: {}, paths: {}}", &["C0300"]);
    finds("{openapi: 3.1, info: {}, paths: {}}", &["C0300"]);
    finds("{info: {}, paths: {}}", &["C0300"]);
    finds("[]", &["C0300"]);
    for version in ["3.0.0", "3.0.4", "3.1.0", "3.1.2", "3.2.0"] {
        finds(&format!("{{openapi: {version}, info: {{}}, paths: {{}}}}"), &[]);
    }
}

#[test]
fn sections_that_openapi_does_not_have_are_mistakes() {
    finds("{openapi: 3.1.0, info: {}, paths: {}, securitySchemes: {}}", &["C0301"]);
    finds("{openapi: 3.1.0, info: {}, paths: {}, x-mine: {}}", &[]);
    finds("{openapi: 3.1.0, info: {}}", &["C0301"]);
    finds("{openapi: 3.0.3, info: {}, components: {}}", &["C0301"]);
}

#[test]
fn servers_show_host_and_base_path() {
    let contract = contract(
        "{openapi: 3.1.0, info: {}, paths: {}, servers: [{url: 'https://{env}.Example.com:{port}/v1/', variables: {env: {default: api}, port: {default: '8443'}}}, {url: /v2}, {url: 'http://x'}, {url: /}]}",
    );
    let shown: Vec<_> = contract
        .servers()
        .iter()
        .map(|server| (server.authority.as_deref(), server.base_path.as_str()))
        .collect();
    assert_eq!(shown, [(Some("api.example.com:8443"), "/v1"), (None, "/v2"), (Some("x"), ""), (None, "")]);
    finds("{openapi: 3.1.0, info: {}, paths: {}, servers: {url: /v1}}", &["C0301"]);
    finds("{openapi: 3.1.0, info: {}, paths: {}, servers: [{url: '/{v}', variables: {v: {}}}]}", &["C0301"]);
    finds("{openapi: 3.1.0, info: {}, paths: {/a: {servers: [{url: /v1}]}}}", &["C0321"]);
}

#[test]
fn references_that_lead_nowhere_are_mistakes() {
    for reference in [
        "#/components/schemas/No",
        "#/components/schemas/It/oops",
        "other.yaml#/It",
        "#anchor",
        "#/%ff",
        "https://example.com/s.json",
    ] {
        let schema = format!(r#"{{"properties": {{"a": {{"$ref": "{reference}"}}}}}}"#);
        finds(&body_document("3.1.1", &schema), &["C0302"]);
    }
}

#[test]
fn references_that_go_round_are_mistakes() {
    let text = "{openapi: 3.1.1, info: {}, components: {parameters: {A: {$ref: '#/components/parameters/B'}, B: {$ref: '#/components/parameters/A'}}}, paths: {/a: {get: {x-portcullis-access: public, parameters: [{$ref: '#/components/parameters/A'}]}}}}";
    finds(text, &["C0303"]);
}

#[test]
fn references_resolve_by_pointer_anchor_and_name() {
    let tilde = r##"{"type": "object", "properties": {"a/b~c": {"type": "integer"}, "d": {"$ref": "#/components/schemas/It/properties/a~1b~0c"}, "e": {"$ref": "#/components/schemas/It/properties/a~1b~0c"}}}"##;
    let by_pointer = contract(&body_document("3.1.1", tilde));
    assert_eq!(listed(&judge_body(&by_pointer, r#"{"d":"x"}"#)), ["body /d type"]);
    let anchor = r##"{"properties": {"a": {"$anchor": "num", "type": "integer"}, "b": {"$ref": "#num"}}}"##;
    let by_anchor = contract(&body_document("3.1.1", anchor));
    assert_eq!(listed(&judge_body(&by_anchor, r#"{"b":"x"}"#)), ["body /b type"]);
    let id = r##"{"properties": {"a": {"$id": "https://example.com/num", "type": "integer"}, "b": {"$ref": "https://example.com/num"}}}"##;
    let by_id = contract(&body_document("3.1.1", id));
    assert_eq!(listed(&judge_body(&by_id, r#"{"b":"x"}"#)), ["body /b type"]);
}

#[test]
fn siblings_of_a_reference_count_from_3_1_on() {
    let schema = r##"{"properties": {"a": {"$ref": "#/components/schemas/It/properties/n", "maximum": 5}, "n": {"type": "integer"}}}"##;
    let later = contract(&body_document("3.1.1", schema));
    assert_eq!(listed(&judge_body(&later, r#"{"a":6}"#)), ["body /a maximum"]);
    let earlier = contract(&body_document("3.0.3", schema));
    assert!(judge_body(&earlier, r#"{"a":6}"#).is_ok());
}

struct Folder(Vec<(&'static str, &'static str)>);

impl References for Folder {
    fn load(&self, from: &str, reference: &str) -> Result<Arc<Document>, Unresolved> {
        let text = self.0.iter().find(|(name, _)| *name == reference);
        let (name, text) = text.ok_or_else(|| Unresolved::Refused(format!("`{from}` may not read it")))?;
        Document::parse(name, text.as_bytes(), &portcullis_config::Limits::default())
            .map_err(Unresolved::Broken)
    }
}

#[test]
fn other_documents_come_from_the_caller_and_may_refer_back() {
    let folder = Folder(vec![
        (
            "schemas.yaml",
            "Order: {type: object, properties: {item: {$ref: 'item.yaml'}, next: {$ref: '#/Order'}, back: {$ref: 'openapi.yaml#/components/schemas/Local'}}}",
        ),
        ("item.yaml", "{type: object, properties: {sku: {type: string}}}"),
        ("openapi.yaml", ""),
    ]);
    let main = document(
        "openapi.yaml",
        "{openapi: 3.1.1, info: {}, components: {schemas: {Local: {type: integer}}}, paths: {/it: {$ref: 'paths.yaml'}, /other: {post: {x-portcullis-access: public, requestBody: {content: {application/json: {schema: {$ref: 'schemas.yaml#/Order'}}}}}}}}",
    );
    let mut diagnostics = Diagnostics::new();
    assert!(Contract::compile(&main, &folder, &CompileOptions::default(), &mut diagnostics).is_none());
    let shown = diagnostics.render(Color::Never);
    assert!(shown.contains("`openapi.yaml` may not read it"), "{shown}");

    let main = document(
        "main.yaml",
        "{openapi: 3.1.1, info: {}, components: {schemas: {Local: {type: integer}}}, paths: {/other: {post: {x-portcullis-access: public, requestBody: {content: {application/json: {schema: {$ref: 'schemas.yaml#/Order'}}}}}}}}",
    );
    let back = "{components: {schemas: {Local: {type: integer}}}}";
    let folder = Folder(
        folder
            .0
            .into_iter()
            .map(|(name, text)| if name == "openapi.yaml" { (name, back) } else { (name, text) })
            .collect(),
    );
    let mut diagnostics = Diagnostics::new();
    let contract = Contract::compile(&main, &folder, &CompileOptions::default(), &mut diagnostics);
    let contract = contract.unwrap_or_else(|| panic!("{}", diagnostics.render(Color::Never)));
    assert_eq!(
        listed(&judge_body(&contract, r#"{"item":{"sku":"s"},"next":{"back":1}}"#)),
        Vec::<String>::new()
    );
    assert_eq!(
        listed(&judge_body(&contract, r#"{"item":{"sku":1},"next":{"back":"1","x":1}}"#)),
        ["body /item/sku type", "body /next/back type", "body /next/x additionalProperties"]
    );
}

#[test]
fn a_broken_document_behind_a_reference_shows_its_own_mistakes() {
    let folder = Folder(vec![("broken.yaml", "a: [1, 2")]);
    let main = document("openapi.yaml", "{openapi: 3.1.1, info: {}, paths: {/it: {$ref: 'broken.yaml'}}}");
    let mut diagnostics = Diagnostics::new();
    assert!(Contract::compile(&main, &folder, &CompileOptions::default(), &mut diagnostics).is_none());
    let files: Vec<_> =
        diagnostics.iter().filter_map(|d| d.place().map(|place| place.file().to_owned())).collect();
    assert!(files.iter().any(|file| file == "broken.yaml"), "{files:?}");
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let (_, diagnostics) = compile(
        "{openapi: 3.1.1, info: {}, extra: 1, servers: {}, paths: {a: {get: {}}, /b: {get: {parameters: [{in: query}]}}}}",
        &CompileOptions::default(),
    );
    let mut codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["C0301", "C0301", "C0305", "C0315", "C0340"]);
}
