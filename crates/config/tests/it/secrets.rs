//! Secrets are references: where they come from, what is refused, and that none is ever shown.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use insta::assert_snapshot;
use portcullis_config::{Color, Diagnostics, Environment, SecretError, SecretReference, decode, json_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use crate::{document, shown};

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Client {
    name: String,
    client_secret: SecretReference,
    #[serde(default)]
    other_secret: Option<SecretReference>,
}

fn reference(text: &str) -> SecretReference {
    text.parse().unwrap()
}

fn environment() -> Environment {
    Environment::fixed([("SECRET", "hunter2"), ("EMPTY", ""), ("NEWLINE", "\n")])
}

/// A directory with the file `secret` of this content and mode, as the base of an environment.
fn directory(content: &[u8], mode: u32) -> (TempDir, Environment, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let environment = environment().with_base(directory.path());
    (directory, environment, path)
}

#[test]
fn a_secret_comes_from_the_environment() {
    let secret = reference("${env:SECRET}").resolve(&environment()).unwrap();
    assert!(secret.matches(b"hunter2"));
}

#[test]
fn a_secret_comes_from_a_file_without_its_last_line_break() {
    for (content, expected) in [
        (&b"hunter2"[..], &b"hunter2"[..]),
        (b"hunter2\n", b"hunter2"),
        (b"hunter2\r\n", b"hunter2"),
        (b"a\nb\n\n", b"a\nb\n"),
        (b" x ", b" x "),
    ] {
        let (_directory, environment, _) = directory(content, 0o600);
        assert!(reference("${file:secret}").resolve(&environment).unwrap().matches(expected), "{content:?}");
    }
}

#[test]
fn a_missing_variable_or_file_is_an_error() {
    let missing = reference("${env:NOT_SET}").resolve(&environment()).unwrap_err();
    assert_eq!(missing, SecretError::VariableMissing { name: "NOT_SET".into() });
    let missing = reference("${file:/nowhere/secret}").resolve(&environment()).unwrap_err();
    assert!(matches!(missing, SecretError::FileUnreadable { .. }));
}

#[test]
fn an_empty_secret_is_refused() {
    for text in ["${env:EMPTY}", "${env:NEWLINE}"] {
        assert!(matches!(reference(text).resolve(&environment()), Err(SecretError::Empty { .. })));
    }
    let (_directory, environment, _) = directory(b"\r\n", 0o600);
    assert!(matches!(reference("${file:secret}").resolve(&environment), Err(SecretError::Empty { .. })));
}

// proves: KEY-10
#[test]
fn a_file_that_others_can_use_is_refused_with_the_command_that_mends_it() {
    for mode in [0o644, 0o660, 0o604, 0o620, 0o602, 0o610, 0o777] {
        let (_directory, environment, path) = directory(b"hunter2\n", mode);
        let error = reference("${file:secret}").resolve(&environment).unwrap_err();
        assert_eq!(error, SecretError::FileExposed { path: path.clone(), mode });
        let shown = shown(&error.diagnostic().into());
        assert!(shown.starts_with("error[C0033]"), "{shown}");
        assert!(shown.contains(&format!("`chmod 600 {}`, or 640", path.display())), "{shown}");
    }
    for mode in [0o600, 0o400, 0o700, 0o640, 0o440] {
        let (_directory, environment, _) = directory(b"hunter2\n", mode);
        assert!(reference("${file:secret}").resolve(&environment).is_ok(), "{mode:o}");
    }
}

#[test]
fn a_link_to_a_file_is_judged_by_the_file() {
    let (directory, environment, path) = directory(b"hunter2\n", 0o644);
    std::os::unix::fs::symlink(&path, directory.path().join("link")).unwrap();
    assert!(matches!(reference("${file:link}").resolve(&environment), Err(SecretError::FileExposed { .. })));
}

#[test]
fn what_is_not_a_regular_file_of_reasonable_size_is_refused() {
    let (_kept, environment, path) = directory(&vec![b'x'; 2 * 1024 * 1024], 0o600);
    assert_eq!(
        reference("${file:secret}").resolve(&environment).unwrap_err(),
        SecretError::FileTooLarge { path }
    );
    assert!(matches!(reference("${file:.}").resolve(&environment), Err(SecretError::FileIrregular { .. })));
    assert!(matches!(
        reference("${file:/dev/zero}").resolve(&environment),
        Err(SecretError::FileIrregular { .. })
    ));
}

// proves: KEY-01
#[test]
fn a_literal_secret_is_refused_and_not_shown() {
    for literal in [
        "hunter2",
        "\"hunter2\"",
        "482616",
        "$hunter2",
        "|\n  hunter2\n  hunter2",
        "[hunter2]",
        "{hunter2: hunter2}",
    ] {
        for key in ["client_secret", "other_secret"] {
            let other = if key == "client_secret" { "" } else { "client_secret: ${env:SECRET}\n" };
            let document = document("portcullis.yaml", &format!("name: shop\n{other}{key}: {literal}\n"));
            let mut diagnostics = Diagnostics::new();
            assert!(decode::<Client>(&document, &mut diagnostics).is_none());
            for shown in [
                diagnostics.render(Color::Never),
                diagnostics.render(Color::Always),
                diagnostics.to_json().to_string(),
            ] {
                assert!(shown.contains("C0030"), "{shown}");
                assert!(!shown.contains("hunter2") && !shown.contains("482616"), "{shown}");
            }
        }
    }
}

// proves: KEY-01
#[test]
fn a_written_configuration_shows_references_only() {
    let document = document(
        "portcullis.yaml",
        "name: shop\nclient_secret: ${env:SECRET}\nother_secret: ${file:a b/c}\n",
    );
    let client: Client = decode(&document, &mut Diagnostics::new()).unwrap();
    let secret = client.client_secret.resolve(&environment()).unwrap();
    assert_eq!(
        serde_json::to_value(&client).unwrap(),
        json!({"name": "shop", "client_secret": "${env:SECRET}", "other_secret": "${file:a b/c}"})
    );
    assert!(!format!("{client:?} {secret:?} {:?}", environment()).contains("hunter2"));
}

#[test]
fn a_literal_secret_is_shown_blotted_with_help() {
    let document = document("portcullis.yaml", "name: shop\nclient_secret: hunter2 # do not tell\n");
    let mut diagnostics = Diagnostics::new();
    assert!(decode::<Client>(&document, &mut diagnostics).is_none());
    assert_snapshot!(shown(&diagnostics));
}

#[test]
fn a_secret_under_a_misspelled_key_is_blotted_too() {
    let document = document("portcullis.yaml", "name: shop\nclient_secrt: hunter2\nnmae: [1]\n");
    let mut diagnostics = Diagnostics::new();
    assert!(decode::<Client>(&document, &mut diagnostics).is_none());
    assert_snapshot!(shown(&diagnostics));
}

#[test]
fn a_secret_beside_another_mistake_is_blotted_too() {
    let document = document("portcullis.yaml", "{ name: [], client_secret: hunter2 }\n");
    let mut diagnostics = Diagnostics::new();
    assert!(decode::<Client>(&document, &mut diagnostics).is_none());
    let shown = shown(&diagnostics);
    assert!(shown.contains("C0023") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn any_setting_can_say_that_it_holds_a_secret() {
    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only decoded")]
    struct Endpoint {
        #[schemars(extend("writeOnly" = true, "format" = "uri"))]
        webhook: String,
        #[schemars(extend("writeOnly" = true), range(min = 100_000))]
        pin: u32,
    }
    let document = document("portcullis.yaml", "webhook: hunter2\npin: 4826\n");
    let mut diagnostics = Diagnostics::new();
    assert!(decode::<Endpoint>(&document, &mut diagnostics).is_none());
    let shown = shown(&diagnostics);
    assert!(shown.contains("C0025") && shown.contains("C0026"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("4826"), "{shown}");
}

#[test]
fn what_cannot_be_resolved_is_shown_at_its_place() {
    let document = document(
        "portcullis.yaml",
        "name: shop\nclient_secret: ${env:NOT_SET}\nother_secret: ${file:/nowhere}\n",
    );
    let mut diagnostics = Diagnostics::new();
    let client: Client = decode(&document, &mut diagnostics).unwrap();
    let place = document.at("/client_secret");
    assert!(client.client_secret.resolve_at(&environment(), &place, &mut diagnostics).is_none());
    let place = document.at("/other_secret");
    assert!(client.other_secret.unwrap().resolve_at(&environment(), &place, &mut diagnostics).is_none());
    assert_snapshot!(shown(&diagnostics));
}

#[test]
fn only_well_written_references_are_read() {
    for text in [
        "${env:A}",
        "${env:_a1}",
        "${file:/run/secrets/x}",
        "${file:rel ative}",
        "${vault:shop/oauth#client_secret}",
    ] {
        assert_eq!(reference(text).to_string(), text);
        assert!(jsonschema::is_valid(&json_schema::<SecretReference>(), &json!(text)));
    }
    for text in [
        "",
        "hunter2",
        "${}",
        "${env:}",
        "${env:1A}",
        "${env:A-B}",
        "${env:A} ",
        " ${env:A}",
        "${file:}",
        "${file:a}b}",
        "${vault:x}",
        "${vault:#x}",
        "${vault:x#}",
        "${vault:/x#y}",
        "${vault:x/#y}",
        "${vault:x y#z}",
        "$env:A",
        "${env:A",
        "${ENV:A}",
    ] {
        let error = text.parse::<SecretReference>().unwrap_err();
        assert!(text.is_empty() || !error.to_string().contains(text) || text == "${}", "{error}");
        assert!(!jsonschema::is_valid(&json_schema::<SecretReference>(), &json!(text)), "`{text}`");
    }
}

#[test]
fn the_process_environment_is_read_through_its_one_door() {
    assert!(reference("${env:PATH}").resolve(&Environment::process()).is_ok());
    assert!(reference("${env:PORTCULLIS_NOT_SET}").resolve(&Environment::process()).is_err());
}
