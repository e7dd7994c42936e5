//! The schemas of a contract: from the document's dialect to validators.
//!
//! In: schema nodes of the document. Out: [`Root`]s, which name a schema, and [`Schemas`], which check a
//! value against one. Called by the compilation of parameters and bodies, and by their validation.
//! JSON Schema 2020-12; OpenAPI 3.0.4 §4.7.24 and 3.1.1 §4.8.24. Not done here: reading bytes.
//!
//! The way of a schema: [`keyword`] says what each keyword means in the dialect, [`survey`] sees what
//! several schemas say together of one object, [`translate`] brings all reachable schemas into one
//! 2020-12 document (each once, however often it is used), [`write`] writes one of them, [`set`] compiles
//! that document.

mod bound;
mod format;
mod inherit;
mod keyword;
mod loops;
mod rule;
mod set;
mod shape;
mod survey;
mod translate;
mod types;
mod violation;
mod write;

pub(crate) use inherit::Heirs;
pub(crate) use keyword::{Dialect, asserts, report_dialect};
pub(crate) use rule::OF_SCHEMA;
pub(crate) use set::Schemas;
pub(crate) use shape::{Member, Shape, admitted, each_schema, properties};
pub(crate) use translate::{Root, Rules, Translator};
pub(crate) use types::{Type, Types};
pub(crate) use violation::{Spot, Violations};
