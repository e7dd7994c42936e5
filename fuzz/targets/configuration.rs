//! Configuration files: any bytes end in a document or in diagnostics that can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_config::{Color, Document, Limits};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 64 * 1024, depth: 32, nodes: 10_000 };
    for name in ["portcullis.yaml", "openapi.json"] {
        match Document::parse(name, bytes, &limits) {
            Ok(document) => {
                let place = document.at("");
                assert!(place.line() >= 1);
            }
            Err(diagnostics) => {
                assert!(diagnostics.has_errors(), "no document and no mistake");
                let shown = diagnostics.render(Color::Never);
                assert!(!shown.is_empty());
            }
        }
    }
});
