//! `portcullis audit`: is the record as it was written, and what does it say in other words?

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use portcullis_audit::chain::{
    Against, Anchor, Ending, Head, PublicKey, Summary, Verification, read_anchors,
};
use portcullis_audit::format::Format;
use portcullis_audit::{Pseudonyms, older_files};
use portcullis_domain::Secret;

use super::say;
use crate::{FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Walk the hash chain of a record and name the first line that was touched; exit code 2 if there is one.
    Verify(Verify),
    /// Print the pseudonym under which the record has a subject, an address or a session.
    Pseudonym {
        /// The name.
        name: String,
        /// The file with the key that `audit.pseudonyms` refers to.
        #[arg(long)]
        key: PathBuf,
    },
    /// Print a record in other words, one event to a line.
    Export {
        /// The record.
        file: PathBuf,
        /// In which words.
        #[arg(long, value_enum, default_value_t = Words::Ocsf)]
        format: Words,
    },
}

#[derive(clap::Args)]
struct Verify {
    /// The record. Its older files, `FILE.000000000001`, are verified with it. Name several, oldest first, to verify
    /// just those.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The public key that must have signed every checkpoint: a copy of `record.pub` from the gateway's state
    /// directory, made when the gateway was set up.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Heads that were kept elsewhere: the file that `audit.anchors` names, or what a collector got. With `--key` only
    /// those count that it signed.
    #[arg(long)]
    anchors: Option<PathBuf>,
}

/// In which words a record can be printed.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Words {
    /// As it was recorded.
    Portcullis,
    /// Open Cybersecurity Schema Framework 1.8.0.
    Ocsf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    match &arguments.command {
        Command::Verify(verify) => run_verify(verify),
        Command::Export { file, format } => export(file, *format),
        Command::Pseudonym { name, key } => pseudonym(name, key),
    }
}

fn run_verify(arguments: &Verify) -> anyhow::Result<u8> {
    let key = arguments.key.as_deref().map(read_key).transpose()?;
    let (anchors, unsigned) = match &arguments.anchors {
        None => (Vec::new(), 0),
        Some(path) => read_anchors(BufReader::new(open(path)?), key.as_ref())
            .with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    if unsigned > 0 {
        say(&format!("{unsigned} heads in the anchors are not signed by the key and do not count\n"));
    }
    let files = match arguments.files.as_slice() {
        [file] => with_older(file)?,
        files => files.to_vec(),
    };
    // The head first: the record may run ahead of it, never behind.
    let head = match files.last() {
        Some(newest) => Head::read(newest).context("cannot read the record's sealed end")?,
        None => None,
    };
    let against = Against { head: head.as_ref(), key: key.as_ref(), anchors: &anchors };
    let mut verification = Verification::new(against);
    for file in &files {
        if let Err(broken) = verification.read(BufReader::new(open(file)?)) {
            say(&format!("{}line {}: {}\n", named(file, &files), broken.line, broken.kind));
            return Ok(FINDINGS);
        }
    }
    Ok(match verification.finish() {
        Ok(summary) => {
            say(&report(&summary, &files, &anchors));
            WELL
        }
        Err(broken) => {
            let newest = files.last().map(|file| named(file, &files)).unwrap_or_default();
            say(&format!("{newest}line {}: {}\n", broken.line, broken.kind));
            FINDINGS
        }
    })
}

fn report(summary: &Summary, files: &[PathBuf], anchors: &[Anchor]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    // Writing to a `String` cannot fail, here and below.
    let _ = write!(text, "{} lines, {} to {}: unbroken", summary.lines, summary.first, summary.last);
    let _ = if files.len() > 1 { writeln!(text, ", in {} files", files.len()) } else { writeln!(text) };
    let _ = writeln!(text, "hash {}", summary.hash);
    if let Some(signed) = summary.signed {
        let _ = writeln!(text, "signed up to line {signed}");
    }
    if !anchors.is_empty() {
        let _ = writeln!(text, "agrees with {} heads from elsewhere", summary.anchors);
    }
    if summary.earlier_anchors > 0 {
        let (earlier, first) = (summary.earlier_anchors, summary.first);
        let _ = writeln!(
            text,
            "{earlier} heads from elsewhere are about lines before {first}, which are not here"
        );
    }
    if summary.ending == Ending::Unknown {
        let _ = writeln!(text, "nothing tells whether lines are missing at the end");
    }
    let _ = writeln!(text, "{} events are said to be missing", summary.lost);
    text
}

/// Which file a line is in, where there are several.
fn named(file: &Path, files: &[PathBuf]) -> String {
    if files.len() > 1 { format!("{}: ", file.display()) } else { String::new() }
}

fn with_older(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let older = older_files(file).with_context(|| format!("cannot look beside `{}`", file.display()))?;
    Ok(older.into_iter().map(|file| file.path).chain([file.to_owned()]).collect())
}

fn export(file: &Path, words: Words) -> anyhow::Result<u8> {
    let format = match words {
        Words::Portcullis => Format::Portcullis,
        Words::Ocsf => Format::Ocsf,
    };
    let mut output = std::io::stdout().lock();
    for line in BufReader::new(open(file)?).split(b'\n') {
        let line = line.with_context(|| format!("cannot read `{}`", file.display()))?;
        // Whoever reads may stop reading.
        if output.write_all(&format.word(&line)).and_then(|()| output.write_all(b"\n")).is_err() {
            break;
        }
    }
    Ok(WELL)
}

fn pseudonym(name: &str, key: &Path) -> anyhow::Result<u8> {
    let mut bytes = std::fs::read(key).with_context(|| format!("cannot read `{}`", key.display()))?;
    // As secrets are read from files elsewhere: a line break at the end is not part of it.
    bytes.pop_if(|last| *last == b'\n');
    bytes.pop_if(|last| *last == b'\r');
    let pseudonyms = Pseudonyms::new(&Secret::new(bytes)).context("the key has fewer than 16 bytes")?;
    say(&format!("{}\n", pseudonyms.of(name)));
    Ok(WELL)
}

fn read_key(path: &Path) -> anyhow::Result<PublicKey> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    PublicKey::parse(&text).with_context(|| format!("`{}`", path.display()))
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("cannot read `{}`", path.display()))
}
