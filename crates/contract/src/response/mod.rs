//! Answers: what an operation promises of them, and what of them may be seen.

pub mod filter;
