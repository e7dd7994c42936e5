//! What compiling a contract finds: mistakes, and what cannot be enforced.

use std::collections::HashMap;

use portcullis_config::{Code, Diagnostic, Diagnostics};

/// Collects diagnostics; what is said of many places is said once, with a count.
pub(crate) struct Findings<'a> {
    diagnostics: &'a mut Diagnostics,
    repeated: Vec<(Diagnostic, usize)>,
    seen: HashMap<(Code, String), usize>,
    errors: usize,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(diagnostics: &'a mut Diagnostics) -> Self {
        Self { diagnostics, repeated: Vec::new(), seen: HashMap::new(), errors: 0 }
    }

    /// A mistake; the contract will not be used.
    pub(crate) fn refuse(&mut self, diagnostic: Diagnostic) {
        self.errors += 1;
        self.diagnostics.push(diagnostic);
    }

    /// Something to look at.
    pub(crate) fn warn(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Something to look at that may hold in thousands of places of a large document: said once for each
    /// `subject`, at the first place. `make` is only called for that one.
    pub(crate) fn warn_once(
        &mut self,
        code: Code,
        subject: impl Into<String>,
        make: impl FnOnce() -> Diagnostic,
    ) {
        let index = *self.seen.entry((code, subject.into())).or_insert(self.repeated.len());
        match self.repeated.get_mut(index) {
            Some((_, more)) => *more += 1,
            None => self.repeated.push((make(), 0)),
        }
    }

    /// Hands in what was held back for counting; says whether there was a mistake.
    pub(crate) fn finish(self) -> Verdict {
        for (diagnostic, more) in self.repeated {
            self.diagnostics.push(match more {
                0 => diagnostic,
                1 => diagnostic.help("the same holds in one more place"),
                _ => diagnostic.help(format!("the same holds in {more} more places")),
            });
        }
        if self.errors == 0 { Verdict::Usable } else { Verdict::Refused }
    }
}

/// Whether a contract may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Usable,
    Refused,
}
