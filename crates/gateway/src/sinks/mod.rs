//! Sinks beside the record: from how they are written to what carries the record there.
//!
//! In: the `sinks` section. Out: for each sink what may wait for it ([`settings`], needed when the record is opened)
//! and how it is reached ([`compile`]). The record hands whole lines to a [`Carrier`] on a thread of that sink's own
//! (`portcullis_audit::ship`); here are only sockets and HTTP. Nothing here runs while a request is walked.

mod compile;
pub(crate) mod http;
mod line;
mod syslog;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use portcullis_audit::format::Format;
use portcullis_audit::ship::{Carrier, SpoolBounds};
use portcullis_audit::{Importance, Recorder, SinkSettings};

pub(crate) use compile::{
    Bench, compile, compile_headers, compile_syslog, compile_url, names_a_folder, signing_key,
};
pub(crate) use line::Line;

use crate::config::{FormatConfig, ImportanceConfig, SinkConfig};

/// A sink that can be reached.
pub(crate) struct Sink {
    pub(crate) name: String,
    pub(crate) carrier: Box<dyn Carrier>,
}

/// What may wait for each sink. What is wrong with the section is found when it is compiled.
pub(crate) fn settings(sinks: &BTreeMap<String, SinkConfig>, state: &Path) -> Vec<SinkSettings> {
    let settings = sinks.iter().map(|(name, sink)| SinkSettings {
        name: name.clone(),
        bounds: SpoolBounds {
            memory: sink.memory.0,
            disk: sink.disk.0,
            folder: state.join("spool").join(name),
        },
        importance: match sink.importance {
            ImportanceConfig::Auxiliary => Importance::Auxiliary,
            ImportanceConfig::Vital => Importance::Vital,
        },
    });
    settings.collect()
}

/// Starts to deliver to every sink.
///
/// # Errors
/// A thread cannot be started.
pub(crate) fn ship(recorder: &Arc<Recorder>, sinks: Vec<Sink>) -> std::io::Result<()> {
    sinks.into_iter().try_for_each(|sink| recorder.ship(&sink.name, sink.carrier))
}

const fn format(config: FormatConfig) -> Format {
    match config {
        FormatConfig::Portcullis => Format::Portcullis,
        FormatConfig::Ocsf => Format::Ocsf,
    }
}
