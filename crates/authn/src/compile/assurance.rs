//! What operations require, and what the words of known products mean.
//!
//! The presets say what each product documents for its own tokens; what it leaves to the operator, such as
//! which level of Keycloak stands for a second factor, is left to the operator here too. Sources are in
//! `docs/guides/step-up.md`. Several products tell `acr` and `amr` in ID tokens alone; until they are
//! configured to put them into access tokens, callers have the lowest assurance.

use portcullis_config::codes::identity as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use crate::assurance::{Factors, Requirements, Strength, Vocabulary};
use crate::config::{AssuranceConfig, PresetConfig, RequireConfig};
use crate::jwt::ClaimPath;
use crate::possession::Constraint;

/// The words of one product.
struct Preset {
    acr: &'static str,
    levels: &'static [&'static str],
    second_factor_acr: &'static [&'static str],
    second_factor_amr: &'static [&'static str],
}

/// RFC 8176 §2: several factors at all, and methods that only ever come second.
const STANDARD: Preset =
    Preset { acr: "acr", levels: &[], second_factor_acr: &[], second_factor_amr: &["mfa"] };

/// Levels of authentication are numbers, which a realm may map to names.
const KEYCLOAK: Preset =
    Preset { levels: &["0", "1", "2", "3", "4"], second_factor_amr: &["mfa", "otp", "hwk"], ..STANDARD };

/// Authentication contexts `c1` to `c99` mean what conditional access says, and have no order.
const ENTRA: Preset = Preset { acr: "acrs", second_factor_amr: &["mfa", "ngcmfa"], ..STANDARD };

const AUTH0: Preset = Preset {
    second_factor_acr: &["http://schemas.openid.net/pape/policies/2007/06/multi-factor"],
    ..STANDARD
};

/// From any one factor to two of which one resists phishing and is protected by hardware.
const OKTA: Preset = Preset {
    levels: &["urn:okta:loa:1fa:any", "urn:okta:loa:2fa:any", "phr", "phrh"],
    second_factor_acr: &["urn:okta:loa:2fa:any"],
    ..STANDARD
};

const fn preset(config: PresetConfig) -> Preset {
    match config {
        PresetConfig::Standard | PresetConfig::Zitadel => STANDARD,
        PresetConfig::Keycloak => KEYCLOAK,
        PresetConfig::Entra => ENTRA,
        PresetConfig::Auth0 => AUTH0,
        PresetConfig::Okta => OKTA,
    }
}

/// The vocabulary of an issuer: its preset, and what is written beside it.
pub(super) fn vocabulary(config: &AssuranceConfig) -> Vocabulary {
    let preset = preset(config.preset);
    let path = |written: &Option<String>, known: &str| ClaimPath::new(written.as_deref().unwrap_or(known));
    let words = |written: &Option<Vec<String>>, known: &[&str]| match written {
        Some(words) => boxed(words),
        None => known.iter().map(|word| Box::from(*word)).collect(),
    };
    Vocabulary {
        acr: path(&config.acr_claim, preset.acr),
        amr: path(&config.amr_claim, "amr"),
        auth_time: path(&config.auth_time_claim, "auth_time"),
        levels: words(&config.levels, preset.levels),
        second_factor_acr: words(&config.second_factor_acr, preset.second_factor_acr),
        second_factor_amr: words(&config.second_factor_amr, preset.second_factor_amr),
    }
}

impl RequireConfig {
    /// These settings, with those of `wider` where nothing is said here.
    #[must_use]
    pub fn within(&self, wider: &Self) -> Self {
        Self {
            sender_constrained: self.sender_constrained.or(wider.sender_constrained),
            acr: self.acr.clone().or_else(|| wider.acr.clone()),
            amr: self.amr.clone().or_else(|| wider.amr.clone()),
            max_age: self.max_age.or(wider.max_age),
            certificate: self.certificate.clone().or_else(|| wider.certificate.clone()),
            second_factor: self.second_factor.or(wider.second_factor),
        }
    }
}

/// What `require:` at `place` asks of a credential.
pub fn requirements(config: &RequireConfig, place: &Place, diagnostics: &mut Diagnostics) -> Requirements {
    // The challenge lists values separated by spaces (RFC 9470 §3, OpenID Connect Core §3.1.2.1).
    let has_space = |word: &&String| word.is_empty() || word.contains(char::is_whitespace);
    for (name, words) in [("acr", &config.acr), ("amr", &config.amr)] {
        if let Some(word) = words.iter().flatten().find(has_space) {
            diagnostics.push(
                Diagnostic::error(codes::STRENGTH_MALFORMED, format!("`{word}` is no value of `{name}`"))
                    .at(place.child(name))
                    .help("write each value as an item of its own, without spaces"),
            );
        }
    }
    Requirements {
        constraint: match config.sender_constrained {
            Some(true) => Constraint::Needed,
            Some(false) | None => Constraint::Optional,
        },
        strength: Strength {
            acr: boxed(config.acr.as_deref().unwrap_or_default()),
            amr: boxed(config.amr.as_deref().unwrap_or_default()),
            max_age: config.max_age.map(|age| age.0),
            factors: match config.second_factor {
                Some(true) => Factors::Second,
                Some(false) | None => Factors::AsIssued,
            },
        },
    }
}

fn boxed(words: &[String]) -> Box<[Box<str>]> {
    words.iter().map(|word| Box::from(&**word)).collect()
}
