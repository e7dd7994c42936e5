//! How a file becomes values, and how a mistake is shown.
//!
//! In: the bytes of a YAML or JSON file, and the type that a layer wants to read from it. Out: that
//! type, or every mistake at once, each with its code, its place in the file and what to do about it.
//! Called by `config.rs` and `compile.rs` of each layer when the policy is loaded; nothing here runs
//! while a request is walked. Not done here: what a setting means, which is each layer's own.
//!
//! The walk: [`Document::parse`] reads bytes into a value that remembers where each part stood;
//! [`decode`] checks it against the JSON Schema of the wanted type and fills that type; the layer's
//! `compile` pushes what it finds wrong into the same [`Diagnostics`], at a [`Place`].

mod builder;
pub mod codes;
mod decode;
mod diagnostic;
mod diagnostics;
mod document;
mod encoding;
mod environment;
mod forms;
mod json;
mod limits;
mod mistake;
mod period;
mod place;
pub mod private_file;
mod quantity;
mod rate;
mod render;
mod scalar;
mod schema;
mod secret;
mod size;
mod source;
mod spans;
mod weekday;
mod words;
mod yaml;

pub use codes::Code;
pub use decode::{decode, decode_at};
pub use diagnostic::{Diagnostic, Severity, quote};
pub use diagnostics::{Color, Diagnostics};
pub use document::Document;
pub use environment::{Environment, Vault};
pub use limits::Limits;
pub use period::Period;
pub use place::Place;
pub use quantity::QuantityError;
pub use rate::Rate;
pub use schema::json_schema;
pub use secret::{SecretError, SecretReference};
pub use size::ByteSize;
pub use weekday::Weekday;
