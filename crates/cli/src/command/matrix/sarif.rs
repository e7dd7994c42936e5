//! The matrix for code scanners: SARIF 2.1.0 (OASIS, 2020), one result for everything that is not as it should be.
//!
//! What is missing is a warning, what is only recorded a note, and what a demand misses an error; each with the file
//! and line that decide it, so that a scanner shows it where it is mended.

use std::collections::BTreeMap;

use portcullis_config::Place;
use portcullis_gateway::matrix::{Cell, Layer, Matrix, Row, Standing};
use serde_json::{Value, json};

use super::Miss;

pub(super) fn report(matrix: &Matrix, misses: &[Miss<'_>]) -> Value {
    let mut results: Vec<Value> = Vec::new();
    for row in &matrix.rows {
        results.extend(row.cells.iter().filter_map(|cell| lacking(row, cell, misses)));
    }
    results.extend(
        matrix
            .findings
            .iter()
            .map(|finding| result(finding.kind.name(), "warning", &finding.message, &finding.place)),
    );
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "portcullis",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn lacking(row: &Row, cell: &Cell, misses: &[Miss<'_>]) -> Option<Value> {
    let is_demanded = |miss: &&Miss<'_>| std::ptr::eq(miss.cell, cell);
    let (level, how) = match (misses.iter().find(is_demanded), cell.standing) {
        (_, Standing::Enforced | Standing::NotApplicable) => return None,
        (Some(miss), _) => ("error", format!("demanded by `{}`", miss.demand)),
        (None, Standing::Missing) => ("warning", "missing".to_owned()),
        (None, Standing::Shadow) => ("note", "only recorded".to_owned()),
    };
    let message = format!("{} {}: {} {how}: {}", row.method, row.template, cell.layer.name(), cell.why);
    Some(result(&rule(cell.layer), level, &message, &cell.place))
}

fn result(rule: &str, level: &str, message: &str, place: &Place) -> Value {
    json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(place.file()) },
            "region": { "startLine": place.line().max(1), "startColumn": place.column().max(1) },
        } }],
    })
}

fn rule(layer: Layer) -> String {
    format!("coverage/{}", layer.name())
}

fn rules() -> Vec<Value> {
    let of_layers: BTreeMap<String, String> = Layer::ALL
        .into_iter()
        .map(|layer| (rule(layer), format!("The layer `{}` protects every operation.", layer.name())))
        .collect();
    let of_findings = [
        ("unguarded_operation", "Who may call is said of every operation."),
        ("broad_rule", "No rule permits everybody."),
        ("unreachable_rule", "Every rule can decide."),
    ];
    let of_findings = of_findings.into_iter().map(|(id, text)| (id.to_owned(), text.to_owned()));
    of_layers
        .into_iter()
        .chain(of_findings)
        .map(|(id, text)| json!({ "id": id, "shortDescription": { "text": text } }))
        .collect()
}

/// A file's name as a relative or absolute URI (RFC 3986): what would mean something else there is encoded.
fn uri(file: &str) -> String {
    let mut uri = String::with_capacity(file.len());
    for byte in file.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte))
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_uris() {
        assert_eq!(uri("./portcullis.yaml"), "portcullis.yaml");
        assert_eq!(uri("/etc/my api/a#b.yaml"), "/etc/my%20api/a%23b.yaml");
    }
}
