//! From a document to a typed value: every mistake at once, each where it stands.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use insta::assert_snapshot;
use portcullis_config::{ByteSize, Diagnostics, Period, Rate, SecretReference, decode, decode_at};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{document, shown};

/// A gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only decoded")]
struct Gateway {
    /// The sockets to listen on.
    #[serde(default)]
    listen: Vec<Listener>,
    /// Who vouches for callers.
    #[serde(default)]
    identity: BTreeMap<String, Issuer>,
    /// How strict each layer is.
    #[serde(default)]
    strength: Option<Strength>,
    /// Where events go.
    #[serde(default)]
    sink: Option<Sink>,
    /// Where counters are kept.
    #[serde(default)]
    store: Option<Store>,
    /// One name or several.
    #[serde(default)]
    hosts: Option<OneOrMany>,
    #[serde(default)]
    quota: Option<Rate>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only decoded")]
struct Listener {
    /// Address to listen on.
    #[schemars(regex(pattern = r"^\S+:[0-9]+$"))]
    address: String,
    /// Connections at once.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    connections: Option<u32>,
    /// The largest body.
    #[serde(default)]
    body: Option<ByteSize>,
    /// How long a head may take.
    #[serde(default)]
    head_timeout: Option<Period>,
    #[serde(default)]
    strength: Strength,
    #[serde(default)]
    bind: Option<Ipv4Addr>,
    #[serde(default)]
    peer: Option<IpAddr>,
    #[serde(default)]
    reuse: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only decoded")]
struct Issuer {
    /// The issuer's URL, as its tokens have it.
    issuer: String,
    /// The name this API has at the issuer. Tokens for others are refused.
    audience: String,
    #[serde(default)]
    client_secret: Option<SecretReference>,
}

#[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Strength {
    /// Refuse.
    #[default]
    Enforce,
    /// Record only.
    Shadow,
    Absent,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "only decoded")]
enum Sink {
    /// Lines to a file.
    File { path: String, rotate: Option<ByteSize> },
    /// Lines to standard output.
    Stdout,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "only decoded")]
enum Store {
    /// In this process.
    Memory,
    /// In a database file.
    Sqlite { path: String },
    /// In a database server.
    Postgres { url: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only decoded")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[track_caller]
fn decoded(yaml: &str) -> Gateway {
    let mut diagnostics = Diagnostics::new();
    let gateway = decode(&document("portcullis.yaml", yaml), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{}", shown(&diagnostics));
    gateway.unwrap()
}

#[track_caller]
fn mistakes(yaml: &str) -> String {
    let mut diagnostics = Diagnostics::new();
    let gateway: Option<Gateway> = decode(&document("portcullis.yaml", yaml), &mut diagnostics);
    assert!(gateway.is_none() && diagnostics.has_errors(), "{gateway:?}");
    shown(&diagnostics)
}

#[test]
fn a_document_without_mistakes_becomes_the_type() {
    let gateway = decoded(
        "listen:\n  - address: 0.0.0.0:8443\n    body: 1 MiB\n    head_timeout: 5s\n    strength: shadow\n\
         identity:\n  customers:\n    issuer: https://id.example\n    audience: shop\n    client_secret: ${env:S}\n\
         sink: { kind: file, path: /var/log/a, rotate: 1024 }\nstore: memory\nhosts: [a, b]\nquota: 100/s\n",
    );
    assert_eq!(gateway.listen[0].body, Some(ByteSize(1 << 20)));
    assert_eq!(gateway.listen[0].head_timeout, Some(Period::from_secs(5)));
    assert_eq!(gateway.listen[0].strength, Strength::Shadow);
    assert_eq!(gateway.identity["customers"].audience, "shop");
    assert!(matches!(gateway.store, Some(Store::Memory)));
    assert!(matches!(
        decoded("store: { sqlite: { path: x } }\nsink: { kind: stdout }\nhosts: a").store,
        Some(Store::Sqlite { .. })
    ));
}

#[test]
fn every_mistake_is_shown_at_once_in_order_of_place() {
    assert_snapshot!(mistakes(
        "listen:\n  - adress: 0.0.0.0:8443\n    connections: none\n    body: 16 KB\n  - address: localhost\n\
         identity:\n  customers:\n    issuer: https://id.example\nextra: 1\n"
    ));
}

#[test]
fn an_unknown_key_gets_the_one_that_was_meant_or_those_that_can_stand_there() {
    assert_snapshot!(mistakes(
        "identity:\n  customers:\n    issuer: x\n    audiense: y\n    audience: z\n    colour: red\n"
    ));
    assert_snapshot!(mistakes("lisen: []\n"));
    assert_snapshot!(mistakes("Listen: []\n"));
}

#[test]
fn a_missing_key_says_what_it_is_for() {
    assert_snapshot!(mistakes("identity:\n  customers:\n    issuer: https://id.example\n"));
    assert_snapshot!(mistakes("identity: { customers: { issuer: x } }\n"));
}

#[test]
fn a_wrong_type_says_what_is_expected_and_what_was_found() {
    assert_snapshot!(mistakes("identity:\n  a: { issuer: 1.10, audience: true }\n  b: text\n  c:\n"));
    assert_snapshot!(mistakes("listen: { address: x }\n"));
    assert_snapshot!(mistakes(
        "listen:\n  - address: a:1\n    connections: \"12\"\n    body: [1]\n    head_timeout: 1.5\n    strength: 1\n"
    ));
    assert_snapshot!(mistakes("[]"));
}

#[test]
fn a_word_that_is_not_allowed_gets_the_words_that_are() {
    assert_snapshot!(mistakes("strength: enfroce\nlisten:\n  - address: a:1\n    strength: off\n"));
}

#[test]
fn text_of_the_wrong_form_gets_an_example() {
    assert_snapshot!(mistakes(
        "listen:\n  - address: a\n    body: 16 KB\n    head_timeout: 5 sec\n    bind: 300.0.0.1\n    peer: localhost\nquota: 0/s\n"
    ));
}

#[test]
fn numbers_out_of_bounds_are_told_the_bound() {
    assert_snapshot!(mistakes(
        "listen:\n  - { address: a:1, connections: 0 }\n  - { address: a:1, connections: 100001 }\n  - { address: a:1, body: -1 }\n"
    ));
}

#[test]
fn what_only_serde_can_see_has_its_place_too() {
    assert_snapshot!(mistakes("listen:\n  - address: a:1\n  - address: b:2\n    body: 99999999999 GiB\n"));
    assert_snapshot!(mistakes("quota: 99999999999/s\n"));
}

#[test]
fn the_form_that_was_meant_is_found_by_its_tag() {
    assert_snapshot!(mistakes("sink: { kind: file, pth: x }\n"));
    assert_snapshot!(mistakes("sink: { kind: fil, path: x }\n"));
    assert_snapshot!(mistakes("sink:\n  path: x\n"));
    assert_snapshot!(mistakes("sink: file\n"));
}

#[test]
fn the_form_that_was_meant_is_found_by_its_only_key() {
    assert_snapshot!(mistakes("store: { sqlite: { pth: x } }\n"));
    assert_snapshot!(mistakes("store: { sqllite: { path: x } }\n"));
    assert_snapshot!(mistakes("store: memry\n"));
    assert_snapshot!(mistakes("store: sqlite\n"));
    assert_snapshot!(mistakes("store: 12\n"));
    assert_snapshot!(mistakes("store: { sqlite: { path: x }, postgres: { url: y } }\n"));
}

#[test]
fn the_form_that_was_meant_is_found_by_its_type() {
    assert_snapshot!(mistakes("hosts: [a, 1]\n"));
    assert_snapshot!(mistakes("hosts: 1\n"));
    assert_snapshot!(mistakes("hosts: { a: b }\n"));
}

#[test]
fn a_part_of_a_document_can_be_decoded() {
    let document = document(
        "openapi.yaml",
        "info: {}\nx-portcullis:\n  customers: { issuer: a, audience: b, extra: c }\n",
    );
    let mut diagnostics = Diagnostics::new();
    let issuer: Option<Issuer> = decode_at(&document, "/x-portcullis/customers", &mut diagnostics);
    assert!(issuer.is_none());
    assert_snapshot!(shown(&diagnostics));
    let nothing: Option<Issuer> = decode_at(&document, "/nowhere", &mut Diagnostics::new());
    assert!(nothing.is_none());
}

#[test]
fn a_mistake_deep_in_a_part_keeps_its_place_when_only_serde_sees_it() {
    let document = document("a.yaml", "x:\n  y:\n    - address: a:1\n      body: 99999999999 GiB\n");
    let mut diagnostics = Diagnostics::new();
    let listeners: Option<Vec<Listener>> = decode_at(&document, "/x/y", &mut diagnostics);
    assert!(listeners.is_none());
    let place = diagnostics.iter().next().unwrap().place().unwrap().clone();
    assert_eq!((place.line(), place.column()), (4, 13));
}
