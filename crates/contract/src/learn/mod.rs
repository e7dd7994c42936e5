//! What an API seems to promise, from its traffic.
//!
//! In: paths, and samples of requests and answers. Out: templates ([`PathTree`]), shapes that only grow by
//! merging, and in the end an OpenAPI document. Pure inference: the gateway feeds it beside requests, never in
//! their way. No value is kept anywhere: of texts their lengths and forms, of paths and members the words.

mod tree;
mod words;

pub use tree::{DEPTH, Full, GAP, Leaf, NODES, PathTree, SIBLINGS, template};
pub use words::{is_name, is_word};
