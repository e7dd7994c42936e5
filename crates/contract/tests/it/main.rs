//! The layer's tables: a document, a request, and what is said of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops where its ground is not as expected, and says so"
)]

mod answers;
mod bodies;
mod boundaries;
mod corpus;
mod diff;
mod documents;
mod filter;
mod forms;
mod graphql;
mod inline;
mod learn;
mod lifecycle;
mod multipart;
mod mutations;
mod parameters;
mod routing;
mod schemas;
mod security;
mod styles;
mod suite;
mod support;
mod texts;
mod values;
