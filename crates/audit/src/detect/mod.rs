//! Telling an attack from a busy customer, beside the requests (design C3).
//!
//! In: an [`Observation`] of every request when it has ended. Out: [alerts](crate::alert), and where each caller
//! stands ([`Standings`]), which the next request of that caller asks for. All detectors are streaming: a constant
//! time for each request, a bound for everything that is remembered. They run on a thread of their own behind a
//! bounded queue ([`Lookout`]), and are pure ([`Engine`]): time is what observations and the clock of the caller
//! say, and the same observations give the same alerts. How well they do is measured, not claimed:
//! `docs/detection.md`.
//!
//! | file | looks for |
//! | --- | --- |
//! | [`enumeration`] | ids of others, many things that are not there |
//! | [`harvest`] | far more objects than peers read |
//! | [`logins`], [`campaign`] | guessed, sprayed and stuffed credentials; rises of refusals and failures |
//! | [`tokens`] | one token in two places |
//! | [`travel`] | one caller in two places |
//! | [`volume`] | far more than the caller's own habit |
//! | [`operations`] | drift of posture, undeclared and retired operations, sensitive values, polluted parameters |
//!
//! Not done here: sequences of operations are for the workflows that an operator declares.

mod bounded;
mod campaign;
mod cohort;
mod config;
mod detectors;
mod distinct;
mod engine;
mod enumeration;
mod harvest;
mod keys;
mod line;
mod logins;
mod lookout;
mod names;
mod observation;
mod operations;
pub mod replay;
mod settings;
mod sprt;
mod standing;
mod subject;
mod tell;
mod tokens;
mod travel;
mod volume;

pub use config::{ActionConfig, DetectionConfig, DetectionModeConfig, MeasureConfig};
pub use detectors::{Noticed, Weight};
pub use engine::Engine;
pub use keys::{DetectionKey, Named};
pub use lookout::Lookout;
pub use names::{Names, Place};
pub use observation::{
    End, Family, Fate, Login, LoginOutcome, Observation, Posture, Rare, Reuse, SeenObject, SubjectKey,
};
pub use settings::{DetectionSettings, compile};
pub use standing::{Measure, Standing, Standings};
pub use travel::{Places, PlacesFault};
