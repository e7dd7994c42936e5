//! The framing guard against other readers: httparse with a plain body decoder, hyper itself, and the
//! vectors of other projects.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops where its ground is not as expected, and says so"
)]

mod hyper_agrees;
mod properties;
mod reference;
mod streams;
mod vectors;
