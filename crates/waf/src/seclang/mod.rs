//! The language: from text to rules.
//!
//! One file for each part of a statement: [`statement`] splits a file into statements and their arguments, [`target`],
//! [`operator`], [`transformation`], [`action`] and [`template`] read one argument each, and [`reader`] puts them together
//! into a [`RuleSet`], file by file. The reference is the ModSecurity Reference Manual (v2.x and v3.x); where the two
//! engines differ, what the Core Rule Set needs decides.

pub mod action;
mod chain;
pub mod exclusion;
mod files;
pub mod operator;
mod reader;
pub mod rule;
pub mod setting;
mod statement;
pub mod target;
pub mod template;
pub mod transformation;
pub mod variable;

pub use files::Files;
pub use reader::read;
pub use rule::{Link, Rule, RuleSet, Statement};
