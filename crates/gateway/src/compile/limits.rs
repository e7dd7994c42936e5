//! From written quotas to limits that count, and the counts that live on through a reload.

use std::sync::Arc;

use portcullis_config::{Diagnostics, Place};
use portcullis_limits::{Limiter, Limits, QuotaConfig, compile_quota};

pub(super) fn keep(running: Option<&Limits>, compiled: Limits) -> Limits {
    match running {
        Some(running) => running.carried_into(&compiled),
        None => compiled,
    }
}

pub(super) fn compile(
    configs: &[QuotaConfig],
    name: &str,
    capacity: usize,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Limits {
    let compiled = configs.iter().enumerate().filter_map(|(index, config)| {
        let name = if index == 0 { name.to_owned() } else { format!("{name}-{}", index + 1) };
        let quota = compile_quota(config, &name, &place.index(index), diagnostics)?;
        Some(Arc::new(Limiter::new(quota, capacity)))
    });
    Limits::new(compiled.collect())
}
