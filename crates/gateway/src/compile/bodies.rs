//! How request bodies are read, from what is written to what the contract is compiled with.

use portcullis_contract::{CompileOptions, ContentCoding, ContentCodings, Invalid};

use crate::config::{ApiConfig, CodingConfig, InvalidStatusConfig};

/// Puts what `config` says of bodies, and of answers to wrong ones, into `options`.
pub(super) fn apply(config: &ApiConfig, options: &mut CompileOptions<'_>) {
    let codings = config.bodies.codings.iter().map(|coding| match coding {
        CodingConfig::Gzip => ContentCoding::Gzip,
        CodingConfig::Deflate => ContentCoding::Deflate,
        CodingConfig::Br => ContentCoding::Brotli,
    });
    options.codings = ContentCodings::new(codings, config.bodies.ratio.max(1));
    options.invalid = match config.schemas.invalid_status {
        InvalidStatusConfig::BadRequest => Invalid::BadRequest,
        InvalidStatusConfig::UnprocessableContent => Invalid::UnprocessableContent,
    };
}
