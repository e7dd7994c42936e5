//! Which operation a request line names.
//!
//! In: path templates as the document writes them. Out: for a method and a path, the operation, or the
//! methods that are declared there, or nothing. Called once per request through
//! [`crate::Contract::find`]. OpenAPI 3.1.1 §4.8.8 (path templating). Whether the path can be read in
//! only one way was settled before, in `message`.

mod routes;
mod template;

pub(crate) use routes::{Lookup, Routes};
pub use routes::{PathParameter, PathParameters};
pub(crate) use template::{Fault, Spanning, Template};
