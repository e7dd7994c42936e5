//! How many items a client may ask for at once, from what is written to what the contract is compiled with.

use portcullis_contract::{Beyond, CompileOptions, PageLimit};

use crate::config::{ApiConfig, BeyondConfig};

/// Puts what `config` says of page sizes into `options`.
pub(super) fn apply(config: &ApiConfig, options: &mut CompileOptions<'_>) {
    let Some(limit) = &config.page_size else { return };
    let beyond = match limit.beyond {
        BeyondConfig::Refuse => Beyond::Refuse,
        BeyondConfig::Clamp => Beyond::Clamp,
    };
    let names = limit.parameters.iter().map(|name| name.as_str().into());
    options.page_limits = names.map(|name| PageLimit { name, maximum: limit.maximum, beyond }).collect();
}
