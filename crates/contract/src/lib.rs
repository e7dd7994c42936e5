//! What the API promises: operations, parameters, schemas, lifecycle.
//!
//! In: an OpenAPI document (3.0, 3.1, 3.2), or a list of operations. Out: a [`Contract`], which says
//! which operation a request names, what that asks of its caller, and whether the request keeps to what
//! was promised, and whether the answer does. Called by the gateway: [`Contract::compile`] when a policy
//! is loaded, the rest on every request. No clock, network, file or environment here; other documents come
//! through [`References`].
//!
//! The document leads: what it does not promise does not pass. What it promises and cannot be enforced
//! is a warning with its place, never a silent gap.
//!
//! Of our own in the document: `x-portcullis-access: public`, `x-portcullis-body-limit: 16 KiB` and
//! `x-portcullis-lifecycle: {state, deprecated_at, sunset_at, successor, policy}`, of which the dates are read as
//! `x-deprecated-at` and `x-sunset-at`, too; what a request may ask for, in
//! `x-portcullis-page-limit` and `x-portcullis-graphql`; and of a schema's values, in `x-portcullis-url`,
//! `x-portcullis-text` and `x-portcullis-rules` (decision 0020); and who sees which part of an answer, in
//! `x-portcullis-visible-to` and `x-portcullis-mask` (decision 0016).

mod body;
mod compile;
pub mod config;
pub mod diff;
mod extension;
mod graphql;
mod inline;
pub mod learn;
mod lifecycle;
mod operation;
mod options;
mod outline;
mod own;
mod parameter;
mod paths;
mod reading;
mod response;
mod schema;
mod security;
mod server;
mod structure;

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value};

pub use body::{BodyPlan, ContentCoding, ContentCodings};
pub use config::InlineOperation;
pub use graphql::{
    Effect as GraphqlEffect, FieldName, FieldNameMalformed, FieldRights, Given as GraphqlGiven,
    GraphqlLimits, Introspection, RightsOfFields,
};
pub use lifecycle::{Lifecycle, LifecycleChange, State, is_link, moment};
pub use operation::{Operation, ParameterPlace, PromisedStatus, ResponsePromise};
pub use options::{
    Access, CompileOptions, Invalid, Objects, Outlined, ReadOnly, Selected, Unbounded, Undeclared,
};
pub use outline::Outline;
pub use own::OwnOperation;
pub use parameter::{Beyond, PageLimit};
pub use paths::{PathParameter, PathParameters};
pub use reading::{NoReferences, References, Unresolved, path_below};
pub use response::{AnswerHead, AnswerSchema, Carries, Promised, PromisedBody, filter};
pub use security::{AllOf, KeyLocation, SchemeKind, SchemeUse, Security, SecurityScheme};
pub use server::Server;

/// What a method and a path name.
pub type Lookup<'c, 'p> = paths::Lookup<'c, 'p, Arc<Operation>>;

/// What one API promises, compiled. Immutable, and shared by all workers.
#[derive(Debug)]
pub struct Contract {
    /// The document's title.
    pub title: String,
    /// The document's version.
    pub version: String,
    /// Where the API as a whole stands in its life.
    pub lifecycle: Lifecycle,
    /// All that the document says at its top under `x-portcullis-…`.
    pub extensions: Map<String, Value>,
    servers: Vec<Server>,
    schemes: Vec<SecurityScheme>,
    operations: Vec<Arc<Operation>>,
    routes: paths::Routes<Arc<Operation>>,
}

impl Contract {
    /// The operation that `method` and `path` name. `path` is canonical and still percent-encoded, as
    /// `message` hands it on. The time does not grow with the number of operations.
    pub fn find<'c, 'p>(&'c self, method: &Method, path: &'p str) -> Lookup<'c, 'p> {
        self.routes.find(method, path)
    }

    /// All operations, in document order; [`Operation::index`] is the position here.
    #[must_use]
    pub fn operations(&self) -> &[Arc<Operation>] {
        &self.operations
    }

    /// Where the document says the API lives.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The ways to authenticate that the document declares.
    #[must_use]
    pub fn schemes(&self) -> &[SecurityScheme] {
        &self.schemes
    }
}
