//! From `limits.shared` to counts that several gateways share.
//!
//! They are made once for a process: connections and the names of keys are no matter of one policy. A mistake is found
//! again at each compile, and shown with all others; a change waits for the next start.

use std::sync::Arc;

use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_limits::shared::{Dial, Settings, Shared, SharedConfig, SharedTlsConfig};
use portcullis_tls::config::ClientTlsConfig;
use portcullis_tls::{ClientTls, Surroundings};

use crate::config::GatewayConfig;
use crate::shared_limits::Dialer;

/// The counts of a process with so many workers. Connects nowhere. `None` if nothing is shared, or if the section is a
/// mistake, which [`check`] finds again.
pub(crate) fn shared_limits(
    config: &GatewayConfig,
    root: &Place,
    workers: usize,
    surroundings: &Surroundings,
) -> Option<Arc<Shared>> {
    let written = config.limits.shared.as_ref()?;
    let place = place(root);
    let settings = settings(written, &place, surroundings, &mut Diagnostics::new())?;
    Some(Arc::new(Shared::new(settings, workers)))
}

/// Shows every mistake in the section, and a change of it against what the process was started with.
pub(super) fn check(
    config: &GatewayConfig,
    running: Option<&GatewayConfig>,
    root: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) {
    let written = config.limits.shared.as_ref();
    let place = place(root);
    if let Some(written) = written {
        settings(written, &place, surroundings, diagnostics);
    }
    if running.is_some_and(|running| running.limits.shared.as_ref() != written) {
        diagnostics.push(
            Diagnostic::warning(codes::SHARED_FIXED, "shared limits change with a restart only")
                .at(place)
                .help("restart the gateways one after the other; until then the old section holds"),
        );
    }
}

fn place(root: &Place) -> Place {
    root.child("limits").child("shared")
}

fn settings(
    written: &SharedConfig,
    place: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<Settings> {
    let dial: Option<Arc<dyn Dial>> = match &written.tls {
        None => Some(Arc::new(Dialer { tls: None })),
        Some(tls) => client_tls(tls, &place.child("tls"), surroundings, diagnostics)
            .map(|tls| Arc::new(Dialer { tls: Some(tls) }) as Arc<dyn Dial>),
    };
    portcullis_limits::shared::compile(written, place, &surroundings.environment, dial, diagnostics)
}

fn client_tls(
    written: &SharedTlsConfig,
    place: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<ClientTls> {
    let SharedTlsConfig { authorities, server_name } = written.clone();
    let config = ClientTlsConfig { authorities, server_name, ..ClientTlsConfig::default() };
    // No protocol is negotiated: it is not HTTP.
    ClientTls::compile(&config, &[], place, surroundings, diagnostics)
}
