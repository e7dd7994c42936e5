//! How a request ended.

use crate::denial::{Denial, Fault};

/// The three ways a request can end; `respond` turns each into bytes.
#[derive(Debug)]
pub enum Outcome<T> {
    /// The upstream, or the gateway on its behalf, answered.
    Answered(T),
    /// We said no.
    Denied(Denial),
    /// Something broke.
    Failed(Fault),
}

impl<T> From<Result<T, Denial>> for Outcome<T> {
    fn from(result: Result<T, Denial>) -> Self {
        match result {
            Ok(answer) => Self::Answered(answer),
            Err(denial) => Self::Denied(denial),
        }
    }
}
