//! `portcullis diff`: what changed between two OpenAPI documents, for a pipeline that must not publish every change.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_config::{Diagnostics, Document, Environment, Limits, Place};
use portcullis_contract::diff::{Change, Class, Side, diff};
use portcullis_contract::{References, Unresolved, path_below};
use serde_json::{Value, json};

use super::{color, complain, say};
use crate::{CONFIGURATION_INVALID, FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The OpenAPI document that clients know.
    old: PathBuf,
    /// The one that is to take its place.
    new: PathBuf,
    /// Which changes give exit code 2.
    #[arg(long, value_enum, default_value = "any")]
    fail_on: FailOn,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Which changes are too much.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Those that break clients.
    Breaking,
    /// Those that weaken protection.
    Security,
    /// Both.
    Any,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let changes = match compare(&arguments.old, &arguments.new) {
        Ok(changes) => changes,
        Err(mistakes) => {
            complain(&mistakes.render(color()));
            return Ok(CONFIGURATION_INVALID);
        }
    };
    if arguments.json {
        say(&format!("{}\n", Value::Array(changes.iter().map(shown).collect())));
    } else {
        say(&lines(&changes)?);
    }
    let is_too_much = changes.iter().any(|change| match arguments.fail_on {
        FailOn::Any => true,
        FailOn::Breaking => change.class() == Class::Breaking,
        FailOn::Security => change.class() == Class::Security,
    });
    Ok(if is_too_much { FINDINGS } else { WELL })
}

fn compare(old: &Path, new: &Path) -> Result<Vec<Change>, Diagnostics> {
    let (old_folder, new_folder) = (Folder::of(old), Folder::of(new));
    let (old, new) = (old_folder.open(old)?, new_folder.open(new)?);
    diff(Side { document: &old, references: &old_folder }, Side { document: &new, references: &new_folder })
}

fn shown(change: &Change) -> Value {
    let place = |place: &Option<Place>| {
        place
            .as_ref()
            .map(|place| json!({ "file": place.file(), "line": place.line(), "pointer": place.pointer() }))
    };
    json!({
        "class": change.class().name(),
        "code": change.code.name(),
        "operations": change.operations,
        "pointer": change.pointer(),
        "old": place(&change.old),
        "new": place(&change.new),
        "sentence": change.sentence,
    })
}

fn lines(changes: &[Change]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for change in changes {
        let operations = match change.operations.as_slice() {
            [] => "the document".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        writeln!(text, "{:<8}  {}  {operations}: {}", change.class().name(), change.code, change.sentence)?;
        for (what, place) in [("old", &change.old), ("new", &change.new)] {
            if let Some(place) = place {
                writeln!(text, "          {what} {}:{} {}", place.file(), place.line(), place.pointer())?;
            }
        }
    }
    let count = |class| changes.iter().filter(|change| change.class() == class).count();
    let (breaking, security) = (count(Class::Breaking), count(Class::Security));
    writeln!(text, "{breaking} breaking, {security} that weaken protection")?;
    Ok(text)
}

/// The folder of a document: what it refers to is read in here, and nowhere else.
struct Folder {
    environment: Environment,
    root: PathBuf,
}

impl Folder {
    fn of(document: &Path) -> Self {
        let root = document.parent().map(Path::to_path_buf).unwrap_or_default();
        Self { environment: Environment::process(), root }
    }

    fn open(&self, path: &Path) -> Result<Arc<Document>, Diagnostics> {
        Document::load(&self.environment, path, &Limits::default())
    }
}

impl References for Folder {
    fn load(&self, from: &str, reference: &str) -> Result<Arc<Document>, Unresolved> {
        let path = path_below(&self.root, from, reference)?;
        self.open(&self.root.join(path)).map_err(Unresolved::Broken)
    }
}
