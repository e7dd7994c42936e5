//! The reference page of configuration mistakes, from the tables in `config::codes`.

use std::fmt::Write as _;

use portcullis_config::codes;

use crate::page::notice;

/// How to write it again.
pub(crate) const COMMAND: &str = "cargo xtask diagnostics";

const INTRODUCTION: &str = "
# Diagnostics

What `portcullis check` and `portcullis serve` say about a configuration. Every mistake is shown at once, with its
file, line and help; `portcullis explain C0001` prints what stands here.
";

/// The page's text.
pub(crate) fn page() -> String {
    let mut text = notice(COMMAND);
    text.push_str(INTRODUCTION);
    for row in codes::all() {
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "\n## {}: {}\n\n{}\n\n*Why it matters.* {}\n\n*What to do.* {}\n",
            row.code, row.title, row.means, row.matters, row.mend
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_section() {
        let page = page();
        for row in codes::all() {
            assert_eq!(page.matches(&format!("\n## {}: ", row.code)).count(), 1, "{}", row.code);
        }
    }
}
