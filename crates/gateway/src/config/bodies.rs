//! How request bodies are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How request bodies are read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BodiesConfig {
    /// Content codings that are decoded, one at a time, where the operation's body is judged: `gzip`, `deflate`,
    /// `br`. The upstream gets the decoded body. Every other coding is refused with 415.
    pub(crate) codings: Vec<CodingConfig>,
    /// How many times its size a body may grow to when it is decoded; the bound on bodies holds as well.
    #[schemars(range(min = 1))]
    pub(crate) ratio: u32,
}

impl Default for BodiesConfig {
    fn default() -> Self {
        Self { codings: Vec::new(), ratio: portcullis_contract::ContentCodings::RATIO }
    }
}

/// A content coding (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CodingConfig {
    /// RFC 1952.
    Gzip,
    /// The zlib format of RFC 1950.
    Deflate,
    /// Brotli, RFC 7932.
    Br,
}

/// The status for a well-formed request that breaks the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(with = "u16", extend("enum" = [400, 422]))]
pub(crate) enum InvalidStatusConfig {
    /// Bad Request (RFC 9110 §15.5.1).
    #[default]
    BadRequest,
    /// Unprocessable Content (RFC 9110 §15.5.21).
    UnprocessableContent,
}

impl TryFrom<u16> for InvalidStatusConfig {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            400 => Ok(Self::BadRequest),
            422 => Ok(Self::UnprocessableContent),
            _ => Err("the status is 400 or 422".to_owned()),
        }
    }
}

impl From<InvalidStatusConfig> for u16 {
    fn from(status: InvalidStatusConfig) -> Self {
        match status {
            InvalidStatusConfig::BadRequest => 400,
            InvalidStatusConfig::UnprocessableContent => 422,
        }
    }
}
