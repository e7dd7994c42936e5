//! What an operator gets from a file: values, or mistakes that can be mended.

#![allow(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod decoding;
mod quantities;
mod reading;
mod refusing;
mod rendering;
mod schemas;
mod secrets;
mod strangers;

use std::sync::Arc;

use portcullis_config::{Color, Diagnostics, Document, Limits};

/// The document, or the mistakes in it as they are shown.
fn parse(name: &str, text: impl AsRef<[u8]>) -> Result<Arc<Document>, String> {
    Document::parse(name, text.as_ref(), &Limits::default()).map_err(|found| shown(&found))
}

fn shown(diagnostics: &Diagnostics) -> String {
    diagnostics.render(Color::Never)
}

#[track_caller]
fn document(name: &str, text: &str) -> Arc<Document> {
    parse(name, text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}
