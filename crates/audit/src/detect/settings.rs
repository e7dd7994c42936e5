//! From the written settings of detection to what detectors work with, with every mistake shown at its place.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_config::codes::detection as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_domain::{Scopes, Timestamp};

use super::config::{ActionConfig, DetectionConfig, DetectionModeConfig};
use super::detectors::{Noticed, Weight};
use super::standing::Measure;
use crate::alert::Action;

/// What detectors work with.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionSettings {
    /// Whether anything is noticed.
    pub mode: DetectionModeConfig,
    /// What is done; nothing stands for a detector that does not speak.
    actions: BTreeMap<Noticed, Option<(Action, Duration)>>,
    /// So many different misses within a minute are too many.
    pub misses_per_minute: u32,
    /// Roles that read in bulk.
    pub bulk_readers: Scopes,
    /// How many callers are remembered.
    pub subjects: usize,
}

impl Default for DetectionSettings {
    fn default() -> Self {
        let config = DetectionConfig::default();
        Self {
            mode: config.mode,
            actions: BTreeMap::new(),
            misses_per_minute: config.misses_per_minute,
            bulk_readers: Scopes::default(),
            subjects: config.subjects as usize,
        }
    }
}

impl DetectionSettings {
    /// What is done about `noticed`; nothing if it is not even told.
    #[must_use]
    pub fn action(&self, noticed: Noticed) -> Option<Action> {
        self.actions.get(&noticed).map_or(Some(Action::Logged), |chosen| chosen.map(|(action, _)| action))
    }

    /// The measure that follows from `noticed` at `at`, if one does.
    pub(super) fn measure(&self, noticed: Noticed, at: Timestamp) -> Option<Measure> {
        let (action, lasts) = (*self.actions.get(&noticed)?)?;
        let acts = action != Action::Logged;
        acts.then(|| Measure { action, since: at, until: at.plus(lasts), because: noticed })
    }

    /// The same with `action` for `noticed`, lasting for `lasts`.
    #[must_use]
    pub fn with(mut self, noticed: Noticed, action: Action, lasts: Duration) -> Self {
        self.actions.insert(noticed, Some((action, lasts)));
        self
    }

    /// Whether a measure of any detector could ever be in force.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.actions.values().flatten().any(|(action, _)| *action != Action::Logged)
    }
}

/// Compiles the `detect` section, which stands at `place`.
pub fn compile(config: &DetectionConfig, place: &Place, diagnostics: &mut Diagnostics) -> DetectionSettings {
    let actions_at = place.child("actions");
    let mut actions = BTreeMap::new();
    for (noticed, measure) in &config.actions {
        let name = noticed.detector().name;
        let action = match measure.action {
            ActionConfig::Off => None,
            ActionConfig::Log => Some(Action::Logged),
            ActionConfig::Tag => Some(Action::Tagged),
            ActionConfig::StepUp => Some(Action::SteppedUp),
            ActionConfig::Throttle => Some(Action::Throttled),
            ActionConfig::Block => Some(Action::Blocked),
        };
        let acts = action.is_some_and(|action| action != Action::Logged);
        let is_about_callers = noticed.weight() != Weight::None || matches!(noticed, Noticed::Fusion);
        if acts && !is_about_callers {
            diagnostics.push(
                Diagnostic::error(codes::NOBODY_TO_ACT_ON, format!("`{name}` is about no caller"))
                    .at(actions_at.child(name).child("action"))
                    .help("use `log` or `off`: nobody could be slowed down or refused"),
            );
        }
        if action == Some(Action::Blocked) && !matches!(noticed.weight(), Weight::Decisive) {
            diagnostics.push(
                Diagnostic::error(
                    codes::BLOCK_INDECISIVE,
                    format!("`{name}` is not sure enough to refuse somebody"),
                )
                .at(actions_at.child(name).child("action"))
                .help("use `throttle` or `step_up`; `enumeration`, `misses` and `token_replay` can block"),
            );
        }
        actions.insert(*noticed, action.map(|action| (action, measure.lasts.0)));
    }
    DetectionSettings {
        mode: config.mode,
        actions,
        misses_per_minute: config.misses_per_minute,
        bulk_readers: config.bulk_readers.iter().map(String::as_str).collect(),
        subjects: config.subjects as usize,
    }
}
