//! The matrix for people: one line for each operation, at most 100 columns wide.

use std::fmt::Write as _;

use portcullis_gateway::matrix::{Cell, Layer, Matrix, Row, Standing};

/// Columns of the operation.
const OPERATION: usize = 40;
/// Columns of each layer.
const LAYER: usize = 6;

/// Whether words are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    Always,
    Never,
}

/// Whether it is told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reasons {
    /// Of everything that is missing or only recorded.
    All,
    None,
}

pub(super) fn table(matrix: &Matrix, color: Color, reasons: Reasons) -> String {
    let mut text = String::new();
    let mut api = "";
    for row in &matrix.rows {
        if row.api != api {
            api = &row.api;
            head(&mut text, api);
        }
        line(&mut text, row, color);
        if reasons == Reasons::All {
            row.cells.iter().filter(|cell| is_lacking(cell)).for_each(|cell| reason(&mut text, cell));
        }
    }
    let _ = writeln!(text, "\nyes: enforced; watch: only recorded; no: missing; -: nothing to do");
    for finding in &matrix.findings {
        let (file, line) = (finding.place.file(), finding.place.line());
        let _ = writeln!(text, "{file}:{line}: {}: {}", finding.kind.name(), finding.message);
    }
    text
}

/// How a standing is called in a cell of five columns.
pub(super) const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Enforced => "yes",
        Standing::Shadow => "watch",
        Standing::Missing => "no",
        Standing::NotApplicable => "-",
    }
}

const fn title(layer: Layer) -> &'static str {
    match layer {
        Layer::Tls => "tls",
        Layer::Identify => "ident",
        Layer::Authorize => "authz",
        Layer::Objects => "obj",
        Layer::Limit => "limit",
        Layer::Validate => "valid",
        Layer::Inspect => "insp",
        Layer::Release => "rel",
        Layer::Record => "rec",
        Layer::Lifecycle => "life",
    }
}

fn head(text: &mut String, api: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = write!(text, "{:OPERATION$}", clipped(api));
    for layer in Layer::ALL {
        let _ = write!(text, " {:<1$}", title(layer), LAYER - 1);
    }
    trim(text);
}

fn line(text: &mut String, row: &Row, color: Color) {
    let _ = write!(text, "{:OPERATION$}", clipped(&format!("{} {}", row.method, row.template)));
    for cell in &row.cells {
        let word = word(cell.standing);
        let padding = " ".repeat((LAYER - 1).saturating_sub(word.len()));
        let _ = match (color, paint(cell.standing)) {
            (Color::Always, Some(paint)) => write!(text, " \x1b[{paint}m{word}\x1b[0m{padding}"),
            (Color::Always | Color::Never, _) => write!(text, " {word}{padding}"),
        };
    }
    trim(text);
}

const fn paint(standing: Standing) -> Option<u8> {
    match standing {
        Standing::Enforced => Some(32),
        Standing::Shadow => Some(33),
        Standing::Missing => Some(31),
        Standing::NotApplicable => None,
    }
}

fn reason(text: &mut String, cell: &Cell) {
    let (file, line) = (cell.place.file(), cell.place.line());
    let _ = writeln!(text, "    {} {}: {} ({file}:{line})", cell.layer.name(), word(cell.standing), cell.why);
}

const fn is_lacking(cell: &Cell) -> bool {
    matches!(cell.standing, Standing::Missing | Standing::Shadow)
}

fn trim(text: &mut String) {
    text.truncate(text.trim_end().len());
    text.push('\n');
}

/// What fits: the end of a path tells more than its middle.
fn clipped(name: &str) -> String {
    let count = name.chars().count();
    if count <= OPERATION {
        return name.to_owned();
    }
    let half = OPERATION / 2;
    let start: String = name.chars().take(half).collect();
    let end: String = name.chars().skip(count - (OPERATION - half - 1)).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(clipped("GET /orders"), "GET /orders");
        let long = format!("GET /{}", "orders/".repeat(20));
        assert_eq!(clipped(&long).chars().count(), OPERATION);
        assert!(clipped(&long).starts_with("GET /orders") && clipped(&long).ends_with("orders/"));
    }
}
