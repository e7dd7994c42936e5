//! `application/x-www-form-urlencoded` bodies, as the schema's object (OpenAPI 3.1.1 §4.8.14.4).

use std::borrow::Cow;

use portcullis_domain::{Denial, Reason};

use crate::parameter::{Coding, Pairs, Parts, Text, build, decode};
use crate::schema::{Root, Schemas, Shape, Spot, Violations};

/// How many fields one form may have.
const FIELDS: usize = 1024;

/// The form that an operation takes.
#[derive(Debug)]
pub(crate) struct Form {
    pub(super) root: Option<Root>,
    pub(super) shape: Shape,
}

impl Form {
    /// Checks a form's fields.
    ///
    /// # Errors
    /// [`Reason::BodyMalformed`] if it is no form: a broken escape, bytes that are not UTF-8, too many fields.
    pub(super) fn check(
        &self,
        body: &[u8],
        schemas: &Schemas,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<(), Denial> {
        let malformed = |why: &'static str| Denial::new(Reason::BodyMalformed).with_note(why);
        let text = std::str::from_utf8(body).map_err(|_| malformed("the form is not UTF-8"))?;
        if text.bytes().filter(|byte| *byte == b'&').count() >= FIELDS {
            return Err(malformed("the form has too many fields"));
        }
        let pairs = Pairs::read(text).ok_or_else(|| malformed("a field's name cannot be decoded"))?;
        let fields: Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> =
            pairs.iter().map(|pair| Some((pair.name.clone(), decode(pair.raw, Coding::Form)?))).collect();
        let parts = Parts::Pairs(fields.ok_or_else(|| malformed("a field's value cannot be decoded"))?);
        let (Some(root), value) = (self.root, build(&parts, &self.shape, Text::Typed)) else { return Ok(()) };
        match value {
            Ok(value) if self.shape.is_ambiguous() => {
                let literal = || build(&parts, &self.shape, Text::Literal).ok();
                schemas.check_either(root, value, literal, spot, violations);
            }
            Ok(value) => schemas.check(root, value, spot, violations),
            Err(repeated) => {
                let at = format!("/{}", crate::reading::escape(&repeated.0));
                violations.add(Spot { name: &at, ..spot }, "repeated", "the field once");
            }
        }
        Ok(())
    }
}
