//! Two documents, one change between them: it is found, and nothing else is.
//!
//! Every kind of change is made on the example's document; those that need no particular place are made on two real
//! documents, too. No document differs from itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use portcullis_config::{Document, Limits};
use portcullis_contract::NoReferences;
use portcullis_contract::diff::{Change, Class, Code, Side, diff};
use serde_json::{Value, json};

use crate::corpus::shared;

fn parse(name: &str, value: &Value) -> Arc<Document> {
    Document::parse(name, value.to_string().as_bytes(), &Limits::default()).unwrap()
}

#[track_caller]
fn compare(old: &Value, new: &Value) -> Vec<Change> {
    compare_with(&parse("old.json", old), new)
}

#[track_caller]
fn compare_with(old: &Arc<Document>, new: &Value) -> Vec<Change> {
    let new = parse("new.json", new);
    let side = |document| Side { document, references: &NoReferences };
    diff(side(old), side(&new)).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap();
    Document::parse(&path.to_string_lossy(), &bytes, &Limits::default()).unwrap().value().clone()
}

fn shop() -> Value {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/openapi.yaml"))
}

/// The shop with some of everything that it does not have.
fn rich_shop() -> Value {
    let mut shop = shop();
    let order = &mut shop["components"]["schemas"]["NewOrder"]["properties"];
    order["gift"] = json!({ "type": "boolean" });
    order["price"] = json!({ "type": "integer", "readOnly": true });
    order["payment"] = json!({ "oneOf": [
        { "type": "object", "required": ["iban"], "properties": { "iban": { "type": "string" } } },
        { "type": "object", "required": ["card"], "properties": { "card": { "type": "string" } } },
    ] });
    order["tags"] = json!({ "type": "array", "uniqueItems": true, "items": { "type": "string", "not": { "const": "x" } } });
    let user = &mut shop["components"]["schemas"]["User"];
    user["additionalProperties"] = json!(false);
    user["properties"]["phone"] =
        json!({ "type": "string", "x-portcullis-visible-to": { "scopes": ["users:read"] } });
    user["properties"]["pin"] = json!({ "type": "string", "writeOnly": true });
    user["properties"]["level"] = json!({ "type": "string", "enum": ["a", "b"] });
    user["properties"]["home"] = json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] });
    let get = &mut shop["paths"]["/users/{user}"]["get"];
    get["parameters"] =
        json!([{ "name": "fields", "in": "query", "style": "form", "schema": { "type": "string" } }]);
    get["responses"]["200"]["headers"] = json!({ "ETag": { "schema": { "type": "string" } } });
    let patch = &mut shop["paths"]["/users/{user}"]["patch"];
    patch["x-portcullis-body-limit"] = json!("4 KiB");
    patch["x-sunset-at"] = json!("2030-01-01");
    patch["x-portcullis-graphql"] = json!({ "depth": 5 });
    shop["components"]["schemas"]["UserChange"]["properties"]["name"]["x-portcullis-text"] =
        json!("identifier");
    shop["components"]["schemas"]["NewOrder"]["x-portcullis-rules"] =
        json!([{ "required_with": ["/gift", "/items"] }]);
    shop["paths"]["/users/{user}"]["get"]["parameters"][0]["x-portcullis-page-limit"] =
        json!({ "maximum": 5 });
    shop["paths"]["/orders"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"] =
        json!({});
    shop
}

/// Puts `value` at `pointer`, or takes away what is there.
#[track_caller]
fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} is nowhere"));
    match (parent, value) {
        (Value::Object(members), Value::Null) => drop(members.remove(&name).expect("it was there")),
        (Value::Object(members), value) => drop(members.insert(name, value)),
        (Value::Array(items), Value::Null) => drop(items.remove(name.parse().unwrap())),
        (Value::Array(items), value) if name == "-" => items.push(value),
        (Value::Array(items), value) => items[name.parse::<usize>().unwrap()] = value,
        (parent, _) => panic!("{parent} has no members"),
    }
}

const SCHEMAS: &str = "/components/schemas";
const PATHS: &str = "/paths";

/// A change of the rich shop: where, what (`null` takes away), and the codes that it must be found as.
fn mutations() -> Vec<(String, Value, Vec<Code>)> {
    let schema = |at: &str| format!("{SCHEMAS}/{at}");
    let path = |at: &str| format!("{PATHS}/{at}");
    let user_get = |at: &str| path(&format!("~1users~1{{user}}/get/{at}"));
    let user_patch = |at: &str| path(&format!("~1users~1{{user}}/patch/{at}"));
    let open = json!({ "x-portcullis-access": "public", "security": [], "responses": {} });
    vec![
        // operations
        (path("~1orders/get"), json!(null), vec![Code::OperationRemoved]),
        (path("~1new"), json!({ "get": open }), vec![Code::PublicOperationAdded]),
        (
            path("~1orders/get/x-portcullis-lifecycle"),
            json!({ "state": "retired" }),
            vec![Code::OperationRetired],
        ),
        (user_patch("x-sunset-at"), json!(null), vec![Code::LifecycleExtended]),
        (user_patch("x-sunset-at"), json!("2031-01-01"), vec![Code::LifecycleExtended]),
        (user_patch("x-sunset-at"), json!("2029-01-01"), vec![Code::SunsetAdvanced]),
        // who may call
        (path("~1orders/get/x-portcullis-access"), json!("public"), vec![Code::BecamePublic]),
        (path("~1orders/get/security"), json!([{}, { "customers": [] }]), vec![Code::BecamePublic]),
        (path("~1orders/get/security"), json!(null), vec![Code::ScopeRemoved]),
        (path("~1orders/get/security/0/customers"), json!([]), vec![Code::ScopeRemoved]),
        (path("~1orders/get/security/0/customers/-"), json!("more"), vec![Code::SecurityTightened]),
        (
            path("~1orders/get/security/0/customers"),
            json!(["orders:list"]),
            vec![Code::ScopeRemoved, Code::SecurityTightened],
        ),
        (path("~1orders/get/security/-"), json!({ "keys": [] }), vec![Code::SecurityLoosened]),
        (
            path("~1products/get"),
            {
                let mut get = shop()["paths"]["/products"]["get"].clone();
                get["security"] = json!([{ "customers": [] }]);
                get.as_object_mut().unwrap().remove("x-portcullis-access");
                get
            },
            vec![Code::SecurityAdded],
        ),
        (
            "/components/securitySchemes/customers".into(),
            json!({ "type": "http", "scheme": "basic" }),
            vec![Code::SchemeChanged],
        ),
        // parameters and bodies
        (path("~1orders/get/parameters/0"), json!(null), vec![Code::ParameterRemoved]),
        (path("~1orders/get/parameters/0/required"), json!(true), vec![Code::ParameterRequired]),
        (
            path("~1orders/get/parameters/-"),
            json!({ "name": "since", "in": "query", "required": true, "schema": { "type": "string" } }),
            vec![Code::ParameterRequired],
        ),
        (
            path("~1orders/get/parameters/-"),
            json!({ "name": "since", "in": "query", "schema": { "type": "string" } }),
            vec![],
        ),
        (user_get("parameters/0/style"), json!("pipeDelimited"), vec![Code::ParameterStyleChanged]),
        (path("~1orders/post/requestBody"), json!(null), vec![Code::BodyRemoved]),
        (
            path("~1orders/get/requestBody"),
            json!({ "required": true, "content": {} }),
            vec![Code::BodyRequired],
        ),
        (path("~1orders/post/requestBody/required"), json!(null), vec![Code::RequiredDropped]),
        (
            path("~1orders/post/requestBody/content/application~1x-www-form-urlencoded"),
            json!(null),
            vec![Code::MediaTypeRemoved],
        ),
        (user_patch("x-portcullis-body-limit"), json!("8 KiB"), vec![Code::BodyLimitRaised]),
        (user_patch("x-portcullis-body-limit"), json!(null), vec![Code::BodyLimitRaised]),
        (user_patch("x-portcullis-body-limit"), json!("2 KiB"), vec![Code::BodyLimitLowered]),
        // schemas of requests
        (
            path("~1orders~1{order}/parameters/0/schema/type"),
            json!("string"),
            vec![Code::TypeNarrowed, Code::TypeWidened],
        ),
        (path("~1orders~1{order}/parameters/0/schema/type"), json!(null), vec![Code::TypeWidened]),
        (path("~1orders~1{order}/parameters/0/schema/type"), json!("number"), vec![Code::TypeWidened]),
        (schema("NewOrder/properties/gift/type"), json!(["boolean", "null"]), vec![Code::TypeWidened]),
        (
            schema("UserChange/properties/name/type"),
            json!("integer"),
            vec![Code::TypeNarrowed, Code::TypeWidened],
        ),
        (path("~1orders~1{order}/parameters/0/schema/maximum"), json!(null), vec![Code::BoundRemoved]),
        (path("~1orders~1{order}/parameters/0/schema/minimum"), json!(0), vec![Code::BoundLoosened]),
        (path("~1orders~1{order}/parameters/0/schema/minimum"), json!(2), vec![Code::BoundTightened]),
        (path("~1orders~1{order}/parameters/0/schema/enum"), json!([1, 2]), vec![Code::EnumNarrowed]),
        (schema("UserChange/properties/name/maxLength"), json!(1000), vec![Code::BoundLoosened]),
        (schema("UserChange/properties/name/maxLength"), json!(10), vec![Code::BoundTightened]),
        (schema("UserChange/minProperties"), json!(null), vec![Code::BoundRemoved]),
        (schema("NewOrder/properties/items/maxItems"), json!(500), vec![Code::BoundLoosened]),
        (schema("NewOrder/properties/tags/uniqueItems"), json!(null), vec![Code::BoundRemoved]),
        (schema("NewOrder/properties/tags/items/not"), json!(null), vec![Code::ConditionRemoved]),
        (schema("NewOrder/not"), json!({ "required": ["x"] }), vec![Code::ConditionAdded]),
        (schema("NewOrder/x-portcullis-rules"), json!(null), vec![Code::ConditionRemoved]),
        (
            schema("UserChange/properties/name/x-portcullis-text"),
            json!("plain"),
            vec![Code::ConditionRemoved, Code::ConditionAdded],
        ),
        (schema("UserChange/properties/email/x-portcullis-text"), json!("plain"), vec![Code::ConditionAdded]),
        (user_get("parameters/0/x-portcullis-page-limit"), json!(null), vec![Code::ConditionRemoved]),
        (user_patch("x-portcullis-graphql"), json!(null), vec![Code::ConditionRemoved]),
        (path("~1users~1{user}/parameters/0/schema/pattern"), json!(null), vec![Code::PatternRemoved]),
        (
            path("~1users~1{user}/parameters/0/schema/pattern"),
            json!("^.*$"),
            vec![Code::PatternAdded, Code::PatternRemoved],
        ),
        (schema("UserChange/properties/name/pattern"), json!("^a"), vec![Code::PatternAdded]),
        (schema("UserChange/properties/email/format"), json!(null), vec![Code::FormatRemoved]),
        (schema("UserChange/properties/name/format"), json!("uuid"), vec![Code::FormatAdded]),
        (schema("UserChange/properties/email"), json!(null), vec![Code::PropertyRemoved]),
        (schema("UserChange/properties/nick"), json!({ "type": "string" }), vec![]),
        (schema("UserChange/required"), json!(["name"]), vec![Code::PropertyRequired]),
        (schema("NewOrder/required"), json!([]), vec![Code::RequiredDropped]),
        (schema("UserChange/additionalProperties"), json!(null), vec![Code::ObjectOpened]),
        (schema("UserChange/additionalProperties"), json!(true), vec![Code::ObjectOpened]),
        (schema("NewOrder/properties/price/readOnly"), json!(null), vec![Code::ReadOnlyLost]),
        (schema("NewOrder/properties/gift/readOnly"), json!(true), vec![Code::ReadOnlyAdded]),
        (schema("NewOrder/properties/payment/oneOf/1"), json!(null), vec![Code::AlternativeRemoved]),
        (
            schema("NewOrder/properties/payment/oneOf/-"),
            json!({ "type": "object" }),
            vec![Code::AlternativeAdded],
        ),
        (schema("NewOrder/properties/payment/oneOf/0/required"), json!(null), vec![Code::RequiredDropped]),
        // schemas of requests and of answers
        (schema("OrderStatus/enum/0"), json!(null), vec![Code::EnumNarrowed]),
        (schema("OrderStatus/enum/-"), json!("lost"), vec![Code::ResponseEnumWidened]),
        (schema("OrderStatus/enum"), json!(null), vec![Code::EnumRemoved, Code::ResponseEnumWidened]),
        (schema("Item/additionalProperties"), json!(null), vec![Code::ObjectOpened, Code::ResponseOpened]),
        (schema("Item/properties/quantity/maximum"), json!(9999), vec![Code::BoundLoosened]),
        (schema("Item/properties/product/pattern"), json!(null), vec![Code::PatternRemoved]),
        (
            schema("Item/properties/product"),
            json!(null),
            vec![Code::PropertyRemoved, Code::ResponsePropertyRemoved],
        ),
        (
            schema("Item/required"),
            json!(["product"]),
            vec![Code::RequiredDropped, Code::ResponsePropertyOptional],
        ),
        // answers
        (user_get("responses/200"), json!(null), vec![Code::ResponseRemoved]),
        (user_get("responses/404"), json!(null), vec![]),
        (
            user_get("responses/200/content/application~1json"),
            json!(null),
            vec![Code::ResponseMediaTypeRemoved],
        ),
        (user_get("responses/200/headers/ETag"), json!(null), vec![Code::ResponseHeaderRemoved]),
        (schema("User/properties/name"), json!(null), vec![Code::ResponsePropertyRemoved]),
        (schema("User/required"), json!(["id", "name"]), vec![Code::ResponsePropertyOptional]),
        (schema("User/properties/name/type"), json!(["string", "null"]), vec![Code::ResponseTypeWidened]),
        (schema("User/properties/level/enum/-"), json!("c"), vec![Code::ResponseEnumWidened]),
        (schema("User/properties/level/enum/0"), json!(null), vec![]),
        (
            schema("User/properties/home/anyOf/-"),
            json!({ "type": "null" }),
            vec![Code::ResponseAlternativeAdded],
        ),
        (schema("User/properties/color"), json!({ "type": "string" }), vec![Code::FieldExposed]),
        (
            schema("User/properties/passwordHash"),
            json!({ "type": "string" }),
            vec![Code::SensitiveFieldExposed],
        ),
        (
            schema("User/properties/mail"),
            json!({ "type": "string", "format": "email" }),
            vec![Code::SensitiveFieldExposed],
        ),
        (schema("User/additionalProperties"), json!(true), vec![Code::ResponseOpened]),
        (schema("User/properties/pin/writeOnly"), json!(null), vec![Code::WriteOnlyLost]),
        (schema("User/properties/phone/x-portcullis-visible-to"), json!(null), vec![Code::VisibleToRemoved]),
        (
            schema("User/properties/phone/x-portcullis-visible-to/scopes/-"),
            json!("orders:read"),
            vec![Code::VisibleToRemoved],
        ),
        // what changes nothing
        ("/info/version".into(), json!("2.0.0"), vec![]),
        (schema("User/properties/name/description"), json!("a name"), vec![]),
        (schema("Unused"), json!({ "type": "object" }), vec![]),
    ]
}

fn codes(changes: &[Change]) -> Vec<Code> {
    changes.iter().map(|change| change.code).collect::<BTreeSet<_>>().into_iter().collect()
}

// proves-part: VER-11 (the changes; the exit code is the command's)
#[test]
fn every_kind_of_change_is_found_and_nothing_else() {
    let old = rich_shop();
    let mut found = BTreeSet::new();
    for (pointer, value, mut expected) in mutations() {
        let mut new = old.clone();
        put(&mut new, &pointer, value.clone());
        let changes = compare(&old, &new);
        expected.sort_unstable();
        assert_eq!(codes(&changes), expected, "{pointer} = {value}: {changes:#?}");
        for change in &changes {
            assert!(!change.sentence.is_empty());
            assert!(change.old.is_some() || change.new.is_some(), "{pointer}: {change:?}");
            let of_document = change.code == Code::SchemeChanged;
            assert_eq!(change.operations.is_empty(), of_document, "{pointer}: {change:?}");
        }
        found.extend(codes(&changes));
    }
    // This one takes an object that was open before.
    let closing = |before: Value| {
        let mut old = old.clone();
        put(&mut old, "/components/schemas/UserChange/additionalProperties", before);
        compare(&old, &rich_shop())
    };
    assert_eq!(codes(&closing(json!(true))), [Code::ObjectClosed]);
    found.insert(Code::ObjectClosed);
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !found.contains(code)).collect();
    assert!(missing.is_empty(), "no mutation is found as {missing:?}");
}

#[test]
fn a_shared_schema_names_all_operations_that_it_changes() {
    let old = shop();
    let mut new = old.clone();
    put(&mut new, "/components/schemas/User/properties/ssn", json!({ "type": "string" }));
    let changes = compare(&old, &new);
    let [change] = changes.as_slice() else { panic!("{changes:#?}") };
    assert_eq!(change.operations, ["GET /users/{user}", "PATCH /users/{user}"]);
    assert_eq!((change.class(), change.code), (Class::Security, Code::SensitiveFieldExposed));
    assert_eq!(change.pointer(), "/components/schemas/User/properties/ssn");
    assert_eq!(change.new.as_ref().unwrap().file(), "new.json");
    assert!(change.old.as_ref().unwrap().line() >= 1);
}

#[test]
fn renaming_a_path_parameter_or_moving_a_schema_changes_nothing() {
    let old = shop();
    let mut new = old.clone();
    let mut item = new["paths"]["/orders/{order}"].take();
    item["parameters"][0]["name"] = json!("id");
    put(&mut new, "/paths/~1orders~1{order}", json!(null).clone());
    put(&mut new, "/paths/~1orders~1{id}", item);
    let schema = new["components"]["schemas"]["UserChange"].clone();
    put(
        &mut new,
        "/paths/~1users~1{user}/patch/requestBody/content/application~1json/schema",
        json!({ "allOf": [{ "$ref": "#/components/schemas/UserChange" }, schema] }),
    );
    assert_eq!(codes(&compare(&old, &new)), []);
}

#[test]
fn what_is_no_openapi_document_is_a_mistake() {
    let (good, bad) = (parse("good.json", &shop()), parse("bad.json", &json!({ "swagger": "2.0" })));
    let side = |document| Side { document, references: &NoReferences };
    assert!(diff(side(&good), side(&bad)).is_err());
    assert!(diff(side(&bad), side(&good)).is_err());
}

/// Schemas of components with members, to which an answer of status 200 refers directly, by pointer.
fn answered_schemas(document: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    let items = document["paths"].as_object().unwrap().values().filter_map(Value::as_object);
    for operation in items.flat_map(|item| item.values()) {
        let answer = &operation["responses"]["200"];
        let answer =
            answer["$ref"].as_str().map_or(Some(answer), |at| document.pointer(at.trim_start_matches('#')));
        let schema = answer.and_then(|answer| answer.pointer("/content/application~1json/schema/$ref"));
        let Some(pointer) = schema.and_then(Value::as_str).map(|at| at.trim_start_matches('#')) else {
            continue;
        };
        let members = document.pointer(pointer).and_then(|schema| schema["properties"].as_object());
        if members.is_some_and(|members| !members.is_empty()) {
            found.insert(pointer.to_owned());
        }
    }
    found.into_iter().collect()
}

/// The values below `value` that have a member `name`, by pointer.
fn holders(value: &Value, name: &str, here: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if members.contains_key(name) {
                found.push(here.to_owned());
            }
            for (own, member) in members {
                let own = own.replace('~', "~0").replace('/', "~1");
                holders(member, name, &format!("{here}/{own}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                holders(item, name, &format!("{here}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

// proves-part: VER-11 (on documents that others wrote)
#[test]
fn changes_of_real_documents_are_found() {
    let Some(vectors) = shared() else { return };
    for name in ["twilio.com__twilio_ip_messaging_v1.json", "intellifi.nl.json"] {
        let old = read(&vectors.join("openapi/corpus").join(name));
        let known = parse("old.json", &old);
        let paths = old["paths"].as_object().unwrap();
        // Operations spread over the document.
        for (path, item) in paths.iter().step_by(paths.len() / 4) {
            let at = format!("/paths/{}", path.replace('~', "~0").replace('/', "~1"));
            let methods = item.as_object().unwrap().keys();
            let Some(method) =
                methods.clone().find(|method| ["get", "post", "put"].contains(&method.as_str()))
            else {
                continue;
            };
            let changed = |inner: &str, value: Value| {
                let mut new = old.clone();
                put(&mut new, &format!("{at}/{method}{inner}"), value);
                codes(&compare_with(&known, &new))
            };
            assert_eq!(changed("", json!(null)), [Code::OperationRemoved], "{name} {path}");
            assert_eq!(
                changed("/x-portcullis-access", json!("public")),
                [Code::BecamePublic],
                "{name} {path}"
            );
            let retired = json!({ "state": "retired" });
            assert_eq!(
                changed("/x-portcullis-lifecycle", retired),
                [Code::OperationRetired],
                "{name} {path}"
            );
            let more = json!([{ "name": "new", "in": "query", "required": true, "schema": {} }]);
            let mut parameters = item[method]["parameters"].clone();
            match parameters.as_array_mut() {
                Some(list) => list.extend(more.as_array().unwrap().clone()),
                None => parameters = more,
            }
            assert_eq!(changed("/parameters", parameters), [Code::ParameterRequired], "{name} {path}");
            let statuses = item[method]["responses"].as_object().into_iter().flat_map(|all| all.keys());
            if let Some(status) = statuses.clone().find(|status| status.starts_with('2')) {
                let gone = changed(&format!("/responses/{status}"), json!(null));
                assert_eq!(gone, [Code::ResponseRemoved], "{name} {path}");
            }
            if item[method].get("requestBody").is_some() {
                assert_eq!(changed("/requestBody", json!(null)), [Code::BodyRemoved], "{name} {path}");
            }
        }
        // Members of schemas that answers share.
        let answers = answered_schemas(&old);
        assert!(!answers.is_empty(), "{name}");
        for schema in answers.iter().step_by(answers.len() / 4 + 1) {
            let mut new = old.clone();
            put(&mut new, &format!("{schema}/properties/password_hash"), json!({ "type": "string" }));
            assert_eq!(codes(&compare_with(&known, &new)), [Code::SensitiveFieldExposed], "{name} {schema}");
            let mut new = old.clone();
            let members = new.pointer_mut(&format!("{schema}/properties")).unwrap().as_object_mut().unwrap();
            let first = members.keys().next().unwrap().clone();
            members.remove(&first);
            let mut codes = codes(&compare_with(&known, &new));
            // Some are sent, too.
            codes.retain(|code| *code != Code::PropertyRemoved);
            assert_eq!(codes, [Code::ResponsePropertyRemoved], "{name} {schema}/{first}");
        }
        // A bound that is gone is found wherever a request reaches it, and is never taken for something else.
        let mut bounded = Vec::new();
        holders(&old, "maxLength", "", &mut bounded);
        holders(&old, "maximum", "", &mut bounded);
        let mut found = 0;
        for pointer in bounded.iter().step_by(bounded.len() / 5 + 1) {
            let mut new = old.clone();
            let schema = new.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            schema.remove("maxLength");
            schema.remove("maximum");
            let codes = codes(&compare_with(&known, &new));
            assert!(codes.is_empty() || codes == [Code::BoundRemoved], "{name} {pointer}: {codes:?}");
            found += codes.len();
        }
        assert!(bounded.is_empty() || found > 0, "{name}: none of {} bounds", bounded.len());
    }
}

#[test]
fn no_document_differs_from_itself() {
    let Some(vectors) = shared() else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(vectors.join("openapi/corpus")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let document = Document::parse(&path.to_string_lossy(), &bytes, &Limits::default()).unwrap();
        let side = || Side { document: &document, references: &NoReferences };
        // References to other files are not followed here; a document that has some is compared without them.
        if let Ok(changes) = diff(side(), side()) {
            assert!(changes.is_empty(), "{}: {changes:#?}", path.display());
            compared += 1;
        }
    }
    assert!(compared >= 24, "{compared}");
}
