//! The rows of `docs/requirements.md`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// One row: enough of it to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) id: String,
    pub(super) priority: String,
}

impl Requirement {
    /// The part of the ID before the dash.
    pub(super) fn group(&self) -> &str {
        self.id.split_once('-').map_or(&self.id, |(group, _)| group)
    }
}

/// Whether `text` has the form of a requirement's ID: `HTTP-01`.
pub(super) fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(group, number)| {
        !group.is_empty()
            && group.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Reads the file's rows, in order.
pub(super) fn read(file: &Path) -> Result<Vec<Requirement>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let rows = parse(&text);
    ensure!(!rows.is_empty(), "`{}` holds no requirement", file.display());
    Ok(rows)
}

fn parse(text: &str) -> Vec<Requirement> {
    text.lines().filter_map(parse_row).collect()
}

/// A row is `| ID | P0 | …`; tables with another shape (shorthands, crosswalks) are not requirements.
fn parse_row(line: &str) -> Option<Requirement> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let id = cells.next().filter(|id| is_id(id))?;
    let priority = cells.next().filter(|priority| matches!(*priority, "P0" | "P1" | "P2"))?;
    Some(Requirement { id: id.to_owned(), priority: priority.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_other_tables_are_not() {
        let rows = parse(
            "| ID | P | Where |\n|---|---|---|\n| HTTP-01 | P0 | gateway | Refuse. |\n| R-REQ | `400` |\n\
             | VAL-2 | P1 | validate |\ntext AUD-03 | P0\n",
        );
        let ids: Vec<_> =
            rows.iter().map(|row| (row.id.as_str(), row.priority.as_str(), row.group())).collect();
        assert_eq!(ids, [("HTTP-01", "P0", "HTTP"), ("VAL-2", "P1", "VAL")]);
    }
}
