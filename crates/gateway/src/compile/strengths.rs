//! Which stages enforce and which only record.

use portcullis_domain::Strength;

use crate::config::{StagesConfig, StrengthConfig};
use crate::policy::Strengths;

pub(super) fn strength(config: Option<StrengthConfig>) -> Strength {
    match config {
        Some(StrengthConfig::Shadow) => Strength::Shadow,
        Some(StrengthConfig::Enforce) | None => Strength::Enforce,
    }
}

pub(super) fn with_stages(strengths: Strengths, config: &StagesConfig) -> Strengths {
    let or = |config: Option<StrengthConfig>, before: Strength| {
        config.map_or(before, |config| strength(Some(config)))
    };
    Strengths {
        limit: or(config.limit, strengths.limit),
        identify: or(config.identify, strengths.identify),
        authorize: or(config.authorize, strengths.authorize),
        validate: or(config.validate, strengths.validate),
    }
}
