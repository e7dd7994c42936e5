//! From what is written about the journal to what it needs.

use std::path::PathBuf;

use portcullis_audit::journal::Bounds;
use portcullis_config::codes::record::JOURNAL_RANGE;
use portcullis_config::{ByteSize, Diagnostic, Diagnostics, Environment, Place};

use crate::config::{GatewayConfig, JournalModeConfig, KeptAnswersConfig};
use crate::journal::{JournalPlan, Naming};

const SMALLEST: ByteSize = ByteSize(1024 * 1024);

/// Shows every mistake in the section.
pub(crate) fn check(config: &GatewayConfig, root: &Place, diagnostics: &mut Diagnostics) {
    let place = root.child("journal");
    let mut wrong = |name: &str, message: &str, help: String| {
        diagnostics.push(Diagnostic::error(JOURNAL_RANGE, message).at(place.child(name)).help(help));
    };
    if config.journal.size < SMALLEST {
        wrong("size", "the journal would hold next to nothing", format!("write `{SMALLEST}` at least"));
    }
    if config.journal.age.0.is_zero() {
        wrong(
            "age",
            "the journal would forget at once",
            "write a period such as `7d`, or `mode: off`".into(),
        );
    }
}

/// Where the journal of a configuration lies, whether one is kept there or not.
pub(crate) fn folder(config: &GatewayConfig, environment: &Environment) -> PathBuf {
    match &config.journal.path {
        Some(path) => environment.path(path),
        None => environment.path(&config.state).join("journal"),
    }
}

/// The journal that a gateway keeps; `None` if it keeps none. What is out of range was refused by [`check`].
pub(crate) fn plan(config: &GatewayConfig, environment: &Environment) -> Option<JournalPlan> {
    let journal = &config.journal;
    match journal.mode {
        JournalModeConfig::Off => None,
        JournalModeConfig::Keep => Some(JournalPlan {
            folder: folder(config, environment),
            bounds: Bounds {
                size: journal.size.0,
                age: journal.age.0,
                answers_one_in: match journal.allows {
                    KeptAnswersConfig::All => 1,
                    KeptAnswersConfig::Sampled => journal.one_in,
                    KeptAnswersConfig::None => 0,
                },
            },
            naming: Naming {
                subjects: journal.subjects,
                numbers: config
                    .apis
                    .values()
                    .flat_map(|api| api.rules.numbers())
                    .map(str::to_owned)
                    .collect(),
            },
        }),
    }
}
