//! The layer's tables: a document, a request, and what is said of it.

mod bodies;
mod corpus;
mod documents;
mod inline;
mod lifecycle;
mod parameters;
mod routing;
mod schemas;
mod security;
mod support;
