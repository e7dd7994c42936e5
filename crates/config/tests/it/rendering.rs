//! How mistakes are shown: to people and to machines, without leaking and without being fooled.

use std::sync::Arc;

use insta::{assert_json_snapshot, assert_snapshot};
use portcullis_config::{Color, Diagnostic, Diagnostics, Document, codes};

use crate::{document, shown};

fn example() -> Arc<Document> {
    document("portcullis.yaml", "identity:\n  customers:\n    issuer: https://id.example\napis: {}\n")
}

fn audience_missing(document: &Arc<Document>) -> Diagnostic {
    Diagnostic::error(codes::file::KEY_MISSING, "audience is not set for issuer `https://id.example`")
        .at(document.at_key("/identity/customers/issuer"))
        .label("tokens minted for any other service would be accepted here")
        .help("add `audience:` with the name this API has at the issuer (RFC 8725 §3.9)")
}

#[test]
fn a_diagnostic_has_the_shape_of_the_house() {
    assert_snapshot!(shown(&audience_missing(&example()).into()));
}

#[test]
fn diagnostics_are_sorted_by_file_and_place_and_said_once() {
    let (main, contract) = (example(), document("openapi.yaml", "paths: {}\n"));
    let diagnostics: Diagnostics = [
        Diagnostic::warning(codes::file::VALUE_REFUSED, "third").at(main.at("/apis")),
        audience_missing(&main),
        Diagnostic::error(codes::file::VALUE_REFUSED, "second")
            .at(contract.at("/paths"))
            .related(main.at("/apis"), "named here"),
        audience_missing(&main),
        Diagnostic::error(codes::file::FILE_UNREADABLE, "first, for it has no place"),
    ]
    .into_iter()
    .collect();
    assert_eq!((diagnostics.len(), diagnostics.errors().count(), diagnostics.warnings().count()), (5, 4, 1));
    assert_snapshot!(shown(&diagnostics));
    assert_json_snapshot!(diagnostics.to_json());
}

#[test]
fn colors_come_only_when_asked_for() {
    let diagnostics: Diagnostics = audience_missing(&example()).into();
    assert!(!diagnostics.render(Color::Never).contains('\u{1B}'));
    assert!(diagnostics.render(Color::Always).contains("\u{1B}[0m"));
}

#[test]
fn warnings_do_not_stop_the_load() {
    let diagnostics: Diagnostics = Diagnostic::warning(codes::file::VALUE_REFUSED, "look at this").into();
    assert!(!diagnostics.has_errors() && !diagnostics.is_empty());
    assert!(shown(&diagnostics).starts_with("warning[C0020]"));
}

#[test]
fn nothing_in_a_file_or_message_acts_on_the_terminal() {
    let document = document("a.yaml", "name: \"\\e[2J\" # \u{202E}gnihton\ra: b\n");
    let name = document.value()["name"].as_str().unwrap();
    let shown = shown(
        &Diagnostic::error(codes::file::VALUE_REFUSED, format!("`{name}` is\nno name"))
            .at(document.at("/name"))
            .into(),
    );
    assert_snapshot!(shown);
    assert!(!shown.contains(['\u{1B}', '\u{202E}']));
}

#[test]
fn a_line_of_megabytes_is_shown_around_the_mistake() {
    let members: Vec<String> = (0..50_000).map(|index| format!("\"käy{index}\":\"välue\"")).collect();
    let document = document("openapi.json", &format!("{{\n{}\n}}", members.join(",")));
    for pointer in ["/käy0", "/käy30000", "/käy49999"] {
        assert_snapshot!(shown(
            &Diagnostic::error(codes::file::VALUE_REFUSED, "not this")
                .at(document.at(pointer))
                .label("this")
                .into()
        ));
    }
}

#[test]
fn an_object_of_several_lines_is_shown_by_its_key() {
    let document = example();
    let place = document.at("/identity/customers");
    assert_eq!((place.line(), place.column()), (2, 3));
    assert_snapshot!(shown(
        &Diagnostic::error(codes::file::VALUE_REFUSED, "not this").at(place).label("this").into()
    ));
}

#[test]
fn the_end_of_a_file_can_be_shown() {
    let document = document("a.yaml", "a:");
    assert_snapshot!(shown(
        &Diagnostic::error(codes::file::VALUE_REFUSED, "nothing").at(document.at("/a")).label("here").into()
    ));
}
