//! The matrix as JSON: `portcullis matrix --format json`, version 1.
//!
//! Members are only ever added within a version; a reader passes over what it does not know.

use portcullis_config::Place;
use serde_json::{Value, json};

use super::{Cell, Finding, Matrix, Row};

/// The version of the form.
const VERSION: u32 = 1;

impl Matrix {
    /// Everything, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "version": VERSION,
            "revision": self.revision,
            "operations": self.rows.iter().map(row).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

fn row(row: &Row) -> Value {
    let cells = row.cells.iter().map(|one| (one.layer.name().to_owned(), cell(one)));
    json!({
        "api": row.api,
        "operation": row.operation,
        "method": row.method,
        "path": row.template,
        "tags": row.tags,
        "place": place(&row.place),
        "layers": cells.collect::<serde_json::Map<_, _>>(),
    })
}

fn cell(cell: &Cell) -> Value {
    json!({ "standing": cell.standing.name(), "why": cell.why, "place": place(&cell.place) })
}

fn finding(finding: &Finding) -> Value {
    json!({ "kind": finding.kind.name(), "message": finding.message, "place": place(&finding.place) })
}

fn place(place: &Place) -> Value {
    json!({ "file": place.file(), "line": place.line(), "column": place.column(), "pointer": place.pointer() })
}
