//! Does it look like an attack: rules in SecLang, the language of ModSecurity and of the OWASP Core Rule Set.
//!
//! In: rule files, through [`Files`]. Out: a [`RuleSet`], in which every name is known and every argument read, or
//! diagnostics with file and line: no rule is ever silently dead. Called when a policy is compiled and by
//! `portcullis waf lint`.
//!
//! [`seclang`] reads. Pure: no file, no clock, no network; who calls hands the files in.

mod body;
pub mod engine;
pub mod ftw;
mod inject;
pub mod seclang;
pub mod transform;

pub use seclang::{Files, RuleSet, read};
