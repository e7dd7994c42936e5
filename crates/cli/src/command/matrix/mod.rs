//! `portcullis matrix`: which layer protects which operation, as a table, JSON, SARIF or HTML; and a gate for pipelines.

mod html;
mod sarif;
mod table;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use portcullis_gateway::Options;
use portcullis_gateway::matrix::{Cell, Matrix, Requirement, Row, matrix};

use super::{complain, say, show_start_error};
use crate::{COULD_NOT_RUN, FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// What must hold, again for each demand: `limit,validate`, `objects=enforced where tag=orders`, `authorize=shadow
    /// where path=/admin/* and method=GET`; exit code 2 where it does not.
    #[arg(long, value_name = "DEMAND")]
    require: Vec<String>,
    /// Also fail if an operation is open to every credential, a rule permits everybody, or one never decides.
    #[arg(long)]
    strict: bool,
    /// Tell why, with file and line, of everything that is missing or only recorded.
    #[arg(long)]
    why: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For people, at most 100 columns wide.
    Table,
    /// For programs.
    Json,
    /// For code scanners: SARIF 2.1.0.
    Sarif,
    /// For browsers: one file that needs nothing else.
    Html,
}

/// A demand and a cell that misses it.
struct Miss<'m> {
    demand: &'m str,
    row: &'m Row,
    cell: &'m Cell,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let mut demands = Vec::new();
    for text in &arguments.require {
        match Requirement::parse(text) {
            Ok(requirement) => demands.push((text.as_str(), requirement)),
            Err(fault) => {
                complain(&format!("portcullis: --require `{text}`: {fault}\n"));
                return Ok(COULD_NOT_RUN);
            }
        }
    }
    let matrix = match matrix(&Options::new(&arguments.config)) {
        Ok(matrix) => matrix,
        Err(error) => return Ok(show_start_error(&error)),
    };
    if let Some((text, _)) = demands.iter().find(|(_, demand)| !demand.concerns(&matrix)) {
        complain(&format!("portcullis: --require `{text}`: there is no such operation\n"));
        return Ok(COULD_NOT_RUN);
    }
    let misses: Vec<Miss<'_>> = demands
        .iter()
        .flat_map(|(demand, requirement)| {
            requirement.missed(&matrix).map(|(row, cell)| Miss { demand, row, cell })
        })
        .collect();
    say(&shown(arguments, &matrix, &misses)?);
    for Miss { demand, row, cell } in &misses {
        let (method, path, layer) = (&row.method, &row.template, cell.layer.name());
        let place = format!("{}:{}", cell.place.file(), cell.place.line());
        let standing = table::word(cell.standing);
        complain(&format!(
            "missed `{demand}`: {method} {path}: {layer} {standing}: {} ({place})\n",
            cell.why
        ));
    }
    let is_clean = !arguments.strict || matrix.findings.is_empty();
    Ok(if misses.is_empty() && is_clean { WELL } else { FINDINGS })
}

fn shown(arguments: &Arguments, matrix: &Matrix, misses: &[Miss<'_>]) -> anyhow::Result<String> {
    Ok(match arguments.format {
        Format::Table => {
            let color =
                if std::io::stdout().is_terminal() { table::Color::Always } else { table::Color::Never };
            let reasons = if arguments.why { table::Reasons::All } else { table::Reasons::None };
            table::table(matrix, color, reasons)
        }
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&matrix.to_json())?),
        Format::Sarif => format!("{}\n", serde_json::to_string_pretty(&sarif::report(matrix, misses))?),
        Format::Html => html::page(matrix),
    })
}
