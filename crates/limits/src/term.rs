//! One quota as the operator applies it: what it counts, whether it refuses, when somebody is told.

use std::sync::Arc;

use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_domain::Strength;

use crate::compile::{ReadZone, compile_quota};
use crate::config::{CountsConfig, QuotaConfig, QuotaModeConfig};
use crate::limiter::{Limiter, Purpose, Span};
use crate::stock::Stock;

/// From how long on a count outlives the process that counts (LIM-10): whoever spends a day's worth must not have it
/// again after a restart, and an hour's worth is back before anybody wonders.
const LASTING: std::time::Duration = std::time::Duration::from_secs(3_600);

/// A quota, and how it is applied.
#[derive(Clone, Debug)]
pub struct Term {
    /// Who counts it.
    pub limiter: Arc<Limiter>,
    /// What is counted.
    pub counts: CountsConfig,
    /// Whether it refuses.
    pub strength: Strength,
    /// At so many units left it is told that it runs out.
    pub alert_at: Option<u32>,
}

/// Where terms stand, and what they are for.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The beginning of their limiters' places, e.g. `shop/caller`.
    pub place: &'a str,
    /// The name of the first quota without one; others get a number.
    pub name: &'a str,
    /// What they are for.
    pub purpose: Purpose,
}

/// Compiles a list of quotas, which stands at `at`. What is wrong is left out, and told.
pub fn compile_terms(
    configs: &[QuotaConfig],
    standing: Standing<'_>,
    at: &Place,
    zones: ReadZone<'_>,
    stock: &mut Stock,
    diagnostics: &mut Diagnostics,
) -> Vec<Term> {
    let mut names = std::collections::HashSet::new();
    let mut terms = Vec::with_capacity(configs.len());
    for (index, config) in configs.iter().enumerate() {
        let at = at.index(index);
        let Some(quota) = compile_quota(config, &numbered(standing.name, index), &at, zones, diagnostics)
        else {
            continue;
        };
        if !names.insert(quota.name().to_owned()) {
            diagnostics.push(
                Diagnostic::error(codes::QUOTA_NAME_REPEATED, "two quotas of one list have the same name")
                    .at(at.child("name"))
                    .label("a client could not tell which of them it has used up")
                    .help("give each quota its own `name:`"),
            );
            continue;
        }
        let place = format!("{}/{}", standing.place, quota.name());
        let span = if quota.memory() > LASTING { Span::Lasting } else { Span::Process };
        let alert_at = config.alert.map(|percent| {
            let left = u64::from(quota.count()) * u64::from(100 - percent.min(100)) / 100;
            u32::try_from(left).unwrap_or(u32::MAX)
        });
        terms.push(Term {
            limiter: stock.limiter(&place, quota, standing.purpose, span),
            counts: config.counts,
            strength: match config.mode {
                QuotaModeConfig::Enforce => Strength::Enforce,
                QuotaModeConfig::Shadow => Strength::Shadow,
            },
            alert_at,
        });
    }
    terms
}

/// The default name of the quota number `index` of a list.
fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        _ => format!("{name}-{}", index + 1),
    }
}
