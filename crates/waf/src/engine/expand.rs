//! Texts with macros, filled in.

use std::borrow::Cow;

use super::transaction::Transaction;
use crate::seclang::template::{Segment, Template};
use crate::seclang::variable::Variable;

/// The text that a template stands for now. A value that is not there leaves nothing.
pub(super) fn expand<'t>(template: &'t Template, transaction: &Transaction) -> Cow<'t, [u8]> {
    if let Some(literal) = template.literal() {
        return literal.as_bytes().into();
    }
    let mut text = Vec::new();
    for segment in template.segments() {
        match segment {
            Segment::Text(plain) => text.extend_from_slice(plain.as_bytes()),
            Segment::Macro(variable, selector) => {
                text.extend(value(*variable, selector.as_deref(), transaction).unwrap_or_default());
            }
        }
    }
    text.into()
}

/// The first value of a variable, or of one of its names.
fn value(variable: Variable, selector: Option<&str>, transaction: &Transaction) -> Option<Vec<u8>> {
    let mut found = None;
    transaction.each(variable, &mut |name, value| {
        if found.is_none() && selector.is_none_or(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes())) {
            found = Some(value.to_vec());
        }
    });
    found
}
