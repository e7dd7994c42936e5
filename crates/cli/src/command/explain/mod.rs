//! `portcullis explain`: what a code means, why a request was decided as it was, what would become of one.

mod code;
mod missing;
mod tell;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use portcullis_gateway::{Explained, MadeUp, NotExplained, Options, explain_receipt, explain_request};

use super::{complain, say, show_start_error};
use crate::{COULD_NOT_RUN, FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A diagnostic's code (`C0123`), a reason's (`token_expired`), or a receipt: the `x-request-id` of an answer.
    #[arg(required_unless_present = "request")]
    what: Option<String>,
    /// A request that nobody sent: a command line of curl, or a file with one or with the request itself. It is walked
    /// through the policy and never leaves this process. `-` reads standard input. Exit code 2 if it would be refused.
    #[arg(long, value_name = "CURL|FILE", conflicts_with = "what")]
    request: Option<String>,
    /// With `--request`: the address that it comes from.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), requires = "request")]
    from: IpAddr,
    /// The configuration of the gateway.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How an explanation is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Longer requests are not read: no request that a person writes is.
const LONGEST_REQUEST: u64 = 1024 * 1024;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let options = Options::new(&arguments.config);
    if let Some(request) = &arguments.request {
        let text = text_of(request)?;
        let made_up = MadeUp::read(&text, SocketAddr::new(arguments.from, 0))?;
        return show(explain_request(&options, &made_up), arguments.format, Exit::ByOutcome);
    }
    let what = arguments.what.as_deref().unwrap_or_default().trim();
    if looks_like_a_receipt(what) {
        return show(explain_receipt(&options, what), arguments.format, Exit::Well);
    }
    code::run(what)
}

/// What the exit code tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// That there is an explanation.
    Well,
    /// How the request would end.
    ByOutcome,
}

fn show(explained: Result<Explained, NotExplained>, format: Format, exit: Exit) -> anyhow::Result<u8> {
    match explained {
        Ok(explained) => {
            say(&match format {
                Format::Text => tell::text(&explained),
                Format::Json => format!("{:#}\n", tell::json(&explained)),
            });
            let is_refused = explained.decision.refusal.is_some();
            Ok(if exit == Exit::ByOutcome && is_refused { FINDINGS } else { WELL })
        }
        Err(NotExplained::Configuration(error)) => Ok(show_start_error(&error)),
        Err(NotExplained::Missing { folder, why }) => {
            complain(&format!("portcullis: {}\n", missing::why(&folder, why)));
            Ok(COULD_NOT_RUN)
        }
        Err(error @ (NotExplained::NoReceipt(_) | NotExplained::Journal(_))) => Err(error.into()),
    }
}

/// Receipts have hyphens, codes have none.
fn looks_like_a_receipt(what: &str) -> bool {
    what.contains('-')
}

fn text_of(request: &str) -> anyhow::Result<String> {
    if request.trim_start().starts_with("curl ") {
        return Ok(request.to_owned());
    }
    let mut text = String::new();
    let read = match request {
        "-" => read_into(std::io::stdin().lock(), &mut text),
        file => {
            let file = std::fs::File::open(Path::new(file));
            let file = file.with_context(|| format!("cannot read the request in `{request}`"))?;
            read_into(file, &mut text)
        }
    };
    read.with_context(|| format!("cannot read the request in `{request}`"))?;
    Ok(text)
}

fn read_into(reader: impl std::io::Read, text: &mut String) -> anyhow::Result<()> {
    use std::io::Read as _;

    let read = reader.take(LONGEST_REQUEST + 1).read_to_string(text)?;
    anyhow::ensure!(read as u64 <= LONGEST_REQUEST, "it is longer than 1 MiB");
    Ok(())
}
