//! The matrix for browsers: one file without scripts, fonts or pictures from anywhere. Everything that comes from a
//! document or a configuration is escaped: whoever may name an operation must not run anything in the reader's browser.

use std::fmt::Write as _;

use portcullis_gateway::matrix::{Cell, Layer, Matrix, Row, Standing};

use crate::command::markup::escaped;

const STYLE: &str = "body{font:14px/1.4 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}\
th,td{border:1px solid #ccc;padding:.25rem .5rem;text-align:left}th{position:sticky;top:0;background:#fff}\
.enforced{background:#d7f0d7}.shadow{background:#fff1c2}.missing{background:#f9d0d0}.not_applicable{color:#777}\
code{font:13px ui-monospace,monospace}";

pub(super) fn page(matrix: &Matrix) -> String {
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    let _ =
        writeln!(html, "<title>Portcullis: the matrix</title>\n<style>{STYLE}</style>\n<h1>The matrix</h1>");
    let _ = writeln!(html, "<p>Configuration <code>{}</code></p>", escaped(&matrix.revision));
    html.push_str("<table>\n<tr><th>API<th>Operation");
    for layer in Layer::ALL {
        let _ = write!(html, "<th>{}", layer.name());
    }
    html.push('\n');
    matrix.rows.iter().for_each(|row| line(&mut html, row));
    html.push_str("</table>\n");
    if !matrix.findings.is_empty() {
        html.push_str("<h2>Findings</h2>\n<ul>\n");
        for finding in &matrix.findings {
            let place = format!("{}:{}", finding.place.file(), finding.place.line());
            let (kind, message) = (finding.kind.name(), escaped(&finding.message));
            let _ = writeln!(html, "<li><code>{kind}</code> {message} <code>{}</code>", escaped(&place));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</html>\n");
    html
}

fn line(html: &mut String, row: &Row) {
    let name = format!("{} {}", row.method, row.template);
    let _ = write!(html, "<tr><td>{}<td><code>{}</code>", escaped(&row.api), escaped(&name));
    row.cells.iter().for_each(|cell| field(html, cell));
    html.push('\n');
}

fn field(html: &mut String, cell: &Cell) {
    let told = format!("{} ({}:{})", cell.why, cell.place.file(), cell.place.line());
    let word = match cell.standing {
        Standing::Enforced => "enforced",
        Standing::Shadow => "shadow",
        Standing::Missing => "missing",
        Standing::NotApplicable => "–",
    };
    let _ = write!(html, "<td class=\"{}\" title=\"{}\">{word}", cell.standing.name(), escaped(&told));
}
