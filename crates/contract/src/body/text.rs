//! Texts: bodies of one string (OpenAPI 3.1.1 §4.8.14.1).

use std::borrow::Cow;

use portcullis_domain::{Denial, Reason};

use crate::parameter::{Parts, Text as Reading, build};
use crate::schema::{Root, Schemas, Shape, Spot, Violations};

/// A text of which the schema says something.
#[derive(Debug)]
pub(crate) struct Text {
    root: Root,
    shape: Shape,
}

impl Text {
    /// A text by its schema; `None` if that wants what no text can be.
    pub(super) fn new(root: Root, shape: Shape) -> Option<Self> {
        (!shape.is_array() && !shape.is_object()).then_some(Self { root, shape })
    }

    /// Checks a text.
    ///
    /// # Errors
    /// [`Reason::BodyMalformed`] if it is not UTF-8.
    pub(super) fn check(
        &self,
        body: &[u8],
        schemas: &Schemas,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<(), Denial> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Denial::new(Reason::BodyMalformed).with_note("the text is not UTF-8"))?;
        let parts = Parts::One(Cow::Borrowed(text));
        let read = |reading| build(&parts, &self.shape, reading).ok();
        let Some(typed) = read(Reading::Typed) else { return Ok(()) };
        if self.shape.is_ambiguous() {
            schemas.check_either(self.root, typed, || read(Reading::Literal), spot, violations);
        } else {
            schemas.check(self.root, typed, spot, violations);
        }
        Ok(())
    }
}
