//! Why there is nothing to explain about a receipt.

use std::path::Path;

use portcullis_audit::journal::Missing;

use super::tell::moment;

/// One line for the operator, with what to do.
pub(super) fn why(folder: &Path, why: Missing) -> String {
    let folder = folder.display();
    match why {
        Missing::AgedOut { begins } => format!(
            "the journal in `{folder}` begins at {}, after this receipt was made; `journal.age` and `journal.size` say how \
             much is kept",
            moment(begins.as_millis())
        ),
        Missing::NotKept { one_in: 0 } => format!(
            "the journal in `{folder}` keeps refusals only: this request was answered, or another gateway made the receipt; \
             `journal.allows` says which answers are kept"
        ),
        Missing::NotKept { one_in } => format!(
            "the journal in `{folder}` keeps one answer in {one_in}, and this one is not among them; if it was refused, \
             another gateway made the receipt"
        ),
        Missing::Lost { decisions } => format!(
            "the journal in `{folder}` lost {decisions} decisions about then, and this may be one of them; the audit record \
             may tell more"
        ),
        Missing::Elsewhere => format!(
            "the journal in `{folder}` does not have it: another gateway made this receipt, or it is not a second old"
        ),
    }
}
