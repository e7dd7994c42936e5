//! Every code that a diagnostic can carry: one row each, in the file of its range.
//!
//! `portcullis explain C0123` and the reference page are made from these rows. A code never gets a
//! second meaning, and a row is never renumbered: people search for codes. To add one, append a row to
//! the file of its range and use the constant: `codes::identity::AUDIENCE_MISSING`.
//!
//! | range | file | subject |
//! | --- | --- | --- |
//! | C0001 to C0099 | [mod@file] | files, structure, values, secrets |
//! | C0100 to C0199 | [`listener`] | listeners and TLS |
//! | C0200 to C0299 | [`identity`] | issuers, tokens, authorization rules |
//! | C0300 to C0399 | [`contract`] | OpenAPI documents |
//! | C0400 to C0499 | [`upstream`] | APIs, routes and upstreams |
//! | C0500 to C0599 | [`limit`] | limits |
//! | C0600 to C0699 | [`record`] | audit and administration |
//! | C0700 to C0799 | [`store`] | the store and API keys |
//! | C0800 to C0899 | [`version`] | versions, their ends, and the inventory |
//! | C0900 to C0999 | [`object`] | types of objects and whose they are |
//! | C1000 to C1099 | [`decision`] | decision points outside, grants, workflows |
//! | C1100 to C1199 | [`waf`] | rules of the WAF |
//! | C1200 to C1299 | [`detection`] | detection of attacks |

use std::fmt;

/// Makes a constant per row and the list of rows, so that the two cannot drift apart.
macro_rules! codes {
    ($( $name:ident = $code:literal {
        title: $title:literal,
        means: $means:literal,
        matters: $matters:literal,
        mend: $mend:literal $(,)?
    } )*) => {
        $( #[doc = concat!($code, ": ", $title, ".")] pub const $name: $crate::codes::Code = $crate::codes::Code($code); )*

        /// The rows of this range, in order.
        pub const ROWS: &[$crate::codes::Explanation] = &[ $(
            $crate::codes::Explanation {
                code: $name,
                title: $title,
                means: $means,
                matters: $matters,
                mend: $mend,
            },
        )* ];
    };
}

pub mod contract;
pub mod decision;
pub mod detection;
pub mod file;
pub mod identity;
pub mod limit;
pub mod listener;
pub mod object;
pub mod record;
pub mod store;
pub mod upstream;
pub mod version;
pub mod waf;

/// A stable name for one kind of mistake, such as `C0123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

/// What `portcullis explain` says about a code.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// Which code.
    pub code: Code,
    /// A short name for the mistake; lower case, no final stop.
    pub title: &'static str,
    /// What was found.
    pub means: &'static str,
    /// Why it is refused or warned of.
    pub matters: &'static str,
    /// What to do.
    pub mend: &'static str,
}

/// Every row of every range, in order of code.
pub fn all() -> impl Iterator<Item = &'static Explanation> {
    [
        file::ROWS,
        listener::ROWS,
        identity::ROWS,
        contract::ROWS,
        upstream::ROWS,
        limit::ROWS,
        record::ROWS,
        store::ROWS,
        version::ROWS,
        object::ROWS,
        decision::ROWS,
        waf::ROWS,
        detection::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The row of `code`, written in either case.
#[must_use]
pub fn explain(code: &str) -> Option<&'static Explanation> {
    all().find(|row| row.code.0.eq_ignore_ascii_case(code))
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: [(&str, &[Explanation], u16, u16); 13] = [
        ("file", file::ROWS, 1, 99),
        ("listener", listener::ROWS, 100, 199),
        ("identity", identity::ROWS, 200, 299),
        ("contract", contract::ROWS, 300, 399),
        ("upstream", upstream::ROWS, 400, 499),
        ("limit", limit::ROWS, 500, 599),
        ("record", record::ROWS, 600, 699),
        ("store", store::ROWS, 700, 799),
        ("version", version::ROWS, 800, 899),
        ("object", object::ROWS, 900, 999),
        ("decision", decision::ROWS, 1000, 1099),
        ("waf", waf::ROWS, 1100, 1199),
        ("detection", detection::ROWS, 1200, 1299),
    ];

    fn number(code: Code) -> u16 {
        let digits = code.0.strip_prefix('C').unwrap_or_else(|| panic!("`{code}` does not start with C"));
        assert_eq!(digits.len(), 4, "`{code}` must have four digits");
        digits.parse().unwrap_or_else(|_| panic!("`{code}` is not a number"))
    }

    #[test]
    fn codes_are_unique_and_sorted() {
        let codes: Vec<&str> = all().map(|row| row.code.0).collect();
        for pair in codes.windows(2) {
            assert!(pair[0] < pair[1], "`{}` must stand before `{}`, and only once", pair[1], pair[0]);
        }
    }

    #[test]
    fn codes_lie_in_the_range_of_their_file() {
        for (file, rows, first, last) in RANGES {
            for row in rows {
                assert!(
                    (first..=last).contains(&number(row.code)),
                    "{} does not belong in {file}.rs",
                    row.code
                );
            }
        }
    }

    #[test]
    fn every_code_is_explained_in_full() {
        for row in all() {
            let code = row.code;
            assert!(!row.title.is_empty() && !row.title.ends_with('.'), "{code}: title has no final stop");
            for part in [row.means, row.matters, row.mend] {
                assert!(part.len() > 10, "{code}: say it in a whole sentence");
                assert!(part.ends_with(['.', '`', ')']), "{code}: `{part}` has no end");
            }
        }
    }

    #[test]
    fn a_code_is_found_in_either_case() {
        assert_eq!(explain("c0001").map(|row| row.code), Some(Code("C0001")));
        assert!(explain("C9999").is_none());
    }
}
